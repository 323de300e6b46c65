"""What has to wait for the rate of a node: its history says so once, and the next look only moves the time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from aftersend.clock import HOUR, SECOND
from aftersend.delivery import Courier, Routes, Rules, Signer
from aftersend.delivery.lane import Lane
from aftersend.delivery.names import Host, MailServers
from aftersend.errors import TryLater
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact, Facts
from aftersend.ledger.vocabularies.life_cycle import LifeCycle
from aftersend.policy.limits import Limits
from aftersend.policy.retry import RetryPlan
from aftersend.policy.throttles import NODE as OF_NODE
from aftersend.policy.throttles import read as throttles
from aftersend.store import Store, paces, queue, record, schema
from given import LIFETIME, NODE, START, Clock, submission


class AlwaysThere:
    """A resolver that knows one server for every domain."""

    def known(self, domain: str) -> None:
        """Remember nothing."""

    async def find(self, domain: str) -> MailServers:
        """Find it."""
        return MailServers((Host("mx.example.net", ("127.0.0.1",)),))


async def test_one_event_for_all_the_waiting(
    store: Store, clock: Clock, ids: IdSource, write: Callable[..., Any], read: Callable[..., Any]
) -> None:
    """Two looks, two times to wait, one event; it reads Deferred, and the end of trying moves with the waits."""
    rules = Rules(NODE, "mx.example.org", "example.org", b"s" * 32, RetryPlan(), Limits(), node_name="one")
    made = Courier(store, clock, ids, AlwaysThere(), Routes({}, port=25), Signer("example.org"), rules)  # type: ignore[arg-type]
    made.sources.follow(throttles([(0, OF_NODE, "one", "1/hour", START)]))
    write(record.accepted, [submission(ids, clock(), "ann@example.net", stream="general")])
    due = []
    for _ in range(2):
        made.sources.take(made.sources.leave(1, (), is_urgent=True, has_waited=False))
        assert await made.deliver_due() == 1
        async with asyncio.timeout(20):
            while (waiting := (await store.ask(queue.summary))[0])["claimed"]:
                await asyncio.sleep(0.01)
        due.append(waiting["first_due_us"])
        clock.now = due[-1]
    assert due[0] >= START + HOUR
    assert due[1] > due[0]
    e, d, q = schema.events.c, schema.deliveries.c, schema.queue.c
    asked = select(e.kind, e.evidence, d.life, d.facts, q.expires_us).where(
        e.fact == int(Fact.HELD_AT_SENDING), e.delivery_id == d.id, e.delivery_id == q.delivery_id
    )
    (held,) = read(lambda connection: connection.execute(asked).all())
    assert (held.kind, held.life) == ("held_at_sending", int(LifeCycle.DEFERRED_AT_SENDING))
    assert "No more than 1 an hour go out from the node one." in held.evidence
    assert held.expires_us == LIFETIME + due[1]
    assert Facts(held.facts) == Facts.of(Fact.RECEIVED, Fact.TREATED, Fact.HELD_AT_SENDING)


@pytest.mark.parametrize("is_away", [False, True])
async def test_what_leaves_is_counted_before(
    store: Store, clock: Clock, ids: IdSource, write: Callable[..., Any], read: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch, is_away: bool,
) -> None:  # fmt: skip
    """When a connection is asked for, the store knows of it; while the store takes nothing, nothing leaves."""
    left: list[list[int]] = []
    asked: list[bool] = []

    def press(lane: Lane) -> None:
        known = read(paces.read, [(0, "node:one")])
        left.append([known[0, "node:one"][0] - START, len(lane.waiting)])

    def written(*args: Any, **kwargs: Any) -> None:
        asked.append(bool(left))
        if is_away and len(asked) == 1:
            raise TryLater("The disk is full.")
        really(*args, **kwargs)

    really = paces.write
    monkeypatch.setattr(paces, "write", written)
    monkeypatch.setattr(Lane, "press", press)
    rules = Rules(NODE, "mx.example.org", "example.org", b"s" * 32, RetryPlan(), Limits(), node_name="one")
    made = Courier(store, clock, ids, AlwaysThere(), Routes({}, port=25), Signer("example.org"), rules)  # type: ignore[arg-type]
    made.sources.follow(throttles([(0, OF_NODE, "one", "600/hour", START)]))
    write(record.accepted, [submission(ids, clock(), "ann@example.net", "bob@example.net", stream="general")])
    assert await made.deliver_due() == 2
    async with asyncio.timeout(20):
        while len(left) < 2:
            await asyncio.sleep(0.01)
    assert [used for used, _ in left] == [2 * 6 * SECOND] * 2
    assert not any(asked)
    assert len(asked) == 1 + is_away
    await made.stop(0.0)
