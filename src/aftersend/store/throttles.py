"""Own the rates by which accounts' mail is held back, as they are kept: few rows, read whole by every node."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from aftersend.clock import Instant
from aftersend.errors import NotFound
from aftersend.store.engine import ring
from aftersend.store.schema.treatment import paces, throttles


def everything(connection: Connection) -> list[tuple[int, str, str, str, Instant]]:
    """Return all of them: account, scope, name, rate, and since when."""
    t = throttles.c
    found = connection.execute(select(t.account_id, t.scope, t.name, t.rate, t.began_us))
    return [(row.account_id, row.scope, row.name, row.rate, row.began_us) for row in found]


def of_account(connection: Connection, account_id: int) -> list[dict[str, Any]]:
    """List those of an account."""
    found = connection.execute(
        select(throttles).where(throttles.c.account_id == account_id).order_by(throttles.c.scope, throttles.c.name)
    )
    return [dict(row._mapping) for row in found]


def put(connection: Connection, account_id: int, scope: str, name: str, rate: str, *, now: Instant) -> None:
    """Set one; a warm-up begins anew, and nothing of a changed rate is used up yet."""
    _gone(connection, account_id, scope, name)
    connection.execute(insert(throttles).values(account_id=account_id, scope=scope, name=name, rate=rate, began_us=now))


def remove(connection: Connection, account_id: int, scope: str, name: str) -> None:
    """Take one away. Raise NotFound."""
    if not _gone(connection, account_id, scope, name):
        raise NotFound(f"There is no such rate: {scope} {name}.".replace(" .", "."))
    ring(connection, "treatment")


def places(scope: str, name: str) -> list[str]:
    """Under what is kept how far a rate is used up: each account's own, and the whole that all accounts have together.

    No stream has such a name.
    """
    return [f"{scope}:{name}", f"all:{scope}:{name}"]


def _gone(connection: Connection, account_id: int, scope: str, name: str) -> int:
    t = throttles.c
    used = delete(paces).where(paces.c.stream.in_(places(scope, name)))
    connection.execute(used.where(paces.c.account_id == account_id) if account_id else used)
    return int(
        connection.execute(
            delete(throttles).where(t.account_id == account_id, t.scope == scope, t.name == name)
        ).rowcount
    )
