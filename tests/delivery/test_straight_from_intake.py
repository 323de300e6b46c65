"""The courier takes what intake has just written down, but only while nothing waits, and never more than it can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aftersend.delivery import Courier, Routes, Rules, Signer
from aftersend.delivery.courier import BATCH, BYTES_IN_HAND, STRAIGHT_MOST
from aftersend.ids import IdSource
from aftersend.policy.limits import Limits
from aftersend.policy.retry import RetryPlan
from aftersend.store import Store, queue, record
from aftersend.store.queue import ClaimRequest, Stage
from given import NODE, Clock, submission


class Nobody:
    """A resolver that knows no domain."""

    def known(self, domain: str) -> None:
        """Remember nothing."""

    async def find(self, domain: str) -> Any:
        """Fail like a broken one."""
        raise OSError("no DNS here")


@pytest.fixture
def courier(store: Store, clock: Clock, ids: IdSource) -> Courier:
    """A courier that has not begun."""
    rules = Rules(NODE, "mx.example.org", "example.org", b"s" * 32, RetryPlan(), Limits())
    return Courier(store, clock, ids, Nobody(), Routes({}, port=25), Signer("example.org"), rules)  # type: ignore[arg-type]


async def test_nothing_is_taken_before_the_queue_was_looked_at(courier: Courier) -> None:
    """What waited before a start comes first."""
    assert courier.reserve(1, 100) == 0
    await courier.deliver_due()
    assert courier.reserve(1, 100) == NODE


async def test_nothing_is_taken_while_something_waits(
    courier: Courier, write: Callable[..., Any], clock: Clock, ids: IdSource
) -> None:
    """Turns and lanes of the queue are kept: who comes later does not pass by."""
    write(record.accepted, [submission(ids, clock(), *(f"{i}@example.net" for i in range(BATCH)))])
    assert await courier.deliver_due() == BATCH
    assert courier.reserve(1, 100) == 0
    assert await courier.deliver_due() == 0
    assert courier.reserve(1, 100) == NODE


async def test_hands_are_not_endless(courier: Courier) -> None:
    """In number and in bytes; what was not written down after all makes room again."""
    await courier.deliver_due()
    assert courier.reserve(STRAIGHT_MOST, 1) == NODE
    assert courier.reserve(1, 1) == 0
    courier.bring(NODE, STRAIGHT_MOST, 1, (), b"")
    assert courier.reserve(1, BYTES_IN_HAND) == 0
    assert courier.reserve(1, 1) == NODE


async def test_what_comes_while_it_stops_goes_back(
    courier: Courier, store: Store, write: Callable[..., Any], clock: Clock, ids: IdSource
) -> None:
    """A claim that is brought too late is given back: another node, or the next start, delivers."""
    await courier.deliver_due()
    fresh = submission(ids, clock(), "ann@example.net")
    fresh.holder = courier.reserve(1, record.size(fresh))
    write(record.accepted, [fresh])
    courier.stopping = True
    courier.bring(NODE, 1, record.size(fresh), record.claims(fresh), fresh.body[2])
    await courier.stop()
    (found,) = await store.join(queue.claim_for_treatment, ClaimRequest(Stage.DELIVERY, clock(), NODE + 1, 10))
    assert found.recipient == "ann@example.net"
