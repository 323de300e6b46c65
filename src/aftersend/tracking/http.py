"""Speak as much HTTP/1.1 as visits need (RFC 9112): small requests, small answers, many at once.

Kept lean, since a picture is asked for by every reader of a broadcast. Strict where looseness is dangerous behind a proxy:
no folded lines, no second Content-Length, no chunked bodies. Whoever is slow, silent or greedy is cut off, and nobody else
waits for him. Knows nothing of what is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import lru_cache
from typing import Any, NamedTuple

from aftersend.clock import SECOND, Clock, Instant

HEAD_MOST = 16 * 1024
BODY_MOST = 64 * 1024
REMEMBERED_MOST = 1024
"""Bytes of header fields that are remembered together with what they say."""
CONNECTIONS_MOST = 20_000
HEAD_WITHIN_S = 10.0
IDLE_S = 30.0
BACKLOG = 4096
METHODS = frozenset({b"GET", b"HEAD", b"POST"})
_WORDS = {
    200: b"OK", 302: b"Found", 303: b"See Other", 400: b"Bad Request", 404: b"Not Found", 405: b"Method Not Allowed",
    408: b"Request Timeout", 411: b"Length Required", 413: b"Content Too Large", 431: b"Request Header Fields Too Large",
    500: b"Internal Server Error", 501: b"Not Implemented", 503: b"Service Unavailable", 505: b"HTTP Version Not Supported",
}  # fmt: skip


class Request(NamedTuple):
    """What a visitor asks for."""

    method: bytes
    path: bytes
    """With its query."""
    headers: Mapping[bytes, bytes]
    """By name in lower case, not to be changed; of a field that is given twice, the values joined."""
    body: bytes
    peer: str


class Reply(NamedTuple):
    """What is answered."""

    status: int
    body: bytes = b""
    fields: bytes = b""
    """Header fields with their line ends, besides length, date and connection."""
    after_s: float = 0.0
    """For so long the answer is held back."""


Answer = Callable[[Request], "Reply | Awaitable[Reply]"]


class Visitors:
    """The listening side. `answer` must not raise for what visitors do; when it does, they are told 500."""

    def __init__(self, answer: Answer, clock: Clock, on_fault: Callable[[], None] = lambda: None) -> None:
        self.answer = answer
        self.clock = clock
        self.on_fault = on_fault
        self.open: set[_Connection] = set()
        self.turned_away = 0
        """Connections that were one too many."""
        self.cut_off = 0
        """Connections that were too slow."""
        self.bound: list[tuple[str, int]] = []
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None
        self._second = -1
        self._date = b""
        self._is_stopping = False

    async def start(self, addresses: list[tuple[str, int]]) -> None:
        """Open the ports. Raise OSError when one cannot be opened."""
        loop = asyncio.get_running_loop()
        try:
            for host, port in addresses:
                server = await loop.create_server(lambda: _Connection(self), host, port, backlog=BACKLOG)
                self._servers.append(server)
                self.bound.append(server.sockets[0].getsockname()[:2])
        except OSError:
            for each in self._servers:
                each.close()
            raise
        self._sweeper = asyncio.ensure_future(self._sweep())

    async def stop(self, within_s: float = 3.0) -> None:
        """Take no more connections, finish what is being answered, close."""
        self._is_stopping = True
        for server in self._servers:
            server.close()
        end = asyncio.get_running_loop().time() + within_s
        for connection in list(self.open):
            connection.finish()
        while self.open and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.02)
        for connection in list(self.open):
            connection.abort()
        if self._sweeper is not None:
            self._sweeper.cancel()

    @property
    def is_stopping(self) -> bool:
        """Whether connections are to be closed after their next answer."""
        return self._is_stopping

    def head(self, status: int, length: int, fields: bytes, now: Instant) -> bytes:
        """Return the head of an answer."""
        second = now // SECOND
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True).encode("ascii")
        return b"HTTP/1.1 %d %b\r\nDate: %b\r\nContent-Length: %d\r\n%b" % (
            status, _WORDS[status], self._date, length, fields,
        )  # fmt: skip

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            now = loop.time()
            for connection in list(self.open):
                if connection.is_overdue(now):
                    self.cut_off += 1
                    connection.abort()


class _Connection(asyncio.Protocol):
    __slots__ = (
        "_blocked",
        "_buffer",
        "_busy",
        "_closing",
        "_loop",
        "_peer",
        "_since",
        "_task",
        "_transport",
        "_visitors",
    )

    def __init__(self, visitors: Visitors) -> None:
        self._visitors = visitors
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._buffer = b""
        self._peer = ""
        self._since = 0.0
        self._busy = False
        self._blocked = False
        self._closing = False
        self._task: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        visitors = self._visitors
        if len(visitors.open) >= CONNECTIONS_MOST:
            visitors.turned_away += 1
            transport.abort()  # type: ignore[attr-defined]
            return
        name = transport.get_extra_info("peername")
        self._peer = name[0] if name else ""
        self._since = self._loop.time()
        visitors.open.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        self._closing = True
        self._visitors.open.discard(self)

    def pause_writing(self) -> None:
        self._blocked = True
        self._since = self._loop.time()

    def resume_writing(self) -> None:
        self._blocked = False
        self._go_on()

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not (self._busy or self._blocked):
            self._go_on()
        elif len(self._buffer) > HEAD_MOST + BODY_MOST:
            self.abort()

    def eof_received(self) -> bool:
        """Go on answering: half-closed is how some clients say that they have asked all they want."""
        self._closing = True
        return self._busy

    def is_overdue(self, now: float) -> bool:
        """Whether it has been silent, or slow, for too long."""
        if self._busy:
            return False
        return now - self._since > (HEAD_WITHIN_S if self._buffer or self._blocked else IDLE_S)

    def finish(self) -> None:
        """Close as soon as nothing is being answered."""
        self._closing = True
        if not self._busy:
            self._transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def _go_on(self) -> None:
        """Answer what has come in whole, in order."""
        while self._buffer and not (self._busy or self._blocked or self._transport.is_closing()):
            end = self._buffer.find(b"\r\n\r\n", 0, HEAD_MOST + 4)
            if end < 0:
                if len(self._buffer) > HEAD_MOST:
                    self._refuse(431)
                return
            if not self._one(end):
                return
        if self._closing and not self._busy and not self._transport.is_closing():
            self._transport.close()

    def _one(self, end: int) -> bool:
        """Answer the request whose head ends here; False if its body is still to come, or nothing more is to be read."""
        buffer = self._buffer
        first = buffer.find(b"\r\n", 0, end + 2)
        parts = buffer[:first].split(b" ")
        if len(parts) != 3 or not parts[1]:
            return self._refuse(400)
        method, path, version = parts
        if version != b"HTTP/1.1" and version != b"HTTP/1.0":
            return self._refuse(505 if version.startswith(b"HTTP/") else 400)
        fields = buffer[first + 2 : end]
        refused, headers, length, is_last = _fields(fields) if len(fields) <= REMEMBERED_MOST else _read_fields(fields)
        if refused:
            return self._refuse(refused)
        if method not in METHODS:
            return self._refuse(501)
        begin = end + 4
        if len(buffer) < begin + length:
            if headers.get(b"expect", b"").lower() == b"100-continue" and len(buffer) == begin:
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return False
        self._buffer = buffer[begin + length :]
        self._since = self._loop.time()
        if is_last or version == b"HTTP/1.0":
            self._closing = True
        self._answer(Request(method, path, headers, buffer[begin : begin + length], self._peer))
        return True

    def _answer(self, request: Request) -> None:
        try:
            reply = self._visitors.answer(request)
        except Exception:
            self._visitors.on_fault()
            reply = Reply(500)
        if type(reply) is Reply:
            if reply.after_s:
                self._busy = True
                self._loop.call_later(reply.after_s, self._late, request, reply)
            else:
                self._write(request, reply)
            return
        self._busy = True
        self._task = asyncio.ensure_future(self._awaited(request, reply))  # type: ignore[arg-type]

    async def _awaited(self, request: Request, coming: Awaitable[Reply]) -> None:
        try:
            reply = await coming
        except Exception:
            self._visitors.on_fault()
            reply = Reply(503, b"Please try again in a minute.\n", b"Content-Type: text/plain\r\nRetry-After: 60\r\n")
        self._late(request, reply)

    def _late(self, request: Request, reply: Reply) -> None:
        self._busy = False
        if self._transport.is_closing():
            return
        self._write(request, reply)
        self._go_on()

    def _write(self, request: Request, reply: Reply) -> None:
        visitors = self._visitors
        if visitors.is_stopping:
            self._closing = True
        fields = reply.fields + b"Connection: close\r\n" if self._closing else reply.fields
        head = visitors.head(reply.status, len(reply.body), fields, visitors.clock())
        self._transport.write(head + b"\r\n" + (reply.body if request.method != b"HEAD" else b""))
        if self._closing:
            self._transport.close()

    def _refuse(self, status: int) -> bool:
        self._buffer = b""
        head = self._visitors.head(status, 0, b"Connection: close\r\n", self._visitors.clock())
        self._transport.write(head + b"\r\n")
        self._transport.close()
        return False


def _read_fields(text: bytes) -> tuple[int, Mapping[bytes, bytes], int, bool]:
    """Read header fields. Return the status to refuse with (0: none), fields, length of the body, and whether the visitor
    wants to be let go after this."""
    headers: dict[bytes, bytes] = {}
    for line in text.split(b"\r\n") if text else ():
        name, colon, value = line.partition(b":")
        if not colon or not name or name[:1] in b" \t" or name[-1:] in b" \t":
            return 400, headers, 0, True
        name = name.lower()
        if name in headers:
            if name == b"content-length":
                return 400, headers, 0, True
            headers[name] += b", " + value.strip()
        else:
            headers[name] = value.strip()
    if b"transfer-encoding" in headers:
        return 411, headers, 0, True
    said = headers.get(b"content-length", b"0")
    if not said.isdigit() or len(said) > 12:
        return 400, headers, 0, True
    is_last = b"close" in headers.get(b"connection", b"").lower()
    return 413 if int(said) > BODY_MOST else 0, headers, int(said), is_last


_fields = lru_cache(1024)(_read_fields)
"""Mail programs and the proxies of large providers say the same in request after request."""
