"""Own files of contacts that are taken in beside everything else: what was read of them waits in tables of its own, and becomes
contacts in one transaction, so that nothing is ever half imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, func, insert, literal, select, update

from aftersend import ids
from aftersend.clock import Instant
from aftersend.errors import Conflict, NotFound
from aftersend.store import contacts, mailing_lists
from aftersend.store.contacts import Row, Spot
from aftersend.store.engine import insert_rows, many, ring
from aftersend.store.schema import audience

BELL = "imports"
WAITING, READING, READY, KEEPING, DONE, FAILED = "waiting", "reading", "ready", "keeping", "done", "failed"
STATES = {
    WAITING: "It is read soon.",
    READING: "It is being read; nothing is kept yet.",
    READY: "It was read. Nothing is kept before you say so.",
    KEEPING: "All that can be used is being kept, in one step.",
    DONE: "It is over; all that could be used was kept.",
    FAILED: "It is over; nothing was kept.",
}
OVER = (DONE, FAILED)
SLICE = 5_000
_imports, _rows, _faults = audience.imports, audience.import_rows, audience.import_faults
_ADD_ROWS, _ADD_FAULTS = insert_rows(_rows), insert_rows(_faults)


class Wanted(msgspec.Struct, frozen=True):
    """How a file is to be taken in."""

    lists: list[str] = msgspec.field(default_factory=list)
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    strict: bool = False
    """Keep nothing if any row is wrong."""
    preview: bool = False
    """Wait to be told before anything is kept."""


@dataclass(frozen=True, slots=True)
class Import:
    """A file of contacts, how it is to be taken in, and how far that has come."""

    account_id: int
    id: int
    who: str
    wanted: Wanted
    state: str
    why: str | None
    total: int
    rows: int
    wrong: int
    created: int
    changed: int
    holder: int
    look_us: Instant | None
    created_us: Instant
    ended_us: Instant | None


_SHOWN = [column for column in _imports.c if column.name != "file"]


def _of(row: Any) -> Import:
    return Import(row[0], row[1], row[2], msgspec.json.decode(row[3], type=Wanted), *row[4:])


def add(
    connection: Connection, account_id: int, import_id: int, content: bytes, wanted: Wanted, *, who: str, now: Instant
) -> None:
    """Keep a file to be read. Raise BadField for a list that is not there."""
    mailing_lists.numbers(connection, account_id, wanted.lists, "#/list")
    connection.execute(
        insert(_imports).values(
            account_id=account_id, id=import_id, who=who, wanted=msgspec.json.encode(wanted).decode(), state=WAITING,
            file=content, total=max(0, len(content.strip().splitlines()) - 1), rows=0, wrong=0, created=0, changed=0,
            holder=0, look_us=now, created_us=now,
        )
    )  # fmt: skip
    ring(connection, BELL)


def one(connection: Connection, account_id: int, import_id: int, *, lock: bool = False) -> Import:
    """Return an import; `lock` keeps others from changing it until this transaction ends. Raise NotFound."""
    wanted = select(*_SHOWN).where(*_named(account_id, import_id))
    found = connection.execute(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound(f"There is no import {ids.show('imp', import_id)}.")
    return _of(found)


def page(connection: Connection, account_id: int, *, limit: int, after: int | None = None) -> list[Import]:
    """Return up to `limit` imports, the newest first; `after` is the number of the last one seen."""
    wanted = select(*_SHOWN).where(_imports.c.account_id == account_id)
    if after is not None:
        wanted = wanted.where(_imports.c.id < after)
    return [_of(row) for row in connection.execute(wanted.order_by(_imports.c.id.desc()).limit(limit))]


def faults(
    connection: Connection, account_id: int, import_id: int, *, limit: int, after: int = 0
) -> list[dict[str, Any]]:
    """Return rows that were left out, in the order of the file, those behind a line. Raise NotFound."""
    one(connection, account_id, import_id)
    found = connection.execute(
        select(_faults.c.line, _faults.c.row, _faults.c.why)
        .where(_faults.c.account_id == account_id, _faults.c.import_id == import_id, _faults.c.line > after)
        .order_by(_faults.c.line)
        .limit(limit)
    )
    return [dict(row._mapping) for row in found]


def go_on(connection: Connection, account_id: int, import_id: int, *, now: Instant) -> None:
    """Let what was looked at be kept. Raise NotFound, and Conflict for another state."""
    found = one(connection, account_id, import_id, lock=True)
    if found.state != READY:
        raise Conflict(f"It is {found.state}; what can be kept is {READY}.", code="import-state")
    _change(connection, found, state=KEEPING, look_us=now)
    ring(connection, BELL)


def remove(connection: Connection, account_id: int, import_id: int) -> None:
    """Forget an import with what was read of it; what was kept stays. Raise NotFound."""
    found = one(connection, account_id, import_id, lock=True)
    for table in (_rows, _faults):
        connection.execute(delete(table).where(table.c.account_id == account_id, table.c.import_id == found.id))
    connection.execute(delete(_imports).where(*_named(account_id, import_id)))


# ---- working on them -------------------------------------------------------------------------------------------------


def claim(connection: Connection, *, node: int, now: Instant, until: Instant) -> Import | None:
    """Take an import that is to be worked on; until then no other node does."""
    row = connection.execute(
        select(*_SHOWN)
        .where(_imports.c.look_us <= now)
        .order_by(_imports.c.look_us)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    found = _of(row)
    _change(connection, found, holder=node, look_us=until)
    return found


def first_look(connection: Connection) -> Instant | None:
    """Return when an import is to be looked at next; None if there is none."""
    found = connection.execute(select(func.min(_imports.c.look_us))).scalar()
    return None if found is None else int(found)


def begin(connection: Connection, found: Import) -> bytes | None:
    """Forget what was read by a node that died, and return the file; None if it is gone."""
    for table in (_rows, _faults):
        connection.execute(delete(table).where(table.c.account_id == found.account_id, table.c.import_id == found.id))
    _change(connection, found, state=READING, rows=0, wrong=0)
    content = connection.execute(select(_imports.c.file).where(*_named(found.account_id, found.id))).scalar()
    return None if content is None else bytes(content)


def stage(
    connection: Connection, found: Import, people: Sequence[Row], wrong: Sequence[tuple[int, str, str]], *, node: int,
    until: Instant,
) -> bool:  # fmt: skip
    """Keep what was read next; say whether this node still works on it."""
    moved = connection.execute(
        update(_imports)
        .where(*_named(found.account_id, found.id), _imports.c.holder == node, _imports.c.state == READING)
        .values(rows=_imports.c.rows + len(people) + len(wrong), wrong=_imports.c.wrong + len(wrong), look_us=until)
    )
    if not moved.rowcount:
        return False
    place = (found.account_id, found.id)
    many(
        connection, _ADD_ROWS,
        [
            (*place, row.spot.folded, row.spot.address, row.contact_id, None, row.name, _json(row.attributes))
            for row in people
        ],
    )  # fmt: skip
    many(connection, _ADD_FAULTS, [(*place, *each) for each in wrong])
    return True


def read(connection: Connection, found: Import, *, node: int, now: Instant) -> None:
    """Say that it was read whole: it is kept next, or waits to be told, or was refused for a row that is wrong."""
    there = one(connection, found.account_id, found.id, lock=True)
    if there.holder != node or there.state != READING:
        return
    if there.wanted.strict and there.wrong:
        fail(connection, found, f"{there.wrong} rows are wrong, and nothing was to be kept then.", now=now)
    elif there.wanted.preview:
        known = _mark_known(connection, found)
        _change(
            connection, found, state=READY, file=None, look_us=None, changed=known, total=there.rows,
            created=there.rows - there.wrong - known,
        )  # fmt: skip
    else:
        _change(connection, found, state=KEEPING, file=None, look_us=now, total=there.rows)


def fail(connection: Connection, found: Import, why: str, *, now: Instant) -> None:
    """Say that nothing of it is kept, and why."""
    connection.execute(delete(_rows).where(_rows.c.account_id == found.account_id, _rows.c.import_id == found.id))
    _change(connection, found, state=FAILED, why=why, file=None, look_us=None, ended_us=now, created=0, changed=0)


def keep(connection: Connection, found: Import, *, node: int, now: Instant) -> bool:
    """Make contacts of all that was read, in this transaction: whoever is known by the address is changed, the others are new.

    Say whether it was done here. Raise BadField for a list that is gone.
    """
    there = one(connection, found.account_id, found.id, lock=True)
    if there.holder != node or there.state != KEEPING:
        return False
    account_id = found.account_id
    list_ids = mailing_lists.numbers(connection, account_id, found.wanted.lists, "#/list")
    known = _mark_known(connection, found)
    r = _rows.c
    mine = (r.account_id == account_id, r.import_id == found.id)
    is_new = (*mine, r.known_id.is_(None))
    moment = literal(now)
    connection.execute(
        insert(audience.contacts).from_select(
            ["account_id", "id", "name", "attributes", "created_us", "changed_us"],
            select(r.account_id, r.contact_id, r.name, r.attributes, moment, moment)
            .where(*is_new)
            .order_by(r.contact_id),
        )
    )
    connection.execute(
        insert(audience.contact_addresses).from_select(
            ["account_id", "folded", "address", "contact_id", "place", "types"],
            select(r.account_id, r.folded, r.address, r.contact_id, literal(0), literal("[]")).where(*is_new),
        )
    )
    _change_known(connection, found, now)
    members = audience.list_members
    for list_id in list_ids:
        person = func.coalesce(r.known_id, r.contact_id)
        there_already = select(members.c.contact_id).where(
            members.c.account_id == account_id, members.c.list_id == list_id
        )
        connection.execute(
            insert(members).from_select(
                ["account_id", "list_id", "contact_id", "since_us"],
                select(r.account_id, literal(list_id), person, moment)
                .where(*mine, person.not_in(there_already))
                .distinct(),
            )
        )
    _change(
        connection,
        found,
        state=DONE,
        created=there.rows - there.wrong - known,
        changed=known,
        look_us=None,
        ended_us=now,
    )
    return True


def sweep(connection: Connection) -> bool:
    """Remove a slice of the rows of imports that are over; say whether there may be more."""
    over = select(_imports.c.account_id, _imports.c.id).where(_imports.c.state.in_(OVER))
    for account_id, import_id in connection.execute(over).all():
        mine = (_rows.c.account_id == account_id, _rows.c.import_id == import_id)
        some = (
            connection.execute(select(_rows.c.folded).where(*mine).order_by(_rows.c.folded).limit(SLICE))
            .scalars()
            .all()
        )
        if some:
            connection.execute(delete(_rows).where(*mine, _rows.c.folded <= some[-1]))
            return True
    return False


def prune(connection: Connection, *, before: Instant) -> int:
    """Forget imports that are that old, whatever their state."""
    old = connection.execute(
        select(_imports.c.account_id, _imports.c.id)
        .where(_imports.c.created_us < before, _imports.c.state.in_((READY, *OVER)))
        .limit(10)
    ).all()
    for account_id, import_id in old:
        remove(connection, account_id, import_id)
    return len(old)


def _mark_known(connection: Connection, found: Import) -> int:
    """Note whose the addresses are; return how many are somebody's."""
    mine = (_rows.c.account_id == found.account_id, _rows.c.import_id == found.id)
    owner = (
        select(audience.contact_addresses.c.contact_id)
        .where(
            audience.contact_addresses.c.account_id == _rows.c.account_id,
            audience.contact_addresses.c.folded == _rows.c.folded,
        )
        .scalar_subquery()
    )
    connection.execute(update(_rows).where(*mine).values(known_id=owner))
    counted = select(func.count()).select_from(_rows).where(*mine, _rows.c.known_id.is_not(None))
    return int(connection.execute(counted).scalar_one())


def _change_known(connection: Connection, found: Import, now: Instant) -> None:
    last = ""
    while True:
        some = connection.execute(
            select(_rows)
            .where(
                _rows.c.account_id == found.account_id,
                _rows.c.import_id == found.id,
                _rows.c.known_id.is_not(None),
                _rows.c.folded > last,
            )
            .order_by(_rows.c.folded)
            .limit(SLICE)
        ).all()
        if not some:
            return
        last = some[-1].folded
        known = [
            (
                int(row.known_id),
                Row(row.contact_id, Spot(row.address, row.folded), row.name, msgspec.json.decode(row.attributes)),
            )
            for row in some
        ]
        contacts.add_to(connection, found.account_id, known, now)


def _change(connection: Connection, found: Import, **values: Any) -> None:
    connection.execute(update(_imports).where(*_named(found.account_id, found.id)).values(**values))


def _named(account_id: int, import_id: int) -> tuple[Any, Any]:
    return _imports.c.account_id == account_id, _imports.c.id == import_id


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
