"""Forgetting: each kind in its time, nothing that has not ended, the space given back, the numbers kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from aftersend.clock import DAY, HOUR
from aftersend.errors import NotFound
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.store import Engine, accounts, content, counting, deliveries, rebuild, record, retention
from aftersend.store.deliveries import Filter
from aftersend.store.schema import bodies, counts, events, idempotency, messages, queue, refusals
from aftersend.store.schema import deliveries as delivery_table
from given import ACCOUNT, Clock, again, delivery_ids, step, submission

Do = Callable[..., Any]
DAYS = {"bodies": 7, "evidence": 30, "events": 395, "refusals": 30}


def prune(write: Do, now: int, **days: int) -> dict[str, int]:
    """Prune until nothing is left to do; return how much went."""
    went: dict[str, int] = {}
    while True:
        slice_ = write(retention.prune, now=now, days=DAYS | days, idempotency_us=DAY)
        went = {name: went.get(name, 0) + number for name, number in slice_.items()}
        if not any(slice_.values()):
            return went


def sizes(read: Do) -> dict[str, int]:
    """How many rows there are of each kind."""
    tables = (bodies, delivery_table, events, idempotency, messages, queue, refusals)
    return {t.name: read(lambda c, t=t: c.execute(select(func.count()).select_from(t)).scalar_one()) for t in tables}


@pytest.fixture
def ended(write: Do, clock: Clock, ids: IdSource) -> list[int]:
    """Three deliveries that have ended, with evidence; a refusal; an idempotency key."""
    (receipt,) = write(record.accepted, [submission(ids, clock(), *"abc", key="k", body=os.urandom(1000))])
    places = delivery_ids(receipt)
    write(record.steps, [step(i, clock(), Fact.DELIVERED, keys=[ids()], evidence='{"code":250}') for i in places])
    write(record.refused, [(ACCOUNT, ids(), "smtp", "192.0.2.1", None, None, "c", "550", None, clock())])
    return places


def test_nothing_goes_before_its_time(write: Do, read: Do, clock: Clock, ended: list[int]) -> None:
    """A day less than the setting says keeps everything."""
    before = sizes(read)
    assert set(prune(write, clock() + 7 * DAY - 1, bodies=7).values()) == {0, 1}  # the idempotency key lives for a day
    assert sizes(read) == before | {"idempotency": 0}


def test_empty_counters_go(write: Do, read: Do, clock: Clock, ended: list[int]) -> None:
    """After a day, what all have moved on from leaves no row behind; the numbers and their proof stay as they were."""

    def rows() -> list[int]:
        return list(read(lambda connection: connection.execute(select(counts.c.number)).scalars().all()))

    def numbers() -> Any:
        return read(counting.counted, ACCOUNT, kind="result")

    before = numbers()
    assert sorted(rows()) == [0, 3]
    assert prune(write, clock() + DAY)["counters"] == 0
    assert prune(write, clock() + DAY + 2 * HOUR)["counters"] == 1
    assert rows() == [3]
    assert numbers() == before
    assert not read(rebuild.rebuild, write=False)


def test_each_kind_goes_in_its_time(write: Do, read: Do, clock: Clock, ended: list[int]) -> None:
    """Keys after a day, content, evidence and refusals after theirs, and the rows of the log last of all."""
    prune(write, clock() + DAY + 1)
    assert sizes(read)["idempotency"] == 0
    prune(write, clock() + 7 * DAY + 1)
    assert sizes(read)["bodies"] == 0
    message_id = read(deliveries.one, ACCOUNT, ended[0])["message_id"]
    with pytest.raises(NotFound, match="retention"):
        read(content.raw, ACCOUNT, message_id)
    prune(write, clock() + 30 * DAY + 1)
    kept = read(deliveries.events_of, ACCOUNT, ended[0])
    assert [e["kind"] for e in kept] == ["received", "treated", "delivered"]
    assert {e["evidence"] for e in kept} == {None}
    assert sizes(read)["refusals"] == 0
    prune(write, clock() + 395 * DAY + 1)
    assert set(sizes(read).values()) == {0}


def test_what_has_not_ended_is_never_touched(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Whatever is planned keeps its content, its events and its row, however old it is."""
    (receipt,) = write(
        record.accepted, [submission(ids, clock(), "a@example.net", "b@example.net", scheduled=clock() + 300 * DAY)]
    )
    waiting, done = delivery_ids(receipt)
    write(record.steps, [
        step(waiting, clock(), Fact.DEFERRED, keys=[ids()], onward=again(clock() + 500 * DAY), evidence="{}"),
        step(done, clock(), Fact.CANCELLED, keys=[ids()]),
    ])  # fmt: skip
    prune(write, clock() + 450 * DAY)
    (left,) = read(deliveries.page, ACCOUNT, Filter(), limit=10)
    assert left["id"] == waiting
    assert len(read(deliveries.events_of, ACCOUNT, waiting)) == 2
    assert read(content.raw, ACCOUNT, receipt.message_id)
    write(record.steps, [step(waiting, clock() + 450 * DAY, Fact.DELIVERED, keys=[ids()])])
    prune(write, clock() + 460 * DAY)
    assert sizes(read)["messages"] == sizes(read)["deliveries"] == sizes(read)["bodies"] == 0


def test_a_body_in_use_stays_whoever_had_it_first(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """A body that an old, ended message shares with one that still waits is kept for it."""
    same = b"the same\r\n"
    (old,) = write(record.accepted, [submission(ids, clock(), body=same)])
    write(record.steps, [step(delivery_ids(old)[0], clock(), Fact.DELIVERED, keys=[ids()])])
    clock.forward(HOUR)  # within the day in which using it again is not noted
    (new,) = write(record.accepted, [submission(ids, clock(), body=same, scheduled=clock() + 30 * DAY)])
    assert prune(write, clock() + 20 * DAY)["bodies"] == 0
    assert read(content.raw, ACCOUNT, new.message_id).endswith(same)


def test_a_body_that_is_used_again_is_kept_anew(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """The time counts from the last use."""
    write(record.steps, [])
    for _ in range(3):
        (receipt,) = write(record.accepted, [submission(ids, clock(), body=b"again")])
        write(record.steps, [step(delivery_ids(receipt)[0], clock(), Fact.DELIVERED, keys=[ids()])])
        clock.forward(5 * DAY)
    assert prune(write, clock() + DAY)["bodies"] == 0
    assert prune(write, clock() + 4 * DAY)["bodies"] == 1


def test_the_numbers_survive(write: Do, read: Do, clock: Clock, ended: list[int], ids: IdSource) -> None:
    """Statistics are read from counters, which no pruning touches; and rebuilding them afterwards takes nothing away."""
    before = {kind: read(counting.counted, ACCOUNT, kind=kind) for kind in ("fact", "result", "life", "activity")}
    clock.forward(395 * DAY + HOUR)
    write(record.accepted, [submission(ids, clock(), "new@example.net")])
    prune(write, clock())
    early = {kind: read(counting.counted, ACCOUNT, kind=kind, until=clock() - DAY) for kind in before}
    assert early == before
    assert not write(rebuild.rebuild, write=True)
    early = {kind: read(counting.counted, ACCOUNT, kind=kind, until=clock() - DAY) for kind in before}
    assert early == before


def test_every_account_is_pruned(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Not only the first one; and a slice is bounded, however many rows are over their time."""
    write(accounts.create, 2, "second", now=clock())
    for account in (1, 2):
        (receipt,) = write(
            record.accepted, [submission(ids, clock(), *(f"{i}@example.net" for i in range(400)), account=account)]
        )
        steps = [step(i, clock(), Fact.DELIVERED, keys=[ids()], account=account) for i in delivery_ids(receipt)]
        write(record.steps, steps)
    went = write(retention.prune, now=clock() + 400 * DAY, days=DAYS, idempotency_us=DAY)
    assert went["deliveries"] == retention.SLICE
    prune(write, clock() + 400 * DAY)
    assert sizes(read)["deliveries"] == sizes(read)["messages"] == sizes(read)["events"] == 0


def test_the_space_is_given_back(engine: Engine, write: Do, clock: Clock, ids: IdSource) -> None:
    """After pruning, the database is smaller on disk."""
    for n in range(40):
        (receipt,) = write(record.accepted, [submission(ids, clock(), body=os.urandom(100_000))])
        write(record.steps, [step(delivery_ids(receipt)[0], clock(), Fact.DELIVERED, keys=[ids()])])
    engine.give_back()
    full = engine.size_bytes()
    prune(write, clock() + 400 * DAY)
    engine.give_back()
    assert full - engine.size_bytes() > 3_000_000
    engine.give_back()


def test_a_pass_with_nothing_to_do_reads_next_to_nothing(
    engine: Engine, write: Do, clock: Clock, ids: IdSource
) -> None:
    """Pruning runs every few minutes beside the mail: what it looks for is found by an index or a bound on ids, never by
    walking through all that is kept."""
    if not engine.is_sqlite:
        pytest.skip("the plan is read from SQLite; PostgreSQL has the same indexes")
    asked: list[str] = []
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.set_trace_callback(asked.append)
        retention.prune(connection, now=clock(), days=DAYS, idempotency_us=DAY)
        driver.set_trace_callback(None)
        plans = [
            str(line[3])
            for statement in asked if statement.startswith("SELECT")
            for line in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")
        ]  # fmt: skip
    # The queue itself is small, and is walked through only when there is an old body.
    scans = [plan for plan in plans if plan.startswith("SCAN") and not plan.startswith(("SCAN accounts", "SCAN queue"))]
    assert scans == []
