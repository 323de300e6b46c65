"""What is kept of webhooks: one node serves each, and what a person changed meanwhile stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from aftersend.clock import DAY, HOUR
from aftersend.errors import NotFound
from aftersend.ids import IdSource
from aftersend.ledger.wanted import Wanted
from aftersend.store import hooks, nodes, record
from aftersend.store.hooks import GIVEN_UP, WAITING, Hook, Kept, Settled
from given import ACCOUNT, Clock, submission

Do = Callable[..., Any]


@pytest.fixture
def hook(write: Do, clock: Clock, ids: IdSource) -> Hook:
    """A webhook that nobody serves yet, and a node that could."""
    write(nodes.enter, "one", "a", now=clock(), take_over=False)
    made = Hook(
        ACCOUNT, ids(), "shop", "https://hooks.example.com/", Wanted(), 1, None, b"k" * 60, None, None, "active", None, 0, None,
        None, 0, None, 0, None, 0, clock(), clock(),
    )  # fmt: skip
    found: Hook = write(hooks.add, made)
    return found


def kept(sequence: int, due: int = 0, state: int = WAITING) -> Kept:
    """An event that was not taken."""
    return Kept(sequence, 7, 70 + sequence, "ann@example.net", state, 1, due, "no")


def test_one_node_serves_a_webhook_until_it_is_gone(hook: Hook, write: Do, read: Do, clock: Clock) -> None:
    """Another one takes it when the first has left, or when its lease has ended."""
    one, _ = write(nodes.enter, "two", "b", now=clock(), take_over=False)
    two = one
    assert read(hooks.to_serve, 1) == (set(), True)
    write(hooks.claim, 1)
    write(hooks.claim, two)
    assert read(hooks.to_serve, 1) == ({(ACCOUNT, hook.id)}, False)
    assert read(hooks.to_serve, two) == (set(), False)
    assert read(hooks.held, ACCOUNT, hook.id, two) is None
    write(nodes.renew, two, "b", now=clock.forward(HOUR))
    write(nodes.free_dead, now=clock())
    assert read(hooks.to_serve, two) == (set(), True)
    write(hooks.claim, two)
    assert read(hooks.held, ACCOUNT, hook.id, two) is not None
    write(hooks.release, two)
    assert read(hooks.to_serve, two) == (set(), True)


def test_who_lost_a_webhook_changes_nothing_but_the_attempts(hook: Hook, write: Do, read: Do, clock: Clock) -> None:
    """A node that was slow tells what it did, and that is all."""
    write(hooks.claim, 1)
    mine = read(hooks.held, ACCOUNT, hook.id, 1)
    write(lambda connection: connection.exec_driver_sql("UPDATE hooks SET holder = 9"))
    attempt = (ACCOUNT, hook.id, 5, "taken", 200, 1, 1, 1, "x", 1, clock(), 10, 20, "", None, None)
    assert write(hooks.settle, Settled(mine, clock(), 50, kept=[kept(3)], attempts=[attempt])) is False
    assert read(hooks.one, ACCOUNT, hook.id).position == hook.position
    assert read(hooks.how_many_wait, ACCOUNT, hook.id) == {}
    assert [row["id"] for row in read(hooks.attempts_of, ACCOUNT, hook.id, limit=10)] == [5]


def test_what_a_person_changed_meanwhile_stays(hook: Hook, write: Do, read: Do, clock: Clock) -> None:
    """A replay that was asked for during a turn is not forgotten, nor is a new place to begin at."""
    write(hooks.claim, 1)
    mine = read(hooks.held, ACCOUNT, hook.id, 1)
    write(hooks.replay_range, ACCOUNT, hook.id, first=1, until=20)
    write(hooks.change, ACCOUNT, hook.id, now=clock(), position=1000)
    assert write(hooks.settle, Settled(replace(mine, again_from=5, again_until=9), clock(), 50, again_from=9)) is True
    found = read(hooks.one, ACCOUNT, hook.id)
    assert (found.position, found.again_from, found.again_until) == (1000, 1, 20)
    mine = read(hooks.held, ACCOUNT, hook.id, 1)
    write(hooks.settle, Settled(mine, clock(), 1000, again_from=12))
    assert read(hooks.one, ACCOUNT, hook.id).again_from == 12
    mine = read(hooks.held, ACCOUNT, hook.id, 1)
    write(hooks.settle, Settled(mine, clock(), 1000, again_from=20))
    assert read(hooks.one, ACCOUNT, hook.id).again_from is None


def test_numbers_for_the_operator(hook: Hook, write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """States and backlog over all accounts; what was given up long ago, and old attempts, are forgotten."""
    assert read(hooks.states) == {"good": 1, "failing": 0, "paused": 0}
    write(hooks.claim, 1)
    mine = read(hooks.held, ACCOUNT, hook.id, 1)
    attempt = (ACCOUNT, hook.id, 5, "failed", 500, 1, 1, 1, "x", 1, clock(), 10, 20, "", "no", "{}")
    given_up = [kept(1), kept(2), kept(3, state=GIVEN_UP)]
    write(hooks.settle, Settled(mine, clock(), 3, kept=given_up, attempts=[attempt], health={"failures": 4}))
    write(record.accepted, [submission(ids, clock())])
    assert read(hooks.states) == {"good": 0, "failing": 1, "paused": 0}
    found = read(hooks.backlog)
    assert (found["waiting"], found["given_up"]) == (2, 1)
    assert found["behind"] >= 0
    assert write(hooks.prune_given_up, before=clock()) == 0
    assert write(hooks.prune_attempts, before=clock()) == 0
    clock.forward(DAY)
    assert write(hooks.prune_given_up, before=clock()) == 1
    assert write(hooks.prune_attempts, before=clock()) == 1
    assert read(hooks.how_many_wait, ACCOUNT, hook.id) == {WAITING: 2}


def test_removing_leaves_nothing(hook: Hook, write: Do, read: Do, clock: Clock) -> None:
    """Neither what waited nor the attempts; a second time it is not there."""
    write(hooks.claim, 1)
    mine = read(hooks.held, ACCOUNT, hook.id, 1)
    write(hooks.settle, Settled(mine, clock(), 3, kept=[kept(1)]))
    write(hooks.remove, ACCOUNT, hook.id)
    assert read(hooks.how_many_wait, ACCOUNT, hook.id) == {}
    with pytest.raises(NotFound):
        write(hooks.remove, ACCOUNT, hook.id)
    with pytest.raises(NotFound):
        read(hooks.one, ACCOUNT, hook.id)
