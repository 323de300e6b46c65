"""Answer how an address stands on the lists of those that are not mailed: its entries, or how far it is from one, in words that
both faces share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aftersend import ids
from aftersend.clock import Instant, iso
from aftersend.errors import AftersendError, NotFound
from aftersend.ledger.standing import Cause, Counter
from aftersend.mail import address
from aftersend.policy.counters import SuppressionRules
from aftersend.reports.telling import moment
from aftersend.store import standings, suppressions
from aftersend.store.connection import Connection

_ASKED = {Cause.COMPLAINED.value: "reported a message as spam", Cause.UNSUBSCRIBED.value: "opted out"}
_COUNTED = {
    Counter.SOFT: "soft bounces",
    Counter.HARD: "refusals of the address that leave a doubt",
    Counter.DOMAIN: "days on which mail to it could not be placed",
    Counter.UNREACHABLE: "days on which nobody could be reached",
    Counter.UNKNOWN: "failures without a known reason",
    Counter.RELAYING: "answers that its domain is not served",
}


def of_recipient(connection: Connection, account_id: int, recipient: str) -> list[dict[str, Any]]:
    """Return the entries that stop mail to a recipient of a delivery, as they are kept."""
    try:
        folded = address.parse(recipient).folded
    except AftersendError:
        folded = recipient.casefold()
    return suppressions.why(connection, account_id, folded)


def why(
    connection: Connection, account_id: int, folded: str, rules: SuppressionRules, *, now: Instant
) -> list[dict[str, Any]]:
    """Return every entry for an address. Raise NotFound, which says what is counted, where there is none."""
    rows = suppressions.why(connection, account_id, folded)
    if not rows:
        counts = _counts(connection, account_id, folded, rules, now)
        said = f"{folded[:320]} is on no list of this account; mail to it is not stopped."
        raise NotFound(" ".join([said, *counts]))
    return [told(row) for row in rows]


def _counts(connection: Connection, account_id: int, folded: str, rules: SuppressionRules, now: Instant) -> list[str]:
    """How far each count has come that the next bounce goes on with."""
    found = []
    for streak in standings.streaks_of(connection, account_id, folded):
        limit = rules.limit(streak.counter)
        is_over = limit.within_us is not None and now - streak.first_us > limit.within_us
        if streak.number and limit.number > 0 and streak.reset_by is None and not is_over:
            what, last = _COUNTED[streak.counter], iso(streak.last_us)[:10]
            found.append(f"{streak.number} of {limit.number} {what} counted, the last on {last}.")
    return found


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry as it is told."""
    return {
        "recipient": row["folded"],
        "stream": row["stream"],
        "cause": row["cause"],
        "origin": row["origin"],
        "created_at": moment(row["created_us"]),
        "expires_at": moment(row["expires_us"]),
        "delivery_id": None if row["delivery_id"] is None else ids.show("dlv", row["delivery_id"]),
        "evidence": row["evidence"],
    }


def put(
    connection: Connection, account_id: int, owner: int, folded: str, stream: str, *, is_new: bool
) -> dict[str, Any]:
    """Return the entry that stands after somebody put an address on the list of `owner`, and whether it stood there before."""
    rows = suppressions.why(connection, account_id, folded)
    entry = next(
        told(row) for row in rows if (row["account_id"], row["folded"], row["stream"]) == (owner, folded, stream)
    )
    return {**entry, "kept": not is_new, "says": _listed(entry) if is_new else _stays(entry)}


def _listed(entry: Mapping[str, Any]) -> str:
    on = f" on {entry['stream']}" if entry["stream"] else ""
    return f"{entry['recipient']} is not mailed any more{on}."


def _stays(entry: Mapping[str, Any]) -> str:
    on = f" from {entry['stream']}" if entry["stream"] else ""
    return (
        f"{entry['recipient']} {_ASKED.get(entry['cause'], entry['cause'])}{on}: that entry, of {entry['created_at'][:10]}, stays"
        " as it is, and nothing is mailed. Only taking the address off the list undoes it."
    )
