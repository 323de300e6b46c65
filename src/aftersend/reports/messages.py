"""Answer with messages: what each is, newest first; and one with what has become of it in numbers."""

from __future__ import annotations

from typing import Any

from aftersend import ids
from aftersend.ledger.conservation import Sums, sums
from aftersend.reports.log import LIMIT, Page, check_streams, cut, place
from aftersend.reports.telling import Row, moment, parsed
from aftersend.store import deliveries, messages
from aftersend.store.connection import Connection
from aftersend.store.filters import Filter

WORDS = (
    "sender", "recipient", "subject", "tag", "metadata.NAME", "stream", "broadcast", "message_id", "live", "since", "until",
)  # fmt: skip
"""The words of the search that can be asked of messages."""


def page(
    connection: Connection,
    account_id: int,
    wanted: Filter,
    *,
    limit: int = LIMIT,
    after: str | None = None,
    before: str | None = None,
) -> Page:
    """Return messages, newest first: those that follow the message `after` on the list, or stand just before `before`.

    Their outcomes are left out: a message may have a million recipients. Raise BadField, NotFound as the log does.
    """
    check_streams(connection, account_id, wanted)
    found = messages.page(connection, account_id, wanted, **place("msg", limit, after, before))
    shown, has_more = cut(found, limit, is_back=before is not None)
    return Page([told(row) for row in shown], has_more)


def one(connection: Connection, account_id: int, message_id: int) -> dict[str, Any]:
    """Return a message: what it is, and what has become of it in numbers. Raise NotFound."""
    row = deliveries.message(connection, account_id, message_id)
    return told(row) | {"outcomes": told_sums(of_message(connection, account_id, message_id))}


def told(row: Row) -> dict[str, Any]:
    """Write a message as the API shows it, without its outcomes."""
    return {
        "id": ids.show("msg", row["id"]),
        "rfc_message_id": row["rfc_message_id"],
        "sender": row["sender"],
        "from": row["header_from"],
        "subject": row["subject"],
        "stream": row["stream"],
        "via": row["via"],
        "tags": parsed(row["tags"]) or [],
        "metadata": parsed(row["metadata"]) or {},
        "size": row["size"],
        "received_at": moment(row["received_us"]),
        "scheduled_at": moment(row["scheduled_us"]),
        "received": parsed(row["received"]),
        "envid": row["envid"],
        "outcomes": None,
    }


def of_message(connection: Connection, account_id: int, message_id: int) -> Sums:
    """Add up a message's deliveries."""
    grouped = deliveries.by_facts(connection, account_id, message_id=message_id)
    return sums(sum(number for _, _, number in grouped), grouped)


def told_sums(counted: Sums) -> dict[str, Any]:
    """Write an audience and what has become of it as the API shows it."""
    return {
        "audience": counted.audience,
        "conserved": counted.is_conserved,
        "ended": counted.ended,
        "under_way": counted.under_way,
        "returned_later": counted.returned_later,
        "by_outcome": {outcome.word.replace(" ", "_"): number for outcome, number in counted.by_outcome.items()},
    }
