"""Own the searches of the email log that people have given names to."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from aftersend.clock import Instant
from aftersend.store.schema.people import saved_searches as kept


def save(connection: Connection, account_id: int, user_id: int, name: str, query: str, *, now: Instant) -> None:
    """Keep a search under a name, in place of one that had it."""
    remove(connection, account_id, user_id, name)
    connection.execute(
        insert(kept).values(account_id=account_id, user_id=user_id, name=name, query=query, created_us=now)
    )


def remove(connection: Connection, account_id: int, user_id: int, name: str) -> int:
    """Forget a search; return how many there were."""
    gone = delete(kept).where(kept.c.account_id == account_id, kept.c.user_id == user_id, kept.c.name == name)
    return connection.execute(gone).rowcount


def of(connection: Connection, account_id: int, user_id: int) -> list[tuple[str, str]]:
    """List a user's searches by name: name, and what stands behind the question mark."""
    found = connection.execute(
        select(kept.c.name, kept.c.query)
        .where(kept.c.account_id == account_id, kept.c.user_id == user_id)
        .order_by(kept.c.name)
    )
    return [(row.name, row.query) for row in found]
