"""Providers that suddenly deny everybody: every node knows of them, and still does after a restart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aftersend.clock import DAY
from aftersend.policy.breaker import HOUR_US, LEAST_ANSWERS, Breaker
from aftersend.store import doubts
from given import Clock


def test_the_later_doubt_stands(write: Callable[..., Any], read: Callable[..., Any], clock: Clock) -> None:
    """Nodes that notice at different times agree on the later end; what has ended is no longer told, and in time forgotten."""
    now = clock()
    for until in (now + 2 * DAY, now + DAY):
        write(doubts.note, "mail.example", until=until, now=now)
    write(doubts.note, "short.example", until=now + 1, now=now)
    assert read(doubts.standing, now=now) == {"mail.example": now + 2 * DAY, "short.example": now + 1}
    assert read(doubts.standing, now=now + 1) == {"mail.example": now + 2 * DAY}
    write(doubts.note, "other.example", until=now + 5 * DAY, now=now + 4 * DAY)
    assert read(doubts.standing, now=0) == {"other.example": now + 5 * DAY}


def test_what_one_node_notices_another_heeds(write: Callable[..., Any], read: Callable[..., Any], clock: Clock) -> None:
    """A node that saw none of the answers doubts as long as the one that did, to the hour, and raises no alarm of its own."""
    now = clock()
    first, second = Breaker(), Breaker()
    assert [first.refused("mail.example", now, is_denial=True) for _ in range(LEAST_ANSWERS)][-1]
    write(doubts.note, "mail.example", until=first.doubted_until("mail.example"), now=now)
    second.heed(read(doubts.standing, now=now))
    for breaker in (first, second):
        assert breaker.is_leap("mail.example", now + 23 * HOUR_US)
        assert not breaker.is_leap("mail.example", now + 25 * HOUR_US)
        assert not breaker.is_leap("other.example", now)
    assert not any(second.refused("mail.example", now, is_denial=True) for _ in range(LEAST_ANSWERS))
