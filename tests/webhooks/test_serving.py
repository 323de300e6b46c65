"""The whole service tells webhooks: as it happens, again after a stop, and the owner by mail when one is paused."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from hook_receiver import Receiver, in_order, verify

from aftersend import app
from aftersend.config import load
from aftersend.control import hooks as control
from aftersend.control.hooks import Wish
from aftersend.intake.accept import Origin, Recipient, Request
from aftersend.store import deliveries, hooks
from aftersend.store.deliveries import Filter
from given import ACCOUNT

MAIL = b"From: shop@example.com\r\nTo: ann@one.practice.test\r\nSubject: Hello\r\n\r\nHi\r\n"


@contextlib.asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Any]:
    """The service in the practice world."""
    settings = load(
        None, {}, data_dir=str(folder), smtp__listen=["127.0.0.1:0"], web__listen=["127.0.0.1:0"],
        smtp__hostname="mail.practice.test", log__level="error",
    )  # fmt: skip
    async with app.practised(settings) as practised, app.running(practised) as service:
        yield service


async def send(service: Any, *recipients: str) -> None:
    """Take a mail in."""
    to = [Recipient(each, each, each.partition("@")[2]) for each in recipients]
    await service.intake.accept(Request(Origin(ACCOUNT, "smtp", "127.0.0.1"), "shop@example.com", to, MAIL))


async def make(service: Any, url: str, **wish: Any) -> tuple[int, str]:
    """Make a webhook; return its id and its secret."""
    hook_id = service.ids()
    _, secret = await service.store.run(
        control.create, ACCOUNT, hook_id, Wish(url=url, **wish), secret=service.secret, now=service.clock()
    )
    return hook_id, secret


async def until(is_so: Callable[[], bool], within_s: float = 20.0) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(within_s):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_events_are_told_as_they_happen_and_after_a_stop(tmp_path: Path) -> None:
    """From the first fact to the last; what happened while the service had no endpoint comes when there is one again."""
    up = True
    async with Receiver(lambda number, body: 200 if up else 500).listening() as receiver:
        async with serving(tmp_path) as service:
            _, secret = await make(service, receiver.url)
            await send(service, "ann@one.practice.test", "unknown@one.practice.test")
            facts = {"received", "treated", "delivered", "bounced_invalid"}
            await until(lambda: {event["fact"] for event in receiver.taken} >= facts)
            up = False
            await send(service, "bob@one.practice.test")
            await until(lambda: receiver.seen[-1].status == 500)
        up = True
        async with serving(tmp_path) as service:
            await until(lambda: sum(event["recipient"].startswith("bob") for event in receiver.taken) >= 3)
        for taken in receiver.seen:
            verify(taken, secret)
        assert list(in_order(receiver.taken)) == []


async def test_the_owner_is_told_by_mail_when_a_webhook_is_paused(tmp_path: Path) -> None:
    """Once, by our own mail."""
    async with Receiver(lambda number, body: 410).listening() as receiver, serving(tmp_path) as service:
        hook_id, _ = await make(service, receiver.url, owner="dev@one.practice.test")
        await send(service, "ann@one.practice.test")
        told: list[Any] = []
        wanted = Filter(recipient=("dev@one.practice.test",))
        async with asyncio.timeout(20):
            while not told:
                await asyncio.sleep(0.05)
                told = await service.store.ask(deliveries.page, ACCOUNT, wanted, limit=10)
        assert len(told) == 1
        assert "is paused" in told[0]["subject"]
        assert (await service.store.ask(hooks.one, ACCOUNT, hook_id)).state == "paused"
