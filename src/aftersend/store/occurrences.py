"""Own what readers of the ledger need beside an event: its delivery, its message, what is planned, all that happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from aftersend.store.engine import among, packed, query, rows
from aftersend.store.schema import deliveries, events, messages, queue

_COLUMNS = (
    deliveries.c.id,
    deliveries.c.message_id,
    deliveries.c.stream,
    deliveries.c.recipient,
    deliveries.c.folded,
    deliveries.c.broadcast_id,
    messages.c.subject,
    messages.c.rfc_message_id,
    messages.c.tags,
    messages.c.metadata,
    queue.c.stage,
    queue.c.due_us,
    queue.c.expires_us,
    queue.c.waits,
    queue.c.holder,
)
_NAMES = tuple(column.name for column in _COLUMNS)
_EVENT_NAMES = tuple(column.name for column in events.columns)
_DELIVERIES = query(
    lambda engine_name: select(*_COLUMNS)
    .select_from(
        deliveries.join(
            messages, (messages.c.account_id == deliveries.c.account_id) & (messages.c.id == deliveries.c.message_id)
        ).outerjoin(queue, (queue.c.account_id == deliveries.c.account_id) & (queue.c.delivery_id == deliveries.c.id))
    )
    .where(deliveries.c.account_id == bindparam("account"), among(deliveries.c.id, engine_name)),
    "account", "ids",
)  # fmt: skip
_EVENTS = query(
    lambda engine_name: select(*events.columns).where(
        events.c.account_id == bindparam("account"), among(events.c.delivery_id, engine_name)
    ),
    "account", "ids",
)  # fmt: skip


def deliveries_of(connection: Connection, account_id: int, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return deliveries by id, with what their messages say and what is planned; those no longer kept are missing."""
    found = rows(connection, _DELIVERIES, (account_id, packed(connection, list(ids))))
    return {row[0]: dict(zip(_NAMES, row, strict=True)) for row in found}


def events_of(connection: Connection, account_id: int, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """Return everything that happened to each of these deliveries, in no order."""
    found: dict[int, list[dict[str, Any]]] = {delivery_id: [] for delivery_id in ids}
    for row in rows(connection, _EVENTS, (account_id, packed(connection, list(ids)))):
        found[row[1]].append(dict(zip(_EVENT_NAMES, row, strict=True)))
    return found
