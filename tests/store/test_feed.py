"""The order of the ledger: every event has one place, readers miss none, and nothing shows before it is durable."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersend.clock import DAY, HOUR, SECOND
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.store import Engine, deliveries, feed, meta, record
from aftersend.store import engine as engines
from aftersend.store.deliveries import Filter
from aftersend.store.feed import Noted
from given import ACCOUNT, Clock, step, submission

Do = Callable[..., Any]


def everything(read: Do, account: int = ACCOUNT, *, after: int = 0, limit: int = 3) -> list[Noted]:
    """All that stands behind a sequence, read in small parts."""
    found: list[Noted] = []
    while part := read(feed.beyond, account, found[-1].sequence if found else after, limit=limit):
        assert len(part) <= limit
        found += part
    return found


def ledger(read: Do, account: int = ACCOUNT) -> set[tuple[int, int]]:
    """The keys of all events there are."""
    ids = read(deliveries.ids, account, Filter(), limit=10_000)
    return {(i, event["key"]) for i in ids for event in read(deliveries.events_of, account, i)}


def test_every_event_has_a_place(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """What was written down in several transactions for several accounts is read whole, in order, by each account."""
    for number in range(5):
        made = [submission(ids, clock(), *(f"r{i}@example.net" for i in range(number + 1)))]
        made.append(submission(ids, clock(), account=ACCOUNT + 1))
        write(record.accepted, made)
        first = made[0].entries[0].id
        write(record.steps, [step(first, clock.forward(SECOND), Fact.DEFERRED, keys=[ids()])])
    for account in (ACCOUNT, ACCOUNT + 1):
        found = everything(read, account)
        assert {(each.delivery_id, each.key) for each in found} == ledger(read, account)
        sequences = [each.sequence for each in found]
        assert sequences == sorted(set(sequences))
        assert everything(read, account, limit=1000) == found
        for place in range(len(found)):
            assert everything(read, account, after=found[place].sequence) == found[place + 1 :]
        assert read(feed.last, account) == sequences[-1]
        assert read(feed.behind, account, found[2].sequence) == len(found) - 3
        assert read(feed.behind, account, 0) == len(found)
    assert everything(read, ACCOUNT + 2) == [] and read(feed.last, ACCOUNT + 2) == 0


def test_sequences_are_numbers_that_every_reader_of_json_can_hold(
    write: Do, read: Do, clock: Clock, ids: IdSource
) -> None:
    """A double holds 53 bits."""
    write(record.accepted, [submission(ids, clock())])
    assert 0 < read(feed.last, ACCOUNT) < 1 << 53


def test_what_was_undone_was_never_there(engine: Engine, read: Do, clock: Clock, ids: IdSource) -> None:
    """A transaction that is rolled back leaves nothing, and the next one does not carry its events."""
    connection = engine.connect()
    engines.begin(connection)
    record.accepted(connection, [submission(ids, clock())])
    engines.rollback(connection)
    engines.begin(connection)
    record.accepted(connection, [submission(ids, clock(), "kept@example.net")])
    engines.commit(connection)
    connection.close()
    found = everything(read)
    assert {(each.delivery_id, each.key) for each in found} == ledger(read)
    assert len(found) == 2


def test_many_in_one_transaction_are_kept_in_pages(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """A row has a bounded size, and reading from the middle of one finds the rest."""
    names = [f"r{i}@example.net" for i in range(feed.PAGE + 10)]
    write(record.accepted, [submission(ids, clock(), *names)])
    found = everything(read, limit=700)
    assert len(found) == 2 * len(names)
    sequences = [each.sequence for each in found]
    assert sequences == list(range(sequences[0], sequences[0] + len(found)))
    assert read(feed.beyond, ACCOUNT, 0, limit=10_000, until=sequences[100]) == found[:101]


def test_who_commits_late_is_not_missed(engine: Engine, read: Do, clock: Clock, ids: IdSource) -> None:
    """A transaction that began first and ends last is read after it, by a reader who has read past its beginning."""
    if engine.is_sqlite:
        pytest.skip("SQLite has one writer at a time")
    slow, quick = engine.connect(), engine.connect()
    engines.begin(slow)
    record.accepted(slow, [submission(ids, clock(), "slow@example.net", body=b"slow")])
    engines.begin(quick)
    record.accepted(quick, [submission(ids, clock(), "quick@example.net", body=b"quick", stream="other")])
    engines.commit(quick)
    assert everything(read) == [], "nothing is shown that may still get something before it"
    engines.commit(slow)
    slow.close()
    quick.close()
    assert {(each.delivery_id, each.key) for each in everything(read)} == ledger(read)


def test_positions_grow_after_a_move(engine: Engine, write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Where PostgreSQL counts its transactions from the beginning again, sequences still grow."""
    write(record.accepted, [submission(ids, clock())])
    write(feed.align)
    before = read(feed.last, ACCOUNT)
    if not engine.is_sqlite:

        def pretend(connection: Any) -> None:
            """As if it had been a server that had counted on for long."""
            meta.put(connection, feed.BASE, str(1 << 20))

        write(pretend)
        write(record.accepted, [submission(ids, clock())])
        before = read(feed.last, ACCOUNT)
        write(lambda connection: meta.put(connection, feed.BASE, "0"))
        write(feed.align)
    write(record.accepted, [submission(ids, clock())])
    assert read(feed.last, ACCOUNT) > before
    assert len(everything(read)) == len(ledger(read))


def test_reading_from_a_moment(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """All that was written down at a moment or later stands behind the place that is given for it."""
    write(record.accepted, [submission(ids, clock())])
    later = clock.forward(HOUR)
    write(record.accepted, [submission(ids, later)])
    found = everything(read)
    assert everything(read, after=read(feed.first_at, ACCOUNT, later)) == found[2:]
    assert everything(read, after=read(feed.first_at, ACCOUNT, 0)) == found
    assert everything(read, after=read(feed.first_at, ACCOUNT, later + 1)) == []


def test_forgetting_goes_on_counting(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """The order of old events goes, the newest place of each account stays, and sequences never come twice."""
    for _ in range(4):
        write(record.accepted, [submission(ids, clock())])
        clock.forward(DAY)
    found = everything(read)
    assert write(feed.prune, before=clock() - 2 * DAY - 1, limit=1) == 1
    assert write(feed.prune, before=clock() - 2 * DAY + 1) == 2
    left = everything(read)
    assert left == found[-len(left) :]
    assert write(feed.prune, before=clock() + DAY) == 0
    assert len(everything(read)) == 2
    write(record.accepted, [submission(ids, clock())])
    assert everything(read)[-1].sequence > found[-1].sequence
    assert read(feed.oldest, ACCOUNT) < everything(read)[0].sequence


@settings(max_examples=15)
@given(data=st.data())
def test_readers_see_the_same_in_any_parts(write: Do, read: Do, clock: Clock, ids: IdSource, data: Any) -> None:
    """However the parts are cut, and whatever is written in between, a reader gets each event once."""
    seen: list[Noted] = everything(read)
    chance = random.Random(data.draw(st.integers(0, 1 << 30)))
    for _ in range(8):
        if chance.random() < 0.5:
            names = [f"r{i}@example.net" for i in range(chance.randint(1, 5))]
            write(record.accepted, [submission(ids, clock(), *names)])
        after = seen[-1].sequence if seen else 0
        seen += read(feed.beyond, ACCOUNT, after, limit=chance.randint(1, 9))
    seen += everything(read, after=seen[-1].sequence if seen else 0)
    assert len({each.sequence for each in seen}) == len(seen)
    assert {(each.delivery_id, each.key) for each in seen} == ledger(read)


def test_a_mark_is_remembered(write: Do, read: Do, clock: Clock) -> None:
    """A reader finds how far it had come."""
    assert read(feed.marked, "file") is None
    write(feed.mark, "file", "1", now=clock())
    write(feed.mark, "file", "2", now=clock())
    assert read(feed.marked, "file") == "2"
