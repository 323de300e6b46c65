"""Treatment: claims what is due, asks the gates, writes their answer down, and never loses what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from aftersend.clock import HOUR, SECOND
from aftersend.errors import OutOfSpace
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact, Facts
from aftersend.policy import gates, pace, windows
from aftersend.store import Store, deliveries, nodes, queue, rebuild, record, suppressions
from aftersend.store.deliveries import Filter
from aftersend.store.queue import ClaimRequest, Stage
from aftersend.treatment import treat_due
from given import ACCOUNT, NODE, Clock, submission

Do = Callable[..., Any]


async def treat(store: Store, clock: Clock, ids: IdSource, batch: int = 500) -> int:
    """One pass."""
    return await treat_due(store, clock, ids, node=NODE, batch=batch)


def rows(read: Do) -> dict[str, dict[str, Any]]:
    """The log by recipient."""
    return {r["recipient"]: r for r in read(deliveries.page, ACCOUNT, Filter(), limit=1000)}


def kinds(read: Do, row: dict[str, Any]) -> list[str]:
    """What happened to a delivery."""
    return [e["kind"] for e in read(deliveries.events_of, ACCOUNT, row["id"])]


async def test_what_passes_goes_to_delivery(store: Store, clock: Clock, ids: IdSource, write: Do, read: Do) -> None:
    """Treated, free to be claimed, and due at once; the loop of delivery is woken."""
    write(record.accepted, [submission(ids, clock(), "ann@example.net", passed=False)])
    bell = store.bell("delivery")
    assert await treat(store, clock, ids) == 1
    (row,) = rows(read).values()
    assert kinds(read, row) == ["received", "treated"]
    assert (row["stage"], row["due_us"], row["holder"]) == (Stage.DELIVERY, clock(), 0)
    assert bell.is_set()
    assert await treat(store, clock, ids) == 0


async def test_what_is_refused_ends_with_its_reason(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """The row says why in plain words, the event keeps the evidence, and nothing waits any more."""
    write(suppressions.put, ACCOUNT, "bounced@example.net", cause="invalid_recipient", origin="learned", now=clock())
    write(suppressions.put, ACCOUNT, "blocked@example.net", cause="manual", origin="configured", now=clock())
    names = ["bounced@example.net", "blocked@example.net", "free@example.net", "no address"]
    write(record.accepted, [submission(ids, clock(), *names, passed=False)])
    assert await treat(store, clock, ids) == 4
    found = rows(read)
    assert {name: kinds(read, row)[-1] for name, row in found.items()} == {
        "bounced@example.net": "suppressed", "blocked@example.net": "blocklisted", "free@example.net": "treated",
        "no address": "invalid_address",
    }  # fmt: skip
    refused = found["bounced@example.net"]
    assert refused["stage"] is None
    assert "invalid_recipient" in refused["said"]
    event = read(deliveries.events_of, ACCOUNT, refused["id"])[-1]
    assert json.loads(event["evidence"])["cause"] == "invalid_recipient"
    assert found["no address"]["reason"] == "address_error"
    assert not read(rebuild.rebuild, write=False)


async def test_what_is_planned_waits_and_is_asked_again(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """A hold is written down once, has the time of the next look, and passes all gates again when it comes."""
    due = clock() + HOUR
    write(record.accepted, [submission(ids, clock(), "ann@example.net", scheduled=due)])
    assert await treat(store, clock, ids) == 1
    (row,) = rows(read).values()
    assert (row["stage"], row["due_us"]) == (Stage.TREATMENT, due)
    assert kinds(read, row) == ["received", "scheduled"]
    assert await treat(store, clock, ids) == 0
    assert read(queue.next_due, Stage.TREATMENT) == due
    write(suppressions.put, ACCOUNT, "ann@example.net", cause="complained", origin="learned", now=clock())
    clock.now = due
    assert await treat(store, clock, ids) == 1
    (row,) = rows(read).values()
    assert kinds(read, row) == ["received", "scheduled", "suppressed"]


async def test_a_hold_that_goes_on_is_written_once(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """Looking again at what still waits adds nothing to its history."""
    write(record.accepted, [submission(ids, clock(), "ann@example.net", scheduled=clock() + HOUR)])
    await treat(store, clock, ids)
    (row,) = rows(read).values()
    early = record.Next(Stage.TREATMENT, clock())
    write(record.steps, [record.Step(ACCOUNT, row["id"], [], 0, clock(), early)])
    assert await treat(store, clock, ids) == 1
    (row,) = rows(read).values()
    assert kinds(read, row) == ["received", "scheduled"]
    assert row["due_us"] == clock() + HOUR


async def test_a_pass_takes_a_batch(store: Store, clock: Clock, ids: IdSource, write: Do, read: Do) -> None:
    """However much is due, a pass takes so much and the next one takes the rest."""
    write(record.accepted, [submission(ids, clock(), *(f"{i}@example.net" for i in range(25)), passed=False)])
    looked_at = 0
    passes = 0
    while done := await treat(store, clock, ids, batch=10):
        assert done <= 10
        looked_at += done
        passes += 1
    assert (looked_at, passes) == (25, 3)


async def test_a_pass_cut_short_is_repeated(store: Store, clock: Clock, ids: IdSource, write: Do, read: Do) -> None:
    """What a dead node had claimed is treated by the next one, once."""
    write(record.accepted, [submission(ids, clock(), "ann@example.net", passed=False)])
    write(queue.claim, [ClaimRequest(Stage.TREATMENT, clock(), NODE + 1, 10)])
    assert await treat(store, clock, ids) == 0
    write(nodes.release_claims, NODE + 1)
    assert await treat(store, clock, ids) == 1
    (row,) = rows(read).values()
    assert kinds(read, row) == ["received", "treated"]


async def test_our_own_fault_sets_one_aside_and_harms_no_other(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug that one delivery meets stops that one alone; after three times it is kept for an operator, traceback attached."""
    ask = gates.decide

    def broken(candidate: Any, now: int) -> Any:
        if candidate.recipient == "cursed@example.net":
            raise ZeroDivisionError("a bug of ours")
        return ask(candidate, now)

    monkeypatch.setattr(gates, "decide", broken)
    write(record.accepted, [submission(ids, clock(), "cursed@example.net", "free@example.net", passed=False)])
    assert await treat(store, clock, ids) == 2
    assert set(Facts(rows(read)["free@example.net"]["facts"])) == {Fact.RECEIVED, Fact.TREATED}
    for _ in range(2):
        clock.now = read(queue.next_due, Stage.TREATMENT)
        assert await treat(store, clock, ids) == 1
    cursed = rows(read)["cursed@example.net"]
    assert cursed["stage"] == Stage.SET_ASIDE
    assert "a bug of ours" in cursed["waits"]
    assert await treat(store, clock, ids) == 0


async def test_a_full_disk_only_delays(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the store cannot take the outcome, it is offered again: nobody else could touch what is claimed here."""
    write(record.accepted, [submission(ids, clock(), "a@example.net", "b@example.net", passed=False)])
    take = record.steps
    refused = 0

    def full(connection: Any, items: Any) -> Any:
        nonlocal refused
        if refused < 2:
            refused += 1
            return [OutOfSpace("The disk is full.")] * len(items)
        return take(connection, items)

    monkeypatch.setattr(record, "steps", full)
    assert await treat(store, clock, ids) == 2
    assert {row["stage"] for row in rows(read).values()} == {Stage.DELIVERY}
    assert refused == 2


async def test_mail_waits_for_the_hours_of_its_stream(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """Held once with the reason, let go when the hours begin, and tried from then on for its whole time."""
    opens = (clock() // HOUR + 5) * HOUR
    begins = datetime.fromtimestamp(opens // SECOND, UTC)
    window = windows.read(f"{begins:%H}:00-{(begins.hour + 1) % 24:02d}:00 UTC")
    write(record.accepted, [submission(ids, clock(), "ann@example.net", passed=False)])
    (before,) = rows(read).values()
    lifetime = before["expires_us"] - clock()

    async def look() -> int:
        return await treat_due(store, clock, ids, node=NODE, batch=500, hours=lambda account, stream: window)

    assert await look() == 1
    (held,) = rows(read).values()
    assert (held["stage"], held["due_us"]) == (Stage.TREATMENT, opens)
    event = read(deliveries.events_of, ACCOUNT, held["id"])[-1]
    assert event["kind"] == "throttled"
    assert "UTC" in json.loads(event["evidence"])["why"]
    assert await look() == 0
    clock.forward(opens - clock())
    assert await look() == 1
    (gone,) = rows(read).values()
    assert kinds(read, gone) == ["received", "throttled", "treated"]
    assert (gone["stage"], gone["due_us"], gone["expires_us"]) == (Stage.DELIVERY, opens, opens + lifetime)


async def test_mail_keeps_to_the_rate_of_its_stream(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """Two may go at once of 120 an hour, the others in their order, one each 30 seconds; a second node counts too."""
    rate = pace.read("120/hour")
    names = [f"{number}@example.net" for number in range(8)]
    write(record.accepted, [submission(ids, clock(), *names, passed=False)])
    start, went = clock(), {}
    for second in range(0, 240, 10):
        for node in (NODE, NODE + 1):
            await treat_due(store, clock, ids, node=node, batch=3, rate=lambda account, stream: rate)
            await treat_due(store, clock, ids, node=node, batch=3, rate=lambda account, stream: rate)
        for name, row in rows(read).items():
            if row["stage"] == Stage.DELIVERY:
                went.setdefault(name, second)
        clock.forward(start + (second + 10) * SECOND - clock())
    assert list(went.values())[:2] == [0, 0]
    assert sorted(went.values()) == [0, 0, 30, 60, 90, 120, 150, 180]
    assert [kinds(read, row)[1] for row in rows(read).values()].count("throttled") == 6
