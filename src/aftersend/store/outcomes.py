"""Own questions about what has become of one message's deliveries, for broadcasts, whose messages are long."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select

from aftersend.ledger.vocabularies import bounces
from aftersend.store.schema import deliveries, events
from aftersend.store.schema.audience import personal


def bounces_of_message(
    connection: Connection, account_id: int, message_id: int
) -> list[tuple[str | None, str | None, str | None, int]]:
    """Count the bounce events of a message: (reason, detail, enhanced status, number)."""
    e, d = events.c, deliveries.c
    found = connection.execute(
        select(e.reason, e.detail, e.status, func.count())
        .select_from(deliveries.join(events, (e.account_id == d.account_id) & (e.delivery_id == d.id)))
        .where(d.account_id == account_id, d.message_id == message_id, e.kind.in_(sorted(bounces.KINDS)))
        .group_by(e.reason, e.detail, e.status)
    )
    return [(reason, detail, status, int(number)) for reason, detail, status, number in found]


def having(
    connection: Connection, account_id: int, message_id: int, bits: int, *, limit: int, after: int | None = None
) -> list[dict[str, Any]]:
    """Return up to `limit` deliveries of a message with any of these facts, the oldest first, those behind the id `after`."""
    d = deliveries.c
    found = (
        select(d.id, d.recipient, d.reason, d.said, personal.c.contact_id)
        .select_from(
            deliveries.outerjoin(personal, (personal.c.account_id == d.account_id) & (personal.c.delivery_id == d.id))
        )
        .where(d.account_id == account_id, d.message_id == message_id, d.facts.op("&")(bits) != 0)
    )
    if after is not None:
        found = found.where(d.id > after)
    return [dict(row._mapping) for row in connection.execute(found.order_by(d.id).limit(limit))]
