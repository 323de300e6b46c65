"""Own the purses: what an account has, what is set aside for mail under way, what was charged; and how all that came about.

A credit is set aside in the transaction that lets a delivery go, and charged or given back in the one that writes down its
end. So the sum is right at every moment, on however many nodes, and no purse is ever below zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, exists, func, insert, literal_column, select, update

from aftersend.clock import DAY, Instant
from aftersend.errors import NotFound
from aftersend.ledger.facts import Fact
from aftersend.store import turns
from aftersend.store.engine import (
    Statement,
    among,
    insert_rows,
    many,
    name_of,
    packed,
    query,
    ring,
    rows,
    run,
    upsert,
)
from aftersend.store.queue import Stage
from aftersend.store.schema import events, queue
from aftersend.store.schema.treatment import credit_days, credit_entries, credits, reservations

CHARGED_BITS = (
    Fact.DELIVERED.bit
    | Fact.RELAYED.bit
    | Fact.UNCERTAIN.bit
    | Fact.DELAYED.bit
    | Fact.BOUNCED.bit
    | Fact.BOUNCED_INVALID.bit
    | Fact.REJECTED_AS_SPAM.bit
)
"""It left us: a server took it, or gave a final answer to it. What never got that far costs nothing."""
PAGE = 500
"""So many depleted deliveries of an account are woken in one transaction."""


@dataclass(frozen=True, slots=True)
class Purse:
    """What an account has. `plan_*` and `renews_us` are None without a plan."""

    account_id: int
    available: int
    reserved: int
    charged: int
    plan_amount: int | None
    plan_period: str | None
    plan_mode: str | None
    renews_us: Instant | None
    came_us: Instant


def _locked(engine_name: str) -> Any:
    found = select(credits.c.account_id, credits.c.available).where(among(credits.c.account_id, engine_name))
    return found if engine_name == "sqlite" else found.order_by(credits.c.account_id).with_for_update()


_LOCKED = query(_locked, "ids")
_TAKE = Statement(
    update(credits)
    .where(credits.c.account_id == bindparam("account"))
    .values(
        available=credits.c.available + bindparam("gain"),
        reserved=credits.c.reserved + bindparam("more"),
        charged=credits.c.charged + bindparam("cost"),
        came_us=case((bindparam("gain") > literal_column("0"), bindparam("now")), else_=credits.c.came_us),
        changed_us=bindparam("now"),
    ),
    "gain", "more", "cost", "now", "account",
)  # fmt: skip
_RESERVE = insert_rows(reservations, if_new=True)
_METERED = query(
    lambda engine_name: select(credits.c.account_id).where(among(credits.c.account_id, engine_name)), "ids"
)
_HELD = query(
    lambda engine_name: select(reservations.c.delivery_id).where(
        reservations.c.account_id == bindparam("account"), among(reservations.c.delivery_id, engine_name)
    ),
    "account", "ids",
)  # fmt: skip
_FREE = Statement(
    delete(reservations).where(
        reservations.c.account_id == bindparam("account"), reservations.c.delivery_id == bindparam("delivery")
    ),
    "account", "delivery",
)  # fmt: skip


def _day(engine_name: str) -> Any:
    new = upsert(credit_days, engine_name)
    return new.on_conflict_do_update(
        index_elements=["account_id", "day_us", "kind"], set_={"number": credit_days.c.number + new.excluded.number}
    )


_DAY = Statement(_day, *[column.name for column in credit_days.columns])


def reserve(connection: Connection, wanted: Sequence[tuple[int, int]], *, now: Instant) -> set[tuple[int, int]]:
    """Set a credit aside for each (account, delivery), as far as there are some; return those that got one.

    An account without a purse pays nothing: its deliveries are all among them. One that has a credit set aside already
    keeps that one.
    """
    if not wanted:
        return set()
    accounts = sorted({account for account, _ in wanted})
    left = {int(a): int(available) for a, available in rows(connection, _LOCKED, (packed(connection, accounts),))}
    granted: set[tuple[int, int]] = set()
    for account in accounts:
        theirs = [delivery for owner, delivery in wanted if owner == account]
        if account not in left:
            granted |= {(account, delivery) for delivery in theirs}
            continue
        before = {int(row[0]) for row in rows(connection, _HELD, (account, packed(connection, theirs)))}
        fresh = [delivery for delivery in theirs if delivery not in before][: max(0, left[account])]
        granted |= {(account, delivery) for delivery in (*before, *fresh)}
        if fresh:
            many(connection, _RESERVE, [(account, delivery, now) for delivery in sorted(fresh)])
            run(connection, _TAKE, (-len(fresh), len(fresh), 0, now, account))
            many(connection, _DAY, [(account, now - now % DAY, "reserved", len(fresh))])
    return granted


def settle(connection: Connection, ended: Iterable[tuple[int, int, int]], *, now: Instant) -> None:
    """Charge or give back what was set aside for deliveries that have come to an end: (account, delivery, facts)."""
    by_account: dict[int, dict[int, int]] = {}
    for account, delivery, bits in ended:
        by_account.setdefault(account, {})[delivery] = bits
    if not by_account:
        return
    metered = rows(connection, _METERED, (packed(connection, sorted(by_account)),))
    for (account,) in sorted(metered):
        theirs = by_account[account]
        held = [int(row[0]) for row in rows(connection, _HELD, (account, packed(connection, sorted(theirs))))]
        if not held:
            continue
        tally = Counter("charged" if theirs[delivery] & CHARGED_BITS else "released" for delivery in held)
        many(connection, _FREE, [(account, delivery) for delivery in sorted(held)])
        run(connection, _TAKE, (tally["released"], -len(held), tally["charged"], now, account))
        day = now - now % DAY
        many(connection, _DAY, [(account, day, kind, number) for kind, number in sorted(tally.items())])
        if tally["released"]:
            ring(connection, "treatment")


# ---- what people and plans do --------------------------------------------------------------------------------------


def purse(connection: Connection, account_id: int, *, for_update: bool = False) -> Purse | None:
    """Return what an account has, or None when its mail is not counted."""
    wanted = select(credits).where(credits.c.account_id == account_id)
    row = connection.execute(wanted.with_for_update() if for_update else wanted).first()
    return None if row is None else _purse(row)


def _purse(row: Any) -> Purse:
    return Purse(
        row.account_id, row.available, row.reserved, row.charged, row.plan_amount, row.plan_period, row.plan_mode,
        row.renews_us, row.came_us,
    )  # fmt: skip


def purses(connection: Connection, account_ids: Sequence[int]) -> dict[int, Purse]:
    """Return the purses of those of the accounts that have one."""
    found = connection.execute(select(credits).where(credits.c.account_id.in_(account_ids)))
    return {row.account_id: _purse(row) for row in found}


def open_purse(connection: Connection, account_id: int, *, now: Instant) -> None:
    """Begin to count an account's mail; nothing happens if it is counted already."""
    new = upsert(credits, name_of(connection)).values(
        account_id=account_id, available=0, reserved=0, charged=0, came_us=0, changed_us=now
    )
    connection.execute(new.on_conflict_do_nothing())


def close_purse(connection: Connection, account_id: int) -> None:
    """Count an account's mail no longer; what was set aside is forgotten. Raise NotFound."""
    gone = connection.execute(delete(credits).where(credits.c.account_id == account_id))
    if not gone.rowcount:
        raise NotFound("The mail of this account is not counted.")
    connection.execute(delete(reservations).where(reservations.c.account_id == account_id))
    connection.execute(
        update(queue)
        .where(queue.c.account_id == account_id, queue.c.stage == int(Stage.DEPLETED), queue.c.holder == 0)
        .values(stage=int(Stage.TREATMENT), due_us=0, waits="Its account's mail is not counted any more.")
    )
    ring(connection, "treatment")


def add(
    connection: Connection,
    account_id: int,
    entry_id: int,
    amount: int,
    *,
    kind: str,
    who: str,
    why: str,
    now: Instant,
) -> Purse:
    """Put credits in (or take some out, no more than are there), and wake what waits for them; return the purse.

    Raise NotFound when the account's mail is not counted.
    """
    found = purse(connection, account_id, for_update=True)
    if found is None:
        raise NotFound("The mail of this account is not counted; a plan or a top-up begins it.")
    amount = max(amount, -found.available)
    available = found.available + amount
    came = {"came_us": now} if amount > 0 else {}
    connection.execute(
        update(credits).where(credits.c.account_id == account_id).values(available=available, changed_us=now, **came)
    )
    connection.execute(
        insert(credit_entries).values(
            account_id=account_id, id=entry_id, kind=kind, amount=amount, available=available, who=who, why=why,
            occurred_us=now,
        )
    )  # fmt: skip
    if amount > 0:
        ring(connection, "treatment")
    after = purse(connection, account_id)
    assert after is not None
    return after


def set_plan(
    connection: Connection,
    account_id: int,
    *,
    amount: int | None,
    period: str | None,
    mode: str | None,
    renews_us: Instant | None,
    now: Instant,
) -> None:
    """Set by how much and how often a purse is filled; None for no plan."""
    connection.execute(
        update(credits)
        .where(credits.c.account_id == account_id)
        .values(plan_amount=amount, plan_period=period, plan_mode=mode, renews_us=renews_us, changed_us=now)
    )


def to_renew(connection: Connection, *, now: Instant, for_update: bool = False) -> list[Purse]:
    """Return the purses whose plan renews now; `for_update` keeps other nodes from renewing them too."""
    wanted = select(credits).where(credits.c.renews_us <= now).order_by(credits.c.account_id)
    found = connection.execute(wanted.with_for_update() if for_update else wanted)
    return [_purse(row) for row in found]


def entries(connection: Connection, account_id: int, *, limit: int, before: int | None = None) -> list[dict[str, Any]]:
    """List what people and plans did to a purse, newest first."""
    wanted = select(credit_entries).where(credit_entries.c.account_id == account_id)
    if before is not None:
        wanted = wanted.where(credit_entries.c.id < before)
    return [dict(row._mapping) for row in connection.execute(wanted.order_by(credit_entries.c.id.desc()).limit(limit))]


def days(connection: Connection, account_id: int, *, since: Instant) -> list[dict[str, Any]]:
    """List by day what mail did to a purse."""
    found = connection.execute(
        select(credit_days)
        .where(credit_days.c.account_id == account_id, credit_days.c.day_us >= since)
        .order_by(credit_days.c.day_us, credit_days.c.kind)
    )
    by_day: dict[int, dict[str, Any]] = {}
    for row in found:
        by_day.setdefault(row.day_us, {"day_us": row.day_us, "reserved": 0, "charged": 0, "released": 0})[row.kind] = (
            row.number
        )
    return list(by_day.values())


# ---- what waits for credits ----------------------------------------------------------------------------------------

_DEPLETED: Any = literal_column(str(int(Stage.DEPLETED)))
_WAITED_FOR = query(
    select(credits.c.account_id, credits.c.available, credits.c.came_us).where(
        credits.c.available > literal_column("0"),
        exists().where(
            queue.c.stage == _DEPLETED,
            queue.c.holder == literal_column("0"),
            queue.c.lane.in_([literal_column(str(lane)) for lane in turns.LANES]),
            queue.c.account_id == credits.c.account_id,
            queue.c.due_us > credits.c.came_us,
        ),
    )
)
_SINCE = query(
    lambda engine_name: select(events.c.delivery_id, func.min(events.c.occurred_us))
    .where(
        events.c.account_id == bindparam("account"),
        among(events.c.delivery_id, engine_name),
        events.c.fact == literal_column(str(int(Fact.DEPLETED))),
    )
    .group_by(events.c.delivery_id),
    "account", "ids",
)  # fmt: skip


def are_waited_for(connection: Connection) -> bool:
    """Say whether mail waits for credits that are there."""
    return bool(rows(connection, _WAITED_FOR))


def wake(connection: Connection, *, now: Instant, is_over: bool = False) -> int:
    """Let mail go back to treatment that waits for credits that are there, so much of each account as there are, at most a
    page; return how much. What came to its end meanwhile is woken when asked for (`is_over`): it was paid for in time.

    Mail whose time was over before the credits came stays where it is, and ends.
    """
    woken = 0
    for account_id, available, came_us in rows(connection, _WAITED_FOR):
        left = PAGE if is_over else min(int(available), PAGE)
        for lane in turns.LANES:
            done = _wake(connection, account_id, lane, left, came_us, now if is_over else None)
            woken, left = woken + done, left - done
    return woken


def _wake(
    connection: Connection, account_id: int, lane: int, most: int, came_us: Instant, until: Instant | None
) -> int:
    if most <= 0:
        return 0
    chosen = (
        select(queue.c.delivery_id)
        .where(
            queue.c.stage == int(Stage.DEPLETED),
            queue.c.holder == 0,
            queue.c.lane == lane,
            queue.c.account_id == account_id,
            queue.c.due_us > came_us,
            *(() if until is None else (queue.c.due_us <= until,)),
        )
        .order_by(queue.c.due_us)
        .limit(most)
    )
    done = connection.execute(
        update(queue)
        .where(queue.c.account_id == account_id, queue.c.delivery_id.in_(chosen), queue.c.holder == 0)
        .values(stage=int(Stage.TREATMENT), due_us=came_us, waits="There are credits again.")
    )
    return int(done.rowcount)


def standing(
    connection: Connection, waited: Mapping[int, Sequence[int]]
) -> tuple[dict[int, Purse], dict[tuple[int, int], Instant]]:
    """Return the purses of accounts, and since when those of their deliveries (by account) wait that waited for credits."""
    since = {
        (account, delivery): began
        for account, ids in waited.items()
        if ids
        for delivery, began in rows(connection, _SINCE, (account, packed(connection, list(ids))))
    }
    return purses(connection, sorted(waited)), since


def waiting(connection: Connection, account_id: int) -> int:
    """Count what waits for credits."""
    return int(
        connection.execute(
            select(func.count())
            .select_from(queue)
            .where(queue.c.account_id == account_id, queue.c.stage == int(Stage.DEPLETED))
        ).scalar_one()
    )


def metered(connection: Connection) -> frozenset[int]:
    """Return the accounts whose mail costs credits."""
    return frozenset(int(account) for account in connection.execute(select(credits.c.account_id)).scalars())
