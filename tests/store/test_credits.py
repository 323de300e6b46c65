"""Purses: never below nothing, always the sum of what came in, and right on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aftersend.clock import DAY, HOUR
from aftersend.control import credits as purses
from aftersend.errors import BadField, NotFound
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.store import credits, record
from aftersend.store.queue import Stage
from given import ACCOUNT, Clock, delivery_ids, step, submission

Do = Callable[..., Any]


@pytest.fixture
def top_up(write: Do, ids: IdSource, clock: Clock) -> Do:
    """Put credits in, or take some out."""

    def put(amount: int, account: int = ACCOUNT) -> dict[str, Any]:
        told: dict[str, Any] = write(purses.top_up, account, amount=amount, why="", who="ann", ids=ids, now=clock())
        return told

    return put


def sums(told: dict[str, Any]) -> tuple[int, int, int]:
    """What is there, what is set aside, what is gone."""
    return told["available"], told["reserved"], told["charged"]


def test_no_purse_nothing_counted(read: Do, write: Do, clock: Clock) -> None:
    """An account without a purse pays nothing."""
    assert not read(purses.standing, ACCOUNT)["counted"]
    assert write(credits.reserve, [(ACCOUNT, 7)], now=clock()) == {(ACCOUNT, 7)}
    assert read(credits.metered) == frozenset()
    with pytest.raises(NotFound):
        write(credits.close_purse, ACCOUNT)


def test_no_more_is_reserved_than_is_there(top_up: Do, write: Do, read: Do, clock: Clock) -> None:
    """Who comes first gets it; who has got it keeps it, and asking again costs nothing."""
    top_up(3)
    wanted = [(ACCOUNT, number) for number in range(1, 6)]
    granted = write(credits.reserve, wanted, now=clock())
    assert granted == set(wanted[:3])
    assert write(credits.reserve, wanted, now=clock()) == granted
    assert sums(read(purses.standing, ACCOUNT)) == (0, 3, 0)


def test_what_left_is_charged_and_what_did_not_is_given_back(top_up: Do, write: Do, read: Do, clock: Clock) -> None:
    """Delivered and bounced cost; cancelled and given up do not."""
    top_up(10)
    write(credits.reserve, [(ACCOUNT, number) for number in range(1, 6)], now=clock())
    ended = {1: Fact.DELIVERED, 2: Fact.BOUNCED_INVALID, 3: Fact.CANCELLED, 4: Fact.GAVE_UP}
    write(credits.settle, [(ACCOUNT, number, fact.bit) for number, fact in ended.items()], now=clock())
    assert sums(read(purses.standing, ACCOUNT)) == (7, 1, 2)
    write(credits.settle, [(ACCOUNT, number, fact.bit) for number, fact in ended.items()], now=clock())
    assert sums(read(purses.standing, ACCOUNT)) == (7, 1, 2)
    (day,) = read(credits.days, ACCOUNT, since=0)
    assert (day["reserved"], day["charged"], day["released"]) == (5, 2, 2)


def test_it_is_settled_with_the_end_of_the_delivery(
    top_up: Do, write: Do, read: Do, clock: Clock, ids: IdSource
) -> None:
    """In the same transaction that writes the end down."""
    top_up(2)
    (receipt,) = write(record.accepted, [submission(ids, clock(), "a@example.net", "b@example.net")])
    one, other = delivery_ids(receipt)
    write(credits.reserve, [(ACCOUNT, one), (ACCOUNT, other)], now=clock())
    write(record.steps, [step(one, clock(), Fact.DELIVERED, keys=[ids()])])
    assert sums(read(purses.standing, ACCOUNT)) == (0, 1, 1)
    write(record.steps, [step(other, clock(), Fact.CANCELLED, keys=[ids()])])
    assert sums(read(purses.standing, ACCOUNT)) == (1, 0, 1)


def test_nothing_is_taken_that_is_not_there(top_up: Do, read: Do) -> None:
    """Taking out ends at nothing; the ledger says what was really taken."""
    top_up(5)
    assert top_up(-8)["available"] == 0
    newest, _ = read(credits.entries, ACCOUNT, limit=10)
    assert (newest["kind"], newest["amount"], newest["available"]) == ("taken", -5, 0)
    with pytest.raises(BadField):
        top_up(0)


def test_a_plan_fills_at_once_and_tells_when_it_renews(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Its entry is in the ledger; what cannot be a plan is refused with the field."""

    def plan(amount: int, period: str = "month", mode: str = "fill") -> dict[str, Any]:
        told: dict[str, Any] = write(
            purses.set_plan, ACCOUNT, amount=amount, period=period, mode=mode, who="ann", ids=ids, now=clock()
        )
        return told

    told = plan(100)
    assert told["available"] == 100
    assert told["plan"]["renews_at"] == "2026-01-01T00:00:00Z"
    assert plan(60)["available"] == 100
    assert plan(60, "day", "add")["available"] == 160
    assert write(purses.end_plan, ACCOUNT, now=clock())["plan"] is None
    for wrong in ((0,), (5, "fortnight"), (5, "day", "sometimes")):
        with pytest.raises(BadField):
            plan(*wrong)


def test_only_what_waits_for_credits_in_time_is_woken(
    top_up: Do, write: Do, read: Do, clock: Clock, ids: IdSource
) -> None:
    """As much as there are credits, and nothing whose time was over when they came."""
    (receipt,) = write(record.accepted, [submission(ids, clock(), *(f"{i}@example.net" for i in range(4)))])
    top_up(1)
    top_up(-1)
    until = clock() + DAY
    for delivery_id in delivery_ids(receipt):
        onward = record.Next(Stage.DEPLETED, until, "no credits")
        write(record.steps, [step(delivery_id, clock(), Fact.DEPLETED, keys=[ids()], onward=onward)])
    assert read(purses.standing, ACCOUNT)["waiting"] == 4
    assert not read(credits.are_waited_for)
    clock.forward(23 * HOUR)
    top_up(3)
    assert read(credits.are_waited_for)
    assert write(credits.wake, now=clock()) == 3
    clock.forward(2 * HOUR)
    top_up(1)
    assert write(credits.wake, now=clock()) == 0
    assert write(credits.wake, now=clock(), is_over=True) == 0
