"""Own who is tracked how: the choice of an account, of a stream, of a recipient, and who made it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, bindparam, delete, literal_column, select

from aftersend.clock import Instant
from aftersend.errors import NotFound
from aftersend.store.engine import among, packed, query, rows, upsert
from aftersend.store.schema.tracking import tracking_modes


class Mode(StrEnum):
    """How much is tracked."""

    FULL = "full"
    """Opens and clicks of each recipient."""
    DELIVERABILITY = "deliverability"
    """Only that an address still reads its mail, and on which day; no links, no history."""
    OFF = "off"
    """Nothing."""


ACCOUNT, STREAM, RECIPIENT = "account", "stream", "recipient"
SCOPES = (ACCOUNT, STREAM, RECIPIENT)

_ANY = query(select(tracking_modes.c.name).where(tracking_modes.c.scope == literal_column("'recipient'")).limit(literal_column("1")))  # fmt: skip
_OF_RECIPIENTS = query(
    lambda engine_name: select(tracking_modes.c.name, tracking_modes.c.mode).where(
        tracking_modes.c.account_id == bindparam("account"),
        tracking_modes.c.scope == literal_column("'recipient'"),
        among(tracking_modes.c.name, engine_name),
    ),
    "account", "ids",
)  # fmt: skip


def of_recipients(connection: Connection, wanted: Sequence[tuple[int, Sequence[str]]]) -> list[dict[str, str]]:
    """Return the choices of recipients (folded addresses) for each (account, addresses); those without one are not in it."""
    if not rows(connection, _ANY):
        return [{} for _ in wanted]
    return [
        dict(rows(connection, _OF_RECIPIENTS, (account_id, packed(connection, list(addresses)))))
        for account_id, addresses in wanted
    ]


def general(connection: Connection) -> dict[tuple[int, str, str], str]:
    """Return the choices of accounts and streams, by (account, scope, name)."""
    c = tracking_modes.c
    found = connection.execute(select(c.account_id, c.scope, c.name, c.mode).where(c.scope != RECIPIENT))
    return {(row.account_id, row.scope, row.name): row.mode for row in found}


def put(
    connection: Connection, account_id: int, scope: str, name: str, mode: str, *, source: str, now: Instant
) -> None:
    """Choose how much is tracked; `source` says who chose, and how."""
    new = upsert(tracking_modes, connection.dialect.name).values(
        account_id=account_id, scope=scope, name=name, mode=Mode(mode).value, source=source, changed_us=now
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["account_id", "scope", "name"],
            set_={name: getattr(new.excluded, name) for name in ("mode", "source", "changed_us")},
        )
    )


def forget(connection: Connection, account_id: int, scope: str, name: str) -> None:
    """Take a choice back. Raise NotFound if there is none."""
    c = tracking_modes.c
    gone = connection.execute(
        delete(tracking_modes).where(c.account_id == account_id, c.scope == scope, c.name == name)
    )
    if not gone.rowcount:
        raise NotFound("Nothing is chosen there; the choice of the stream, or of the account, holds.")


def listed(
    connection: Connection, account_id: int, *, limit: int, after: tuple[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return up to `limit` choices of an account, by scope and name."""
    c = tracking_modes.c
    wanted = select(c.scope, c.name, c.mode, c.source, c.changed_us).where(c.account_id == account_id)
    if after is not None:
        wanted = wanted.where((c.scope > after[0]) | ((c.scope == after[0]) & (c.name > after[1])))
    found = connection.execute(wanted.order_by(c.scope, c.name).limit(limit))
    return [dict(row._mapping) for row in found]
