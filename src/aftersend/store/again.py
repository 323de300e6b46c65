"""Own what is needed to send again what came to nothing: how deliveries stand, their messages, and the writing down of new ones.

What was sent stays as it is in the ledger; a new message with the same content takes the way that every message takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, literal, or_, select, update

from aftersend.clock import Instant
from aftersend.store import record
from aftersend.store.hiding import PLATFORM, hidden
from aftersend.store.record import Entry, Submission
from aftersend.store.schema import audience, bodies, deliveries, events, messages, queue, suppressions, tracking

SENT_AGAIN = "sent_again"
"""The kind of event that says so, in the history of both deliveries."""


@dataclass(frozen=True, slots=True)
class Past:
    """One delivery, as far as it matters to whether it can be sent again."""

    delivery_id: int
    message_id: int
    facts: int
    stream: str
    recipient: str
    folded: str
    domain: str
    notify: str | None
    orcpt: str | None
    is_waiting: bool
    has_content: bool
    notes: frozenset[int]
    """The keys of the events that say in its history that it was sent again, or is itself such a one."""


def past(connection: Connection, account_id: int, ids: Sequence[int]) -> list[Past]:
    """Return those of the deliveries that are there, and keep others from sending them again until this transaction ends."""
    d, m = deliveries.c, messages.c
    waits = select(queue.c.delivery_id).where(queue.c.account_id == d.account_id, queue.c.delivery_id == d.id).exists()
    content = select(bodies.c.hash).where(bodies.c.account_id == m.account_id, bodies.c.hash == m.body).exists()
    found = list(connection.execute(
        select(
            d.id, d.message_id, d.facts, d.stream, d.recipient, d.folded, d.domain, d.notify, d.orcpt,
            waits.label("waits"), (content & m.headers.is_not(None)).label("has_content"),
        )
        .select_from(deliveries.join(messages, (m.account_id == d.account_id) & (m.id == d.message_id)))
        .where(d.account_id == account_id, d.id.in_(ids))
        .order_by(d.id)
        .with_for_update(of=deliveries)
    ))  # fmt: skip
    notes: dict[int, set[int]] = {}
    e = events.c
    said = select(e.delivery_id, e.key).where(e.account_id == account_id, e.delivery_id.in_(ids), e.kind == SENT_AGAIN)
    for delivery_id, key in connection.execute(said):
        notes.setdefault(delivery_id, set()).add(key)
    return [_past(row, notes.get(row.id, ())) for row in found]


def _past(row: Any, notes: Iterable[int]) -> Past:
    return Past(
        row.id, row.message_id, row.facts, row.stream, row.recipient, row.folded, row.domain, row.notify, row.orcpt,
        bool(row.waits), bool(row.has_content), frozenset(notes),
    )  # fmt: skip


def stopped(
    connection: Connection, account_id: int, wanted: Iterable[tuple[str, str, str]], *, now: Instant
) -> set[tuple[str, str]]:
    """Return which of (folded address, domain, stream) stand on a list at this moment, as (folded address, stream)."""
    s = suppressions.c
    asked = list(wanted)
    keys = {key: folded for folded, _, _ in asked for key in (folded, hidden(account_id, folded))}
    names = [*keys, *{f"@{domain}" for _, domain, _ in asked}]
    found = connection.execute(
        select(s.folded, s.stream).where(
            s.account_id.in_([account_id, PLATFORM]),
            s.folded.in_(names),
            or_(s.expires_us.is_(None), s.expires_us > now),
        )
    ).all()
    listed = {(keys.get(key, key), stream) for key, stream in found}
    return {
        (folded, stream)
        for folded, domain, stream in asked
        if any((key, each) in listed for key in (folded, f"@{domain}") for each in ("", stream))
    }


def write(
    connection: Connection,
    account_id: int,
    old_id: int,
    new_id: int,
    entries: Sequence[tuple[int, Entry]],
    *,
    said: Mapping[str, Any],
    received: str,
    now: Instant,
    expires_us: Instant,
    lane: int,
) -> None:
    """Write a message down once more, for some of its recipients: each entry with the delivery that it follows.

    `said` replaces columns of the message; what is personal and where its links lead is the same.
    """
    m = messages.c
    own = {"id": new_id, "received": received, "received_us": now, "scheduled_us": None, "broadcast_id": None, **said}
    names = [column.name for column in messages.columns]
    old = select(*(literal(own[name]).label(name) if name in own else m[name] for name in names))
    connection.execute(insert(messages).from_select(names, old.where(m.account_id == account_id, m.id == old_id)))
    row = connection.execute(select(m.body, m.stream).where(m.account_id == account_id, m.id == new_id)).one()
    connection.execute(
        update(bodies).where(bodies.c.account_id == account_id, bodies.c.hash == row.body).values(used_us=now)
    )
    _copy_links(connection, account_id, old_id, new_id)
    new_of = {before: entry.id for before, entry in entries}
    p = audience.personal.c
    personal = [
        (account_id, new_of[each.delivery_id], each.contact_id, each.data)
        for each in connection.execute(
            select(p.delivery_id, p.contact_id, p.data).where(p.account_id == account_id, p.delivery_id.in_(new_of))
        )
    ]
    record.write_entries(
        connection,
        [
            Submission(
                account_id, new_id, row.stream, (), (), [entry for _, entry in entries], now, expires_us,
                personal=personal, lane=lane,
            )
        ],
    )  # fmt: skip


def _copy_links(connection: Connection, account_id: int, old_id: int, new_id: int) -> None:
    t = tracking.links
    names = [column.name for column in t.columns]
    old = select(*(literal(new_id).label(name) if name == "message_id" else t.c[name] for name in names))
    connection.execute(insert(t).from_select(names, old.where(t.c.account_id == account_id, t.c.message_id == old_id)))
