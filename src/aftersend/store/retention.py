"""Own forgetting: each kind of data goes when its time is over, a slice at a time, and the counters stay.

Bodies, evidence (raw dialogues), events with their deliveries and messages, refusals and idempotency keys each have a time
of their own. What has not ended is never touched. `Engine.give_back` then returns the space.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, delete, select, tuple_, update

from aftersend.clock import DAY, HOUR, Instant
from aftersend.ids import beyond
from aftersend.store import judged
from aftersend.store.engine import name_of, upsert
from aftersend.store.schema import (
    accounts,
    bodies,
    counts,
    deliveries,
    events,
    idempotency,
    messages,
    meta,
    queue,
    refusals,
    tracking,
)
from aftersend.store.schema.audience import personal

SLICE = 500
PRUNED = "pruned_before_us"


def prune(connection: Connection, *, now: Instant, days: Mapping[str, int], idempotency_us: Instant) -> dict[str, int]:
    """Remove one slice of each kind that is over its time; return how many rows of each went. All zero means done.

    `days` names how long `bodies`, `evidence`, `events` and `refusals` are kept.
    """
    return {
        "bodies": _bodies(connection, now - days["bodies"] * DAY),
        "evidence": _evidence(connection, now - days["evidence"] * DAY),
        "deliveries": _deliveries(connection, now - days["events"] * DAY),
        "messages": _messages(connection, now - days["events"] * DAY),
        "readings": _read(connection, now - days["events"] * DAY),
        "refusals": _old(connection, refusals.c.occurred_us, now - days["refusals"] * DAY),
        "idempotency": _old(connection, idempotency.c.created_us, now - idempotency_us),
        "counters": _empty_counters(connection, now),
    }


def _bodies(connection: Connection, before: Instant) -> int:
    # Not asked for each body anew: the queue is walked through once, and only if there is an old body at all. Written as
    # lists in lists, since of a join SQLite may take the longest table first.
    waiting = select(queue.c.account_id, queue.c.delivery_id)
    theirs = select(deliveries.c.account_id, deliveries.c.message_id).where(
        tuple_(deliveries.c.account_id, deliveries.c.id).in_(waiting)
    )
    needed = select(messages.c.account_id, messages.c.body).where(
        tuple_(messages.c.account_id, messages.c.id).in_(theirs)
    )
    place = tuple_(bodies.c.account_id, bodies.c.hash)
    old = connection.execute(
        select(bodies.c.account_id, bodies.c.hash)
        .where(bodies.c.used_us < before, place.not_in(needed))
        .order_by(bodies.c.used_us)
        .limit(SLICE)
    ).all()
    for account_id, digest in old:
        connection.execute(delete(bodies).where(bodies.c.account_id == account_id, bodies.c.hash == digest))
    return len(old)


def _evidence(connection: Connection, before: Instant) -> int:
    old = connection.execute(
        select(events.c.account_id, events.c.delivery_id, events.c.key)
        .where(events.c.evidence.is_not(None), events.c.recorded_us < before)
        .limit(SLICE)
    ).all()
    for account_id, delivery_id, key in old:
        connection.execute(
            update(events)
            .where(events.c.account_id == account_id, events.c.delivery_id == delivery_id, events.c.key == key)
            .values(evidence=None)
        )
    return len(old)


def _deliveries(connection: Connection, before: Instant) -> int:
    waiting = select(queue.c.delivery_id).where(
        queue.c.account_id == deliveries.c.account_id, queue.c.delivery_id == deliveries.c.id
    )
    wanted = select(deliveries.c.account_id, deliveries.c.id, deliveries.c.created_us)
    old = _first_of_each_account(
        connection, wanted.where(deliveries.c.created_us < before, ~waiting.exists()), deliveries, before
    )
    for account_id, delivery_id, _ in old:
        connection.execute(delete(events).where(events.c.account_id == account_id, events.c.delivery_id == delivery_id))
        connection.execute(
            delete(deliveries).where(deliveries.c.account_id == account_id, deliveries.c.id == delivery_id)
        )
        connection.execute(
            delete(personal).where(personal.c.account_id == account_id, personal.c.delivery_id == delivery_id)
        )
    if old:
        _remember(connection, max(created for _, _, created in old) + 1)
    return len(old)


def _first_of_each_account(connection: Connection, wanted: Select[Any], table: Table, before: Instant) -> list[Any]:
    """The first slice of what is wanted. Ids grow with time, so each account's old rows lie together at its beginning, and
    a pass that finds nothing reads next to nothing."""
    found: list[Any] = []
    for account_id in connection.execute(select(accounts.c.id).order_by(accounts.c.id)).scalars().all():
        here = wanted.where(table.c.account_id == account_id, table.c.id < beyond(before)).order_by(table.c.id)
        found += connection.execute(here.limit(SLICE - len(found))).all()
        if len(found) >= SLICE:
            break
    return found


def _remember(connection: Connection, horizon: Instant) -> None:
    """Note how far deliveries were pruned: counters before this moment can no longer be made again from events."""
    known = pruned_before(connection)
    if horizon > known:
        new = upsert(meta, name_of(connection)).values(name=PRUNED, value=str(horizon))
        connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"value": new.excluded.value}))


def pruned_before(connection: Connection) -> Instant:
    """Return the moment before which deliveries have been pruned; 0 if none were."""
    value = connection.execute(select(meta.c.value).where(meta.c.name == PRUNED)).scalar()
    return int(value) if value else 0


def _messages(connection: Connection, before: Instant) -> int:
    used = select(deliveries.c.id).where(
        deliveries.c.account_id == messages.c.account_id, deliveries.c.message_id == messages.c.id
    )
    wanted = select(messages.c.account_id, messages.c.id)
    old = _first_of_each_account(
        connection, wanted.where(messages.c.received_us < before, ~used.exists()), messages, before
    )
    for account_id, message_id in old:
        connection.execute(delete(messages).where(messages.c.account_id == account_id, messages.c.id == message_id))
    return len(old)


def _read(connection: Connection, before: Instant) -> int:
    """What is known of links and reading goes with its message, and with it the counters by domain and message. How many
    there were in all, and at which hour of the day, stays."""
    went = 0
    for table in (tracking.links, tracking.readings, tracking.followed):
        c = table.c
        is_gone = ~select(messages.c.id).where(
            messages.c.account_id == c.account_id, messages.c.id == c.message_id
        ).exists()  # fmt: skip
        went += _slice(connection, table, is_gone, c.message_id < beyond(before))
    c = tracking.read_counts.c
    for by in (judged.BY_DOMAIN, judged.BY_MESSAGE):
        went += _slice(connection, tracking.read_counts, c.by == by, c.bucket_us < before // HOUR * HOUR)
    return went


def _slice(connection: Connection, table: Table, *wanted: ColumnElement[bool]) -> int:
    """Remove the first slice of what is wanted; account by account, for what is old stands at the beginning of each."""
    key, went = list(table.primary_key.columns), 0
    for account_id in connection.execute(select(accounts.c.id).order_by(accounts.c.id)).scalars().all():
        old = connection.execute(
            select(*key).where(table.c.account_id == account_id, *wanted).order_by(*key).limit(SLICE - went)
        ).all()
        for row in old:
            connection.execute(delete(table).where(*(c == value for c, value in zip(key, row, strict=True))))
        went += len(old)
        if went >= SLICE:
            break
    return went


def _empty_counters(connection: Connection, now: Instant) -> int:
    """Counters from which everybody has moved on say nothing. Those of the last day still move; of very old ones few become
    empty, so a pass looks at the weeks between."""
    c, went = counts.c, 0
    key = list(counts.primary_key.columns)
    for account_id in connection.execute(select(accounts.c.id).order_by(accounts.c.id)).scalars().all():
        empty = select(*key).where(
            c.account_id == account_id, c.bucket_us >= now - 40 * DAY, c.bucket_us < now - DAY, c.number == 0
        )
        for row in connection.execute(empty.limit(SLICE - went)).all():
            # Asked once more: another node may have counted in between.
            is_it = [column == value for column, value in zip(key, row, strict=True)]
            went += connection.execute(delete(counts).where(*is_it, c.number == 0)).rowcount
        if went >= SLICE:
            break
    return went


def _old(connection: Connection, column: Column[Any], before: Instant) -> int:
    table = column.table
    assert isinstance(table, Table)
    key = list(table.primary_key.columns)
    old = connection.execute(select(*key).where(column < before).limit(SLICE)).all()
    for row in old:
        connection.execute(delete(table).where(*(c == value for c, value in zip(key, row, strict=True))))
    return len(old)
