"""What the database says after the storm: read it from outside, as an auditor would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from aftersend import ids
from aftersend.ledger import conservation
from aftersend.ledger.facts import Fact
from aftersend.store import Engine
from aftersend.store.queue import Stage
from aftersend.store.rebuild import rebuild
from aftersend.store.schema import bodies, deliveries, events, messages, nodes, queue, refusals

LOST_REPLY_S = 3.0
"""So long after the receiver's last answer may its outcome still be on its way to the disk, on a busy machine."""


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """Open the database beside whoever works on it."""
    engine = Engine(url)
    try:
        with engine.reading() as connection:
            yield connection
    finally:
        engine.close()


def counts(url: str) -> dict[str, int]:
    """How many rows each table has that could be half written."""
    tables = (messages, bodies, deliveries, events, queue, refusals)
    with reading(url) as connection:
        return {t.name: connection.execute(select(func.count()).select_from(t)).scalar_one() for t in tables}


def under_way(url: str) -> int:
    """How many deliveries have yet to be tried for the first or another time."""
    with reading(url) as connection:
        waiting = select(func.count()).where(queue.c.stage.in_([int(Stage.TREATMENT), int(Stage.DELIVERY)]))
        return int(connection.execute(waiting).scalar_one())


def claimed_by(url: str) -> dict[str, int]:
    """How many deliveries each node holds, by its name; "?" for a node that is not known (any more)."""
    grouped = (
        select(func.coalesce(nodes.c.name, "?"), func.count())
        .select_from(queue.outerjoin(nodes, nodes.c.number == queue.c.holder))
        .where(queue.c.holder != 0)
        .group_by(nodes.c.name)
    )
    with reading(url) as connection:
        return {name: number for name, number in connection.execute(grouped)}  # noqa: C416


@dataclass(frozen=True, slots=True)
class Row:
    """One delivery with what is written about it."""

    recipient: str
    facts: int
    events: int


def rows_by_message(url: str) -> dict[str, list[Row]]:
    """Every delivery, by the id of its message as the sender was told."""
    d, e = deliveries.c, events.c
    told = (
        select(e.account_id, e.delivery_id, func.count().label("number"))
        .group_by(e.account_id, e.delivery_id)
        .subquery()
    )
    joined = deliveries.outerjoin(told, (told.c.account_id == d.account_id) & (told.c.delivery_id == d.id))
    found: dict[str, list[Row]] = {}
    with reading(url) as connection:
        for message_id, recipient, facts, number in connection.execute(
            select(d.message_id, d.recipient, d.facts, told.c.number).select_from(joined)
        ):
            found.setdefault(ids.show("msg", message_id), []).append(Row(recipient, facts, number or 0))
    return found


def interrupted(url: str) -> set[str]:
    """The recipients in whose history it stands that an attempt was cut short."""
    found = (
        select(deliveries.c.recipient)
        .select_from(
            deliveries.join(
                events, (events.c.account_id == deliveries.c.account_id) & (events.c.delivery_id == deliveries.c.id)
            )
        )
        .where(events.c.kind == "attempt_interrupted")
    )
    with reading(url) as connection:
        return set(connection.execute(found).scalars())


def prove_conservation(url: str) -> conservation.Sums:
    """Everybody is accounted for: as many outcomes as deliveries, nobody lost, no work planned for nobody."""
    d, q = deliveries.c, queue.c
    joined = deliveries.outerjoin(queue, (q.account_id == d.account_id) & (q.delivery_id == d.id))
    with reading(url) as connection:
        grouped = connection.execute(
            select(d.facts, q.due_us.is_not(None), func.count())
            .select_from(joined)
            .group_by(d.facts, q.due_us.is_not(None))
        ).all()
        audience = connection.execute(select(func.count()).select_from(deliveries)).scalar_one()
        planned = connection.execute(select(func.count()).select_from(queue)).scalar_one()
    sums = conservation.sums(audience, [(bits, bool(waits), number) for bits, waits, number in grouped])
    assert sums.is_conserved, sums
    assert planned == sum(number for _, waits, number in grouped if waits), (
        "the queue names deliveries that do not exist"
    )
    assert not any(bits & Fact.RECEIVED.bit == 0 for bits, _, _ in grouped), "a delivery was never received"
    return sums


def prove_rebuild_changes_nothing(url: str) -> int:
    """Fold the whole ledger again; it must give what is cached. Return how many deliveries were folded."""
    with reading(url) as connection:
        differences = rebuild(connection, write=False)
    assert not differences, (differences.readings[:5], differences.counters[:5])
    return differences.deliveries


def unexplained(copies: Iterable[tuple[str, list[float]]], kills: list[float]) -> list[str]:
    """Name the recipients with a further copy that no kill explains.

    A copy may follow another only where the sender died before it could write down the answer to the first. (The receiver
    may find a message in its buffers a moment after the sender's death.)
    """
    found = []
    for recipient, moments in copies:
        for first, second in zip(moments, moments[1:], strict=False):
            if not any(first - 0.5 <= kill <= min(second, first + LOST_REPLY_S) for kill in kills):
                gaps = [round(kill - first, 2) for kill in kills]
                found.append(f"{recipient}: again after {second - first:.2f} s; kills relative to the first: {gaps}")
    return found
