"""The one HTTP client for requests to where others tell us to go (webhooks): guarded, bounded, HTTP/1.1.

HTTP is spoken by httpcore2 over a network that is the guard: a name is looked up once for each connection, and the connection
goes to the address that was checked, with the right Host and SNI. No redirect is followed, no proxy variable
heeded, nothing unpacked, and 64 KiB of an answer are read at the most.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import httpcore2

from aftersend.webhooks.guard import Guard, Target, read

WITHIN_S = 15.0
CONNECT_WITHIN_S = 10.0
BODY_MOST = 64 * 1024
IDLE_S = 20.0
IDLE_MOST = 32
ADDRESSES_TRIED = 2


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


class Client:
    """Makes requests. One for each process; made on its event loop."""

    def __init__(self, guard: Guard, *, tls: ssl.SSLContext | None = None, agent: str = "Aftersend") -> None:
        self.guard = guard
        self._agent = agent
        self._idle = _Idle()
        self._networks = {scheme: _GuardedNetwork(guard, scheme) for scheme in ("http", "https")}
        self._tls = tls or _system_context()

    async def request(
        self, method: str, target: Target, headers: Mapping[str, str], body: bytes = b"", *, within_s: float = WITHIN_S
    ) -> Response:
        """Make one request and return the answer. Raise Refused when the target may not be asked, NoAnswer when no answer
        came. A request may have arrived although no answer did.
        """
        request = httpcore2.Request(
            method,
            httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
            headers=_headers({"host": target.authority, "user-agent": self._agent, **headers}, len(body)),
            content=body,
            extensions={"timeout": {"connect": CONNECT_WITHIN_S}},
        )
        try:
            async with asyncio.timeout(within_s):
                return await self._answered(request, target)
        except TimeoutError:
            raise NoAnswer("timeout", f"There was no answer within {within_s:g} seconds.") from None
        except httpcore2.ConnectTimeout:
            why = f"{target.host} did not answer within {CONNECT_WITHIN_S:g} seconds."
            raise NoAnswer("connect", why) from None
        except httpcore2.ConnectError as error:
            raise _not_connected(target, error) from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            raise _broken(error) from None

    async def _answered(self, request: httpcore2.Request, target: Target) -> Response:
        connection = await self._idle.take(target) or self._fresh(request, target)
        try:
            response = await connection.handle_async_request(request)
            try:
                body = b""
                async for piece in response.aiter_stream():
                    body += piece[: BODY_MOST - len(body)]
                    if len(body) >= BODY_MOST:
                        break
                server = response.extensions["network_stream"].get_extra_info("server_addr")
            finally:
                # What was not read to its end is not used again.
                await response.aclose()
        finally:
            await self._idle.give(target, connection)
        told = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Response(response.status, told, body, str(server[0]) if server else "")

    def _fresh(self, request: httpcore2.Request, target: Target) -> httpcore2.AsyncHTTPConnection:
        return httpcore2.AsyncHTTPConnection(
            request.url.origin,
            ssl_context=self._tls,
            keepalive_expiry=IDLE_S,
            network_backend=self._networks[target.scheme],
        )

    async def close(self) -> None:
        """Close what is kept."""
        await self._idle.close()


class _Idle:
    """Connections that wait for their next request. A pool that assigns requests to connections would look at all of them for
    each request; here each place has its own, and whoever needs one takes the one that was used last."""

    def __init__(self) -> None:
        self._by_place: dict[tuple[str, str, int], list[httpcore2.AsyncHTTPConnection]] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def take(self, target: Target) -> httpcore2.AsyncHTTPConnection | None:
        """Return a connection that is still good, or None."""
        kept = self._by_place.get(_place(target), [])
        while kept:
            connection = kept.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def give(self, target: Target, connection: httpcore2.AsyncHTTPConnection) -> None:
        """Keep a connection whose request has ended well; close any other one."""
        kept = self._by_place.setdefault(_place(target), [])
        if len(kept) >= IDLE_MOST or connection.is_closed() or not connection.is_idle():
            await connection.aclose()
            return
        kept.append(connection)
        if self._sweeping is None:
            self._sweeping = asyncio.ensure_future(self._sweep())

    async def _sweep(self) -> None:
        """Close those that nobody has needed for a while, until there are none."""
        while any(self._by_place.values()):
            await asyncio.sleep(IDLE_S / 2)
            for kept in self._by_place.values():
                old = [each for each in kept if each.has_expired()]
                kept[:] = [each for each in kept if each not in old]
                for each in old:
                    await each.aclose()
            self._by_place = {place: kept for place, kept in self._by_place.items() if kept}
        self._sweeping = None

    async def close(self) -> None:
        """Close all."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for kept in self._by_place.values():
            while kept:
                await kept.pop().aclose()


def _place(target: Target) -> tuple[str, str, int]:
    return target.scheme, target.host, target.port


class _GuardedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to nothing but addresses that the guard has checked just now."""

    def __init__(self, guard: Guard, scheme: str) -> None:
        self._guard = guard
        self._scheme = scheme
        self._net = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Open a connection to a name. Raise Refused, or what httpcore2 raises when none comes about."""
        shown = f"[{host}]" if ":" in host else host
        addresses = await self._guard.addresses(read(f"{self._scheme}://{shown}:{port}/"))
        *others, last = addresses[:ADDRESSES_TRIED]
        for address in others:
            try:
                return _Heard(await self._net.connect_tcp(str(address), port, timeout, local_address, socket_options))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return _Heard(await self._net.connect_tcp(str(last), port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._net.sleep(seconds)


class _Heard(httpcore2.AsyncNetworkStream):
    """A stream that sees at the first octets whether HTTP is spoken at all: who talks first, like a mail server, never says
    a whole answer that could be refused.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream) -> None:
        self._stream = stream
        self._is_asked = False
        self._unsent = bytearray()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Send what was written, in one piece, then read. Raise RemoteProtocolError when what comes first is no HTTP."""
        if self._unsent:
            unsent, self._unsent = bytes(self._unsent), bytearray()
            # Who closes at once may have answered before; that is seen by reading.
            with contextlib.suppress(httpcore2.WriteError):
                await self._stream.write(unsent, timeout)
        data = await self._stream.read(max_bytes, timeout)
        if self._is_asked and data:
            self._is_asked = False
            if not b"HTTP/".startswith(data[:5]):
                raise httpcore2.RemoteProtocolError("it does not begin with HTTP/")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write; it leaves when an answer is waited for."""
        self._is_asked = True
        self._unsent += buffer

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """Encrypt."""
        return _Heard(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Tell of the connection."""
        return self._stream.get_extra_info(info)


def _headers(given: Mapping[str, str], length: int) -> list[tuple[bytes, bytes]]:
    """Write headers down. Raise ValueError for a mistake of ours that would make two of one."""
    for name, value in given.items():
        if not name.isascii() or not all(0x20 <= ord(each) < 0x7F or each == "\t" for each in name + value):
            raise ValueError(f"This cannot be a header: {name!r}.")
    written = {**{name.lower(): value for name, value in given.items()}, "content-length": str(length)}
    return [(name.encode(), value.encode()) for name, value in written.items()]


def _not_connected(target: Target, error: httpcore2.ConnectError) -> NoAnswer:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return NoAnswer("tls", f"The certificate of {target.host} is not valid: {cause.verify_message}.")
    if isinstance(cause, ssl.SSLError):
        return NoAnswer("tls", f"No encrypted connection came about: {cause.reason or 'TLS failed'}.")
    return NoAnswer("connect", f"No connection to {target.host} port {target.port}: {error or 'it was refused'}.")


def _broken(error: Exception) -> NoAnswer:
    said = str(error)
    if isinstance(error, httpcore2.NetworkError) or "disconnected" in said or "closed connection" in said:
        return NoAnswer("closed", "The connection was closed before the answer was whole.")
    return NoAnswer("protocol", f"What came back is no HTTP/1.1 answer: {said[:200]}.")


@lru_cache(maxsize=1)
def _system_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
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
