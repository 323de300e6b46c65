"""Answer with the email log: one row for each recipient, in the words of all vocabularies, later facts beside the headline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aftersend import ids
from aftersend.clock import Instant
from aftersend.errors import BadField
from aftersend.ledger.explain import Explanation
from aftersend.ledger.facts import Fact, members
from aftersend.ledger.providers import provider_of
from aftersend.policy.score.typos import suggest
from aftersend.reports.subjects import as_got
from aftersend.reports.telling import Row, explained, moment, parsed
from aftersend.store import accounts, deliveries, nodes
from aftersend.store.connection import Connection
from aftersend.store.filters import Filter
from aftersend.store.finding import for_ever

LIMIT = 50
MOST = 100


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, newest first."""

    rows: list[dict[str, Any]]
    has_more: bool
    """Whether there is more in the direction in which the page was asked for."""
    reached: str | None = None
    """How far it was looked when time was over: there may be more beyond this delivery, which need not be on the list."""


def page(
    connection: Connection,
    account_id: int,
    wanted: Filter,
    *,
    limit: int = LIMIT,
    after: str | None = None,
    before: str | None = None,
    has_time: Callable[[], bool] = for_ever,
) -> Page:
    """Return rows of the log, newest first: those that follow the delivery `after` on the list (older ones), or those that
    stand just before the delivery `before` (newer ones). Raise BadField for a limit out of range, NotFound for a bad id.

    Where there is no time left, it has what was found until then, and says where to go on.
    """
    check_streams(connection, account_id, wanted)
    asked = place("dlv", limit, after, before)
    found = deliveries.look(connection, account_id, wanted, has_time=has_time, **asked)
    shown, has_more = cut(found.rows, limit, is_back=before is not None)
    reached = None if found.reached is None else ids.show("dlv", found.reached)
    return Page(rows(connection, account_id, shown), has_more, reached)


def check_streams(connection: Connection, account_id: int, wanted: Filter) -> None:
    """Raise BadField where a stream is asked for that the account does not have: an empty list would hide the slip."""
    if not wanted.stream:
        return
    known = accounts.stream_names(connection, account_id)
    for name in wanted.stream:
        if name not in known:
            raise BadField(
                "#/stream", f"There is no stream {name[:40]!r}; there are {', '.join(known)}.", code="unknown-stream"
            )


def place(prefix: str, limit: int, after: str | None, before: str | None) -> dict[str, Any]:
    """Return which part of a list the store is to be asked for: a row more than the page has, to see whether there is more.
    Raise BadField for a limit out of range or both places, NotFound for a bad id."""
    if not 1 <= limit <= MOST:
        raise BadField("#/limit", f"A page has 1 to {MOST} rows, not {limit}.", code="invalid-limit")
    if after is not None and before is not None:
        raise BadField("#/before", "Give after or before, not both.", code="invalid-cursor")
    return {
        "limit": limit + 1,
        "before": None if after is None else ids.read(prefix, after),
        "after": None if before is None else ids.read(prefix, before),
    }


def cut(found: Sequence[Row], limit: int, *, is_back: bool) -> tuple[Sequence[Row], bool]:
    """Return the rows of a page out of what the store found for it, and whether there is more in that direction."""
    if len(found) <= limit:
        return found, False
    return (found[-limit:] if is_back else found[:limit]), True


PART = 250


def part(connection: Connection, account_id: int, wanted: Filter, *, after: int | None = None) -> list[dict[str, Any]]:
    """Return the next PART rows of the log, newest first, for who walks through all of it; fewer only at the end."""
    if after is None:
        check_streams(connection, account_id, wanted)
    return rows(connection, account_id, deliveries.page(connection, account_id, wanted, limit=PART, before=after))


def rows(connection: Connection, account_id: int, found: Sequence[Row]) -> list[dict[str, Any]]:
    """Write rows of the store as the log shows them."""
    if not found:
        return []
    found = as_got(connection, account_id, found)
    events = deliveries.events_of_many(connection, account_id, [row["id"] for row in found])
    leases = leases_of(connection)
    return [told(row, explained(row, events[row["id"]], leases)) for row in found]


def leases_of(connection: Connection) -> Mapping[int, Instant]:
    """Return until when each node may work on what it has claimed."""
    return {number: ends for number, _, _, ends in nodes.listed(connection)}


def told(row: Row, explanation: Explanation) -> dict[str, Any]:
    """Write one row: what was sent to whom, then what became of it in all words."""
    says = explanation.as_dict()
    del says["known_by"]
    return {
        "id": ids.show("dlv", row["id"]),
        "message_id": ids.show("msg", row["message_id"]),
        "rfc_message_id": row["rfc_message_id"],
        "recipient": row["recipient"],
        "provider": provider_of(row["domain"]),
        "sender": row["sender"],
        "from": row["header_from"],
        "subject": row["subject"],
        "stream": row["stream"],
        "via": row["via"],
        "tags": parsed(row["tags"]) or [],
        "metadata": parsed(row["metadata"]) or {},
        "size": row["size"],
        "broadcast_id": None if row["broadcast_id"] is None else ids.show("brd", row["broadcast_id"]),
        "created_at": moment(row["created_us"]),
        "changed_at": moment(row["changed_us"]),
        "scheduled_at": moment(row["scheduled_us"]),
        **says,
        "facts": [fact.word for fact in members(row["facts"])],
        "tries": row["tries"],
        "reason": row["reason"],
        "detail": row["detail"],
        "said": row["said"],
        "suggested_address": suggested(row["recipient"], row["facts"]),
    }


def suggested(recipient: str, facts: int) -> str | None:
    """Return the address that was meant, as far as its domain tells, where there is no such address; else None.

    Only a proposal for whoever owns the data: nothing is ever sent to it by itself.
    """
    if not facts & Fact.BOUNCED_INVALID.bit:
        return None
    local, _, domain = recipient.rpartition("@")
    better = suggest(domain)
    return f"{local}@{better}" if better and local else None
