"""Own mail that came back: what waits to be read, what nobody understands, and which delivery a return path names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select, update

from aftersend.clock import Instant
from aftersend.errors import NotFound
from aftersend.store import meta
from aftersend.store.engine import Statement, among, insert_rows, many, packed, query, ring, rows, run
from aftersend.store.schema import accounts, deliveries, messages, returned, unread_returns

BELL = "returns"
HEAD_MOST, TAIL_MOST = 1 << 20, 1 << 18
"""Of a longer mail the beginning and the end are kept: a report precedes what it returns, or follows it."""
FAULTS_ALLOWED = 3
UNREAD_MOST = 10_000
BEGINNING = 1 << 14
"""So much of an original is read where only its headers are shown."""
NOT_KNOWN_YET = 0
"""The account of mail that has not been read: nobody has looked up yet whose it is."""


@dataclass(frozen=True, slots=True)
class Returned:
    """One mail that came back, for one address of ours."""

    id: int
    recipient: str
    """The address that it was sent to; "" for one that was found in a mailbox."""
    sender: str
    peer: str
    """Where it came from: an IP address, or the name of a mailbox."""
    raw: bytes
    received_us: Instant
    faults: int = 0


@dataclass(frozen=True, slots=True)
class Subject:
    """The delivery that a returned mail is about."""

    account_id: int
    delivery_id: int
    message_id: int
    recipient: str
    folded: str
    domain: str
    facts: int
    rfc_message_id: str


def shortened(raw: bytes) -> bytes:
    """Return as much of a mail as is ever read."""
    return raw if len(raw) <= HEAD_MOST + TAIL_MOST else raw[:HEAD_MOST] + b"\r\n" + raw[-TAIL_MOST:]


# ---- what waits ----------------------------------------------------------------------------------------------------

_KEEP = insert_rows(returned)
_TAKE = Statement(
    delete(returned).where(
        returned.c.account_id == literal_column(str(NOT_KNOWN_YET)), returned.c.id == bindparam("mail")
    ),
    "mail",
)


def keep(connection: Connection, items: Sequence[Returned]) -> list[None]:
    """Keep mail until it has been read; durable when the group commits."""
    values = [(NOT_KNOWN_YET, i.id, i.recipient, i.sender, i.peer, shortened(i.raw), i.received_us, 0) for i in items]
    many(connection, _KEEP, values)
    ring(connection, BELL)
    return [None] * len(items)


def keep_from_mailbox(connection: Connection, items: Sequence[Returned], place: str, position: str) -> None:
    """Keep mail that was found in a mailbox, and how far that has been read: both or neither."""
    keep(connection, items)
    meta.put(connection, place, position)


def waiting(connection: Connection, *, limit: int) -> list[Returned]:
    """Return mail that waits to be read, oldest first."""
    c = returned.c
    found = connection.execute(
        select(c.id, c.recipient, c.sender, c.peer, c.raw, c.received_us, c.faults)
        .where(c.account_id == NOT_KNOWN_YET)
        .order_by(c.id)
        .limit(limit)
    )
    return [Returned(*row) for row in found]


def take(connection: Connection, returned_id: int) -> bool:
    """Take a mail off what waits; False if another node has read it. What follows belongs into the same transaction."""
    return bool(run(connection, _TAKE, (returned_id,)))


def fault(connection: Connection, item: Returned, account_id: int, traceback: str) -> bool:
    """A fault of ours met a mail: it is tried again, and after three times it is kept for a person. Return whether it is."""
    c = returned.c
    if item.faults + 1 < FAULTS_ALLOWED:
        connection.execute(
            update(returned).where(c.account_id == NOT_KNOWN_YET, c.id == item.id).values(faults=c.faults + 1)
        )
        return False
    if take(connection, item.id):
        put_aside(connection, account_id, item, why=f"A fault of ours met it: {traceback[-1000:]}", subject="")
    return True


# ---- whose it is ---------------------------------------------------------------------------------------------------

_ABOUT = (
    deliveries.c.account_id, deliveries.c.id, deliveries.c.message_id, deliveries.c.recipient, deliveries.c.folded,
    deliveries.c.domain, deliveries.c.facts, messages.c.rfc_message_id,
)  # fmt: skip
_WITH_MESSAGE = deliveries.join(
    messages, (messages.c.account_id == deliveries.c.account_id) & (messages.c.id == deliveries.c.message_id)
)
_ACCOUNTS = query(select(accounts.c.id))
_OWNER = query(
    lambda engine_name: select(deliveries.c.account_id).where(
        among(deliveries.c.account_id, engine_name), deliveries.c.id == bindparam("delivery")
    ),
    "ids", "delivery",
)  # fmt: skip
"""By the key, once for each account: a join would be planned as a scan of the log."""
_NAMED = query(
    select(*_ABOUT)
    .select_from(_WITH_MESSAGE)
    .where(deliveries.c.account_id == bindparam("account"), deliveries.c.id == bindparam("delivery")),
    "account", "delivery",
)  # fmt: skip
_OTHERS = deliveries.alias("others")
_SIBLINGS = query(
    select(deliveries.c.id).where(
        deliveries.c.account_id == bindparam("account"),
        deliveries.c.id.in_(
            select(_OTHERS.c.id).where(
                _OTHERS.c.account_id == bindparam("account"), _OTHERS.c.message_id == bindparam("message")
            )
        ),
        deliveries.c.folded == bindparam("address"),
    ),
    "account", "message", "address",
)  # fmt: skip
"""In two steps, each served by an index alone: SQLite would rather walk through the account's whole log."""


def about(connection: Connection, delivery_id: int) -> Subject | None:
    """Return the delivery of that id, whosever it is; None if it is no longer kept."""
    known = packed(connection, [account_id for (account_id,) in rows(connection, _ACCOUNTS)])
    for (account_id,) in rows(connection, _OWNER, (known, delivery_id)):
        found = rows(connection, _NAMED, (account_id, delivery_id))
        return Subject(*found[0]) if found else None
    return None


def sibling(connection: Connection, subject: Subject, folded: str) -> Subject | None:
    """Return the delivery of the same message to another address, if there is one."""
    for (delivery_id,) in rows(connection, _SIBLINGS, (subject.account_id, subject.message_id, folded)):
        return Subject(*rows(connection, _NAMED, (subject.account_id, delivery_id))[0])
    return None


# ---- what nobody understands ---------------------------------------------------------------------------------------


def put_aside(
    connection: Connection, account_id: int, item: Returned, *, why: str, subject: str, delivery_id: int | None = None
) -> None:
    """Keep a mail for a person to look at, with the reason why."""
    connection.execute(
        insert(unread_returns).values(
            account_id=account_id,
            id=item.id,
            delivery_id=delivery_id,
            recipient=item.recipient[:320],
            sender=item.sender[:320],
            subject=subject[:400],
            peer=item.peer[:200],
            why=why,
            raw=shortened(item.raw),
            received_us=item.received_us,
        )
    )


def unread(connection: Connection, account_id: int, *, limit: int, before: int | None = None) -> list[dict[str, Any]]:
    """Return what is kept for a person, newest first, with the beginnings of the originals."""
    c = unread_returns.c
    others = (column for column in c if column.name != "raw")
    head, size = func.substr(c.raw, 1, BEGINNING).label("head"), func.length(c.raw).label("size")
    wanted = select(*others, head, size).where(c.account_id == account_id)
    if before is not None:
        wanted = wanted.where(c.id < before)
    return [dict(row._mapping) for row in connection.execute(wanted.order_by(c.id.desc()).limit(limit))]


def how_many_unread(connection: Connection, account_id: int) -> int:
    """Count what is kept for a person."""
    query = select(func.count()).select_from(unread_returns).where(unread_returns.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def unread_one(connection: Connection, account_id: int, unread_id: int) -> dict[str, Any]:
    """Return one with its original. Raise NotFound."""
    c = unread_returns.c
    found = connection.execute(select(unread_returns).where(c.account_id == account_id, c.id == unread_id)).first()
    if found is None:
        raise NotFound("There is no such returned mail; it was taught, or forgotten, or its time is over.")
    row = dict(found._mapping)
    row["raw"] = bytes(row["raw"])
    return row


def forget(connection: Connection, account_id: int, unread_id: int) -> None:
    """Throw one away. Raise NotFound."""
    c = unread_returns.c
    gone = connection.execute(delete(unread_returns).where(c.account_id == account_id, c.id == unread_id))
    if not gone.rowcount:
        raise NotFound("There is no such returned mail.")


def prune(connection: Connection, *, before: Instant, slice_: int = 500) -> int:
    """Throw away a slice of what is over its time, and of what is more than anybody will look at; return how many."""
    c = unread_returns.c
    doomed = connection.execute(select(c.account_id, c.id).where(c.received_us < before).limit(slice_)).all()
    if not doomed:
        many_ = connection.execute(select(func.count()).select_from(unread_returns)).scalar_one() - UNREAD_MOST
        if many_ > 0:
            oldest = select(c.account_id, c.id).order_by(c.received_us).limit(min(many_, slice_))
            doomed = connection.execute(oldest).all()
    for account_id, unread_id in doomed:
        connection.execute(delete(unread_returns).where(c.account_id == account_id, c.id == unread_id))
    return len(doomed)
