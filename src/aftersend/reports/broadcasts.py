"""Answer about broadcasts: what one is, how far it has come, what has become of everybody, which addresses to correct."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from aftersend import ids
from aftersend.ledger.conservation import sums
from aftersend.ledger.facts import Fact
from aftersend.ledger.vocabularies import VOCABULARIES, bounces, tally
from aftersend.policy.score.typos import suggest
from aftersend.reports.messages import told_sums
from aftersend.reports.telling import moment
from aftersend.store import broadcasts, condition, deliveries, outcomes
from aftersend.store.broadcasts import DONE, Broadcast
from aftersend.store.connection import Connection

NOT_SHOWN = "attachments"
"""A part of the message that may be long; of it the names are shown."""


def told(found: Broadcast) -> dict[str, Any]:
    """Tell of a broadcast as the API does, without what has become of it."""
    message = msgspec.json.decode(found.content)
    if message.get(NOT_SHOWN):
        message[NOT_SHOWN] = [{"filename": each.get("filename")} for each in message[NOT_SHOWN]]
    return {
        "id": ids.show("brd", found.id),
        "name": found.name,
        "type": found.type,
        "stream": found.stream,
        "state": found.state,
        "lists": found.lists,
        "where": found.where,
        "needs_consent": found.needs_consent,
        "message": message,
        "message_id": None if found.message_id is None else ids.show("msg", found.message_id),
        "who": found.who,
        "created_at": moment(found.created_us),
        "changed_at": moment(found.changed_us),
        "scheduled_at": moment(found.scheduled_us),
        "started_at": moment(found.started_us),
        "ended_at": moment(found.ended_us),
    }


def whole(connection: Connection, account_id: int, broadcast_id: int) -> dict[str, Any]:
    """Return a broadcast and how far it has come. Raise NotFound."""
    found = broadcasts.one(connection, account_id, broadcast_id)
    is_whole = found.part == DONE
    expected = found.people if is_whole else max(found.people, broadcasts.expected(connection, found))
    return {
        **told(found),
        "recipients": broadcasts.how_many_rows(connection, account_id, broadcast_id),
        "progress": {"expected": expected, "written": found.people, "is_whole": is_whole, **_sums(connection, found)},
    }


def _grouped(connection: Connection, found: Broadcast) -> list[tuple[int, bool, int]]:
    if found.message_id is None:
        return []
    return deliveries.by_facts(connection, found.account_id, message_id=found.message_id)


def _sums(connection: Connection, found: Broadcast) -> dict[str, Any]:
    return told_sums(sums(found.people, _grouped(connection, found)))


def results(connection: Connection, account_id: int, broadcast_id: int) -> dict[str, Any]:
    """Return what has become of everybody in the words of all five vocabularies, and that it sums. Raise NotFound.

    The connection sees one moment from here on; ask nothing of it before.
    """
    condition.freeze(connection)
    found = broadcasts.one(connection, account_id, broadcast_id)
    grouped = _grouped(connection, found)
    by_bits: Counter[int] = Counter()
    for bits, _, number in grouped:
        by_bits[bits] += number
    bounced: Counter[str] = Counter()
    if found.message_id is not None:
        for reason, detail, status, number in outcomes.bounces_of_message(connection, account_id, found.message_id):
            bounced[bounces.counted(reason, detail, status).word] += number
    numbers = tally(by_bits, bounced)
    return {
        "id": ids.show("brd", found.id),
        "name": found.name,
        "state": found.state,
        "is_whole": found.part == DONE,
        **told_sums(sums(found.people, grouped)),
        "vocabularies": {
            name: {
                "title": vocabulary.title,
                "question": vocabulary.question,
                "counts": [
                    {"word": word, "meaning": meaning, "count": numbers[name][word]}
                    for word, meaning in vocabulary.words
                ],
            }
            for name, vocabulary in VOCABULARIES.items()
        },
    }


TO_UPDATE = Fact.BOUNCED_INVALID.bit | Fact.INVALID_ADDRESS.bit
"""The address itself was at fault (001: Failed)."""


def to_update(
    connection: Connection, account_id: int, broadcast_id: int, *, limit: int, after: int | None = None
) -> list[dict[str, Any]]:
    """Return up to `limit` addresses that failed, each with what was probably meant, in the order of the audience.

    `after` is the delivery of the last one seen. Raise NotFound.
    """
    found = broadcasts.one(connection, account_id, broadcast_id)
    if found.message_id is None:
        return []
    rows = outcomes.having(connection, account_id, found.message_id, TO_UPDATE, limit=limit, after=after)
    return [
        {
            "delivery_id": ids.show("dlv", row["id"]),
            "address": row["recipient"],
            "contact_id": None if row["contact_id"] is None else ids.show("con", row["contact_id"]),
            "reason": row["reason"],
            "said": row["said"],
            "suggestion": _suggestion(row["recipient"]),
        }
        for row in rows
    ]


def _suggestion(address: str) -> str | None:
    local, at, domain = address.rpartition("@")
    better = suggest(domain) if at and local else None
    return f"{local}@{better}" if better else None
