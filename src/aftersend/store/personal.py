"""Own what is said to one recipient alone: the data of the deliveries of compiled messages."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from aftersend.store.engine import among, packed, query, rows
from aftersend.store.schema import audience

_DATA = query(
    lambda engine_name: select(audience.personal.c.delivery_id, audience.personal.c.data).where(
        audience.personal.c.account_id == bindparam("account"), among(audience.personal.c.delivery_id, engine_name)
    ),
    "account", "ids",
)  # fmt: skip


def load(connection: Connection, wanted: Sequence[tuple[int, Sequence[int]]]) -> list[dict[int, str]]:
    """Return the data (JSON) of deliveries, by id, for each (account, ids); those without any are not in it."""
    return [
        dict(rows(connection, _DATA, (account_id, packed(connection, list(ids))))) if ids else {}
        for account_id, ids in wanted
    ]
