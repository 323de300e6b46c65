"""Submit many numbered messages over many connections, and remember what became of each.

Each message goes to one recipient of its own, so a copy that is lost or sent twice shows at the receiver.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


def recipient(number: int) -> str:
    """The recipient of a numbered message."""
    return f"r{number}@d{number % 40}.test"


_begun: list[Load] = []


def end_all() -> None:
    """End what a test began and did not wait for: a test that failed must not take the machine from the next ones."""
    for load in _begun:
        load.stop()
    for load in _begun:
        load.wait(60)
    _begun.clear()


@dataclass(slots=True)
class Load:
    """Runs on a thread of its own until `wanted` messages were acknowledged, or `stop` is called."""

    ports: Sequence[int]
    wanted: int
    connections: int = 20
    size: int = 1024
    pause_s: float = 0.0
    """Between two messages of a connection."""
    goes_on: bool = False
    """Whether to go on when `wanted` messages were acknowledged; may be changed while it runs."""
    first: int = 0
    """The number of the first message."""
    acknowledged: dict[int, str] = field(default_factory=dict)
    """Number → the id that the final reply named."""
    unanswered: set[int] = field(default_factory=set)
    """Their final reply never came: they may have been taken, or not."""
    refused: dict[int, str] = field(default_factory=dict)
    replies: Counter[str] = field(default_factory=Counter)
    _stopping: bool = False
    _thread: threading.Thread | None = None

    def start(self) -> Load:
        """Begin."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load", daemon=True)
        self._thread.start()
        _begun.append(self)
        return self

    @property
    def is_done(self) -> bool:
        """Whether every connection has ended."""
        return self._thread is not None and not self._thread.is_alive()

    def wait(self, timeout_s: float) -> None:
        """Wait for the end."""
        assert self._thread is not None
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), f"the load did not end: {len(self.acknowledged)} of {self.wanted}"

    def wait_for(self, acknowledged: int, timeout_s: float) -> None:
        """Wait until so many messages were acknowledged."""
        end = time.monotonic() + timeout_s
        while len(self.acknowledged) < acknowledged and not self.is_done:
            assert time.monotonic() < end, f"{len(self.acknowledged)} of {acknowledged} acknowledged"
            time.sleep(0.005)

    def stop(self) -> None:
        """End after the messages that are on their way."""
        self._stopping = True

    async def _run(self) -> None:
        numbers = itertools.count(self.first)
        body = (b"x" * 76 + b"\r\n") * (self.size // 78 + 1)
        await asyncio.gather(*(self._client(index, numbers, body) for index in range(self.connections)))

    @property
    def _is_enough(self) -> bool:
        return self._stopping or (len(self.acknowledged) >= self.wanted and not self.goes_on)

    async def _client(self, index: int, numbers: itertools.count[int], body: bytes) -> None:
        attempt = index
        while not self._is_enough:
            attempt += 1
            port = self.ports[attempt % len(self.ports)]
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", port), 10)
            except (OSError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            try:
                await self._converse(reader, writer, numbers, body)
            except (OSError, EOFError, asyncio.IncompleteReadError, _Closing):
                await asyncio.sleep(0.02)
            finally:
                writer.close()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, numbers: itertools.count[int], body: bytes
    ) -> None:
        if not (await _reply(reader)).startswith("220"):
            raise _Closing
        writer.write(b"EHLO load.test\r\n")
        await _reply(reader)
        while not self._is_enough:
            number = next(numbers)
            address = recipient(number)
            self.unanswered.add(number)
            writer.write(f"MAIL FROM:<news@load.test>\r\nRCPT TO:<{address}>\r\nDATA\r\n".encode())
            replies = [await _reply(reader), await _reply(reader), await _reply(reader)]
            if not replies[2].startswith("354"):
                self._refuse(number, next(reply for reply in replies if reply[0] in "45"))
                continue
            head = f"From: News <news@load.test>\r\nTo: <{address}>\r\nSubject: Number {number}\r\nMessage-ID: <n{number}@load.test>\r\n\r\n"
            writer.write(head.encode() + str(number).encode() + b"\r\n" + body + b".\r\n")
            final = await _reply(reader)
            if final.startswith("250"):
                self.unanswered.discard(number)
                self.acknowledged[number] = final.split("queued as ")[1].split()[0]
                self.replies["250"] += 1
            else:
                self._refuse(number, final)
            if self.pause_s:
                await asyncio.sleep(self.pause_s)
        writer.write(b"QUIT\r\n")

    def _refuse(self, number: int, reply: str) -> None:
        self.unanswered.discard(number)
        self.refused[number] = reply
        self.replies[reply[:3]] += 1
        if reply.startswith("421"):
            raise _Closing


class _Closing(Exception):
    """The server said that it closes the connection."""


async def _reply(reader: asyncio.StreamReader) -> str:
    lines = []
    while True:
        line = (await asyncio.wait_for(reader.readuntil(b"\r\n"), 120)).decode("utf-8", "replace")
        lines.append(line.strip())
        if line[3:4] != "-":
            return "\n".join(lines)
