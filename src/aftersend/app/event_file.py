"""Write every event of all accounts to a file, one JSON object a line, for programs that ship logs.

At least once and in order for each account: the place is kept in the store after the lines are in the file. The file may be moved
away at any moment (logrotate); the next lines go into a new one of the same name.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path
from typing import IO, Any

import msgspec

from aftersend.app.service import Service
from aftersend.errors import TryLater
from aftersend.logs import Logger
from aftersend.reports import stream
from aftersend.store import accounts, feed
from aftersend.store.connection import Connection

log = Logger("app")

LOOK_EVERY_S = 1.0
AFTER_TROUBLE_S = 5.0
MODE = 0o640
_encoder = msgspec.json.Encoder()


class Appending:
    """A file that lines are added to; one that was moved away or removed is made anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    def add(self, lines: bytes) -> None:
        """Add whole lines. Raise OSError when they cannot be written; what was written of them then stays, as a line by itself."""
        handle = self._current()
        while lines:
            lines = lines[os.write(handle, lines) :]

    def _current(self) -> int:
        if self._handle is not None and not self._is_same(self._handle):
            self.close()
        if self._handle is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        self._end_torn_line(self._handle)
        return self._handle

    def _is_same(self, handle: int) -> bool:
        try:
            there, ours = self._path.stat(), os.fstat(handle)
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)

    def _end_torn_line(self, handle: int) -> None:
        """A process that died while it wrote, or a full disk, left a part of a line; what follows begins a new one."""
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            os.write(handle, b"\n")

    def close(self) -> None:
        """Close the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


async def write_events(service: Service) -> None:
    """Write what happens, until the service stops. It begins with what happens from the first start on."""
    file = Appending(Path(service.settings.log.events))
    alone = await _alone(service)
    name = f"file {service.settings.node_name} {service.settings.log.events}"
    try:
        places = await _begin(service, name)
        while not service.stopping.is_set():
            try:
                has_more = await _pass(service, file, name, places)
            except (TryLater, OSError) as error:
                log.warning("event_file_not_written", path=service.settings.log.events, error=str(error))
                await asyncio.sleep(AFTER_TROUBLE_S)
                continue
            if not has_more:
                await asyncio.sleep(LOOK_EVERY_S)
    finally:
        file.close()
        alone.close()


async def _alone(service: Service) -> IO[str]:
    """Wait until no other process of this machine writes the file, and keep others from it until what is returned is closed."""
    handle = (Path(service.settings.data_dir) / "events-file.lock").open("a")
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            await asyncio.sleep(AFTER_TROUBLE_S)
        else:
            return handle


async def _begin(service: Service, name: str) -> dict[str, int]:
    while True:
        try:
            kept = await service.store.ask(feed.marked, name)
            if kept is not None:
                return msgspec.json.decode(kept, type=dict[str, int])
            places = await service.store.ask(_newest)
            await service.store.run(feed.mark, name, _encoder.encode(places).decode(), now=service.clock())
            return places
        except TryLater:
            await asyncio.sleep(AFTER_TROUBLE_S)


def _newest(connection: Connection) -> dict[str, int]:
    return {str(row["id"]): feed.last(connection, row["id"]) for row in accounts.listed(connection)}


def _news(connection: Connection, places: dict[str, int]) -> list[tuple[int, stream.Part]]:
    found = []
    for row in accounts.listed(connection):
        after = places.get(str(row["id"]), 0)
        if feed.last(connection, row["id"]) > after:
            found.append((row["id"], stream.read(connection, row["id"], after, limit=stream.MOST)))
    return found


async def _pass(service: Service, file: Appending, name: str, places: dict[str, int]) -> bool:
    """Write a part of what each account has; say whether there may be more."""
    news = await service.store.ask(_news, dict(places))
    if not news:
        return False
    lines = b"".join(_line(account_id, told.as_dict) for account_id, part in news for told in part.events)
    await asyncio.get_running_loop().run_in_executor(None, file.add, lines)
    for account_id, part in news:
        places[str(account_id)] = part.read_to
    await service.store.run(feed.mark, name, _encoder.encode(places).decode(), now=service.clock())
    return any(part.has_more for _, part in news)


def _line(account_id: int, told: dict[str, Any]) -> bytes:
    return _encoder.encode({"account_id": account_id, **told}) + b"\n"
