"""Whom else an address touched is asked of each visit, and bounded: a flood with one token costs no more than a reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aftersend.clock import MINUTE, SECOND
from aftersend.ids import IdSource
from aftersend.store import hits, record
from given import ACCOUNT, Clock, delivery_ids, submission

Do = Callable[..., Any]
PLACE = "192.0.2.66"


def visit(ids: IdSource, message_id: int, delivery_id: int, at_us: int) -> tuple[Any, ...]:
    """The row of one visit."""
    return (ACCOUNT, delivery_id, ids(), message_id, "open", 0, "GET", at_us, PLACE, "x", None)


def test_recipients_within_a_minute_are_counted(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Those of the same message whom the address visited at most a minute apart, each once, without the one itself."""
    sent = submission(ids, clock(), *(f"r{number}" for number in range(30)))
    places = delivery_ids(write(record.accepted, [sent])[0])
    taken = [visit(ids, sent.message_id, place, clock() + at * 3 * SECOND) for at, place in enumerate(places)]
    write(hits.keep, [taken + taken[:5]])
    (seen,) = read(hits.visited, [(ACCOUNT, places[0], 1)], within_us=MINUTE)
    assert seen.fanout == {(PLACE, clock()): 20}


def test_a_flood_is_not_read_to_its_end(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Many thousand visits to one delivery: the first ones are looked at, and so many of those around each."""
    sent = submission(ids, clock(), "a", "b")
    first, second = delivery_ids(write(record.accepted, [sent])[0])
    for begin in range(0, hits.FANOUT_READ + 1000, 1000):
        write(hits.keep, [[visit(ids, sent.message_id, first, clock() + begin + at) for at in range(1000)]])
    write(hits.keep, [[visit(ids, sent.message_id, second, clock() + 2 * MINUTE)]])
    (seen,) = read(hits.visited, [(ACCOUNT, first, 1)], within_us=3 * MINUTE)
    assert len(seen.hits) == hits.HITS_MOST
    assert set(seen.fanout.values()) == {0}
    assert len(seen.fanout) <= hits.FANOUT_ASKED
