"""The file of events: whole lines, in order, whatever is done to the file and to the process."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from aftersend import app
from aftersend.app.event_file import Appending
from aftersend.config import load
from aftersend.intake.accept import Origin, Recipient, Request
from given import ACCOUNT

MAIL = b"From: shop@example.com\r\nTo: ann@example.net\r\nSubject: Hello\r\n\r\nHi\r\n"


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Any]:
    """A service that takes mail in, delivers nothing, and writes the file."""
    settings = load(
        None, {}, data_dir=str(folder / "data"), smtp__listen=["127.0.0.1:0"], web__listen=[], delivery__hold=True,
        smtp__hostname="mail.example.org", log__level="error", log__events=str(folder / "logs" / "events.ndjson"),
    )  # fmt: skip
    async with app.running(settings) as service:
        yield service


async def send(service: Any, *recipients: str) -> None:
    """Take a mail in."""
    to = [Recipient(each, each, each.partition("@")[2]) for each in recipients]
    await service.intake.accept(Request(Origin(ACCOUNT, "smtp", "127.0.0.1"), "shop@example.com", to, MAIL))


def lines(*files: Path) -> list[dict[str, Any]]:
    """The events in files, in order."""
    return [json.loads(line) for file in files if file.exists() for line in file.read_text().splitlines()]


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(20):
        while not is_so():
            await asyncio.sleep(0.02)


async def test_every_event_is_written_once_over_rotation_and_stop(tmp_path: Path) -> None:
    """The file is moved away, as logrotate does, and the service stops and starts; no event is missing."""
    file, moved = tmp_path / "logs" / "events.ndjson", tmp_path / "logs" / "events.ndjson.1"
    async with serving(tmp_path) as service:
        await asyncio.sleep(0.2)
        await send(service, "ann@example.net", "bob@example.net")
        await until(lambda: len(lines(file)) == 4)
        file.rename(moved)
        await send(service, "cid@example.net")
        await until(lambda: len(lines(file)) == 2)
        file.rename(tmp_path / "logs" / "events.ndjson.2")
        await send(service, "dan@example.net")
        await until(lambda: len(lines(file)) == 2)
    async with serving(tmp_path) as service:
        await send(service, "eve@example.net")
        await until(lambda: len(lines(file)) == 4)
    every = lines(moved, tmp_path / "logs" / "events.ndjson.2", file)
    assert [event["sequence"] for event in every] == sorted({event["sequence"] for event in every})
    assert [event["recipient"][:3] for event in every] == [
        "ann",
        "ann",
        "bob",
        "bob",
        *["cid", "cid", "dan", "dan", "eve", "eve"],
    ]
    assert {event["account_id"] for event in every} == {ACCOUNT}
    assert every[0]["type"].startswith("delivery.")


def test_a_torn_line_is_ended(tmp_path: Path) -> None:
    """What a process left that died while it wrote does not spoil what follows."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(b'{"whole": 1}\n{"torn": ')
    file = Appending(path)
    file.add(b'{"next": 2}\n')
    file.close()
    assert path.read_bytes().splitlines() == [b'{"whole": 1}', b'{"torn": ', b'{"next": 2}']
