"""Own the lists that people stand on. What is sent to them is the business of broadcasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from aftersend.clock import Instant
from aftersend.errors import BadField, Conflict, NotFound
from aftersend.store.schema import audience

LISTS_MOST = 1000
"""In one account."""
_lists, _members = audience.lists, audience.list_members


def create(connection: Connection, account_id: int, list_id: int, *, name: str, about: str, now: Instant) -> None:
    """Make a list. Raise Conflict if there is one of this name, or too many."""
    there = {row.name for row in connection.execute(select(_lists.c.name).where(_lists.c.account_id == account_id))}
    if name in there:
        raise Conflict(f"There is a list {name!r} already.")
    if len(there) >= LISTS_MOST:
        raise Conflict(f"An account has {LISTS_MOST} lists at most; remove one that is not used any more.")
    connection.execute(insert(_lists).values(account_id=account_id, id=list_id, name=name, about=about, created_us=now))


def every(connection: Connection, account_id: int) -> list[dict[str, Any]]:
    """Return the lists by name, each with the number of its members."""
    counted = (
        select(_members.c.list_id, func.count().label("members"))
        .where(_members.c.account_id == account_id)
        .group_by(_members.c.list_id)
    )
    members = {row.list_id: row.members for row in connection.execute(counted)}
    found = connection.execute(select(_lists).where(_lists.c.account_id == account_id).order_by(_lists.c.name))
    return [dict(row._mapping) | {"members": members.get(row.id, 0)} for row in found]


def remove(connection: Connection, account_id: int, name: str) -> None:
    """Take a list away; the people on it stay. Raise NotFound."""
    list_id = named(connection, account_id, name)
    connection.execute(delete(_members).where(_members.c.account_id == account_id, _members.c.list_id == list_id))
    connection.execute(delete(_lists).where(_lists.c.account_id == account_id, _lists.c.id == list_id))


def named(connection: Connection, account_id: int, name: str) -> int:
    """Return the number of a list. Raise NotFound."""
    query = select(_lists.c.id).where(_lists.c.account_id == account_id, _lists.c.name == name)
    # PostgreSQL cannot be asked for a NUL.
    found = None if "\0" in name else connection.execute(query).scalar()
    if found is None:
        raise NotFound(f"There is no list {name[:100]!r}.")
    return int(found)


def numbers(connection: Connection, account_id: int, names: Sequence[str], pointer: str = "#/lists") -> list[int]:
    """Return the numbers of lists. Raise BadField that names the first that is not there."""
    query = select(_lists.c.name, _lists.c.id).where(_lists.c.account_id == account_id)
    there = {row.name: row.id for row in connection.execute(query)}
    for name in names:
        if name not in there:
            raise BadField(pointer, f"There is no list {name[:100]!r}; make it first.", code="unknown-list")
    return [there[name] for name in dict.fromkeys(names)]
