"""Own questions about bounce events: the list of them, and how many there are by domain, day and what came back.

Both look at the same rows under the same conditions, so that a number is the length of its list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, literal_column, or_, select

from aftersend.clock import DAY, Instant
from aftersend.ids import beyond, least_at
from aftersend.store.filters import BounceWanted
from aftersend.store.finding import is_bounce
from aftersend.store.schema import BOUNCE_EVENTS, deliveries, events


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
    """So many bounce events of one domain and day with the same words."""

    domain: str
    day_us: Instant
    reason: str | None
    detail: str | None
    is_of_mailbox: bool
    """Whether the enhanced status speaks of the one mailbox."""
    number: int


_ROWS = events.join(
    deliveries, (deliveries.c.account_id == events.c.account_id) & (deliveries.c.id == events.c.delivery_id)
)


def _conditions(account_id: int, wanted: Wanted) -> ColumnElement[bool]:
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
        found += [d.created_us >= wanted.since, e.delivery_id >= least_at(wanted.since)]
    if wanted.until is not None:
        found += [d.created_us < wanted.until, e.delivery_id < beyond(wanted.until)]
    return and_(*found)


def page(
    connection: Connection, account_id: int, wanted: Wanted, *, limit: int, after: tuple[int, int] | None = None
) -> list[dict[str, Any]]:
    """Return bounce events, those of the newest deliveries first, each with the recipient; `after` is the (delivery, key)
    of the last one of the page before."""
    e = events.c
    asked = (
        select(
            events,
            deliveries.c.recipient,
            deliveries.c.domain,
            deliveries.c.stream,
            deliveries.c.broadcast_id,
            deliveries.c.created_us,
        )
        .select_from(_ROWS)
        .where(_conditions(account_id, wanted))
    )
    if after is not None:
        delivery_id, key = after
        asked = asked.where(or_(e.delivery_id < delivery_id, and_(e.delivery_id == delivery_id, e.key < key)))
        asked = asked.where(e.delivery_id <= delivery_id)
    asked = asked.order_by(e.delivery_id.desc(), e.key.desc()).limit(limit)
    return [dict(row._mapping) for row in connection.execute(asked)]


def grouped(connection: Connection, account_id: int, wanted: Wanted) -> Sequence[Group]:
    """Return how many bounce events there are of each domain, day and words; costs a look at each of them."""
    e, d = events.c, deliveries.c
    day = d.created_us - d.created_us % literal_column(str(DAY))
    of_mailbox = case((func.coalesce(e.status, "").like("_.2.%"), 1), else_=0)
    asked = (
        select(d.domain, day, e.reason, e.detail, of_mailbox, func.count())
        .select_from(_ROWS)
        .where(_conditions(account_id, wanted))
        .group_by(d.domain, day, e.reason, e.detail, of_mailbox)
    )
    return [
        Group(domain, created_day, reason, detail, bool(is_of_mailbox), number)
        for domain, created_day, reason, detail, is_of_mailbox, number in connection.execute(asked)
    ]
