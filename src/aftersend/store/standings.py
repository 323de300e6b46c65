"""Own how addresses stand: read what is known of one, ask the judge, write down what follows. Once for each event, and in
the transaction that writes the event.

An address of which nothing bad was ever heard has no row in `streaks`; good news of it costs one look for many at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, literal_column, select, update

from aftersend import ids
from aftersend.clock import Instant
from aftersend.ledger.events import key_of
from aftersend.ledger.facts import Fact
from aftersend.ledger.standing import Change, Counter, History, Judge, Standing, Streak
from aftersend.store.engine import Statement, among, many, packed, query, rows, upsert
from aftersend.store.schema import deliveries, streaks, suppressions
from aftersend.store.suppressions import ALL_STREAMS, LEARNED, put

LOOKED_BACK = 20
"""Whether an address took mail before is looked up in so many of its latest deliveries."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something was heard of an address in answer to a delivery, and a judge says what follows."""

    account_id: int
    folded: str
    delivery_id: int
    now: Instant
    judge: Judge
    is_leap: bool
    event_key: int
    reason: str | None = None
    site: str | None = None
    said: str | None = None


def follow(connection: Connection, heard: Sequence[Heard]) -> Iterator[tuple[Heard, Fact, int, str]]:
    """Write down what follows for each address; yield the further facts: about what, which, its event's key, its evidence."""
    for one in heard:
        change = one.judge(history(connection, one))
        if not change:
            continue
        _write(connection, one, change)
        if change.fact is not None:
            numbers = [streak.number for streak in change.streaks]
            evidence = msgspec.json.encode({"in_a_row": max(numbers, default=0)}).decode()
            yield one, change.fact, key_of(one.event_key, change.fact.word), evidence


_ANY_STREAK = query(select(streaks.c.folded).limit(literal_column("1")))
_WATCHED = query(
    lambda engine_name: select(streaks.c.folded).where(
        streaks.c.account_id == bindparam("account"), among(streaks.c.folded, engine_name)
    ),
    "account", "ids",
)  # fmt: skip


def watched(connection: Connection, folded_of: Mapping[tuple[int, int], str]) -> set[tuple[int, int]]:
    """Return those of the deliveries (account and id) whose address has a row in `streaks`: all others stand as well as they
    can, and good news of them changes nothing."""
    if not rows(connection, _ANY_STREAK):
        return set()
    wanted: dict[int, set[str]] = {}
    for (account_id, _), folded in folded_of.items():
        wanted.setdefault(account_id, set()).add(folded)
    found = {
        (account_id, folded)
        for account_id, addresses in wanted.items()
        for (folded,) in rows(connection, _WATCHED, (account_id, packed(connection, sorted(addresses))))
    }
    return {place for place, folded in folded_of.items() if (place[0], folded) in found} if found else set()


# ---- reading -------------------------------------------------------------------------------------------------------


def history(connection: Connection, heard: Heard) -> History:
    """Return what is known of an address at this moment."""
    place = (heard.account_id, heard.folded)
    found = {streak.counter: streak for streak in streaks_of(connection, *place)}
    entry = rows(connection, _STANDING, place)
    accepted = heard.is_leap and bool(rows(connection, _ACCEPTED, (*place, heard.delivery_id))[0][0])
    return History(heard.delivery_id, heard.now, found, _standing(entry[0]) if entry else None, accepted)


def streaks_of(connection: Connection, account_id: int, folded: str) -> list[Streak]:
    """Return what is counted for an address."""
    found = rows(connection, _STREAKS, (account_id, folded))
    return [Streak(Counter(name), *rest) for name, *rest in found]


def _standing(row: Any) -> Standing:
    cause, origin, created, expires, tier, provisional, reason, probe = row
    return Standing(cause, origin == LEARNED, created, expires, tier, bool(provisional), reason, probe)


_STREAKS = query(
    select(
        streaks.c.counter, streaks.c.number, streaks.c.first_us, streaks.c.last_us, streaks.c.last_delivery,
        streaks.c.reset_by, streaks.c.reset_last,
    ).where(streaks.c.account_id == bindparam("account"), streaks.c.folded == bindparam("address")),
    "account", "address",
)  # fmt: skip
_STANDING = query(
    select(
        suppressions.c.cause, suppressions.c.origin, suppressions.c.created_us, suppressions.c.expires_us,
        suppressions.c.tier, suppressions.c.provisional, suppressions.c.reason, suppressions.c.probe_id,
    ).where(
        suppressions.c.account_id == bindparam("account"),
        suppressions.c.folded == bindparam("address"),
        suppressions.c.stream == literal_column("''"),
    ),
    "account", "address",
)  # fmt: skip


def _accepted(engine_name: str) -> Any:
    """In two steps, each served by an index alone: SQLite would rather walk through the account's whole log."""
    others = deliveries.alias("others")
    latest = (
        select(others.c.id)
        .where(
            others.c.account_id == bindparam("account"),
            others.c.folded == bindparam("address"),
            others.c.id < bindparam("delivery"),
        )
        .order_by(others.c.id.desc())
        .limit(literal_column(str(LOOKED_BACK)))
    )
    has_arrived = deliveries.c.facts.op("&")(literal_column(str(Fact.DELIVERED.bit)))
    return select(func.max(has_arrived)).where(
        deliveries.c.account_id == bindparam("account"), deliveries.c.id.in_(latest.scalar_subquery())
    )


_ACCEPTED = query(_accepted, "account", "address", "delivery")


# ---- writing -------------------------------------------------------------------------------------------------------


def _streak(engine_name: str) -> Any:
    new = upsert(streaks, engine_name)
    kept = ("account_id", "folded", "counter")
    changed = {column.name: getattr(new.excluded, column.name) for column in streaks.columns if column.name not in kept}
    return new.on_conflict_do_update(index_elements=list(kept), set_=changed)


_STREAK = Statement(_streak, *[column.name for column in streaks.columns])
_LIFTED = Statement(
    delete(suppressions).where(
        suppressions.c.account_id == bindparam("account"),
        suppressions.c.folded == bindparam("address"),
        suppressions.c.stream == literal_column("''"),
        suppressions.c.origin == literal_column(f"'{LEARNED}'"),
    ),
    "account", "address",
)  # fmt: skip


def _write(connection: Connection, heard: Heard, change: Change) -> None:
    place = (heard.account_id, heard.folded)
    kept = list(change.streaks)
    if change.listed is not None and not kept:
        # So that a delivery that arrives after all finds that there is something to lift.
        kept = list(history(connection, heard).streaks.values())[:1] or [Streak(Counter.HARD)]
    many(connection, _STREAK, [
        (*place, s.counter.value, s.number, s.first_us, s.last_us, s.last_delivery, s.reset_by, s.reset_last) for s in kept
    ])  # fmt: skip
    if change.lifts:
        many(connection, _LIFTED, [place])
    if change.listed is not None:
        learn(connection, heard, change)


def learn(connection: Connection, heard: Heard, change: Change) -> None:
    """Put an address on the list for what was learned of it, with the evidence: the delivery, the event, the rule."""
    listed = change.listed
    assert listed is not None
    evidence = {
        "rule": change.rule,
        "event": ids.show("evt", heard.event_key),
        **({"said": heard.said} if heard.said else {}),
        **({"by": heard.site} if heard.site else {}),
    }
    put(
        connection, heard.account_id, heard.folded, cause=listed.cause.value, origin=LEARNED, now=heard.now,
        stream=listed.stream, expires_us=listed.expires_us, delivery_id=heard.delivery_id, evidence=evidence,
        reason=heard.reason, site=heard.site, tier=listed.tier, is_provisional=listed.is_provisional,
    )  # fmt: skip


def doubt(connection: Connection, site: str, *, since: Instant, now: Instant, until: Instant) -> int:
    """Make provisional what was learned of a site's addresses since a moment, where they had taken mail; return how many.

    The next message to each decides, once `until` has passed. Looks through the whole list: for rare alarms only.
    """
    c = suppressions.c
    learned = connection.execute(
        select(c.account_id, c.folded, c.delivery_id).where(
            c.site == site, c.origin == LEARNED, c.cause == "bounced", c.stream == ALL_STREAMS, c.created_us >= since,
            c.provisional == 0, c.delivery_id.is_not(None),
        )
    ).all()  # fmt: skip
    doubted = [row for row in learned if rows(connection, _ACCEPTED, tuple(row))[0][0]]
    for account_id, folded, _ in doubted:
        connection.execute(
            update(suppressions)
            .where(c.account_id == account_id, c.folded == folded, c.stream == ALL_STREAMS)
            .values(provisional=1, expires_us=until)
        )
    return len(doubted)


def prune(connection: Connection, *, before: Instant, slice_: int = 500) -> int:
    """Forget a slice of the addresses of which nothing was heard since, unless they are on a list; return how many rows."""
    c = streaks.c
    listed = select(suppressions.c.folded).where(
        suppressions.c.account_id == c.account_id, suppressions.c.folded == c.folded
    )
    old = connection.execute(
        select(c.account_id, c.folded, c.counter).where(c.last_us < before, ~listed.exists()).limit(slice_)
    ).all()
    for account_id, folded, counter in old:
        connection.execute(delete(streaks).where(c.account_id == account_id, c.folded == folded, c.counter == counter))
    return len(old)
