"""Own the forgetting of one person: where an address can stand, and what is left in its place.

Counters, facts and events stay, without evidence: what happened to how many is nobody's address. A suppression stays as a
hash, so that whoever opted out is not written to again.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, update

from aftersend.mail.compiled import FLAG_COMPILED
from aftersend.store import judged
from aftersend.store.hiding import hidden
from aftersend.store.queue import Stage
from aftersend.store.schema import (
    audience,
    audit,
    bodies,
    deliveries,
    events,
    hooks,
    messages,
    queue,
    refusals,
    streaks,
    suppressions,
    tracking,
    unread_returns,
)

ERASED = "(erased)"
"""Stands where an address was."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What one transaction has erased."""

    deliveries: int
    messages: frozenset[int]
    """The messages that these deliveries were of."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is still to be sent to a person."""

    free: list[int]
    """Deliveries that nobody works on."""
    busy: int
    """How many somebody works on just now."""
    relayed: int
    """Of how many a relay is still to say what became of them."""


def waiting(connection: Connection, account_id: int, folded: Sequence[str]) -> Waiting:
    """Return what is still to be sent to these addresses."""
    found = connection.execute(
        select(queue.c.delivery_id, queue.c.holder, queue.c.stage)
        .join(deliveries, (deliveries.c.account_id == queue.c.account_id) & (deliveries.c.id == queue.c.delivery_id))
        .where(deliveries.c.account_id == account_id, deliveries.c.folded.in_(folded))
    ).all()
    ours = [row for row in found if row.stage != Stage.RELAYED]
    free = [int(row.delivery_id) for row in ours if not row.holder]
    return Waiting(free, len(ours) - len(free), len(found) - len(ours))


def from_deliveries(
    connection: Connection, account_id: int, folded: Sequence[str], *, shared: Container[str], limit: int
) -> Slice:
    """Take addresses out of some deliveries that have ended, with all evidence; nothing is left when none is returned.

    Domains that are `shared` by many people stay, for the reports.
    """
    d = deliveries.c
    waits = select(queue.c.delivery_id).where(queue.c.account_id == d.account_id, queue.c.delivery_id == d.id)
    found = connection.execute(
        select(d.id, d.message_id, d.domain)
        .where(d.account_id == account_id, d.folded.in_(folded), ~waits.exists())
        .limit(limit)
    ).all()
    numbers = [int(row.id) for row in found]
    for number, _, domain in found:
        kept = domain if domain in shared else ""
        connection.execute(
            update(deliveries)
            .where(d.account_id == account_id, d.id == number)
            .values(recipient=ERASED, folded="", domain=kept, said=None, orcpt=None)
        )
    if numbers:
        _around(connection, account_id, numbers)
        theirs = [(int(row.message_id), int(row.id)) for row in found if row.domain not in shared]
        judged.without_domains(connection, account_id, theirs)
    return Slice(len(numbers), frozenset(int(row.message_id) for row in found))


def _around(connection: Connection, account_id: int, numbers: Sequence[int]) -> None:
    """Take away what is kept of deliveries beside their rows."""
    e = events.c
    theirs = (e.account_id == account_id, e.delivery_id.in_(numbers))
    connection.execute(update(events).where(*theirs, e.evidence.is_not(None)).values(evidence=None))
    for table in (audience.personal, unread_returns):
        connection.execute(delete(table).where(table.c.account_id == account_id, table.c.delivery_id.in_(numbers)))
    seen = tracking.hits
    connection.execute(
        update(seen)
        .where(seen.c.account_id == account_id, seen.c.delivery_id.in_(numbers))
        .values(ip="", agent=None, said=None)
    )
    why = tracking.labels
    connection.execute(
        update(why).where(why.c.account_id == account_id, why.c.delivery_id.in_(numbers)).values(reasons="[]")
    )
    told = hooks.hook_waiting
    connection.execute(
        update(told)
        .where(told.c.account_id == account_id, told.c.delivery_id.in_(numbers))
        .values(recipient=ERASED, said=None)
    )


def from_messages(
    connection: Connection, account_id: int, folded: Sequence[str], numbers: Sequence[int]
) -> tuple[int, int]:
    """Empty messages that were for one person alone, and take the header, where it names the person, out of others; return
    how many were emptied, and how many must wait, since somebody else is still to get them.

    What is made for each recipient names nobody, and stays. A body goes unless another message has the same.
    """
    m = messages.c
    emptied = later = 0
    digests: set[bytes] = set()
    for number in numbers:
        mine = (m.account_id == account_id, m.id == number)
        found = connection.execute(select(m.body, m.flags, m.headers, m.broadcast_id).where(*mine)).first()
        if found is None or found.broadcast_id is not None:
            continue
        others, waits = _others(connection, account_id, number)
        header = bytes(found.headers or b"").lower()
        if others and not any(each.encode() in header for each in folded):
            continue
        if waits:
            later += 1
            continue
        values: dict[str, Any] = {"headers": None} if others else {"headers": None, "subject": ERASED, "metadata": None}
        if not others or found.flags & FLAG_COMPILED:
            digests.add(bytes(found.body))
        connection.execute(update(messages).where(*mine).values(**values))
        emptied += 1
    _drop_bodies(connection, account_id, digests, numbers)
    return emptied, later


def _others(connection: Connection, account_id: int, number: int) -> tuple[int, int]:
    """How many other people a message was for, and how many deliveries of it wait."""
    d = deliveries.c
    counted = connection.execute(
        select(
            func.count().filter(d.recipient != ERASED),
            func.count(queue.c.delivery_id),
        )
        .select_from(deliveries.outerjoin(queue, (queue.c.account_id == d.account_id) & (queue.c.delivery_id == d.id)))
        .where(d.account_id == account_id, d.message_id == number)
    ).one()
    return int(counted[0]), int(counted[1])


def _drop_bodies(connection: Connection, account_id: int, digests: set[bytes], numbers: Sequence[int]) -> None:
    if not digests:
        return
    m = messages.c
    used = select(m.body).where(m.account_id == account_id, m.body.in_(digests), m.id.not_in(numbers))
    shared = {bytes(each) for each in connection.execute(used.distinct()).scalars()}
    gone = digests - shared
    if gone:
        connection.execute(delete(bodies).where(bodies.c.account_id == account_id, bodies.c.hash.in_(gone)))


def from_the_rest(connection: Connection, account_id: int, folded: Sequence[str]) -> int:
    """Take addresses out of everything else; return how many suppressions are now kept as hashes."""
    number = 0
    for each in folded:
        number += _hide(connection, account_id, each)
        connection.execute(delete(streaks).where(streaks.c.account_id == account_id, streaks.c.folded == each))
        connection.execute(
            update(refusals)
            .where(refusals.c.account_id == account_id, func.lower(refusals.c.recipient) == each)
            .values(recipient=ERASED, said=ERASED, evidence=None)
        )
        connection.execute(
            update(audit).where(audit.c.account_id == account_id, func.lower(audit.c.what) == each).values(what=ERASED)
        )
        modes = tracking.tracking_modes
        connection.execute(delete(modes).where(modes.c.account_id == account_id, modes.c.name == each))
        tries = hooks.hook_attempts
        connection.execute(
            update(tries)
            .where(tries.c.account_id == account_id, _names(tries.c.request, each) | _names(tries.c.answer, each))
            .values(request=None, answer=None)
        )
        read, left_out = audience.import_rows, audience.import_faults
        connection.execute(delete(read).where(read.c.account_id == account_id, read.c.folded == each))
        connection.execute(
            update(left_out)
            .where(left_out.c.account_id == account_id, _names(left_out.c.row, each) | _names(left_out.c.why, each))
            .values(row=ERASED, why=ERASED)
        )
        rows = audience.broadcast_rows
        connection.execute(
            update(rows)
            .where(rows.c.account_id == account_id, _names(rows.c.address, each))
            .values(address="", data="{}")
        )
    return number


def _names(column: Any, folded: str) -> Any:
    return func.lower(column).contains(folded, autoescape=True)


def _hide(connection: Connection, account_id: int, folded: str) -> int:
    """Keep the entries of an address as a hash; one that is there already stays."""
    s = suppressions.c
    mine = (s.account_id == account_id, s.folded == folded)
    kept = hidden(account_id, folded)
    there = set(connection.execute(select(s.stream).where(s.account_id == account_id, s.folded == kept)).scalars())
    number = 0
    for stream in connection.execute(select(s.stream).where(*mine)).scalars().all():
        here = (*mine, s.stream == stream)
        if stream in there:
            connection.execute(delete(suppressions).where(*here))
        else:
            connection.execute(
                update(suppressions).where(*here).values(folded=kept, evidence=None, delivery_id=None, site=None)
            )
        number += 1
    return number
