"""Own the reading of what messages contain."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from aftersend.errors import NotFound
from aftersend.mail.compiled import FLAG_COMPILED, decode
from aftersend.store.engine import query, rows
from aftersend.store.schema import bodies, messages

_BODY = query(
    select(bodies.c.content).where(bodies.c.account_id == bindparam("account"), bodies.c.hash == bindparam("hash")),
    "account",
    "hash",
)


def load(connection: Connection, wanted: Sequence[tuple[int, bytes]]) -> list[bytes | None]:
    """Return the bodies of the given (account, hash), in order; None for one that retention has taken away."""
    loaded: list[bytes | None] = []
    for place in wanted:
        found = rows(connection, _BODY, place)
        loaded.append(bytes(found[0][0]) if found else None)
    return loaded


def raw(connection: Connection, account_id: int, message_id: int) -> bytes:
    """Return a message as it was taken in, one that is made for each recipient with its merge tags.

    Raise NotFound if it is unknown or its content has been pruned.
    """
    row = connection.execute(
        select(messages.c.headers, messages.c.body, messages.c.flags).where(
            messages.c.account_id == account_id, messages.c.id == message_id
        )
    ).first()
    if row is None:
        raise NotFound("There is no such message.")
    (body,) = load(connection, [(account_id, bytes(row.body))])
    if body is None or row.headers is None:
        raise NotFound("The content of this message was removed after the time set by `retention.bodies`.")
    if row.flags & FLAG_COMPILED:
        return b"\r\n".join(decode(body).shown())
    return bytes(row.headers) + b"\r\n" + body
