"""Own the lists of addresses that are not mailed: what the platform learned, and what a person configured.

An address stands on a list for one stream, or for all (stream ''). A whole domain stands there as @ and its name. Why it stands
there is kept with it, always.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, delete, or_, select, tuple_

from aftersend.clock import Instant
from aftersend.errors import NotFound
from aftersend.ledger.standing import LASTING
from aftersend.store import verbs
from aftersend.store.engine import upsert
from aftersend.store.hiding import PLATFORM as PLATFORM
from aftersend.store.hiding import hidden as hidden
from aftersend.store.schema import streaks, suppressions

LEARNED = "learned"
CONFIGURED = "configured"
ON_PLATFORM = "platform"
"""How an entry of the installation's list is told."""
ALL_STREAMS = ""


def put(
    connection: Connection,
    account_id: int,
    folded: str,
    *,
    cause: str,
    origin: str,
    now: Instant,
    stream: str = ALL_STREAMS,
    expires_us: Instant | None = None,
    delivery_id: int | None = None,
    evidence: Mapping[str, Any] | None = None,
    reason: str | None = None,
    site: str | None = None,
    tier: int = 0,
    is_provisional: bool = False,
) -> bool:
    """Put an address on a list, or replace what was known of it there. `site` is who said what was learned.

    What a person puts there never weakens a complaint or an opt-out: such an entry stays as it is, and False is returned.
    What waits to be delivered to it goes back to treatment, which refuses it.
    """
    new = upsert(suppressions, connection.dialect.name).values(
        account_id=account_id,
        folded=folded,
        stream=stream,
        cause=cause,
        origin=origin,
        created_us=now,
        expires_us=expires_us,
        delivery_id=delivery_id,
        evidence=msgspec.json.encode(evidence).decode() if evidence else None,
        reason=reason,
        site=site,
        tier=tier,
        provisional=int(is_provisional),
        probe_id=None,
        probe_until_us=None,
    )
    kept = ("account_id", "folded", "stream")
    replaced = [column.name for column in suppressions.columns if column.name not in kept]
    written = connection.execute(
        new.on_conflict_do_update(
            index_elements=list(kept),
            set_={name: getattr(new.excluded, name) for name in replaced},
            where=_gives_way(expires_us, now) if origin == CONFIGURED else None,
        ).returning(suppressions.c.folded)
    ).first()
    if expires_us is None or expires_us > now:
        verbs.look_again_at(connection, account_id, folded, stream=stream, now=now)
    return written is not None


def _gives_way(ends: Instant | None, now: Instant) -> ColumnElement[bool]:
    """Whether what stands may be replaced by hand: what recipients asked for may not, unless it ends sooner."""
    stands = suppressions.c
    outlasted = stands.expires_us.is_not(None) if ends is None else stands.expires_us < ends
    return or_(stands.cause.not_in(LASTING), stands.expires_us <= now, outlasted)


def remove(connection: Connection, account_id: int, folded: str, *, stream: str | None = None) -> int:
    """Take an address off a stream's list, or off all, and forget what was counted against it; return from how many.

    Raise NotFound if it was on none.
    """
    both = (folded, hidden(account_id, folded))
    doomed = delete(suppressions).where(suppressions.c.account_id == account_id, suppressions.c.folded.in_(both))
    if stream is not None:
        doomed = doomed.where(suppressions.c.stream == stream)
    gone = int(connection.execute(doomed).rowcount)
    if not gone:
        raise NotFound(f"{folded[:320]} is not on a list of this account; mail to it is not stopped.")
    connection.execute(delete(streaks).where(streaks.c.account_id == account_id, streaks.c.folded == folded))
    return gone


def why(connection: Connection, account_id: int, folded: str) -> list[dict[str, Any]]:
    """Return every entry that stops mail to an address, its own and its domain's, with its evidence, also of one that was
    erased; empty when it may be mailed. The installation's list is asked too: its entries have the origin `platform`."""
    keys = (folded, f"@{folded.rpartition('@')[2]}", hidden(account_id, folded))
    found = connection.execute(
        select(suppressions)
        .where(suppressions.c.account_id.in_([account_id, PLATFORM]), suppressions.c.folded.in_(keys))
        .order_by(suppressions.c.account_id.desc(), suppressions.c.folded.desc(), suppressions.c.stream)
    )
    return [_entry(row) for row in found]


def page(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    after: tuple[str, str] | None = None,
    cause: str | None = None,
    origin: str | None = None,
    stream: str | None = None,
    part: str | None = None,
) -> list[dict[str, Any]]:
    """Return up to `limit` entries by address; `after` is the (address, stream) of the last one seen."""
    query = select(suppressions).where(suppressions.c.account_id == account_id)
    for column, value in (
        (suppressions.c.cause, cause),
        (suppressions.c.origin, origin),
        (suppressions.c.stream, stream),
    ):
        if value is not None:
            query = query.where(column == value)
    if part:
        query = query.where(suppressions.c.folded.contains(part, autoescape=True))
    if after is not None:
        query = query.where(tuple_(suppressions.c.folded, suppressions.c.stream) > tuple_(*after))
    found = connection.execute(query.order_by(suppressions.c.folded, suppressions.c.stream).limit(limit))
    return [_entry(row) for row in found]


def _entry(row: Any) -> dict[str, Any]:
    entry = dict(row._mapping)
    if row.account_id == PLATFORM:
        entry["origin"] = ON_PLATFORM
    entry["evidence"] = msgspec.json.decode(entry["evidence"]) if entry["evidence"] else None
    return entry
