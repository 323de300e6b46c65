"""A receiving server for tests: keeps count of every recipient, and can be slow, drop connections or refuse.

It runs on a thread and an event loop of its own, so that it goes on receiving whatever the test waits for.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came over the wire: dots unstuffed, nothing else changed."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes


@dataclass(slots=True)
class Manners:
    """How the server behaves. May be changed while it runs."""

    delay_s: float = 0.0
    """So long it thinks before it answers the final dot."""
    drops: float = 0.0
    """In so many cases of one it keeps the message and closes the connection without an answer."""
    greeting: bytes = b"220 receiver.test ESMTP\r\n"
    extensions: tuple[bytes, ...] = (
        b"PIPELINING",
        b"SIZE 100000000",
        b"8BITMIME",
        b"SMTPUTF8",
        b"DSN",
        b"ENHANCEDSTATUSCODES",
    )
    refuses: Callable[[str], bytes | None] = lambda recipient: None
    """The reply to RCPT, or None to accept."""
    keeps_content: bool = False


@dataclass(slots=True)
class Receiver:
    """Listens on `port` from `start` to `stop`."""

    manners: Manners = field(default_factory=Manners)
    port: int = 0
    copies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """For each recipient the moments (monotonic, seconds) at which a copy was complete."""
    messages: list[Received] = field(default_factory=list)
    first_at: float = 0.0
    last_at: float = 0.0
    connections: int = 0
    open: int = 0
    most_open: int = 0
    wire: list[bytes] = field(default_factory=list)
    """What came in, piece by piece, where content is kept."""
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None
    _transports: set[asyncio.Transport] = field(default_factory=set)

    def start(self) -> Receiver:
        """Open the port."""
        ready = threading.Event()

        def run() -> None:
            asyncio.run(self._serve(ready))

        self._thread = threading.Thread(target=run, name="receiver", daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await self._loop.create_server(lambda: _Conversation(self), "127.0.0.1", self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()
        for transport in list(self._transports):
            transport.abort()
        await asyncio.sleep(0)

    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Close the port and every connection."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def wait_for(self, recipients: int, timeout_s: float) -> bool:
        """Wait until so many different recipients have a copy; False when time is over."""
        end = time.monotonic() + timeout_s
        while len(self.copies) < recipients:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True


class _Conversation(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._buffer = bytearray()
        self._in_data = False
        self._sender = ""
        self._recipients: list[str] = []
        self._thinking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        receiver = self._receiver
        receiver.connections += 1
        receiver.open += 1
        receiver.most_open = max(receiver.most_open, receiver.open)
        receiver._transports.add(self._transport)
        self._transport.write(receiver.manners.greeting)

    def connection_lost(self, error: Exception | None) -> None:
        self._receiver.open -= 1
        self._receiver._transports.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        if self._receiver.manners.keeps_content:
            self._receiver.wire.append(data)
        self._buffer += data
        if not self._thinking:
            self._read()

    def _read(self) -> None:
        said = []
        while not self._thinking and not self._transport.is_closing():
            if self._in_data:
                end = 0 if self._buffer.startswith(b".\r\n") else self._buffer.find(b"\r\n.\r\n") + 2
                if end == 1:
                    break
                content = bytes(self._buffer[:end])
                del self._buffer[: end + 3]
                self._complete(content)
            else:
                line, found, _ = self._buffer.partition(b"\r\n")
                if not found:
                    break
                del self._buffer[: len(line) + 2]
                said.append(self._command(bytes(line)))
        if said and not self._transport.is_closing():
            self._transport.write(b"".join(said))

    def _command(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            lines = [b"receiver.test", *self._receiver.manners.extensions]
            return b"".join(b"250-" + part + b"\r\n" for part in lines[:-1]) + b"250 " + lines[-1] + b"\r\n"
        if verb == b"HELO":
            return b"250 receiver.test\r\n"
        if verb == b"MAIL":
            self._sender, self._recipients = _path(line), []
            return b"250 2.1.0 Ok\r\n"
        if verb == b"RCPT":
            recipient = _path(line)
            refusal = self._receiver.manners.refuses(recipient)
            if refusal is not None:
                return refusal
            self._recipients.append(recipient)
            return b"250 2.1.5 Ok\r\n"
        if verb == b"DATA":
            if not self._recipients:
                return b"554 5.5.1 No valid recipients\r\n"
            self._in_data = True
            return b"354 Go ahead\r\n"
        if verb == b"RSET":
            self._recipients = []
            return b"250 2.0.0 Ok\r\n"
        if verb == b"QUIT":
            self._transport.write(b"221 2.0.0 Bye\r\n")
            self._transport.close()
            return b""
        return b"250 2.0.0 Ok\r\n" if verb == b"NOOP" else b"500 5.5.2 What?\r\n"

    def _complete(self, content: bytes) -> None:
        receiver = self._receiver
        manners = receiver.manners
        now = time.monotonic()
        receiver.first_at = receiver.first_at or now
        receiver.last_at = now
        for recipient in self._recipients:
            receiver.copies[recipient].append(now)
        if manners.keeps_content:
            plain = content[1:] if content.startswith(b".") else content
            kept = Received(self._sender, tuple(self._recipients), plain.replace(b"\r\n.", b"\r\n"))
            receiver.messages.append(kept)
        self._in_data, self._recipients = False, []
        if manners.drops and random.random() < manners.drops:
            self._transport.abort()
        elif manners.delay_s:
            self._thinking = True
            asyncio.get_running_loop().call_later(manners.delay_s, self._answer)
        else:
            self._transport.write(b"250 2.0.0 Kept\r\n")

    def _answer(self) -> None:
        self._thinking = False
        if not self._transport.is_closing():
            self._transport.write(b"250 2.0.0 Kept\r\n")
            self._read()


def _path(line: bytes) -> str:
    start, end = line.find(b"<"), line.rfind(b">")
    return line[start + 1 : end].decode("utf-8", "replace")
