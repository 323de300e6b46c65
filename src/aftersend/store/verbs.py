"""Own what the verbs on the queue need to see and touch: which deliveries wait, and how often our own faults met them.

Whether a verb applies is decided by `control.queue_verbs`; what it did is written down by `record.steps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from aftersend.clock import Instant
from aftersend.ledger.facts import Fact
from aftersend.store.engine import ring
from aftersend.store.queue import BELL, Stage
from aftersend.store.schema import deliveries, queue, suppressions


@dataclass(frozen=True, slots=True)
class Waiting:
    """One delivery that has not ended, with its place in the queue."""

    delivery_id: int
    facts: int
    stage: Stage
    is_claimed: bool
    due_us: Instant
    expires_us: Instant
    tries: int
    site: str
    waits: str | None = None


def lock(connection: Connection, account_id: int, ids: Sequence[int]) -> dict[int, Waiting]:
    """Return those of the deliveries that still wait, and keep other writers off them until this transaction ends.

    Deliveries that have ended, or are another account's, are simply not there.
    """
    found = connection.execute(
        select(
            queue.c.delivery_id,
            deliveries.c.facts,
            queue.c.stage,
            queue.c.holder,
            queue.c.due_us,
            queue.c.expires_us,
            queue.c.tries,
            queue.c.site,
            queue.c.waits,
        )
        .select_from(
            queue.join(
                deliveries, (deliveries.c.account_id == queue.c.account_id) & (deliveries.c.id == queue.c.delivery_id)
            )
        )
        .where(queue.c.account_id == account_id, queue.c.delivery_id.in_(ids))
        .order_by(queue.c.delivery_id)
        .with_for_update(of=queue)
    )
    return {
        row.delivery_id: Waiting(
            row.delivery_id,
            row.facts,
            Stage(row.stage),
            row.holder != 0,
            row.due_us,
            row.expires_us,
            row.tries,
            row.site,
            row.waits,
        )
        for row in found
    }


def forgive(connection: Connection, account_id: int, ids: Sequence[int]) -> None:
    """Forget how often our own faults met these deliveries, so that they get three tries again."""
    connection.execute(
        update(queue).where(queue.c.account_id == account_id, queue.c.delivery_id.in_(ids)).values(faults=0)
    )


def look_again(connection: Connection, account_id: int, ids: Sequence[int], *, now: Instant) -> None:
    """Let treatment look again at those of some deliveries that wait for delivery and whose address is on a list by now."""
    d, s = deliveries.c, suppressions.c
    listed = (
        select(d.id)
        .join(suppressions, (s.account_id == d.account_id) & (s.folded == d.folded))
        .where(d.account_id == account_id, d.id.in_(ids), s.stream.in_(["", d.stream]))
    )
    _to_treatment(connection, account_id, listed, now)


def look_again_at(connection: Connection, account_id: int, folded: str, *, stream: str, now: Instant) -> None:
    """Let treatment look again at what waits for delivery to an address, or is held back for a rate or an hour, of one
    stream or of all ("").
    """
    d = deliveries.c
    theirs = select(d.id).where(d.account_id == account_id, d.folded == folded)
    theirs = theirs.where(d.stream == stream) if stream else theirs
    _to_treatment(connection, account_id, theirs, now)
    held_back = update(queue).where(
        queue.c.account_id == account_id,
        queue.c.stage == int(Stage.TREATMENT),
        queue.c.holder == 0,
        queue.c.due_us > now,
        queue.c.delivery_id.in_(theirs),
    )
    if connection.execute(held_back.values(due_us=now)).rowcount:
        ring(connection, BELL[Stage.TREATMENT])


ANEW_AT_ONCE = 1000
"""So many deliveries are given back to the gates in one transaction."""


def look_anew(
    connection: Connection,
    account_id: int,
    *,
    now: Instant,
    after: int,
    stream: str | None = None,
    domain: str | None = None,
    is_sending: bool = False,
) -> int | None:
    """Let the gates look anew at a page of what a rate or hours hold back, since these have changed; return behind which
    delivery to go on, None when that was all. With `is_sending`, at what a rate of nodes or addresses holds back.

    Each is due as of a moment before it was made (`Claim.is_anew`): it keeps its order, and gets a new place in line.
    """
    d, q = deliveries.c, queue.c
    wanted = (
        select(q.delivery_id)
        .join(deliveries, (d.account_id == q.account_id) & (d.id == q.delivery_id))
        .where(q.account_id == account_id, q.holder == 0, q.due_us > now, q.delivery_id > after)
    )
    if is_sending:
        wanted = wanted.where(q.stage == int(Stage.DELIVERY), q.tries == 0, q.waits.startswith(HELD_TO_A_RATE))
    else:
        wanted = wanted.where(q.stage == int(Stage.TREATMENT), d.facts.op("&")(Fact.THROTTLED.bit) != 0)
    for column, value in ((d.stream, stream), (d.domain, domain)):
        wanted = wanted if value is None else wanted.where(column == value)
    found = list(connection.execute(wanted.order_by(q.delivery_id).limit(ANEW_AT_ONCE)).scalars())
    if found:
        made = select(d.created_us).where(d.account_id == q.account_id, d.id == q.delivery_id).scalar_subquery()
        connection.execute(
            update(queue)
            .where(q.account_id == account_id, q.delivery_id.in_(found), q.holder == 0)
            .values(due_us=made - 1)
        )
        ring(connection, BELL[Stage.DELIVERY if is_sending else Stage.TREATMENT])
    return found[-1] if len(found) == ANEW_AT_ONCE else None


HELD_TO_A_RATE = "No more than "
"""How the reason begins for which a rate holds mail back."""


def held_back(connection: Connection) -> list[int]:
    """Return the accounts of which something waits in treatment or for delivery."""
    stages = [int(Stage.TREATMENT), int(Stage.DELIVERY)]
    found = connection.execute(select(queue.c.account_id).where(queue.c.stage.in_(stages)).distinct())
    return sorted(int(account) for account in found.scalars())


def _to_treatment(connection: Connection, account_id: int, wanted: Any, now: Instant) -> None:
    moved = connection.execute(
        update(queue)
        .where(
            queue.c.account_id == account_id,
            queue.c.stage == int(Stage.DELIVERY),
            queue.c.holder == 0,
            queue.c.delivery_id.in_(wanted),
        )
        .values(stage=int(Stage.TREATMENT), due_us=now, waits=None)
    )
    if moved.rowcount:
        ring(connection, BELL[Stage.TREATMENT])


def exist(connection: Connection, account_id: int, ids: Sequence[int]) -> set[int]:
    """Return those of the ids that are deliveries of this account."""
    found = connection.execute(
        select(deliveries.c.id).where(deliveries.c.account_id == account_id, deliveries.c.id.in_(ids))
    )
    return {int(row) for row in found.scalars()}


def of_message(connection: Connection, account_id: int, message_id: int) -> list[int]:
    """Return the deliveries of a message, in the order in which its recipients were named."""
    found = connection.execute(
        select(deliveries.c.id)
        .where(deliveries.c.account_id == account_id, deliveries.c.message_id == message_id)
        .order_by(deliveries.c.id)
    )
    return [int(row) for row in found.scalars()]


def summary(connection: Connection, account_id: int) -> list[dict[str, Any]]:
    """Count what waits of one account by stage, with the first and the last due time."""
    found = connection.execute(
        select(
            queue.c.stage,
            func.count().label("number"),
            func.min(queue.c.due_us).label("first_due_us"),
            func.max(queue.c.due_us).label("last_due_us"),
            func.count().filter(queue.c.holder != 0).label("claimed"),
        )
        .where(queue.c.account_id == account_id)
        .group_by(queue.c.stage)
        .order_by(queue.c.stage)
    )
    return [
        {
            "stage": Stage(row.stage).name.lower(),
            "deliveries": row.number,
            "claimed": row.claimed,
            "first_due_us": row.first_due_us,
            "last_due_us": row.last_due_us,
        }
        for row in found
    ]
