"""Own the few facts about the installation itself: named texts, such as the fingerprint of its secret."""

from __future__ import annotations

from sqlalchemy import Connection, select

from aftersend.store.engine import upsert
from aftersend.store.schema import meta


def get(connection: Connection, name: str) -> str | None:
    """Return what is kept under a name, or None."""
    return connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()


def put(connection: Connection, name: str, value: str) -> None:
    """Keep a text under a name, in place of what was there."""
    new = upsert(meta, connection.dialect.name).values(name=name, value=value)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"value": new.excluded.value}))
