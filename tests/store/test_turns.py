"""Whose turn it is: transactional mail before bulk, accounts in turn, and no question that costs by how much waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from aftersend.clock import SECOND
from aftersend.ids import IdSource
from aftersend.store import queue, record, turns
from aftersend.store.queue import Claim, ClaimRequest, PutOff, Stage
from given import Clock, submission

Write = Callable[..., Any]


def accept(
    write: Write, ids: IdSource, now: int, *, account: int = 1, number: int = 1, lane: int = turns.TRANSACTIONAL
) -> None:
    """Take in a message to so many."""
    given = submission(ids, now, *(f"{i}@example.net" for i in range(number)), account=account)
    given.lane = lane
    write(record.accepted, [given])


def claim(write: Write, now: int, limit: int) -> list[Claim]:
    """Claim for delivery."""
    (found,) = write(queue.claim, [ClaimRequest(Stage.DELIVERY, now, 1, limit)])
    return list(found)


def by_account(found: list[Claim]) -> Counter[int]:
    """How many of each account."""
    return Counter(item.account_id for item in found)


def by_message(found: list[Claim]) -> list[int]:
    """How many of each message, fewest first."""
    return sorted(Counter(item.message_id for item in found).values())


@pytest.mark.parametrize("limit", [10, 20, 500])
def test_one_account_never_delays_another(write: Write, clock: Clock, ids: IdSource, limit: int) -> None:
    """However much waits of one account, and however long, the single message of another comes with the next claim."""
    accept(write, ids, clock(), account=1, number=900)
    clock.forward(SECOND)
    accept(write, ids, clock(), account=2)
    accept(write, ids, clock(), account=3)
    found = by_account(claim(write, clock(), limit))
    assert found == {1: limit - 2, 2: 1, 3: 1}


def test_even_one_at_a_time_everybody_has_a_turn(write: Write, clock: Clock, ids: IdSource) -> None:
    """A node with room for a single delivery takes from one account after the other."""
    for account in (1, 2, 3):
        accept(write, ids, clock(), account=account, number=4)
    taken = [claim(write, clock(), 1)[0].account_id for _ in range(6)]
    assert Counter(taken) == {1: 2, 2: 2, 3: 2}


def test_more_accounts_than_are_looked_at_take_turns(write: Write, clock: Clock, ids: IdSource) -> None:
    """Beyond the accounts of one claim, the next claim goes on where the last one ended."""
    many = range(1, turns.ACCOUNTS_AT_ONCE + 21)
    for account in many:
        accept(write, ids, clock(), account=account, number=2)
    first = by_account(claim(write, clock(), turns.ACCOUNTS_AT_ONCE))
    second = by_account(claim(write, clock(), turns.ACCOUNTS_AT_ONCE))
    assert set(first) | set(second) == set(many)


def test_what_is_not_due_hides_nothing(write: Write, clock: Clock, ids: IdSource) -> None:
    """More accounts than are looked at have mail for later only: the one with mail for now is found all the same."""
    for account in range(1, turns.ACCOUNTS_AT_ONCE + 10):
        accept(write, ids, clock() + 60 * SECOND, account=account)
    last = turns.ACCOUNTS_AT_ONCE + 10
    accept(write, ids, clock(), account=last, lane=turns.BULK)
    assert by_account(claim(write, clock(), 5)) == {last: 1}
    assert claim(write, clock(), 5) == []


def test_transactional_comes_first_and_bulk_gets_a_quarter(write: Write, clock: Clock, ids: IdSource) -> None:
    """Bulk that has waited longer gives way, yet never stands still."""
    accept(write, ids, clock(), number=200, lane=turns.BULK)
    clock.forward(SECOND)
    accept(write, ids, clock(), number=90)
    assert by_message(claim(write, clock(), 2)) == [1, 1]
    assert by_message(claim(write, clock(), 40)) == [10, 30]
    assert by_message(claim(write, clock(), 300)) == [59, 189]


def test_bulk_alone_uses_all_the_room(write: Write, clock: Clock, ids: IdSource) -> None:
    """Nothing is kept free for transactional mail that is not there, and the other way round."""
    accept(write, ids, clock(), number=50, lane=turns.BULK)
    assert len(claim(write, clock(), 40)) == 40
    accept(write, ids, clock(), account=2, number=60)
    assert len(claim(write, clock(), 70)) == 70


def test_the_next_due_time_is_that_of_all_lanes_and_accounts(
    write: Write, read: Write, clock: Clock, ids: IdSource
) -> None:
    """Bulk of one account may be due before transactional mail of another; claimed mail does not count."""
    assert read(queue.next_due, Stage.DELIVERY) is None
    accept(write, ids, clock() + 30 * SECOND, account=1)
    accept(write, ids, clock() + 20 * SECOND, account=2, lane=turns.BULK)
    assert read(queue.next_due, Stage.DELIVERY) == clock() + 20 * SECOND
    clock.forward(20 * SECOND)
    assert by_account(claim(write, clock(), 5)) == {2: 1}
    assert read(queue.next_due, Stage.DELIVERY) == clock() + 10 * SECOND


def test_the_lane_stays_when_mail_is_put_off(write: Write, clock: Clock, ids: IdSource) -> None:
    """Bulk that was given back is still bulk."""
    accept(write, ids, clock(), lane=turns.BULK)
    (held,) = claim(write, clock(), 1)
    write(queue.put_off, [PutOff(held.account_id, held.delivery_id, 1, clock(), "example.net", "closed")])
    accept(write, ids, clock(), account=2)
    assert [item.account_id for item in claim(write, clock(), 1)] == [2]
