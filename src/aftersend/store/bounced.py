"""Own questions about bounce events: the list of them, and how many there are by domain, day and what came back.

Both look at the same rows under the same conditions, so that a number is the length of its list.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal_column, or_, select, true

from aftersend.clock import DAY, Instant
from aftersend.ids import beyond, least_at
from aftersend.store.engine import among, name_of, packed
from aftersend.store.filters import BounceWanted
from aftersend.store.finding import is_bounce
from aftersend.store.schema import BOUNCE_EVENTS, BOUNCED_DELIVERIES, deliveries, events


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bounce events are wanted. Several domains mean or, different fields mean and."""

    bounces: tuple[BounceWanted, ...] = ()
    """Of any of these kinds; all kinds if it is empty."""
    reason: str | None = None
    """With this identifier as the reason or as the finer word beside it."""
    detail: str | None = None
    """With this as the finest word that is known; "" for events without any reason."""
    domains: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    """Or domains that begin so."""
    stream: str | None = None
    broadcast_id: int | None = None
    since: Instant | None = None
    """Of deliveries created from here on …"""
    until: Instant | None = None
    """… and before this."""


@dataclass(frozen=True, slots=True)
class Group:
    """So many bounce events that have in common what was asked for; the rest is left empty."""

    number: int
    domain: str = ""
    day_us: Instant = 0
    reason: str | None = None
    detail: str | None = None
    is_of_mailbox: bool = False
    """Whether the enhanced status speaks of the one mailbox."""


_ROWS = events.join(
    deliveries, (deliveries.c.account_id == events.c.account_id) & (deliveries.c.id == events.c.delivery_id)
)


def _conditions(account_id: int, wanted: Wanted, upto: int | None = None) -> ColumnElement[bool]:
    e, d = events.c, deliveries.c
    found: list[ColumnElement[bool]] = [e.account_id == account_id, literal_column(f"({BOUNCE_EVENTS})")]
    if wanted.bounces:
        found.append(or_(*(is_bounce(each) for each in wanted.bounces)))
    if wanted.reason is not None:
        found.append(or_(e.reason == wanted.reason, e.detail == wanted.reason))
    if wanted.detail is not None:
        found.append(func.coalesce(e.detail, e.reason, "") == wanted.detail)
    if wanted.domains or wanted.beginnings:
        begun = (d.domain.startswith(beginning, autoescape=True) for beginning in wanted.beginnings)
        found.append(or_(d.domain.in_(wanted.domains), *begun))
    if wanted.stream is not None:
        found.append(d.stream == wanted.stream)
    if wanted.broadcast_id is not None:
        found.append(d.broadcast_id == wanted.broadcast_id)
    if wanted.since is not None:
        found.append(d.created_us >= wanted.since)
    if wanted.until is not None:
        found.append(d.created_us < wanted.until)
    return and_(*found, _of_deliveries(account_id, wanted, upto))


def _asks_of_deliveries(wanted: Wanted) -> bool:
    """Whether it matters what else is known of the delivery of an event."""
    others = (wanted.domains, wanted.beginnings, wanted.stream, wanted.broadcast_id, wanted.since, wanted.until)
    return any(each not in ((), None) for each in others)


def _of_deliveries(account_id: int, wanted: Wanted, upto: int | None) -> ColumnElement[bool]:
    """Narrow the ids of the deliveries. An index has those of a domain that bounced, which are named then; with a range
    beside it, SQLite would look at everybody's."""
    d = deliveries.alias("theirs").c
    is_by_domain = bool(wanted.domains) and not wanted.beginnings
    column = d.id if is_by_domain else events.c.delivery_id
    found: list[ColumnElement[bool]] = [true()]
    if wanted.since is not None:
        found.append(column >= least_at(wanted.since))
    if wanted.until is not None:
        found.append(column < beyond(wanted.until))
    if upto is not None:
        found.append(column <= upto)
    if not is_by_domain:
        return and_(*found)
    theirs = select(d.id).where(d.account_id == account_id, d.domain.in_(wanted.domains), *found)
    return events.c.delivery_id.in_(theirs.where(literal_column(BOUNCED_DELIVERIES)))


def page(
    connection: Connection, account_id: int, wanted: Wanted, *, limit: int, after: tuple[int, int] | None = None
) -> list[dict[str, Any]]:
    """Return bounce events, those of the newest deliveries first, each with the recipient; `after` is the (delivery, key)
    of the last one of the page before."""
    e, d = events.c, deliveries.c
    asked = (
        select(events, d.recipient, d.domain, d.stream, d.broadcast_id, d.created_us)
        .select_from(_ROWS)
        .where(_conditions(account_id, wanted))
        .order_by(e.delivery_id.desc(), e.key.desc())
    )
    if after is not None:
        asked = asked.where(or_(e.delivery_id < after[0], and_(e.delivery_id == after[0], e.key < after[1])))
    # The deliveries first, as many as can be needed: SQLite would else walk through all events to have them in order.
    upto = None if after is None else after[0]
    theirs = select(e.delivery_id).where(_conditions(account_id, wanted, upto))
    theirs = theirs.select_from(_ROWS if _asks_of_deliveries(wanted) else events)
    ids = list(connection.execute(theirs.distinct().order_by(e.delivery_id.desc()).limit(limit + 1)).scalars())
    named = asked.where(among(e.delivery_id, name_of(connection))).limit(limit)
    return [dict(row._mapping) for row in connection.execute(named, {"ids": packed(connection, ids)})]


DOMAIN, DAYS, WORDS = "domain", "day", "words"
"""What bounces can be counted by: where to, the day on which the mail was created, and what came back."""


def grouped(connection: Connection, account_id: int, wanted: Wanted, by: Iterable[str]) -> Sequence[Group]:
    """Return how many bounce events there are by any of DOMAIN, DAYS and WORDS; costs a look at each of them."""
    e, d = events.c, deliveries.c
    of_mailbox = case((func.coalesce(e.status, "").like("_.2.%"), 1), else_=0)
    known: dict[str, dict[str, Any]] = {
        DOMAIN: {"domain": d.domain},
        DAYS: {"day_us": d.created_us - d.created_us % literal_column(str(DAY))},
        WORDS: {"reason": e.reason, "detail": e.detail, "is_of_mailbox": of_mailbox},
    }
    columns = {name: column for each in by for name, column in known[each].items()}
    asked = (
        select(func.count(), *columns.values())
        .select_from(_ROWS)
        .where(_conditions(account_id, wanted))
        .group_by(*columns.values())
    )
    return [Group(number, **dict(zip(columns, rest, strict=True))) for number, *rest in connection.execute(asked)]
