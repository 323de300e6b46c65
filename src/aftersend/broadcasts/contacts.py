"""Own what a contact may consist of, and how one is told. Where contacts are kept is the store's business."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from aftersend import ids
from aftersend.clock import iso
from aftersend.errors import BadField, BadFields
from aftersend.mail import address
from aftersend.store.contacts import Person, Spot
from aftersend.store.imports import OVER, STATES, Import

ADDRESSES_MOST = 20
NAME_MOST = 200
LIST_NAME_MOST = 100
ATTRIBUTES_MOST = 100
ATTRIBUTES_BYTES_MOST = 20_000
"""Of all attributes of one person, as JSON."""
_TAG = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")


def checked(
    name: str,
    addresses: Sequence[tuple[str, Sequence[str]]],
    attributes: Mapping[str, Any],
    lists: Sequence[str] = (),
) -> Person:
    """Make a person of what was given: addresses with the types of broadcast that each is for. Raise BadFields that names
    every fault at once.
    """
    wrong = [*named_wrongly(name), *unusable(attributes)]
    spots: dict[str, Spot] = {}
    if not 1 <= len(addresses) <= ADDRESSES_MOST:
        wrong.append(BadField("#/addresses", f"A contact has 1 to {ADDRESSES_MOST} addresses."))
    for i, (text, types) in enumerate(addresses[:ADDRESSES_MOST]):
        try:
            spot = placed(text, f"#/addresses/{i}/address", types)
        except BadField as error:
            wrong.append(error)
            continue
        if spot.folded in spots:
            wrong.append(BadField(f"#/addresses/{i}/address", f"{spot.address} stands here twice; leave one of them."))
        spots[spot.folded] = spot
    if wrong:
        raise BadFields(wrong)
    return Person(name, attributes, list(spots.values()), lists)


def placed(text: str, pointer: str = "", types: Sequence[str] = ()) -> Spot:
    """Read an address of a person. Raise BadField."""
    found = address.parse(text.strip(), pointer=pointer)
    return Spot(str(found), found.folded, tuple(dict.fromkeys(types)))


def named_wrongly(name: str) -> list[BadField]:
    """Say what is wrong with a person's name."""
    if len(name) > NAME_MOST or not (name.isprintable() or not name):
        return [BadField("#/name", f"A name is one line of {NAME_MOST} printable characters at most.")]
    return []


def unusable(attributes: Mapping[str, Any]) -> list[BadField]:
    """Say which attributes no merge tag could name or no mail could carry."""
    wrong = [
        BadField(
            f"#/attributes/{name[:80].replace('~', '~0').replace('/', '~1')}",
            "An attribute's name has letters, digits and underscores, and begins with a letter, as in "
            "`{{ first_name }}`.",
        )
        for name in attributes
        if not _TAG.fullmatch(name)
    ]
    try:
        size = len(msgspec.json.encode(attributes))
    except UnicodeEncodeError:
        return [*wrong, BadField("#/attributes", "There is half a character in it; send whole Unicode characters.")]
    if any("\0" in value for value in attributes.values() if isinstance(value, str)):
        wrong.append(BadField("#/attributes", "There is a NUL in it, which no mail can carry."))
    if len(attributes) > ATTRIBUTES_MOST or size > ATTRIBUTES_BYTES_MOST:
        limits = f"{ATTRIBUTES_MOST} attributes, and {ATTRIBUTES_BYTES_MOST} bytes of them"
        wrong.append(BadField("#/attributes", f"A contact has {limits}, at most."))
    return wrong


def list_name(name: str) -> str:
    """Return the name of a list without the spaces around it. Raise BadField."""
    name = name.strip()
    if not 1 <= len(name) <= LIST_NAME_MOST or not name.isprintable() or "/" in name:
        raise BadField(
            "#/name", f"A list's name is one line of 1 to {LIST_NAME_MOST} printable characters without a slash."
        )
    return name


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Tell of somebody as the API does."""
    return {
        "id": ids.show("con", row["id"]),
        "name": row["name"],
        "addresses": row["addresses"],
        "attributes": row["attributes"],
        "lists": row["lists"],
        "created_at": iso(row["created_us"]),
        "changed_at": iso(row["changed_us"]),
    }


def told_list(row: Mapping[str, Any]) -> dict[str, Any]:
    """Tell of a list as the API does."""
    return {
        "name": row["name"],
        "about": row["about"],
        "members": row["members"],
        "created_at": iso(row["created_us"]),
    }


def told_import(found: Import) -> dict[str, Any]:
    """Tell of a file that is taken in as the API does."""
    return {
        "id": ids.show("imp", found.id),
        "state": found.state,
        "about": STATES[found.state],
        "why": found.why,
        "list": found.wanted.lists[0] if found.wanted.lists else None,
        "strict": found.wanted.strict,
        "preview": found.wanted.preview,
        "total": max(found.total, found.rows),
        "rows": found.rows,
        "created": found.created,
        "changed": found.changed,
        "wrong": found.wrong,
        "is_over": found.state in OVER,
        "who": found.who,
        "created_at": iso(found.created_us),
        "ended_at": None if found.ended_us is None else iso(found.ended_us),
    }
