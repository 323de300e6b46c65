"""Own the numbers that an operator watches, over all accounts: what has happened, what waits and for how long, who works."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from aftersend.clock import Instant
from aftersend.store import condition, counting, hooks, nodes
from aftersend.store.queue import Stage
from aftersend.store.schema import accounts, counts, queue


@dataclass(frozen=True, slots=True)
class Waiting:
    """Deliveries of one stage that have not ended."""

    stage: str
    due: int
    """To be looked at now, and nobody does yet."""
    waiting: int
    """To be looked at later."""
    claimed: int
    """A node works on them."""
    overdue_us: int
    """For how long the oldest one that is due has been due; 0 when none is."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What was so at one moment."""

    facts: dict[str, int]
    """Deliveries by each fact that was ever established of them; these only rise."""
    results: dict[str, int]
    """Deliveries that were created lately, by what has become of them."""
    waiting: list[Waiting]
    hooks: dict[str, int]
    """Webhooks by how they are getting on: good, failing, paused."""
    untold: dict[str, int]
    """Events that webhooks are still to get: behind (not come to their turn), waiting (tried again), given_up."""
    leases_us: list[int]
    """For each node, how long its lease still runs; below 0 for one that is gone."""


def numbers(connection: Connection, *, now: Instant, lately: Instant) -> Numbers:
    """Read them all, results since `lately`. On one connection, so that they belong to one moment."""
    condition.freeze(connection)
    return Numbers(
        facts=_counted(connection, "fact"),
        results=_counted(connection, "result", since=lately),
        waiting=_waiting(connection, now),
        hooks=hooks.states(connection),
        untold=hooks.backlog(connection),
        leases_us=[ends - now for _, _, _, ends in nodes.listed(connection)],
    )


def _counted(connection: Connection, kind: str, since: Instant = 0) -> dict[str, int]:
    # Named accounts let the key be used, in which they come first.
    query = (
        select(counts.c.word, func.sum(counts.c.number))
        .where(
            counts.c.account_id.in_(select(accounts.c.id)),
            counts.c.bucket_us >= since,
            counts.c.kind == counting.FACTS,
        )
        .group_by(counts.c.word)
    )
    return dict(sorted(counting.spread(kind, [(word, number) for word, number in connection.execute(query)]).items()))


def _waiting(connection: Connection, now: Instant) -> list[Waiting]:
    q = queue.c
    is_due = (q.holder == 0) & (q.due_us <= now)
    grouped = connection.execute(
        select(
            q.stage,
            func.count(),
            func.count().filter(is_due),
            func.count().filter(q.holder != 0),
            func.min(q.due_us).filter(is_due),
        ).group_by(q.stage)
    )
    found = {stage: (everything, due, claimed, first) for stage, everything, due, claimed, first in grouped}
    told = []
    for stage in Stage:
        everything, due, claimed, first = found.get(int(stage), (0, 0, 0, None))
        overdue = 0 if first is None else now - int(first)
        told.append(Waiting(stage.name.lower(), due, everything - due - claimed, claimed, overdue))
    return told
