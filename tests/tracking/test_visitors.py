"""The door for visits speaks strict HTTP, and nobody who is slow or greedy harms others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from aftersend import clock
from aftersend.tracking import http
from aftersend.tracking.http import Reply, Request, Visitors


async def echo(request: Request) -> Reply:
    """Answer a moment later with what was asked."""
    await asyncio.sleep(0.01)
    return Reply(200, request.method + b" " + request.path + b" " + request.body)


def answer(request: Request) -> Reply | Awaitable[Reply]:
    """Answer in every way there is."""
    if request.path == b"/later":
        return echo(request)
    if request.path == b"/held":
        return Reply(200, b"held", after_s=0.05)
    if request.path == b"/fault":
        raise RuntimeError("a fault of ours")
    return Reply(200, request.method + b" " + request.path + b" " + request.body, b"X-Is: here\r\n")


async def asked(
    said: bytes, *, visitors: Visitors | None = None, then: Callable[[Any], Awaitable[None]] | None = None
) -> bytes:
    """Say something to a fresh server, and return all that comes back until it closes."""
    server = visitors or Visitors(answer, clock.now)
    if visitors is None:
        await server.start([("127.0.0.1", 0)])
    try:
        reader, writer = await asyncio.open_connection(*server.bound[0])
        writer.write(said)
        if then is not None:
            await then(writer)
        got = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return got
    finally:
        if visitors is None:
            await server.stop()


def run(said: bytes) -> bytes:
    """Say something and return the answer."""
    return asyncio.run(asked(said))


LAST = b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n"


def test_requests_are_answered_in_order() -> None:
    """Pipelined requests, slow and held ones among them, are answered one after the other."""
    said = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /later HTTP/1.1\r\n\r\nGET /held HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"
    got = run(said + LAST)
    bodies = [part.partition(b"\r\n\r\n")[2] for part in got.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [b"GET /a ", b"GET /later ", b"held", b"POST /b abc", b"GET /last "]
    assert got.count(b"Date: ") == 5
    assert got.count(b"Connection: close") == 1


def test_head_is_answered_without_a_body() -> None:
    """The length is the same, the body is left out."""
    got = run(b"HEAD /a HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert got.endswith(b"\r\n\r\n")
    assert b"Content-Length: 8\r\n" in got


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"GET /a\r\n\r\n", 400),
        (b"GET  /a HTTP/1.1\r\n\r\n", 400),
        (b"GET /a HTTP/2.0\r\n\r\n", 505),
        (b"GET /a HTTP/1.1\r\nNo colon\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nContent-Length : 3\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
        (b"POST /a HTTP/1.1\r\nContent-Length: -3\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", 400),
        (b"POST /a HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"DELETE /a HTTP/1.1\r\n\r\n", 501),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /fault HTTP/1.1\r\nConnection: close\r\n\r\n", 500),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_what_is_not_in_order_is_refused(said: bytes, status: int) -> None:
    """Anything by which two readers could disagree where a request ends is refused, and the connection is closed."""
    got = run(said)
    assert got.startswith(b"HTTP/1.1 %d " % status)
    assert got.count(b"HTTP/1.1 ") == 1


def test_a_request_may_come_in_pieces() -> None:
    """Wherever it is cut."""
    whole = b"POST /b HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"

    async def all_cuts() -> None:
        visitors = Visitors(answer, clock.now)
        await visitors.start([("127.0.0.1", 0)])
        for cut in range(1, len(whole)):

            async def rest(writer: Any, cut: int = cut) -> None:
                await writer.drain()
                await asyncio.sleep(0)
                writer.write(whole[cut:])

            assert (await asked(whole[:cut], visitors=visitors, then=rest)).endswith(b"POST /b abc")
        await visitors.stop()

    asyncio.run(all_cuts())


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Less patience than usual."""
    monkeypatch.setattr(http, "HEAD_WITHIN_S", 0.2)
    monkeypatch.setattr(http, "IDLE_S", 0.2)


@pytest.mark.usefixtures("short")
def test_whoever_is_silent_is_cut_off() -> None:
    """A head that never ends, and a connection on which nothing is said, do not stay."""

    async def wait() -> None:
        visitors = Visitors(answer, clock.now)
        await visitors.start([("127.0.0.1", 0)])
        for said in (b"GET /a HTTP/1.1\r\nHost:", b""):
            reader, writer = await asyncio.open_connection(*visitors.bound[0])
            writer.write(said)
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 5) == b""
            writer.close()
        assert visitors.cut_off == 2
        await visitors.stop()

    asyncio.run(wait())


def test_those_who_do_not_read_are_not_waited_for() -> None:
    """Five hundred ask and never read; others are answered as fast as ever, and what is kept for the slow ones is bounded."""

    async def crowd() -> AsyncIterator[None]:
        visitors = Visitors(lambda _: Reply(200, b"x" * 30_000), clock.now)
        await visitors.start([("127.0.0.1", 0)])
        slow = []
        for _ in range(500):
            _, writer = await asyncio.open_connection(*visitors.bound[0], limit=1024)
            writer.write(b"GET /a HTTP/1.1\r\n\r\n" * 200)
            slow.append(writer)
        loop = asyncio.get_running_loop()
        started = loop.time()
        got = await asked(LAST, visitors=visitors)
        assert got.endswith(b"x")
        assert loop.time() - started < 5
        for writer in slow:
            writer.transport.abort()
        await visitors.stop()
        yield

    async def whole() -> None:
        async for _ in crowd():
            pass

    asyncio.run(whole())
