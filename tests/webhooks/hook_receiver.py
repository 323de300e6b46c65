"""An endpoint on loopback that behaves as it is told to, and keeps what it took."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import time_machine
from standardwebhooks.webhooks import Webhook

Behaviour = Callable[[int, bytes], "int | str | tuple[int, dict[str, str]]"]
"""Says by the number of a request and its body what is answered: a status, a status with headers, or `drop`, `stall`, `half`."""


@dataclass
class Taken:
    """A request that came in."""

    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in it."""
        found = json.loads(self.body)
        return [each["data"] for each in (found if isinstance(found, list) else [found])]


@dataclass
class Receiver:
    """The endpoint. What it answered 200 to is `taken`; all that came in is `seen`."""

    behaviour: Behaviour = lambda number, body: 200
    seen: list[Taken] = field(default_factory=list)
    url: str = ""
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def taken(self) -> list[dict[str, Any]]:
        """The events it took, in the order in which they came, repeated ones too."""
        return [event for each in self.seen if each.status == 200 for event in each.events]

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Receiver]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._serving.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        does = self.behaviour(len(self.seen), body)
        status, more = does if isinstance(does, tuple) else (does, {})
        self.seen.append(Taken(headers, body, status if isinstance(status, int) else 0))
        if status == "drop":
            return False
        if status == "stall":
            await asyncio.sleep(30)
            return False
        if status == "half":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            return False
        told = "".join(f"{name}: {value}\r\n" for name, value in more.items())
        writer.write(f"HTTP/1.1 {status} X\r\n{told}content-length: 2\r\n\r\nok".encode())
        return True


def verify(taken: Taken, *secrets: str) -> None:
    """Let the standard's own library check a request, at the time when it was sent. Raise when it does not verify."""
    sent = datetime.fromtimestamp(int(taken.headers["webhook-timestamp"]), tz=UTC)
    with time_machine.travel(sent, tick=False):
        for secret in secrets:
            Webhook(secret).verify(taken.body, taken.headers)


def in_order(events: list[dict[str, Any]]) -> Iterator[str]:
    """Name each recipient whose events came first in another order than the ledger's."""
    first: dict[str, list[int]] = {}
    for event in events:
        known = first.setdefault(event["recipient"].lower(), [])
        if event["sequence"] not in known:
            known.append(event["sequence"])
    for recipient, sequences in first.items():
        if sequences != sorted(sequences):
            yield recipient
