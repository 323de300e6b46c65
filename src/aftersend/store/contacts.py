"""Own people, their addresses, and on which lists they stand. An address belongs to one person of an account.

What may be said to them, and whether it may be sent, is the business of others: a contact is no leave to mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from aftersend import ids
from aftersend.clock import Instant
from aftersend.errors import Conflict, NotFound
from aftersend.store import mailing_lists
from aftersend.store.engine import among, insert_if_new, name_of, packed, query, rows
from aftersend.store.schema import audience

_contacts, _addresses, _members, _lists = (
    audience.contacts, audience.contact_addresses, audience.list_members, audience.lists,
)  # fmt: skip


class Spot(NamedTuple):
    """An address of a person, and the types of broadcast that it was chosen for; none of them is all."""

    address: str
    folded: str
    types: Sequence[str] = ()


class Person(NamedTuple):
    """What is known of somebody."""

    name: str
    attributes: Mapping[str, Any]
    spots: Sequence[Spot]
    lists: Sequence[str] = ()


class Row(NamedTuple):
    """One person of an import: `contact_id` is used if the address is new."""

    contact_id: int
    spot: Spot
    name: str
    attributes: Mapping[str, Any]


_OWNERS = query(
    lambda engine_name: select(_addresses.c.folded, _addresses.c.contact_id).where(
        _addresses.c.account_id == bindparam("account"), among(_addresses.c.folded, engine_name)
    ),
    "account", "ids",
)  # fmt: skip
_SPOTS = query(
    lambda engine_name: select(
        _addresses.c.contact_id, _addresses.c.address, _addresses.c.types
    ).where(_addresses.c.account_id == bindparam("account"), among(_addresses.c.contact_id, engine_name))
    .order_by(_addresses.c.contact_id, _addresses.c.place),
    "account", "ids",
)  # fmt: skip
_MEMBERSHIPS = query(
    lambda engine_name: select(_members.c.contact_id, _lists.c.name)
    .join(_lists, (_lists.c.account_id == _members.c.account_id) & (_lists.c.id == _members.c.list_id))
    .where(_members.c.account_id == bindparam("account"), among(_members.c.contact_id, engine_name))
    .order_by(_members.c.contact_id, _lists.c.name),
    "account", "ids",
)  # fmt: skip
_PEOPLE = query(
    lambda engine_name: select(
        _contacts.c.id, _contacts.c.name, _contacts.c.attributes, _contacts.c.created_us, _contacts.c.changed_us
    ).where(_contacts.c.account_id == bindparam("account"), among(_contacts.c.id, engine_name)),
    "account", "ids",
)  # fmt: skip
_KNOWN = query(
    lambda engine_name: select(_contacts.c.id, _contacts.c.name, _contacts.c.attributes).where(
        _contacts.c.account_id == bindparam("account"), among(_contacts.c.id, engine_name)
    ),
    "account", "ids",
)  # fmt: skip


def create(connection: Connection, account_id: int, contact_id: int, person: Person, *, now: Instant) -> None:
    """Write somebody down. Raise Conflict if an address is another's, BadField for a list that is not there."""
    list_ids = mailing_lists.numbers(connection, account_id, person.lists)
    _must_be_free(connection, account_id, person.spots)
    connection.execute(
        insert(_contacts).values(
            account_id=account_id, id=contact_id, name=person.name, attributes=_json(person.attributes),
            created_us=now, changed_us=now,
        )
    )  # fmt: skip
    _place(connection, account_id, contact_id, person.spots)
    _join(connection, account_id, [contact_id], list_ids, now)


def replace(connection: Connection, account_id: int, contact_id: int, person: Person, *, now: Instant) -> None:
    """Know of somebody this, and nothing else. Raise NotFound, and what `create` raises."""
    list_ids = mailing_lists.numbers(connection, account_id, person.lists)
    changed = connection.execute(
        update(_contacts)
        .where(_contacts.c.account_id == account_id, _contacts.c.id == contact_id)
        .values(name=person.name, attributes=_json(person.attributes), changed_us=now)
    )
    if not changed.rowcount:
        raise _nobody(contact_id)
    _of(connection, _addresses, account_id, contact_id)
    _must_be_free(connection, account_id, person.spots)
    _place(connection, account_id, contact_id, person.spots)
    left = delete(_members).where(_members.c.account_id == account_id, _members.c.contact_id == contact_id)
    connection.execute(left.where(_members.c.list_id.not_in(list_ids)) if list_ids else left)
    _join(connection, account_id, [contact_id], list_ids, now)


def remove(connection: Connection, account_id: int, contact_id: int) -> None:
    """Forget somebody: addresses, attributes, lists, consents. Raise NotFound. What was mailed stays in the ledger."""
    gone = connection.execute(
        delete(_contacts).where(_contacts.c.account_id == account_id, _contacts.c.id == contact_id)
    )
    if not gone.rowcount:
        raise _nobody(contact_id)
    for table in (_addresses, _members, audience.consents, audience.opt_ins):
        _of(connection, table, account_id, contact_id)


def take_in(
    connection: Connection, account_id: int, people: Sequence[Row], *, lists: Sequence[str], now: Instant
) -> tuple[int, int]:
    """Write many down, all or none; return how many are new and how many were known. No address may occur twice.

    Of somebody who is known, a name that is given replaces the old one, attributes are added to the old ones.
    Raise BadField for a list that is not there.
    """
    list_ids = mailing_lists.numbers(connection, account_id, lists, "#/list")
    owners = dict(rows(connection, _OWNERS, (account_id, packed(connection, [row.spot.folded for row in people]))))
    new = [row for row in people if row.spot.folded not in owners]
    if new:
        connection.execute(
            insert(_contacts),
            [
                {
                    "account_id": account_id, "id": row.contact_id, "name": row.name,
                    "attributes": _json(row.attributes), "created_us": now, "changed_us": now,
                }
                for row in new
            ],
        )  # fmt: skip
        connection.execute(
            insert(_addresses),
            [_spot(account_id, row.contact_id, 0, row.spot) for row in new],
        )
    known = [(owners[row.spot.folded], row) for row in people if row.spot.folded in owners]
    if known:
        add_to(connection, account_id, known, now)
    everybody = [row.contact_id for row in new] + [contact_id for contact_id, _ in known]
    _join(connection, account_id, everybody, list_ids, now)
    return len(new), len(known)


def would_take_in(
    connection: Connection, account_id: int, people: Sequence[Row], lists: Sequence[str]
) -> tuple[int, int]:
    """Return what `take_in` would, and raise what it would, and write nothing."""
    mailing_lists.numbers(connection, account_id, lists, "#/list")
    folded = packed(connection, [row.spot.folded for row in people])
    known = len(rows(connection, _OWNERS, (account_id, folded)))
    return len(people) - known, known


def one(connection: Connection, account_id: int, contact_id: int) -> dict[str, Any]:
    """Return all that is known of somebody. Raise NotFound."""
    found = connection.execute(
        select(_contacts).where(_contacts.c.account_id == account_id, _contacts.c.id == contact_id)
    ).all()
    if not found:
        raise _nobody(contact_id)
    return _whole(connection, account_id, found)[0]


def owner(connection: Connection, account_id: int, folded: str) -> int:
    """Return whose an address is. Raise NotFound."""
    found = connection.execute(
        select(_addresses.c.contact_id).where(_addresses.c.account_id == account_id, _addresses.c.folded == folded)
    ).scalar()
    if found is None:
        raise NotFound(f"{folded[:320]} is the address of no contact.")
    return int(found)


def page(
    connection: Connection,
    account_id: int,
    *,
    limit: int,
    after: int | None = None,
    list_name: str | None = None,
    part: str | None = None,
) -> list[dict[str, Any]]:
    """Return up to `limit` people, the oldest first; `after` is the number of the last one seen.

    `list_name`: those on a list (NotFound if there is none); `part`: those with an address that contains it.
    """
    wanted = select(_contacts).where(_contacts.c.account_id == account_id)
    if list_name is not None:
        list_id = mailing_lists.named(connection, account_id, list_name)
        wanted = wanted.join(
            _members, (_members.c.account_id == _contacts.c.account_id) & (_members.c.contact_id == _contacts.c.id)
        ).where(_members.c.list_id == list_id)
    if part:
        wanted = wanted.where(
            _contacts.c.id.in_(
                select(_addresses.c.contact_id).where(
                    _addresses.c.account_id == account_id, _addresses.c.folded.contains(part, autoescape=True)
                )
            )
        )
    if after is not None:
        wanted = wanted.where(_contacts.c.id > after)
    return _whole(connection, account_id, connection.execute(wanted.order_by(_contacts.c.id).limit(limit)).all())


def standing_on(
    connection: Connection, account_id: int, list_ids: Sequence[int] | None, *, since: Instant, after: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Return people who stand on any of the lists since then or longer, each once, the oldest first, those who follow the
    number `after`; and the number of the last one that was looked at, None if there was nobody. Without lists: all people.
    """
    chosen = _numbers(connection, account_id, list_ids, since=since, after=after, limit=limit)
    if not chosen:
        return [], None
    given = (account_id, packed(connection, chosen))
    people: dict[int, dict[str, Any]] = {
        contact_id: {
            "id": contact_id, "name": name, "attributes": msgspec.json.decode(attributes), "addresses": [],
            "created_us": created, "changed_us": changed,
        }
        for contact_id, name, attributes, created, changed in rows(connection, _PEOPLE, given)
    }  # fmt: skip
    for contact_id, address, types in rows(connection, _SPOTS, given):
        if contact_id in people:
            people[contact_id]["addresses"].append({"address": address, "types": msgspec.json.decode(types)})
    # Whoever was forgotten at this very moment is not there any more.
    return [people[contact_id] for contact_id in chosen if contact_id in people], chosen[-1]


def _numbers(
    connection: Connection, account_id: int, list_ids: Sequence[int] | None, *, since: Instant, after: int, limit: int
) -> list[int]:
    if list_ids is None:
        found = select(_contacts.c.id).where(
            _contacts.c.account_id == account_id, _contacts.c.id > after, _contacts.c.created_us <= since
        )
        return [int(each) for each in connection.execute(found.order_by(_contacts.c.id).limit(limit)).scalars()]
    numbers: set[int] = set()
    for list_id in list_ids:
        found = select(_members.c.contact_id).where(
            _members.c.account_id == account_id,
            _members.c.list_id == list_id,
            _members.c.contact_id > after,
            _members.c.since_us <= since,
        )
        numbers.update(connection.execute(found.order_by(_members.c.contact_id).limit(limit)).scalars())
    return sorted(numbers)[:limit]


def memberships(connection: Connection, account_id: int, contact_ids: Sequence[int]) -> dict[int, set[str]]:
    """Return the names of the lists that people stand on; who stands on none is not in it."""
    found: dict[int, set[str]] = {}
    for contact_id, name in rows(connection, _MEMBERSHIPS, (account_id, packed(connection, list(contact_ids)))):
        found.setdefault(contact_id, set()).add(name)
    return found


def of_numbers(connection: Connection, account_id: int, contact_ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return all that is known of people, the oldest first; who is not there any more is left out."""
    wanted = select(_contacts).where(_contacts.c.account_id == account_id, _contacts.c.id.in_(contact_ids))
    return _whole(connection, account_id, connection.execute(wanted.order_by(_contacts.c.id)).all())


def _whole(connection: Connection, account_id: int, found: Sequence[Any]) -> list[dict[str, Any]]:
    people = {
        row.id: dict(row._mapping) | {"attributes": msgspec.json.decode(row.attributes), "addresses": [], "lists": []}
        for row in found
    }
    given = (account_id, packed(connection, list(people)))
    for contact_id, address, types in rows(connection, _SPOTS, given) if people else ():
        people[contact_id]["addresses"].append({"address": address, "types": msgspec.json.decode(types)})
    for contact_id, name in rows(connection, _MEMBERSHIPS, given) if people else ():
        people[contact_id]["lists"].append(name)
    return list(people.values())


def add_to(connection: Connection, account_id: int, known: Sequence[tuple[int, Row]], now: Instant) -> None:
    given = (account_id, packed(connection, list({contact_id for contact_id, _ in known})))
    people = {
        contact_id: (name, msgspec.json.decode(attributes))
        for contact_id, name, attributes in rows(connection, _KNOWN, given)
    }
    for contact_id, row in known:
        name, attributes = people[contact_id]
        people[contact_id] = (row.name or name, {**attributes, **row.attributes})
    connection.execute(
        update(_contacts)
        .where(_contacts.c.account_id == account_id, _contacts.c.id == bindparam("which"))
        .values(name=bindparam("new_name"), attributes=bindparam("new_attributes"), changed_us=now),
        [
            {"which": contact_id, "new_name": name, "new_attributes": _json(attributes)}
            for contact_id, (name, attributes) in people.items()
        ],
    )


def _must_be_free(connection: Connection, account_id: int, spots: Sequence[Spot]) -> None:
    owners = dict(rows(connection, _OWNERS, (account_id, packed(connection, [spot.folded for spot in spots]))))
    for spot in spots:
        if spot.folded in owners:
            shown = ids.show("con", owners[spot.folded])
            raise Conflict(f"{spot.address} belongs to another contact, {shown}; an address has one owner.")


def _place(connection: Connection, account_id: int, contact_id: int, spots: Sequence[Spot]) -> None:
    connection.execute(
        insert(_addresses), [_spot(account_id, contact_id, place, spot) for place, spot in enumerate(spots)]
    )


def _spot(account_id: int, contact_id: int, place: int, spot: Spot) -> dict[str, Any]:
    return {
        "account_id": account_id, "folded": spot.folded, "address": spot.address, "contact_id": contact_id,
        "place": place, "types": _json(list(spot.types)),
    }  # fmt: skip


def _join(
    connection: Connection, account_id: int, contact_ids: Iterable[int], list_ids: Sequence[int], now: Instant
) -> None:
    members = [
        {"account_id": account_id, "list_id": list_id, "contact_id": contact_id, "since_us": now}
        for list_id in list_ids
        for contact_id in contact_ids
    ]
    if members:
        connection.execute(insert_if_new(_members, name_of(connection)), members)


def _of(connection: Connection, table: Any, account_id: int, contact_id: int) -> None:
    connection.execute(delete(table).where(table.c.account_id == account_id, table.c.contact_id == contact_id))


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _nobody(contact_id: int) -> NotFound:
    return NotFound(f"There is no contact {ids.show('con', contact_id)}.")
