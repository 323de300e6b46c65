"""The guarded client against real receivers on loopback: what it refuses at the last moment, and what it makes of odd answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from aftersend.webhooks.client import BODY_MOST, Client, NoAnswer
from aftersend.webhooks.guard import Allowance, Guard, Refused, read

LOOPBACK = Allowance.of(["127.0.0.0/8"])
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Receiver:
    """Answers each request with the same bytes, and remembers what was asked."""

    def __init__(self, answer: bytes, *, closes: bool = False, is_silent: bool = False) -> None:
        self._answer, self._closes = answer, closes
        self.may_answer = asyncio.Event()
        if not is_silent:
            self.may_answer.set()
        self.serving: set[asyncio.Task[None] | None] = set()
        self.requests: list[bytes] = []
        self.connections = 0
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        self.serving.add(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
                self.requests.append(head + await reader.readexactly(length))
                await self.may_answer.wait()
                writer.write(self._answer)
                await writer.drain()
                if self._closes:
                    break
        writer.close()


@contextlib.asynccontextmanager
async def receiving(answer: bytes, *, closes: bool = False, is_silent: bool = False) -> AsyncIterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver(answer, closes=closes, is_silent=is_silent)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        receiver.may_answer.set()
        await asyncio.gather(*filter(None, receiver.serving))


async def nowhere(host: str) -> list[str]:
    """A DNS in which every name is this machine."""
    return ["127.0.0.1"]


@contextlib.asynccontextmanager
async def asking(look=nowhere, allowance=LOOPBACK):
    """A client, closed at the end."""
    client = Client(Guard(look, allowance))
    try:
        yield client
    finally:
        await client.close()


async def test_a_request_arrives_as_it_was_meant_and_the_connection_is_kept():
    """With the right Host and length, and the second one on the same connection."""
    async with receiving(OK) as receiver, asking() as client:
        target = read(f"http://hooks.example.com:{receiver.port}/a?b=c")
        for _ in range(3):
            response = await client.request("POST", target, {"content-type": "application/json"}, b'{"a":1}')
            assert (response.status, response.body, response.ip) == (200, b"ok", "127.0.0.1")
    assert receiver.connections == 1
    assert len(receiver.requests) == 3
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert f"host: hooks.example.com:{receiver.port}".encode() in head
    assert body == b'{"a":1}'


async def test_a_name_that_leads_elsewhere_by_now_is_refused():
    """Rebinding: public when the URL was given, this machine when the connection is made. Nothing arrives."""
    answers = [["93.184.215.14"], ["127.0.0.1"]]

    async def look(host: str) -> list[str]:
        return answers.pop(0)

    async with asking(look, Allowance()) as client:
        target, _ = await client.guard.check("https://hooks.example.com/")
        with pytest.raises(Refused, match="leads to 127.0.0.1"):
            await client.request("POST", target, {})


async def test_the_connection_goes_to_the_address_that_was_checked():
    """The name is looked up once for each connection: a second look could say something else."""
    looks = 0

    async def look(host: str) -> list[str]:
        nonlocal looks
        looks += 1
        return ["127.0.0.1"] if looks == 1 else ["10.0.0.1"]

    async with receiving(OK) as receiver, asking(look) as client:
        response = await client.request("POST", read(f"http://hooks.example.com:{receiver.port}/"), {})
    assert (response.status, looks) == (200, 1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status):
    """It is an answer like any other; what it points to is never asked."""
    async with receiving(OK) as inside:
        moved = f"HTTP/1.1 {status} Moved\r\nlocation: http://127.0.0.1:{inside.port}/\r\ncontent-length: 0\r\n\r\n"
        async with receiving(moved.encode()) as receiver, asking() as client:
            response = await client.request("POST", read(f"http://127.0.0.1:{receiver.port}/"), {})
    assert response.status == status
    assert inside.requests == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "closed"),
        (b"220 mail.example.com ESMTP\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort", "closed"),
        (b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"a" * 300_000, "protocol"),
    ],
)
async def test_what_is_no_answer_is_told_as_such(answer, kind):
    """With the kind of trouble in a word."""
    async with receiving(answer, closes=True) as receiver, asking() as client:
        with pytest.raises(NoAnswer) as trouble:
            await client.request("POST", read(f"http://127.0.0.1:{receiver.port}/"), {})
    assert trouble.value.kind == kind


async def test_an_endless_answer_is_cut():
    """64 KiB are read, and the connection is not used again."""
    endless = b"HTTP/1.1 500 No\r\ncontent-length: 9000000\r\n\r\n" + b"x" * 1_000_000
    async with receiving(endless) as receiver, asking() as client:
        target = read(f"http://127.0.0.1:{receiver.port}/")
        for _ in range(2):
            response = await client.request("POST", target, {})
            assert (response.status, len(response.body)) == (500, BODY_MOST)
    assert receiver.connections == 2


async def test_a_silent_receiver_is_not_waited_for_beyond_the_limit():
    """The limit is that of the whole request."""
    async with receiving(OK, is_silent=True) as receiver, asking() as client:
        with pytest.raises(NoAnswer) as trouble:
            await client.request("POST", read(f"http://127.0.0.1:{receiver.port}/"), {}, within_s=0.1)
    assert trouble.value.kind == "timeout"


async def test_a_kept_connection_that_was_closed_meanwhile_costs_no_event():
    """The request goes out once more, on a fresh one."""
    async with receiving(OK, closes=True) as receiver, asking() as client:
        target = read(f"http://127.0.0.1:{receiver.port}/")
        for _ in range(3):
            assert (await client.request("POST", target, {})).status == 200
    assert len(receiver.requests) == 3


async def test_a_header_cannot_carry_another_one():
    """A line end in a value is a mistake of ours, not a request."""
    async with asking() as client:
        with pytest.raises(ValueError, match="header"):
            await client.request("POST", read("http://127.0.0.1:9/"), {"x-a": "b\r\nx-c: d"})
