"""Own the questions asked of messages: pages of them, newest first, by what their senders said; and when they go.

What became of a message is asked of its deliveries.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from aftersend.clock import Instant
from aftersend.ids import beyond, least_at
from aftersend.store.filters import Filter
from aftersend.store.schema import deliveries, messages, queue

_SHOWN = [column for column in messages.columns if column.name not in ("headers", "body")]


def said_by_sender(wanted: Filter) -> list[ColumnElement[bool]]:
    """Return the conditions that a filter sets on what the sender said of a message."""
    m = messages.c
    found: list[ColumnElement[bool]] = []
    for column, values in ((m.sender, wanted.sender), (m.rfc_message_id, wanted.rfc_message_id)):
        if values:
            found.append(column == values[0] if len(values) == 1 else column.in_(values))
    if wanted.tag:
        found.append(or_(*(_holds(m.tags, _json(tag)) for tag in wanted.tag)))
    for name in dict.fromkeys(key for key, _ in wanted.metadata):
        pairs = [_json({key: value})[1:-1] for key, value in wanted.metadata if key == name]
        found.append(or_(*(_holds(m.metadata, pair) for pair in pairs)))
    if wanted.subject:
        found.append(func.lower(m.subject).contains(wanted.subject.lower(), autoescape=True))
    return found


def _holds(column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Whether a text contains another exactly. LIKE would not do: SQLite's takes no notice of case, PostgreSQL's does."""
    return func.replace(column, part, "") != column


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def page(
    connection: Connection,
    account_id: int,
    wanted: Filter,
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
) -> list[dict[str, Any]]:
    """Return up to `limit` messages without their content, newest first: those older than the id `before`, or the next
    ones newer than `after`. Of a filter, what it says of messages and of recipients counts.
    """
    m, d = messages.c, deliveries.c
    query = select(*_SHOWN).where(m.account_id == account_id, *said_by_sender(wanted))
    for column, values in ((m.id, wanted.message), (m.stream, wanted.stream), (m.broadcast_id, wanted.broadcast)):
        if values:
            query = query.where(column.in_(values))
    if wanted.recipient:
        theirs = select(d.message_id).where(d.account_id == account_id, d.folded.in_(wanted.recipient))
        query = query.where(m.id.in_(theirs))
    if wanted.live is not None:
        waiting = select(d.message_id).where(
            d.account_id == account_id, queue.c.account_id == d.account_id, queue.c.delivery_id == d.id
        )
        query = query.where(m.id.in_(waiting) if wanted.live else m.id.not_in(waiting))
    if wanted.since is not None:
        query = query.where(m.received_us >= wanted.since, m.id >= least_at(wanted.since))
    if wanted.until is not None:
        query = query.where(m.received_us < wanted.until, m.id < beyond(wanted.until))
    if after is not None:
        query = query.where(m.id > after).order_by(m.id)
    else:
        query = (query if before is None else query.where(m.id < before)).order_by(m.id.desc())
    found = [dict(row._mapping) for row in connection.execute(query.limit(limit))]
    return found[::-1] if after is not None else found


def plan(connection: Connection, account_id: int, message_id: int, scheduled_us: Instant) -> None:
    """Write down when a message is to go."""
    connection.execute(
        update(messages)
        .where(messages.c.account_id == account_id, messages.c.id == message_id)
        .values(scheduled_us=scheduled_us)
    )
