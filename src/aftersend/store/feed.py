"""Own the order of the ledger: in which order events became durable, and reading on from any place of it.

Nothing else writes events. When something happened, or when it was written down, is no order to read by: a row may be
kept while the disk is full, or commit after a younger one of another node, and who had read past it would never see it.
So each transaction notes its events in one row of `feed`, and sequences grow in the order of commits (decision 0007).

SQLite has one writer, and counts. PostgreSQL numbers by transaction id, and shows only what stands below every
transaction that is still under way; base corrects for a database that was moved to another server, whose ids begin anew.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, insert, literal_column, select

from aftersend.clock import Instant
from aftersend.errors import TryLater
from aftersend.store import meta
from aftersend.store.engine import Statement, before_commit, insert_rows, many, name_of, query, ring, rows, upsert
from aftersend.store.schema import accounts, events
from aftersend.store.schema.hooks import feed, marks

Row = tuple[Any, ...]

BELL = "events"
"""Rung for each account by itself, see `bell_of`."""
PAGE = 1024
"""So many events stand in one row at the most."""
IN_ONE_TRANSACTION = 1 << 20
"""So many sequences PostgreSQL has for one transaction. With fewer, 53 bits, which every JSON reader can hold, last longer."""
PAGES_AT_ONCE = 200
BASE = "feed_base"

_EVENT = insert_rows(events, if_new=True)


@dataclass(slots=True)
class Readers:
    """Whether anybody waits for events as they come; without readers no bell is rung."""

    there: bool = False


readers = Readers()


@dataclass(frozen=True, slots=True)
class Noted:
    """An event's place: its sequence in the account, and what finds it in the ledger."""

    sequence: int
    delivery_id: int
    key: int


def bell_of(account_id: int) -> str:
    """Name the bell that is rung when something happened to an account's mail."""
    return f"{BELL}.{account_id}"


# ---- writing -------------------------------------------------------------------------------------------------------


def append(connection: Connection, happened: Sequence[Row]) -> None:
    """Append rows of `events` to the ledger, in the order of its columns, and note them for readers.

    A key that is there already changes nothing; its reader may be told twice.
    """
    if not happened:
        return
    many(connection, _EVENT, happened)
    noted: dict[int, list[Row]] | None = connection.info.get("noted")
    if noted is None:
        noted = connection.info["noted"] = {}
        before_commit(connection, "feed", _write)
    for row in happened:
        known = noted.get(row[0])
        if known is None:
            noted[row[0]] = [row]
            if readers.there:
                ring(connection, bell_of(row[0]))
        else:
            known.append(row)


def _write(connection: Connection) -> None:
    noted: dict[int, list[Row]] = connection.info.pop("noted")
    written: list[Row] = []
    for account_id, happened in sorted(noted.items()):
        if len(happened) > IN_ONE_TRANSACTION:
            raise TryLater("Too much for one transaction; nothing was kept. Try again in a moment.")
        at_us = max(row[6] for row in happened)
        for start in range(0, len(happened), PAGE):
            page = happened[start : start + PAGE]
            keys = struct.pack(f">{2 * len(page)}q", *chain.from_iterable((row[1], row[2]) for row in page))
            written.append((account_id, start, len(page), at_us, keys))
    many(connection, _ROW, written)


_BASE_SQL = f"coalesce((SELECT value::bigint FROM meta WHERE name = '{BASE}'), 0)"
_OWN_SQL = f"(pg_current_xact_id()::text::bigint + {_BASE_SQL}) * {IN_ONE_TRANSACTION}"


def _row(engine_name: str) -> Any:
    """Write a row behind the newest one; one statement, since each costs more than what it does."""
    position: Any
    if engine_name == "sqlite":
        newest = select(feed.c.position + feed.c.number).where(feed.c.account_id == bindparam("account"))
        newest = newest.order_by(feed.c.position.desc()).limit(literal_column("1"))
        position = func.coalesce(newest.correlate(None).scalar_subquery(), literal_column("1"))
    else:
        position = literal_column(_OWN_SQL, BigInteger) + bindparam("start")
    values = {"account_id": bindparam("account"), "position": position, "number": bindparam("number_of")}
    return insert(feed).inline().values({**values, "at_us": bindparam("at"), "happened": bindparam("keys")})


_ROW = Statement(_row, "account", "start", "number_of", "at", "keys")
_SETTLED_SQL = f"(pg_snapshot_xmin(pg_current_snapshot())::text::bigint + {_BASE_SQL}) * {IN_ONE_TRANSACTION}"


def align(connection: Connection) -> None:
    """See to it that positions go on growing, also when PostgreSQL counts its transactions from the beginning, as it does
    where a dump was restored. To be called when a node starts."""
    if name_of(connection) == "sqlite":
        return
    highest = connection.execute(select(func.max(feed.c.position))).scalar()
    if highest is None:
        return
    base = int(meta.get(connection, BASE) or 0)
    own = int(connection.exec_driver_sql("SELECT pg_current_xact_id()::text::bigint").scalar_one())
    if own + base <= highest // IN_ONE_TRANSACTION:
        meta.put(connection, BASE, str(highest // IN_ONE_TRANSACTION + 1 - own))


# ---- reading -------------------------------------------------------------------------------------------------------


def _settled(engine_name: str) -> list[Any]:
    return [] if engine_name == "sqlite" else [feed.c.position < literal_column(_SETTLED_SQL)]


_COLUMNS = (feed.c.position, feed.c.number, feed.c.happened)
_AT = query(
    lambda engine_name: select(*_COLUMNS)
    .where(feed.c.account_id == bindparam("account"), feed.c.position <= bindparam("after"), *_settled(engine_name))
    .order_by(feed.c.position.desc())
    .limit(literal_column("1")),
    "account", "after",
)  # fmt: skip
_BEYOND = query(
    lambda engine_name: select(*_COLUMNS)
    .where(feed.c.account_id == bindparam("account"), feed.c.position > bindparam("after"), *_settled(engine_name))
    .order_by(feed.c.position)
    .limit(bindparam("pages")),
    "account", "after", "pages",
)  # fmt: skip


def beyond(connection: Connection, account_id: int, after: int, *, limit: int, until: int | None = None) -> list[Noted]:
    """Return up to `limit` events in the order in which they became durable: those behind the sequence `after`, up to
    `until` where that is given. Whoever reads on from the last one misses none, whatever is written meanwhile.
    """
    found: list[Noted] = []
    pages: Iterable[Any] = rows(connection, _AT, (account_id, after))
    while True:
        last = None
        for position, number, happened in pages:
            last = position
            if position + number <= after + 1:
                continue
            found += _unpacked(position, number, happened, after)
        if len(found) >= limit or (last is not None and until is not None and last > until):
            break
        behind = after if not found else found[-1].sequence
        pages = rows(connection, _BEYOND, (account_id, behind, min(PAGES_AT_ONCE, limit)))
        if not pages:
            break
    if until is not None:
        found = [each for each in found if each.sequence <= until]
    return found[:limit]


def _unpacked(position: int, number: int, happened: bytes, after: int) -> list[Noted]:
    keys = struct.unpack(f">{2 * number}q", happened)
    first = max(0, after + 1 - position)
    return [Noted(position + i, keys[2 * i], keys[2 * i + 1]) for i in range(first, number)]


def last(connection: Connection, account_id: int) -> int:
    """Return the sequence of the newest event that can be read, 0 for none: who begins there gets what comes from now on."""
    newest = rows(connection, _AT, (account_id, (1 << 63) - 1))
    return int(newest[0][0] + newest[0][1] - 1) if newest else 0


def first_at(connection: Connection, account_id: int, instant: Instant) -> int:
    """Return a sequence behind which stands everything that was written down at an instant or later."""
    later = select(func.min(feed.c.position)).where(feed.c.account_id == account_id, feed.c.at_us >= instant)
    position = connection.execute(later).scalar()
    return last(connection, account_id) if position is None else int(position) - 1


def oldest(connection: Connection, account_id: int) -> int:
    """Return the sequence before the oldest event that is still kept."""
    position = connection.execute(select(func.min(feed.c.position)).where(feed.c.account_id == account_id)).scalar()
    return 0 if position is None else int(position) - 1


def behind(connection: Connection, account_id: int, after: int, *, at_most: int = 100_000) -> int:
    """Count the events that stand behind a sequence, up to about `at_most`."""
    pages = (
        select(feed.c.number)
        .where(feed.c.account_id == account_id, feed.c.position > after)
        .order_by(feed.c.position)
        .limit(at_most)
        .subquery()
    )
    number = connection.execute(select(func.coalesce(func.sum(pages.c.number), 0))).scalar_one()
    here = rows(connection, _AT, (account_id, after))
    partly = max(0, here[0][0] + here[0][1] - 1 - after) if here else 0
    return min(int(number) + partly, at_most)


def prune(connection: Connection, *, before: Instant, limit: int = 500) -> int:
    """Forget the order of what is older; the newest row of each account stays, since the next one counts on from there."""
    gone = 0
    for account_id in connection.execute(select(accounts.c.id).order_by(accounts.c.id)).scalars().all():
        newest = connection.execute(select(func.max(feed.c.position)).where(feed.c.account_id == account_id)).scalar()
        if newest is None:
            continue
        old = connection.execute(
            select(feed.c.position)
            .where(feed.c.account_id == account_id, feed.c.at_us < before, feed.c.position < newest)
            .order_by(feed.c.at_us)
            .limit(limit - gone)
        )
        places = list(old.scalars())
        if places:
            connection.execute(delete(feed).where(feed.c.account_id == account_id, feed.c.position.in_(places)))
        gone += len(places)
        if gone >= limit:
            break
    return gone


# ---- marks ---------------------------------------------------------------------------------------------------------


def marked(connection: Connection, name: str) -> str | None:
    """Return how far a reader has come, in its own words, or None."""
    return connection.execute(select(marks.c.value).where(marks.c.name == name)).scalar()


def mark(connection: Connection, name: str, value: str, *, now: Instant) -> None:
    """Remember how far a reader has come."""
    new = upsert(marks, name_of(connection)).values(name=name, value=value, changed_us=now)
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["name"], set_={"value": new.excluded.value, "changed_us": new.excluded.changed_us}
        )
    )
