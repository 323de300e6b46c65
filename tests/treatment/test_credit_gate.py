"""Credits, from the gate to the ledger: 24 hours, top-up and renewal, and never one more than there were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aftersend.clock import DAY, HOUR, SECOND
from aftersend.control import credits as purses
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.policy import plans
from aftersend.store import Store, credits, deliveries, record
from aftersend.store.deliveries import Filter
from aftersend.store.queue import Stage
from aftersend.treatment import Rules, end_overdue, renew_plans, treat_due
from given import ACCOUNT, NODE, Clock, step, submission

Do = Callable[..., Any]


@pytest.fixture
def top_up(write: Do, ids: IdSource, clock: Clock) -> Callable[[int], None]:
    """Put credits in, or take some out."""

    def put(amount: int) -> None:
        write(purses.top_up, ACCOUNT, amount=amount, why="", who="ann", ids=ids, now=clock())

    return put


async def treat(store: Store, clock: Clock, ids: IdSource) -> None:
    """All that can be treated now."""
    while await treat_due(store, clock, ids, node=NODE, batch=500, rules=Rules({ACCOUNT})):
        pass


def kinds(read: Do) -> dict[str, list[str]]:
    """What happened, by recipient."""
    rows = read(deliveries.page, ACCOUNT, Filter(), limit=1000)
    return {row["recipient"]: [e["kind"] for e in read(deliveries.events_of, ACCOUNT, row["id"])] for row in rows}


def take(write: Do, ids: IdSource, clock: Clock, *recipients: str) -> None:
    """Take a message in."""
    write(record.accepted, [submission(ids, clock(), *recipients, passed=False)])


async def test_what_is_paid_for_goes_and_the_rest_waits(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do, top_up: Any
) -> None:
    """One credit each; what finds none waits 24 hours, and says so."""
    top_up(2)
    take(write, ids, clock, "a@example.net", "b@example.net", "c@example.net")
    await treat(store, clock, ids)
    told = list(kinds(read).values())
    assert sorted(told) == [["received", "depleted"], ["received", "treated"], ["received", "treated"]]
    (row,) = [row for row in read(deliveries.page, ACCOUNT, Filter(), limit=9) if row["facts"] & Fact.DEPLETED.bit]
    assert (row["stage"], row["due_us"]) == (Stage.DEPLETED, clock() + DAY)
    assert "no credits" in row["waits"]


@pytest.mark.parametrize(("late", "end"), [(-SECOND, "treated"), (SECOND, "expired")])
async def test_a_top_up_counts_up_to_the_last_second(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do, top_up: Any, late: int, end: str
) -> None:
    """At 23:59:59 it sends, at 24:00:01 it does not; also when nobody looks before both are over."""
    top_up(1)
    top_up(-1)
    take(write, ids, clock, "ann@example.net")
    await treat(store, clock, ids)
    clock.forward(DAY + late)
    top_up(5)
    clock.forward(2 * SECOND)
    await end_overdue(store, clock, ids, node=NODE)
    await treat(store, clock, ids)
    assert kinds(read) == {"ann@example.net": ["received", "depleted", end]}
    assert read(purses.standing, ACCOUNT)["available"] == (4 if end == "treated" else 5)


async def test_what_expires_says_why_and_costs_nothing(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do, top_up: Any
) -> None:
    """After a day it ends, with its reason; the trying time never mattered."""
    top_up(1)
    top_up(-1)
    take(write, ids, clock, "ann@example.net")
    await treat(store, clock, ids)
    clock.forward(DAY - SECOND)
    assert await end_overdue(store, clock, ids, node=NODE) == 0
    clock.forward(SECOND)
    assert await end_overdue(store, clock, ids, node=NODE) == 1
    (row,) = read(deliveries.page, ACCOUNT, Filter(), limit=9)
    assert row["stage"] is None
    assert "24 hours" in row["said"]


async def test_the_time_for_trying_begins_when_credits_come(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do, top_up: Any
) -> None:
    """Mail that waited long for credits is tried as long as any other."""
    top_up(1)
    top_up(-1)
    write(record.accepted, [submission(ids, clock(), "ann@example.net", passed=False, lifetime=HOUR)])
    await treat(store, clock, ids)
    clock.forward(20 * HOUR)
    top_up(1)
    await treat(store, clock, ids)
    (row,) = read(deliveries.page, ACCOUNT, Filter(), limit=9)
    assert (row["stage"], row["expires_us"]) == (Stage.DELIVERY, clock() + HOUR)


async def test_a_plan_renews_by_itself_and_lets_go_what_waits(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """Once for each period, however many nodes look; missed periods are not made up for."""
    write(purses.set_plan, ACCOUNT, amount=1, period="day", mode="fill", who="ann", ids=ids, now=clock())
    take(write, ids, clock, "a@example.net", "b@example.net")
    await treat(store, clock, ids)
    assert sorted(map(len, kinds(read).values())) == [2, 2]
    assert await renew_plans(store, clock, ids) == 0
    clock.forward(DAY - SECOND)
    assert await renew_plans(store, clock, ids) == 0
    clock.forward(SECOND)
    assert sorted(await asyncio.gather(renew_plans(store, clock, ids), renew_plans(store, clock, ids))) == [0, 1]
    newest, _ = read(credits.entries, ACCOUNT, limit=9)
    assert (newest["kind"], newest["amount"]) == ("renewal", 1)
    clock.forward(9 * DAY + HOUR)
    assert await renew_plans(store, clock, ids) == 1
    assert read(purses.standing, ACCOUNT)["plan"]["renews_at"] == "2025-12-12T00:00:00Z"


async def test_a_suppressed_address_costs_nothing(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do, top_up: Any
) -> None:
    """What a gate refuses before is not paid for, and what is cancelled afterwards is given back."""
    top_up(1)
    take(write, ids, clock, "no address", "ann@example.net")
    await treat(store, clock, ids)
    told = read(purses.standing, ACCOUNT)
    assert (told["available"], told["reserved"]) == (0, 1)
    (row,) = [row for row in read(deliveries.page, ACCOUNT, Filter(), limit=9) if row["recipient"] != "no address"]
    write(record.steps, [step(row["id"], clock(), Fact.CANCELLED, keys=[ids()])])
    assert read(purses.standing, ACCOUNT)["available"] == 1


async def test_fifty_at_once_never_spend_more_than_there_is(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do, top_up: Any
) -> None:
    """50 submitters of 30 recipients each, on a balance of 1,000, treated by several passes at once: exactly 1,000."""
    top_up(1000)
    for number in range(50):
        take(write, ids, clock, *(f"{number}.{i}@example.net" for i in range(30)))
    passes = [treat_due(store, clock, ids, node=NODE + i % 3, batch=100, rules=Rules({ACCOUNT})) for i in range(16)]
    while sum(await asyncio.gather(*passes)):
        passes = [treat_due(store, clock, ids, node=NODE + i % 3, batch=100, rules=Rules({ACCOUNT})) for i in range(16)]
    rows = read(deliveries.page, ACCOUNT, Filter(), limit=2000)
    gone = [row for row in rows if row["facts"] & Fact.TREATED.bit]
    assert (len(rows), len(gone)) == (1500, 1000)
    assert read(purses.standing, ACCOUNT) | {"plan": 0} == {
        "counted": True, "available": 0, "reserved": 1000, "charged": 0, "waiting": 500, "plan": 0,
    }  # fmt: skip
    for begin in range(0, 1000, 250):
        ended = [step(row["id"], clock(), Fact.DELIVERED, keys=[ids()]) for row in gone[begin : begin + 250]]
        write(record.steps, ended)
    told_after = read(purses.standing, ACCOUNT)
    assert (told_after["available"], told_after["reserved"], told_after["charged"]) == (0, 0, 1000)


@pytest.mark.parametrize(
    ("period", "began", "now", "expected"),
    [
        ("month", "2026-01-31", "2026-01-31", "2026-02-28"),
        ("month", "2026-01-31", "2026-02-28", "2026-03-31"),
        ("year", "2024-02-29", "2024-02-29", "2025-02-28"),
        ("week", "2026-01-01", "2026-02-01", "2026-02-05"),
        ("day", "2026-01-01", "2027-01-01", "2027-01-02"),
    ],
)
def test_when_plans_renew(period: str, began: str, now: str, expected: str) -> None:
    """The 31st of a month without one is its last day; a plan never drifts."""
    from datetime import UTC, datetime

    def moment(text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND

    assert plans.next_renewal(period, moment(began), moment(now)) == moment(expected)
