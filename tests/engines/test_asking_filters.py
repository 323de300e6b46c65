"""The real filters asked, and scores made with none of them, with each, and with both."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest
from filters import GTUBE

from aftersend import clock
from aftersend.control.domains import Place
from aftersend.control.scoring import Asked, Scorer
from aftersend.engines import Absent, Engine, Learned, Opinion, Panel, Rspamd, SpamAssassin
from aftersend.policy.score.finding import Score

PLAIN = (
    b"From: Shop <shop@example.com>\r\nTo: ann@example.net\r\nSubject: Your order is on its way\r\n"
    b"Date: " + formatdate().encode() + b"\r\nMessage-ID: <a@example.com>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain\r\n\r\nDear Ann, your order left our house this morning and should be with you on Friday.\r\n"
)
SPAM = PLAIN.replace(b"Your order is on its way", b"YOU WON $$$ FREE VIAGRA").replace(
    b"Dear Ann", b"CLICK HERE http://192.0.2.7/pills DEAR FRIEND 100% FREE viagra cialis millions of dollars, Dear Ann"
)


@pytest.fixture(params=["rspamd", "spamassassin"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """A filter that runs."""
    return _engine(request, request.param)


def _engine(request: pytest.FixtureRequest, name: str) -> Engine:
    place = request.getfixturevalue(name)
    if name == "rspamd":
        return Rspamd(place[0], controller=place[1], password="learn")
    return SpamAssassin(*place)


async def _ask(engine: Engine, message: bytes, **more: Any) -> Opinion | Absent:
    said = await engine.ask(message, sender="shop@example.com", recipients=["ann@example.net"], **more)
    await engine.close()
    return said


def test_a_plain_message_is_let_through(engine: Engine) -> None:
    """With a score under the threshold, and the filter's version."""
    said = asyncio.run(_ask(engine, PLAIN))
    assert isinstance(said, Opinion), said
    assert (said.score < said.threshold, bool(said.version)) == (True, True)


def test_what_every_filter_must_stop_is_stopped(engine: Engine) -> None:
    """GTUBE."""
    said = asyncio.run(_ask(engine, PLAIN + GTUBE + b"\r\n"))
    assert isinstance(said, Opinion), said
    assert said.score >= said.threshold


def test_rules_come_with_their_weight(engine: Engine) -> None:
    """The heaviest first; a message like spam weighs more than a plain one."""
    spam, plain = asyncio.run(_ask(engine, SPAM)), asyncio.run(_ask(engine, PLAIN))
    assert isinstance(spam, Opinion), spam
    assert isinstance(plain, Opinion)
    assert spam.score > plain.score
    assert [abs(each.score) for each in spam.symbols] == sorted((abs(s.score) for s in spam.symbols), reverse=True)


def test_filters_can_be_taught(engine: Engine) -> None:
    """Once; the same again is nothing new."""

    async def taught() -> Sequence[Learned | Absent]:
        fresh = secrets.token_hex(8).encode()  # Rspamd remembers for longer than it runs what it was taught
        message = (
            SPAM.replace(b"<a@", b"<" + fresh + b"@") + b"words about watches that nobody asked for\r\n" * 20 + fresh
        )
        said = [await engine.teach(message, True), await engine.teach(message, True)]
        await engine.close()
        return said

    first, again = asyncio.run(taught())
    assert isinstance(first, Learned), first
    assert isinstance(again, Learned), again
    assert (first.is_new, again.is_new) == (True, False)


def test_a_filter_that_is_not_there_is_said(engine: Engine) -> None:
    """Neither a closed port nor a limit of time is an error."""
    gone = Rspamd("http://127.0.0.1:9") if engine.name == "rspamd" else SpamAssassin("127.0.0.1", 9)
    said = asyncio.run(_ask(gone, PLAIN))
    assert isinstance(said, Absent)
    assert "does not answer" in said.why or "refused" in said.why, said.why
    late = asyncio.run(_ask(engine, PLAIN, time_limit_s=0.0001))
    assert isinstance(late, Absent)


class _NoNames:
    async def texts(self, name: str) -> list[str]:
        return []

    async def servers(self, domain: str) -> Any:
        return SimpleNamespace(hosts=[], trouble="no_such_domain", asked="MX")

    async def addresses(self, host: str) -> Any:
        return SimpleNamespace(name=host, addresses=())


def _score(engines: Sequence[Engine], message: bytes) -> Score:
    async def scored() -> Score:
        scorer = Scorer(_NoNames(), Panel(engines, clock.now), Place("mx.example.org", "mx.example.org"), clock.now)
        try:
            return await scorer.score(message, Asked(is_broadcast=False, with_dns=False))
        finally:
            await scorer.close()

    return asyncio.run(scored())


@pytest.mark.parametrize("which", [(), ("rspamd",), ("spamassassin",), ("rspamd", "spamassassin")], ids="+".join)
def test_scores_are_made_with_any_of_them(which: tuple[str, ...], request: pytest.FixtureRequest) -> None:
    """None, each, both: what is not there is said; GTUBE blocks in any case; spam costs points where a filter is asked."""
    engines = [_engine(request, name) for name in which]
    plain, spam, stopped = (_score(engines, each) for each in (PLAIN, SPAM, PLAIN + GTUBE + b"\r\n"))
    (share,) = (share for share in plain.shares if share.name == "filters")
    assert bool(share.unmeasured) == (not which)
    assert plain.value >= 75
    assert (stopped.is_blocked, stopped.value) == (True, 39)
    found = {finding.id: finding for finding in spam.findings}
    if "spamassassin" in which:
        assert found.keys() & {"filters-suspect", "filters-reject"}
    assert spam.value < plain.value


def test_one_of_two_that_is_absent_is_said(request: pytest.FixtureRequest) -> None:
    """The other decides."""
    found = _score([_engine(request, "rspamd"), SpamAssassin("127.0.0.1", 9)], PLAIN)
    assert any("SpamAssassin" in said for said in found.unknown)
    assert not any(share.unmeasured for share in found.shares if share.name == "filters")
