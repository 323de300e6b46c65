"""The server that takes what comes back: only that, durably, and with an answer to everything else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from comeback import DOMAIN, PLACE, SECRET

from aftersend.clock import DAY
from aftersend.ids import IdSource
from aftersend.mail import verp
from aftersend.returns import ReturnsServer, Rules
from aftersend.returns.tokens import Named, Place, of_address, quoted_in
from aftersend.store import Store, deliveries, returned
from given import ACCOUNT, Clock


@contextlib.asynccontextmanager
async def serving(store: Store, clock: Clock, ids: IdSource, **rules: int) -> AsyncIterator[tuple[str, int]]:
    """A server on a port of its own."""
    server = ReturnsServer(Rules(DOMAIN, **rules), PLACE, store, clock, ids)  # type: ignore[arg-type]
    (address,) = await server.start([("127.0.0.1", 0)])
    try:
        yield address
    finally:
        await server.stop(0.5)


async def said(address: tuple[str, int], *lines: bytes) -> list[str]:
    """Say these lines, one after the other; return the last line of each answer, the greeting first."""
    reader, writer = await asyncio.open_connection(*address)
    answers = []
    try:
        for line in (b"", *lines):
            writer.write(line)
            while (answer := (await asyncio.wait_for(reader.readline(), 10)).decode())[3:4] == "-":
                pass
            answers.append(answer.strip())
    finally:
        writer.close()
    return answers


def path(clock: Clock, delivery: int = 4711, **options: str) -> bytes:
    """A return path that is good today."""
    return f"{verp.make(SECRET, delivery, clock() // DAY, **options)}@{DOMAIN}".encode()


async def test_it_keeps_what_comes_back(store: Store, clock: Clock, ids: IdSource) -> None:
    """250 after the mail is durable, byte for byte, with the address that it came to."""
    async with serving(store, clock, ids) as address:
        answers = await said(
            address, b"EHLO mx.example.net\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<" + path(clock) + b">\r\n", b"DATA\r\n",
            b"Subject: Returned\r\n\r\n..dot\r\n.\r\n",
        )  # fmt: skip
    assert [answer[:3] for answer in answers] == ["220", "250", "250", "250", "354", "250"]
    (kept,) = await store.ask(returned.waiting, limit=10)
    assert (kept.recipient.encode(), kept.raw) == (path(clock), b"Subject: Returned\r\n\r\n.dot\r\n")


async def test_upper_case_return_paths_are_known(store: Store, clock: Clock, ids: IdSource) -> None:
    """Some systems write local parts in capitals."""
    async with serving(store, clock, ids) as address:
        answers = await said(address, b"EHLO x\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<" + path(clock).upper() + b">\r\n")
    assert answers[-1][:3] == "250"


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (b"postmaster", b"250"), (b"postmaster@mail.example.com", b"250"), (b"ABUSE@MAIL.example.com", b"250"),
        (b"shop@mail.example.com", b"550"), (b"ann@elsewhere.example", b"550"), (b"b-short@mail.example.com", b"550"),
    ],
)  # fmt: skip
async def test_who_is_here(store: Store, clock: Clock, ids: IdSource, to: bytes, code: bytes) -> None:
    """Return paths, postmaster and abuse; everybody else is refused at RCPT."""
    async with serving(store, clock, ids) as address:
        answers = await said(address, b"EHLO x\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<" + to + b">\r\n")
    assert answers[-1][:3].encode() == code


async def test_forgeries_are_written_down_and_a_flood_of_them_is_not(store: Store, clock: Clock, ids: IdSource) -> None:
    """Altered and old return paths are in the list of refusals; at most sixty a minute."""
    forged = f"{verp.make(b'another', 1, clock() // DAY)}@{DOMAIN}".encode()
    old = f"{verp.make(SECRET, 1, clock() // DAY - 31)}@{DOMAIN}".encode()
    async with serving(store, clock, ids, max_recipients=200) as address:
        answers = await said(
            address, b"EHLO x\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<" + forged + b">\r\n", b"RCPT TO:<" + old + b">\r\n"
        )
        assert [answer[:9] for answer in answers[-2:]] == ["550 5.1.1"] * 2
        for _ in range(12):
            await said(address, b"EHLO x\r\n", b"MAIL FROM:<>\r\n", *[b"RCPT TO:<" + forged + b">\r\n"] * 8)
    await asyncio.sleep(0.05)
    rows = await store.ask(deliveries.refusals_of, ACCOUNT, limit=500)
    assert {row["code"] for row in rows} == {"return-altered", "return-expired"}
    assert len(rows) == 60


async def test_nothing_is_kept_for_nobody(store: Store, clock: Clock, ids: IdSource) -> None:
    """DATA without a recipient that was taken is refused, and nothing lies in the store."""
    async with serving(store, clock, ids) as address:
        answers = await said(address, b"EHLO x\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<x@y.example>\r\n", b"DATA\r\n")
    assert answers[-1][0] == "5"
    assert await store.ask(returned.waiting, limit=10) == []


async def test_too_large(store: Store, clock: Clock, ids: IdSource) -> None:
    """The size is announced and held to."""
    async with serving(store, clock, ids, max_size=2000) as address:
        answers = await said(address, b"EHLO x\r\n", b"MAIL FROM:<> SIZE=5000\r\n")
        assert answers[-1][:3] == "552"
        answers = await said(
            address, b"EHLO x\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<" + path(clock) + b">\r\n", b"DATA\r\n",
            b"Subject: x\r\n\r\n" + b"x" * 70 * 1 + b"\r\n" + (b"y" * 70 + b"\r\n") * 60 + b".\r\n",
        )  # fmt: skip
    assert answers[-1][:3] == "552"
    assert await store.ask(returned.waiting, limit=10) == []


async def test_too_many_connections(store: Store, clock: Clock, ids: IdSource) -> None:
    """One client cannot take all the places."""
    async with serving(store, clock, ids, max_connections_per_client=1) as address:
        first = await asyncio.open_connection(*address)
        assert (await first[0].readline())[:3] == b"220"
        assert (await said(address))[0][:3] == "421"
        first[1].close()


def test_of_a_very_long_mail_both_ends_are_kept() -> None:
    """A report precedes what it returns, or follows it; what is never read is not kept."""
    raw = b"HEAD" + b"x" * (3 << 20) + b"TAIL"
    kept = returned.shortened(raw)
    assert (kept[:4], kept[-4:]) == (b"HEAD", b"TAIL")
    assert len(kept) <= returned.HEAD_MOST + returned.TAIL_MOST + 2
    assert returned.shortened(b"small") == b"small"


def test_secrets_can_be_rotated() -> None:
    """Return paths signed with the former secret are still ours."""
    place = Place((b"new", SECRET), frozenset({DOMAIN}))
    token = verp.make(SECRET, 12, 20_000)
    assert of_address(f"{token}@{DOMAIN}", place, 20_001) == Named(12, "b")


def test_quoted_return_paths_are_found_and_proven() -> None:
    """The first that holds counts, among others that do not; hundreds of false ones cost no more than twenty."""
    good = f"{verp.make(SECRET, 12, 20_000)}@{DOMAIN}"
    false = [f"{verp.make(b'another', n, 20_000)}@{DOMAIN}" for n in range(40)]
    raw = "\r\n".join([f"X-One: <{false[0]}>", f"Return-Path: <{good}>", "X-Elsewhere: <b-1@other.example>"]).encode()
    assert quoted_in(raw, PLACE, 20_001) == Named(12, "b")
    assert quoted_in(" ".join(false).encode(), PLACE, 20_001) is verp.Refusal.ALTERED
    assert quoted_in(b"Return-Path: <ann@example.net>", PLACE, 20_001) is None
