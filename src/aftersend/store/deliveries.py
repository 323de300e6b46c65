"""Own the questions asked of the email log: find rows, one row whole, its events. Pages go by key, newest first; nothing
here counts by scanning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from aftersend.clock import Instant
from aftersend.errors import NotFound
from aftersend.ids import beyond, least_at
from aftersend.store import finding
from aftersend.store.filters import BounceWanted as BounceWanted
from aftersend.store.filters import Filter as Filter
from aftersend.store.finding import JOINED, Found
from aftersend.store.schema import deliveries, events, messages, queue, refusals

_ROW = (
    deliveries,
    messages.c.subject,
    messages.c.header_from,
    messages.c.sender,
    messages.c.rfc_message_id,
    messages.c.via,
    messages.c.tags,
    messages.c.metadata,
    messages.c.size,
    messages.c.scheduled_us,
    queue.c.stage,
    queue.c.due_us,
    queue.c.expires_us,
    queue.c.waits,
    queue.c.holder,
)


def page(
    connection: Connection,
    account_id: int,
    wanted: Filter,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
) -> list[dict[str, Any]]:
    """Return up to `limit` rows, newest first: those older than the id `before`, or the next ones newer than `after`."""
    return look(connection, account_id, wanted, limit=limit, before=before, after=after).rows


def look(
    connection: Connection,
    account_id: int,
    wanted: Filter,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
    has_time: Callable[[], bool] = finding.for_ever,
) -> Found:
    """Return what `page` does, as far as it can be found in time."""
    found = finding.find(
        connection, account_id, wanted, _ROW, limit=limit, before=before, after=after, has_time=has_time
    )
    rows = [dict(row._mapping) for row in found.rows]
    return Found(rows[::-1] if after is not None else rows, found.reached)


def one(connection: Connection, account_id: int, delivery_id: int) -> dict[str, Any]:
    """Return one row of the log with what its message and its place in the queue say. Raise NotFound."""
    columns = (*_ROW, messages.c.received, messages.c.received_us, messages.c.envid, messages.c.flags)
    query = (
        select(*columns)
        .select_from(JOINED)
        .where(deliveries.c.account_id == account_id, deliveries.c.id == delivery_id)
    )
    row = connection.execute(query).first()
    if row is None:
        raise NotFound("There is no such delivery.")
    return dict(row._mapping)


def events_of(connection: Connection, account_id: int, delivery_id: int) -> list[dict[str, Any]]:
    """Return everything that happened to a delivery, in the order of occurrence."""
    found = connection.execute(
        select(events)
        .where(events.c.account_id == account_id, events.c.delivery_id == delivery_id)
        .order_by(events.c.occurred_us, events.c.recorded_us, events.c.key)
    )
    return [dict(row._mapping) for row in found]


def events_of_many(
    connection: Connection, account_id: int, delivery_ids: Sequence[int]
) -> dict[int, list[dict[str, Any]]]:
    """Return everything that happened to each of these deliveries; one that nothing is kept of has an empty list."""
    found: dict[int, list[dict[str, Any]]] = {delivery_id: [] for delivery_id in delivery_ids}
    query = select(events).where(events.c.account_id == account_id, events.c.delivery_id.in_(delivery_ids))
    for row in connection.execute(query):
        found[row.delivery_id].append(dict(row._mapping))
    return found


def by_facts(
    connection: Connection,
    account_id: int,
    *,
    since: Instant | None = None,
    until: Instant | None = None,
    stream: str | None = None,
    message_id: int | None = None,
) -> list[tuple[int, bool, int]]:
    """Count deliveries by their facts and by whether they still wait: (bits, waits, number). Scans what it counts."""
    d = deliveries.c
    waits = queue.c.delivery_id.is_not(None)
    query = (
        select(d.facts, waits, func.count())
        .select_from(deliveries.outerjoin(queue, (queue.c.account_id == d.account_id) & (queue.c.delivery_id == d.id)))
        .where(d.account_id == account_id)
        .group_by(d.facts, waits)
    )
    if since is not None:
        query = query.where(d.created_us >= since, d.id >= least_at(since))
    if until is not None:
        query = query.where(d.created_us < until, d.id < beyond(until))
    if stream is not None:
        query = query.where(d.stream == stream)
    if message_id is not None:
        # A step of its own: left to itself, SQLite walks through the whole account.
        named = deliveries.alias("named")
        theirs = select(named.c.id).where(named.c.account_id == account_id, named.c.message_id == message_id)
        query = query.where(d.id.in_(theirs))
    return [(int(bits), bool(is_waiting), int(number)) for bits, is_waiting, number in connection.execute(query)]


def message(connection: Connection, account_id: int, message_id: int) -> dict[str, Any]:
    """Return what is known of a message, without its content. Raise NotFound."""
    columns = [column for column in messages.columns if column.name not in ("headers", "body")]
    row = connection.execute(
        select(*columns).where(messages.c.account_id == account_id, messages.c.id == message_id)
    ).first()
    if row is None:
        raise NotFound("There is no such message.")
    return dict(row._mapping)


def how_many(connection: Connection, account_id: int, wanted: Filter, *, at_most: int = 100_000) -> int:
    """Count the rows that a filter finds, stopping at `at_most`."""
    return len(finding.find(connection, account_id, wanted, [deliveries.c.id], limit=at_most).rows)


def ids(connection: Connection, account_id: int, wanted: Filter, *, limit: int, before: int | None = None) -> list[int]:
    """Return the ids that a filter finds, newest first, for verbs that act on many."""
    found = finding.find(connection, account_id, wanted, [deliveries.c.id], limit=limit, before=before)
    return [int(row.id) for row in found.rows]


def each(connection: Connection, account_id: int, wanted: Filter, *, size: int = 500) -> Iterator[dict[str, Any]]:
    """Walk through all rows that a filter finds, newest first, a page at a time."""
    before: int | None = None
    while rows := page(connection, account_id, wanted, limit=size, before=before):
        yield from rows
        before = rows[-1]["id"]


def refusals_of(
    connection: Connection, account_id: int, *, limit: int, before: int | None = None
) -> list[dict[str, Any]]:
    """Return submissions that got an error reply, newest first."""
    query = select(refusals).where(refusals.c.account_id == account_id)
    if before is not None:
        query = query.where(refusals.c.id < before)
    found = connection.execute(query.order_by(refusals.c.id.desc()).limit(limit))
    return [dict(row._mapping) for row in found]
