"""Own the questions asked of the email log: find rows, one row whole, its events. Pages go by key, newest first; nothing
here counts by scanning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, or_, select

from aftersend.clock import Instant
from aftersend.errors import NotFound
from aftersend.ids import beyond, least_at
from aftersend.store.filters import BounceWanted as BounceWanted
from aftersend.store.filters import Filter as Filter
from aftersend.store.messages import said_by_sender
from aftersend.store.schema import COMMON_RESULTS, deliveries, events, messages, queue, refusals


def _conditions(account_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    d, m = deliveries.c, messages.c
    found: list[ColumnElement[bool]] = [d.account_id == account_id]
    for column, values in (
        (d.domain, wanted.domain),
        (d.stream, wanted.stream),
        (d.broadcast_id, wanted.broadcast),
        (d.id, wanted.delivery),
        (d.life, wanted.lives),
    ):
        if values:
            found.append(column == values[0] if len(values) == 1 else column.in_(values))
    if wanted.recipient:
        # In two steps: left to itself, SQLite walks through the whole account in the order of ids.
        named = deliveries.alias("named")
        theirs = select(named.c.id).where(named.c.account_id == account_id, named.c.folded.in_(wanted.recipient))
        found.append(d.id.in_(theirs))
    if wanted.provider or wanted.begins:
        begun = (d.domain.startswith(beginning, autoescape=True) for beginning in wanted.begins)
        found.append(or_(d.domain.in_(wanted.provider), *begun))
    if wanted.message:
        found.append(d.id.in_(_of_messages(account_id, wanted.message)))
    if wanted.results:
        found.append(d.result.in_(wanted.results) if len(wanted.results) > 1 else d.result == wanted.results[0])
        if not set(COMMON_RESULTS).intersection(wanted.results):
            found += [
                d.result != literal_column(str(rank)) for rank in COMMON_RESULTS
            ]  # lets both engines use the partial index
    if wanted.reason:
        found.append(or_(d.reason.in_(wanted.reason), d.detail.in_(wanted.reason)))
    if wanted.having:
        bits = d.facts
        found.append(or_(*(and_(bits.op("&")(yes) == yes, bits.op("&")(no) == 0) for yes, no in wanted.having)))
    found += said_by_sender(wanted)
    if wanted.text:
        part = wanted.text.lower()
        found.append(
            or_(d.folded.contains(part, autoescape=True), func.lower(m.subject).contains(part, autoescape=True))
        )
    if wanted.since is not None:
        found.append(d.created_us >= wanted.since)
        found.append(d.id >= least_at(wanted.since))
    if wanted.until is not None:
        found.append(d.created_us < wanted.until)
        found.append(d.id < beyond(wanted.until))
    if wanted.live is not None:
        waits = queue.c.delivery_id  # joined in `_JOINED`; NULL for what has ended
        found.append(waits.is_not(None) if wanted.live else waits.is_(None))
    if wanted.bounces:
        came_back = select(events.c.key).where(
            events.c.account_id == d.account_id,
            events.c.delivery_id == d.id,
            or_(*(is_bounce(each) for each in wanted.bounces)),
        )
        found.append(came_back.exists())
    return found


def is_bounce(wanted: BounceWanted) -> ColumnElement[bool]:
    """Return the condition that an event of `events` is such a bounce."""
    e = events.c
    found: list[ColumnElement[bool]] = [e.fact.in_(wanted.facts), e.reason == wanted.reason]
    if wanted.details or wanted.is_other_detail:
        named = e.detail.in_(wanted.details)
        found.append(or_(e.detail.is_(None), ~named) if wanted.is_other_detail else named)
    if wanted.of_mailbox is not None:
        speaks = func.coalesce(e.status, "").like("_.2.%")
        found.append(speaks if wanted.of_mailbox else ~speaks)
    return and_(*found)


def _of_messages(account_id: int, wanted: Sequence[int]) -> Select[tuple[Any]]:
    """The ids of the deliveries of messages, as a step of its own: left to itself, SQLite walks through the whole account."""
    named = deliveries.alias("named")
    return select(named.c.id).where(named.c.account_id == account_id, named.c.message_id.in_(wanted))


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
_JOINED = deliveries.join(
    messages, (messages.c.account_id == deliveries.c.account_id) & (messages.c.id == deliveries.c.message_id)
).outerjoin(queue, (queue.c.account_id == deliveries.c.account_id) & (queue.c.delivery_id == deliveries.c.id))


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
    query = select(*_ROW).select_from(_JOINED).where(*_conditions(account_id, wanted))
    if after is not None:
        query = query.where(deliveries.c.id > after).order_by(deliveries.c.id)
    else:
        if before is not None:
            query = query.where(deliveries.c.id < before)
        query = query.order_by(deliveries.c.id.desc())
    found = [dict(row._mapping) for row in connection.execute(query.limit(limit))]
    return found[::-1] if after is not None else found


def one(connection: Connection, account_id: int, delivery_id: int) -> dict[str, Any]:
    """Return one row of the log with what its message and its place in the queue say. Raise NotFound."""
    columns = (*_ROW, messages.c.received, messages.c.received_us, messages.c.envid, messages.c.flags)
    query = (
        select(*columns)
        .select_from(_JOINED)
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
        query = query.where(d.id.in_(_of_messages(account_id, (message_id,))))
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
    inner = (
        select(deliveries.c.id).select_from(_JOINED).where(*_conditions(account_id, wanted)).limit(at_most).subquery()
    )
    return int(connection.execute(select(func.count()).select_from(inner)).scalar_one())


def ids(connection: Connection, account_id: int, wanted: Filter, *, limit: int, before: int | None = None) -> list[int]:
    """Return the ids that a filter finds, newest first, for verbs that act on many."""
    query = select(deliveries.c.id).select_from(_JOINED).where(*_conditions(account_id, wanted))
    if before is not None:
        query = query.where(deliveries.c.id < before)
    return [int(i) for i in connection.execute(query.order_by(deliveries.c.id.desc()).limit(limit)).scalars()]


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
