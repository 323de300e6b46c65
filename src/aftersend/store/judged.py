"""Own what follows from hits: labels, what was read and followed of each delivery, and the numbers of that.

The numbers (`read_counts`) change together with the readings that they count, so they always equal a count of the rows; but
they stay when the rows are forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from aftersend import ids
from aftersend.clock import HOUR, Instant
from aftersend.store.engine import Statement, insert_rows, many, rows, run, upsert
from aftersend.store.schema.tracking import followed, labels, read_counts, readings, unlabelled

Row = tuple[Any, ...]
HUMAN = "human"
ALL, BY_DOMAIN, BY_HOUR, BY_MESSAGE = "all", "domain", "hour", "message"
"""By what `read_counts` counts."""

_LABEL = insert_rows(labels, if_new=True)


_READ_NEW = insert_rows(readings, if_new=True)


def _before(engine_name: str) -> Any:
    r = readings.c
    wanted = select(r.stream, r.domain, r.open, r.click, r.read, r.opened_us, r.clicked_us, r.created_us).where(
        r.account_id == bindparam("account"),
        r.message_id == bindparam("message"),
        r.delivery_id == bindparam("delivery"),
    )
    return wanted if engine_name == "sqlite" else wanted.with_for_update()


_READ_BEFORE = Statement(_before, "account", "message", "delivery")
_READ_NOW = Statement(
    update(readings)
    .where(
        readings.c.account_id == bindparam("account"), readings.c.message_id == bindparam("message"),
        readings.c.delivery_id == bindparam("delivery"),
    )
    .values(**{name: bindparam(f"new_{name}") for name in ("open", "click", "read", "opened_us", "clicked_us")}),
    "new_open", "new_click", "new_read", "new_opened_us", "new_clicked_us", "account", "message", "delivery",
)  # fmt: skip


def _count(engine_name: str) -> Any:
    new = upsert(read_counts, engine_name)
    return new.on_conflict_do_update(
        index_elements=[column.name for column in read_counts.primary_key],
        set_={"number": read_counts.c.number + new.excluded.number},
    )


_COUNT = Statement(_count, *[column.name for column in read_counts.columns])


def _followed(engine_name: str) -> Any:
    new = upsert(followed, engine_name)
    return new.on_conflict_do_update(
        index_elements=["account_id", "message_id", "number", "delivery_id"],
        set_={name: getattr(new.excluded, name) for name in ("verdict", "first_us")},
    )


_FOLLOWED = Statement(_followed, *[column.name for column in followed.columns])
_LOOKED_AT = Statement(
    delete(unlabelled).where(
        unlabelled.c.account_id == bindparam("account"), unlabelled.c.delivery_id == bindparam("delivery"),
        unlabelled.c.last_id == bindparam("last"),
    ),
    "account", "delivery", "last",
)  # fmt: skip
_LOOK_AGAIN = Statement(
    update(unlabelled)
    .where(
        unlabelled.c.account_id == bindparam("account"), unlabelled.c.delivery_id == bindparam("delivery"),
        unlabelled.c.last_id == bindparam("last"),
    )
    .values(due_us=bindparam("due")),
    "due", "account", "delivery", "last",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Looked:
    """What was thought of a delivery's hits."""

    account_id: int
    delivery_id: int
    last_id: int
    labels: list[Row]
    """Rows of `labels`, for the hits of which something else was thought before."""
    reading: Row | None
    """The row of `readings`."""
    followed: list[Row]
    """Rows of `followed`: each link that was followed, with the strongest verdict."""
    again_us: Instant | None
    """When to look again; None: when the next hit comes."""


def looked(connection: Connection, items: Sequence[Looked]) -> None:
    """Write down what was thought. What has got a new hit meanwhile stays to be looked at."""
    many(connection, _LABEL, [row for item in items for row in item.labels])
    _read(connection, [item.reading for item in items if item.reading is not None])
    many(connection, _FOLLOWED, sorted(row for item in items for row in item.followed))
    for item in items:
        place = (item.account_id, item.delivery_id, item.last_id)
        if item.again_us is None:
            run(connection, _LOOKED_AT, place)
        else:
            run(connection, _LOOK_AGAIN, (item.again_us, *place))


def _read(connection: Connection, found: Sequence[Row]) -> None:
    """Write readings down, and count what has changed by them. Whoever comes second for a row waits for the first, and
    counts from there. Sorted, so that two nodes never wait for each other in a circle."""
    numbers: Counter[Row] = Counter()
    for row in sorted(found, key=lambda row: row[:3]):
        account_id, message_id, delivery_id, *said = row
        if not run(connection, _READ_NEW, row):
            there = rows(connection, _READ_BEFORE, (account_id, message_id, delivery_id))
            if not there or tuple(there[0][2:7]) == tuple(said[2:7]):
                continue
            (before,) = there
            run(connection, _READ_NOW, (*said[2:7], account_id, message_id, delivery_id))
            numbers.subtract(counters_of(account_id, message_id, before))
            said = [*before[:2], *said[2:7], before[7]]
        numbers.update(counters_of(account_id, message_id, said))
    many(connection, _COUNT, [(*place, number) for place, number in sorted(numbers.items()) if number])


def counters_of(account_id: int, message_id: int, said: Sequence[Any]) -> list[Row]:
    """Return the counters (keys of `read_counts`) in which a reading is counted. `said` is stream, domain, open, click, read,
    when opened, when clicked, when made."""
    stream, domain, opened, click, read, opened_us, clicked_us, created_us = said
    opened = HUMAN if click == HUMAN else opened
    hour, words = created_us - created_us % HOUR, (stream, opened, click, read)
    taken_in = ids.created_us(message_id)
    found: list[Row] = [
        (account_id, ALL, hour, "", *words),
        (account_id, BY_DOMAIN, hour, domain, *words),
        (account_id, BY_MESSAGE, taken_in - taken_in % HOUR, str(message_id), *words),
    ]
    first_us = clicked_us if opened_us is None else opened_us
    if opened == HUMAN and first_us is not None:
        found.append((account_id, BY_HOUR, hour, str(first_us // HOUR % 24), *words))
    return found


def without_domains(connection: Connection, account_id: int, places: Sequence[tuple[int, int]]) -> None:
    """Take the domain out of the readings of some (message, delivery), since it names a person, and out of what is counted by it."""
    r = readings.c
    numbers: Counter[Row] = Counter()
    for message_id, delivery_id in sorted(places):
        for before in rows(connection, _READ_BEFORE, (account_id, message_id, delivery_id)):
            numbers.subtract(counters_of(account_id, message_id, before))
            numbers.update(counters_of(account_id, message_id, (before[0], "", *before[2:])))
            mine = (r.account_id == account_id, r.message_id == message_id, r.delivery_id == delivery_id)
            connection.execute(update(readings).where(*mine).values(domain=""))
    many(connection, _COUNT, [(*place, number) for place, number in sorted(numbers.items()) if number])
    n = read_counts.c
    connection.execute(
        delete(read_counts).where(n.account_id == account_id, n.by == BY_DOMAIN, n.number == 0, n.place.in_(
            sorted({str(place[3]) for place in numbers if place[1] == BY_DOMAIN and place[3]})
        ))
    )  # fmt: skip


def forgotten(connection: Connection, places: Sequence[tuple[int, int, int]]) -> None:
    """Look no more at deliveries that are no longer kept."""
    many(connection, _LOOKED_AT, list(places))
