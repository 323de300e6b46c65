"""Who works: numbers, leases, and what becomes of the claims of those that died."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from aftersend.errors import Conflict
from aftersend.ids import IdSource
from aftersend.store import Engine, nodes, queue, record
from aftersend.store.queue import ClaimRequest, Stage
from given import Clock, submission


def test_each_node_has_a_number_of_its_own(write: Callable[..., Any], clock: Clock) -> None:
    """No two nodes at work share a number, so no two give the same ids."""
    given = [write(nodes.enter, f"n{i}", f"i{i}", now=clock(), take_over=False)[0] for i in range(5)]
    assert sorted(set(given)) == sorted(given)


def test_a_name_at_work_is_refused(write: Callable[..., Any], clock: Clock) -> None:
    """A name whose lease still runs belongs to somebody; the answer says what to do."""
    write(nodes.enter, "one", "first", now=clock(), take_over=False)
    with pytest.raises(Conflict, match="another name"):
        write(nodes.enter, "one", "second", now=clock(), take_over=False)
    clock.forward(nodes.LEASE_US + 1)
    write(nodes.enter, "one", "second", now=clock(), take_over=False)


def test_who_knows_its_former_self_dead_takes_over_at_once(
    write: Callable[..., Any], read: Callable[..., Any], clock: Clock, ids: IdSource
) -> None:
    """A node that starts again frees what its former process held, and says how much."""
    number, _ = write(nodes.enter, "one", "first", now=clock(), take_over=False)
    write(record.accepted, [submission(ids, clock(), "a@example.net", "b@example.net")])
    write(queue.claim, [ClaimRequest(Stage.DELIVERY, clock(), number, 10)])
    again, freed = write(nodes.enter, "one", "second", now=clock(), take_over=True)
    assert freed == 2
    (claimed,) = write(queue.claim, [ClaimRequest(Stage.DELIVERY, clock(), again, 10)])
    assert len(claimed) == 2


def test_a_lease_is_kept_by_renewing_it(write: Callable[..., Any], clock: Clock) -> None:
    """Who renews in time is alive; who was taken for dead is told so."""
    number, _ = write(nodes.enter, "one", "first", now=clock(), take_over=False)
    for _ in range(3):
        clock.forward(nodes.LEASE_US - 1)
        assert write(nodes.renew, number, "first", now=clock())
        assert write(nodes.free_dead, now=clock()) == 0
    clock.forward(nodes.LEASE_US + 1)
    write(nodes.free_dead, now=clock())
    assert not write(nodes.renew, number, "first", now=clock())


def test_a_lease_from_before_the_clock_was_put_back_ends_soon(write: Callable[..., Any], clock: Clock) -> None:
    """A dead node is found out within two leases, however far the clock was put back; who renews stays."""
    dead, _ = write(nodes.enter, "dead", "d", now=clock(), take_over=False)
    alive, _ = write(nodes.enter, "alive", "a", now=clock(), take_over=False)
    now = clock() - 10_000 * nodes.LEASE_US
    for _ in range(3):
        write(nodes.renew, alive, "a", now=now)
        write(nodes.free_dead, now=now)
        now += nodes.LEASE_US - 1
    assert not write(nodes.renew, dead, "d", now=now)
    assert write(nodes.renew, alive, "a", now=now)


def test_a_dead_nodes_claims_are_freed(write: Callable[..., Any], clock: Clock, ids: IdSource) -> None:
    """What a dead node held is due as it was; what a living node holds stays its own."""
    dead, _ = write(nodes.enter, "dead", "d", now=clock(), take_over=False)
    alive, _ = write(nodes.enter, "alive", "a", now=clock(), take_over=False)
    write(record.accepted, [submission(ids, clock(), *(f"{i}@example.net" for i in range(5)))])
    (held,) = write(queue.claim, [ClaimRequest(Stage.DELIVERY, clock(), dead, 2)])
    write(queue.claim, [ClaimRequest(Stage.DELIVERY, clock(), alive, 1)])
    clock.forward(nodes.LEASE_US + 1)
    write(nodes.renew, alive, "a", now=clock())
    assert write(nodes.free_dead, now=clock()) == 2
    (claimed,) = write(queue.claim, [ClaimRequest(Stage.DELIVERY, clock(), alive, 10)])
    assert {c.delivery_id for c in claimed} >= {c.delivery_id for c in held}


def test_leaving_in_good_order(
    write: Callable[..., Any], read: Callable[..., Any], clock: Clock, ids: IdSource
) -> None:
    """Who leaves gives back what it holds and its number."""
    number, _ = write(nodes.enter, "one", "first", now=clock(), take_over=False)
    write(record.accepted, [submission(ids, clock())])
    write(queue.claim, [ClaimRequest(Stage.DELIVERY, clock(), number, 10)])
    assert write(nodes.leave, number, "first") == 1
    assert read(nodes.listed) == []


def test_many_nodes_enter_at_once(engine: Engine, clock: Clock) -> None:
    """Nodes that start at the same moment wait for each other; none fails, none shares a number."""
    numbers: list[Any] = []

    def enter(name: str) -> None:
        try:
            with engine.writing() as connection:
                numbers.append(nodes.enter(connection, name, name, now=clock(), take_over=False)[0])
        except BaseException as error:
            numbers.append(error)

    threads = [threading.Thread(target=enter, args=(f"n{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers, key=str) == [1, 2, 3, 4, 5, 6]
