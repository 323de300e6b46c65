"""The one HTTP client for requests to where others tell us to go (webhooks): guarded, bounded, HTTP/1.1.

It connects to an address that the guard has checked just before, with the right Host and SNI; follows no redirect, heeds no
proxy variable, unpacks nothing, reads 64 KiB of an answer at the most. Connections are kept for a while, since most
events go where the last one went. Our own and small: a general client takes 0.4 ms of processor for each request.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import httptools

from aftersend.webhooks.guard import Guard, Target

WITHIN_S = 15.0
CONNECT_WITHIN_S = 10.0
BODY_MOST = 64 * 1024
HEAD_MOST = 64 * 1024
IDLE_S = 20.0
AGE_MOST_S = 300.0
ADDRESSES_TRIED = 2
IDLE_MOST = 32


class NoAnswer(Exception):
    """A request got no answer; the text says why, `kind` in a word (connect, tls, timeout, closed, protocol)."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(slots=True)
class Response:
    """What came back."""

    status: int
    headers: dict[str, str]
    """By lower-case name; of repeated ones the last."""
    body: bytes
    """The first 64 KiB."""
    ip: str = ""


@dataclass(slots=True)
class _Place:
    """Kept connections to one host."""

    idle: deque[_Connection] = field(default_factory=deque)


class Client:
    """Makes requests. One for each process; made on its event loop."""

    def __init__(self, guard: Guard, *, tls: ssl.SSLContext | None = None, agent: str = "Aftersend") -> None:
        self.guard = guard
        self._tls = tls
        self._agent = agent
        self._places: dict[tuple[str, str, int], _Place] = {}

    async def request(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes = b"", *, within_s: float = WITHIN_S
    ) -> Response:
        """Make one request and return the answer. Raise Refused when the target may not be asked, NoAnswer when no answer
        came. A request may have arrived although no answer did.
        """
        content = _request(method, target, {"user-agent": self._agent, **headers}, body)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(within_s):
                kept = self._kept(target, loop.time())
                if kept is not None:
                    try:
                        return await self._exchange(kept, target, content)
                    except _NeverTaken:
                        pass  # it had been closed before the request came; a fresh connection is fair
                return await self._exchange(await self._connect(target), target, content)
        except _NeverTaken:
            raise NoAnswer("closed", "The connection was closed without an answer.") from None
        except TimeoutError:
            raise NoAnswer("timeout", f"There was no answer within {within_s:g} seconds.") from None

    async def _exchange(self, connection: _Connection, target: Target, content: bytes) -> Response:
        try:
            response = await connection.exchange(content)
        except BaseException:
            connection.close()
            raise
        if connection.is_reusable:
            self._keep(target, connection)
        else:
            connection.close()
        return response

    async def _connect(self, target: Target) -> _Connection:
        addresses = await self.guard.addresses(target)
        loop = asyncio.get_running_loop()
        trouble: NoAnswer | None = None
        for address in addresses[:ADDRESSES_TRIED]:
            try:
                async with asyncio.timeout(CONNECT_WITHIN_S):
                    _, connection = await loop.create_connection(
                        lambda ip=str(address): _Connection(ip, loop.time()),
                        str(address),
                        target.port,
                        ssl=self._context() if target.scheme == "https" else None,
                        server_hostname=target.host if target.scheme == "https" else None,
                    )
                return connection
            except ssl.SSLCertVerificationError as error:
                trouble = NoAnswer("tls", f"The certificate of {target.host} is not valid: {error.verify_message}.")
            except ssl.SSLError as error:
                trouble = NoAnswer("tls", f"No encrypted connection came about: {error.reason or 'TLS failed'}.")
            except TimeoutError:
                trouble = NoAnswer("connect", f"{address} did not answer within {CONNECT_WITHIN_S:g} seconds.")
            except OSError as error:
                trouble = NoAnswer("connect", f"No connection to {address} port {target.port}: {error.strerror or error}.")  # fmt: skip
        assert trouble is not None
        raise trouble

    def _context(self) -> ssl.SSLContext:
        return self._tls or _system_context()

    # ---- kept connections ------------------------------------------------------------------------------------------

    def _kept(self, target: Target, now: float) -> _Connection | None:
        place = self._places.get((target.scheme, target.host, target.port))
        while place is not None and place.idle:
            connection = place.idle.pop()
            if connection.is_open and now - connection.used < IDLE_S and now - connection.since < AGE_MOST_S:
                return connection
            connection.close()
        return None

    def _keep(self, target: Target, connection: _Connection) -> None:
        connection.used = asyncio.get_running_loop().time()
        if len(self._places) > 1000:
            self.close()
        place = self._places.setdefault((target.scheme, target.host, target.port), _Place())
        place.idle.append(connection)
        if len(place.idle) > IDLE_MOST:
            place.idle.popleft().close()

    def close(self) -> None:
        """Close what is kept."""
        for place in self._places.values():
            while place.idle:
                place.idle.pop().close()
        self._places.clear()


class _NeverTaken(Exception):
    """A connection ended before a byte of an answer came."""


class _Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self, ip: str, now: float) -> None:
        self._ip = ip
        self.since = self.used = now
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._answer: asyncio.Future[Response] | None = None
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._head_size = 0
        self._has_head = False
        self._has_begun = False
        self.is_reusable = False

    @property
    def is_open(self) -> bool:
        """Whether it could take a request."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, content: bytes) -> Response:
        """Send a request and wait for its answer."""
        if self._transport is None or self._transport.is_closing():
            raise _NeverTaken
        self._answer = asyncio.get_running_loop().create_future()
        self._begin()
        self._has_begun = self.is_reusable = False
        self._transport.write(content)
        return await self._answer

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._body, self._size, self._has_head = {}, [], 0, False
        self._head_size = 0

    def close(self) -> None:
        """End it."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    # ---- what asyncio calls ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer came; one that nobody asked for ends the connection."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        self._has_begun = True
        if not self._has_head:
            self._head_size += len(data)
            if self._head_size > HEAD_MOST + BODY_MOST:
                self._fail(NoAnswer("protocol", "The head of the answer is too large."))
                return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self._answer.done():
                self._fail(NoAnswer("protocol", f"What came back is no HTTP/1.1 answer ({type(error).__name__})."))

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended; for an answer without a length that is its end (RFC 9112 §6.3)."""
        self._transport = None
        if self._answer is None or self._answer.done():
            return
        if self._has_head and "content-length" not in self._headers and "transfer-encoding" not in self._headers:
            self._finish(reusable=False)
        elif self._has_begun:
            self._fail(NoAnswer("closed", "The connection was closed in the middle of the answer."))
        else:
            self._answer.set_exception(_NeverTaken())

    # ---- what the parser calls ---------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header came."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """All headers are there."""
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body came."""
        room = BODY_MOST - self._size
        self._body.append(body[:room])
        self._size += len(body)
        if self._size > BODY_MOST:
            self._finish(reusable=False)

    def on_message_complete(self) -> None:
        """The answer is whole; an interim one (1xx) is not the answer."""
        if 100 <= self._parser.get_status_code() < 200:
            self._headers, self._body, self._size, self._has_head = {}, [], 0, False
            return
        self._finish(reusable=bool(self._parser.should_keep_alive()))

    def _finish(self, *, reusable: bool) -> None:
        if self._answer is None or self._answer.done():
            return
        self.is_reusable = reusable and self.is_open
        status = int(self._parser.get_status_code())
        self._answer.set_result(Response(status, self._headers, b"".join(self._body), self._ip))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()


def _request(method: str, target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {target.path} HTTP/1.1", f"host: {target.authority}", "accept-encoding: identity"]
    for name, value in headers.items():
        if not value.isprintable() or not value.isascii():
            raise ValueError(f"the header {name} cannot have this value")
        lines.append(f"{name}: {value}")
    lines += [f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("ascii") + body


@lru_cache(maxsize=1)
def _system_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with contextlib.suppress(NotImplementedError):
        context.set_alpn_protocols(["http/1.1"])
    return context


def by_resolver(resolver: Any) -> Any:
    """Find addresses by our own resolver."""

    async def look(host: str) -> list[str]:
        return list((await resolver.addresses(host)).addresses)

    return look


async def by_system(host: str) -> list[str]:
    """Find addresses as other programs of this machine do."""
    import socket

    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(place[0]) for *_, place in found))
