"""Own the record of who agreed to what: statements that are only added to, and requests to confirm an address."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from aftersend.clock import Instant
from aftersend.store import contacts
from aftersend.store.engine import among, insert_if_new, name_of, packed, query, rows
from aftersend.store.schema import audience

GRANTED, WITHDRAWN = "granted", "withdrawn"
_consents, _opt_ins = audience.consents, audience.opt_ins


@dataclass(frozen=True, slots=True)
class OptIn:
    """A request to confirm an address."""

    account_id: int
    contact_id: int
    list_id: int | None
    """The list that the person joins by confirming."""
    folded: str
    type: str
    wording: str
    message_id: int
    asked_us: Instant
    expires_us: Instant
    answered_us: Instant | None = None


def note(
    connection: Connection, account_id: int, number: int, contact_id: int, *, kind: str, state: str, source: str,
    wording: str, evidence: Mapping[str, Any] | None, occurred_us: Instant,
) -> None:  # fmt: skip
    """Write down that somebody agreed to a type of broadcast, or took it back. Raise NotFound for no such contact."""
    contacts.one(connection, account_id, contact_id)
    connection.execute(
        insert(_consents).values(
            account_id=account_id, id=number, contact_id=contact_id, type=kind, state=state, source=source,
            wording=wording, evidence=msgspec.json.encode(evidence).decode() if evidence else None,
            occurred_us=occurred_us,
        )
    )  # fmt: skip


def of_contact(connection: Connection, account_id: int, contact_id: int) -> list[dict[str, Any]]:
    """Return all that somebody said, the latest first. Raise NotFound for no such contact."""
    contacts.one(connection, account_id, contact_id)
    found = connection.execute(
        select(_consents)
        .where(_consents.c.account_id == account_id, _consents.c.contact_id == contact_id)
        .order_by(_consents.c.occurred_us.desc(), _consents.c.id.desc())
    )
    return [dict(row._mapping) for row in found]


_LATEST = query(
    lambda engine_name: select(_consents.c.contact_id, _consents.c.state)
    .where(
        _consents.c.account_id == bindparam("account"),
        among(_consents.c.contact_id, engine_name),
        _consents.c.type.in_([bindparam("kind"), bindparam("every")]),
    )
    .order_by(_consents.c.occurred_us, _consents.c.id),
    "account", "ids", "kind", "every",
)  # fmt: skip


def latest(connection: Connection, account_id: int, contact_ids: Sequence[int], kind: str) -> dict[int, str]:
    """Return what each of these people said last about a type of broadcast, or about all; those who said nothing are not in it."""
    if not contact_ids:
        return {}
    return dict(rows(connection, _LATEST, (account_id, packed(connection, list(contact_ids)), kind, "")))


_ALL = query(
    lambda engine_name: select(_consents.c.contact_id, _consents.c.type, _consents.c.state)
    .where(_consents.c.account_id == bindparam("account"), among(_consents.c.contact_id, engine_name))
    .order_by(_consents.c.occurred_us, _consents.c.id),
    "account", "ids",
)  # fmt: skip


def standing(connection: Connection, account_id: int, contact_ids: Sequence[int]) -> dict[int, dict[str, bool]]:
    """Return for each of these people to which types of broadcast he agrees; under "" what holds for all others."""
    found: dict[int, dict[str, bool]] = {}
    for contact_id, kind, state in rows(connection, _ALL, (account_id, packed(connection, list(contact_ids)))):
        # What was said about all types takes the place of what was said about single ones before.
        before = found.get(contact_id, {}) if kind else {}
        found[contact_id] = {**before, kind: state == GRANTED}
    return found


# ---- requests to confirm ---------------------------------------------------------------------------------------------


def digest(secret: str) -> bytes:
    """Return under what a request is kept."""
    return hashlib.sha256(secret.encode("ascii", "replace")).digest()


def ask(connection: Connection, secret: str, wanted: OptIn) -> None:
    """Write a request down."""
    values = {name: getattr(wanted, name) for name in wanted.__slots__}
    connection.execute(insert(_opt_ins).values(digest=digest(secret), **values))


def asked(connection: Connection, secret: str, *, now: Instant) -> OptIn | None:
    """Return a request that can still be answered, or was; None for one that is not known or whose time is over."""
    found = connection.execute(select(_opt_ins).where(_opt_ins.c.digest == digest(secret))).first()
    if found is None or (found.answered_us is None and found.expires_us <= now):
        return None
    return OptIn(*found[1:])


def confirm(
    connection: Connection, secret: str, number: int, *, evidence: Mapping[str, Any], now: Instant
) -> OptIn | None:
    """Write down that somebody has confirmed: he agrees, and joins the list. Again is harmless; None if it cannot be answered."""
    found = asked(connection, secret, now=now)
    if found is None or found.answered_us is not None:
        return found
    mine = connection.execute(
        update(_opt_ins)
        .where(_opt_ins.c.digest == digest(secret), _opt_ins.c.answered_us.is_(None))
        .values(answered_us=now)
    )
    if not mine.rowcount:
        return found
    note(
        connection, found.account_id, number, found.contact_id, kind=found.type, state=GRANTED,
        source="double opt-in", wording=found.wording, evidence=evidence, occurred_us=now,
    )  # fmt: skip
    if found.list_id is not None:
        member = {
            "account_id": found.account_id, "list_id": found.list_id, "contact_id": found.contact_id, "since_us": now,
        }  # fmt: skip
        connection.execute(insert_if_new(audience.list_members, name_of(connection)), [member])
    return found


def open_requests(connection: Connection, account_id: int, contact_id: int) -> list[dict[str, Any]]:
    """Return the requests to somebody, the latest first."""
    found = connection.execute(
        select(_opt_ins)
        .where(_opt_ins.c.account_id == account_id, _opt_ins.c.contact_id == contact_id)
        .order_by(_opt_ins.c.asked_us.desc())
    )
    return [{name: value for name, value in row._mapping.items() if name != "digest"} for row in found]


def prune(connection: Connection, *, before: Instant) -> int:
    """Forget requests that nobody answered in time."""
    late = delete(_opt_ins).where(_opt_ins.c.expires_us < before, _opt_ins.c.answered_us.is_(None))
    return int(connection.execute(late).rowcount)
