"""Own how far the rates of streams are used up, for all nodes together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, select

from aftersend.clock import Instant
from aftersend.store.engine import Statement, many, query, rows, upsert
from aftersend.store.schema.treatment import paces

Place = tuple[int, str]
"""Account and stream."""
_PACE = query(
    select(paces.c.taken_us, paces.c.ends_us).where(
        paces.c.account_id == bindparam("account"), paces.c.stream == bindparam("its_stream")
    ),
    "account", "its_stream",
)  # fmt: skip


def read(connection: Connection, places: Iterable[Place]) -> dict[Place, tuple[Instant, Instant]]:
    """Return until when each rate is used up, and until when its line reaches; what was never used is not in it."""
    found = {place: rows(connection, _PACE, place) for place in places}
    return {place: (kept[0][0], kept[0][1]) for place, kept in found.items() if kept}


def lines(connection: Connection, streams: Iterable[str], *, now: Instant) -> dict[str, dict[int, Instant]]:
    """Return, by the name under which a rate is counted, which accounts have a line before it, and until when."""
    found: dict[str, dict[int, Instant]] = {stream: {} for stream in streams}
    asked = select(paces.c.stream, paces.c.account_id, paces.c.ends_us).where(
        paces.c.stream.in_(list(found)), paces.c.ends_us > now
    )
    for stream, account_id, ends in connection.execute(asked):
        found[stream][account_id] = ends
    return found


def forget(connection: Connection, place: Place) -> None:
    """Forget how far a rate is used up, and its line: it has become another one."""
    account_id, stream = place
    connection.execute(delete(paces).where(paces.c.account_id == account_id, paces.c.stream == stream))


def _take(engine_name: str) -> Any:
    """Both nodes' shares add up: `ends_us` carries the moment, `taken_us` the moment and what was taken since."""
    new = upsert(paces, engine_name)
    begins = case((paces.c.taken_us < new.excluded.ends_us, new.excluded.ends_us), else_=paces.c.taken_us)
    return new.on_conflict_do_update(
        index_elements=["account_id", "stream"],
        set_={"taken_us": begins + (new.excluded.taken_us - new.excluded.ends_us)},
    )


def _line(engine_name: str) -> Any:
    new = upsert(paces, engine_name)
    return new.on_conflict_do_update(
        index_elements=["account_id", "stream"],
        set_={"ends_us": case((paces.c.ends_us < new.excluded.ends_us, new.excluded.ends_us), else_=paces.c.ends_us)},
    )


_COLUMNS = [column.name for column in paces.columns]
_TAKE = Statement(_take, *_COLUMNS)
_LINE = Statement(_line, *_COLUMNS)


def write(
    connection: Connection, taken: Iterable[tuple[Place, int]], lines: Iterable[tuple[Place, Instant]], *, now: Instant
) -> None:
    """Add what was taken of rates (in microseconds of the rate), and say how far lines reach now."""
    many(connection, _TAKE, [(*place, now + much, now) for place, much in sorted(taken)])
    many(connection, _LINE, [(*place, 0, ends) for place, ends in sorted(lines)])
