"""Answer how an address stands on the lists of those that are not mailed: the entry in words that both faces share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aftersend import ids
from aftersend.ledger.standing import Cause
from aftersend.reports.telling import moment

_ASKED = {Cause.COMPLAINED.value: "reported a message as spam", Cause.UNSUBSCRIBED.value: "opted out"}


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


def put(row: Mapping[str, Any], *, is_new: bool) -> dict[str, Any]:
    """Return the entry that stands after somebody put an address on a list, and whether it is one that stood before."""
    entry = told(row)
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
