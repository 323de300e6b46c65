"""Answer with one delivery whole: its row, its explanation, everything that happened to it with the evidence."""

from __future__ import annotations

from typing import Any

from aftersend.ledger.explain import Explanation
from aftersend.reports import suppressed
from aftersend.reports.log import leases_of, rows, told
from aftersend.reports.subjects import as_got
from aftersend.reports.telling import explained, in_order, moment, parsed, told_event
from aftersend.store import deliveries
from aftersend.store.connection import Connection
from aftersend.store.filters import Filter


def delivery(connection: Connection, account_id: int, delivery_id: int) -> dict[str, Any]:
    """Return one delivery whole: the row of the log, how we know, every event in order. Raise NotFound."""
    return explained_delivery(connection, account_id, delivery_id)[0]


def explained_delivery(connection: Connection, account_id: int, delivery_id: int) -> tuple[dict[str, Any], Explanation]:
    """Return one delivery whole, and its explanation for those who say it in other words. Raise NotFound."""
    (row,) = as_got(connection, account_id, [deliveries.one(connection, account_id, delivery_id)])
    events = deliveries.events_of(connection, account_id, delivery_id)
    explanation = explained(row, events, leases_of(connection))
    whole = {
        **told(row, explanation),
        "known_by": [str(proof) for proof in explanation.known_by],
        "suppressed": [
            suppressed.told(entry) for entry in suppressed.of_recipient(connection, account_id, row["recipient"])
        ],
        "received": parsed(row["received"]),
        "received_at": moment(row["received_us"]),
        "envid": row["envid"],
        "events": [told_event(event) for event in in_order(events)],
    }
    return whole, explanation


def events(connection: Connection, account_id: int, delivery_id: int) -> list[dict[str, Any]]:
    """Return everything that happened to a delivery, in order, with its raw evidence. Raise NotFound."""
    deliveries.one(connection, account_id, delivery_id)
    return [told_event(event) for event in in_order(deliveries.events_of(connection, account_id, delivery_id))]


MOST_RECIPIENTS_SHOWN = 1000


def deliveries_of(connection: Connection, account_id: int, message_id: int) -> list[dict[str, Any]]:
    """Return the rows of the log of one message, in the order in which its recipients were named. Raise NotFound."""
    deliveries.message(connection, account_id, message_id)
    found = deliveries.page(connection, account_id, Filter(message=(message_id,)), limit=MOST_RECIPIENTS_SHOWN)
    return rows(connection, account_id, found[::-1])
