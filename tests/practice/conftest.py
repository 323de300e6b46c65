"""A practice world for each test, and a plain client to talk to it."""

from __future__ import annotations

import asyncio
import smtplib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aftersend.practice import World

CONTENT = b"From: shop@shop.practice.test\r\nTo: ann@one.practice.test\r\nSubject: Hi\r\nMessage-ID: <1@shop>\r\n\r\nHello\r\n"


@pytest.fixture
def in_world() -> Callable[..., Any]:
    """Run a blocking conversation in a thread while a practice world lives; return what it returns."""

    def run(talk: Callable[[World], Any], **options: Any) -> Any:
        async def live() -> Any:
            world = await World.start(**options)
            try:
                return await asyncio.to_thread(talk, world)
            finally:
                await world.stop()

        return asyncio.run(live())

    return run


@pytest.fixture
def connect() -> Iterator[Callable[..., smtplib.SMTP]]:
    """Connect to one of the servers by name; closed at the end of the test."""
    clients = []

    def to(world: World, place: str = "mx1.one-mail.test") -> smtplib.SMTP:
        client = smtplib.SMTP(local_hostname="client.test", timeout=10)
        client._host = place  # type: ignore[attr-defined]  # smtplib wants it for STARTTLS when connect() is called apart
        clients.append(client)
        code, said = client.connect(world.address(place), world.port)
        if code != 220:
            client.close()
            raise smtplib.SMTPConnectError(code, said)
        return client

    yield to
    for client in clients:
        client.close()


@pytest.fixture
def content() -> bytes:
    """A small message."""
    return CONTENT
