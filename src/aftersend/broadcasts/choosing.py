"""Find the people of whom a condition is true: fetch what it asks about, a slice at a time, and nothing else.

The condition itself is `policy.choosing`'s, so that the same words mean the same on every database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aftersend import ids
from aftersend.clock import Instant
from aftersend.policy import choosing
from aftersend.policy.choosing import Condition, Person
from aftersend.store import consents, contacts, engagement, mailing_lists
from aftersend.store.connection import Connection

SLICE = 500
"""So many people are looked at together."""
ALL = "everybody"
EVERYBODY = choosing.read(ALL)


def checked(connection: Connection, account_id: int, where: str, pointer: str = "#/where") -> Condition:
    """Read a condition. Raise BadField also for a list that is not there."""
    found = choosing.read(where, pointer)
    named = [term.value for term in found.terms() if term.name == choosing.LIST and term.value]
    mailing_lists.numbers(connection, account_id, named, pointer)
    return found


def those(
    connection: Connection, account_id: int, people: Sequence[dict[str, Any]], wanted: Condition, *, now: Instant
) -> list[dict[str, Any]]:
    """Return those of the people (as the store tells of them) of whom the condition is true, in their order."""
    if not people or wanted == EVERYBODY:
        return list(people)
    known = _known(connection, account_id, [person["id"] for person in people], wanted)
    return [person for person in people if wanted.holds(_person(person, known), now)]


def walk(
    connection: Connection,
    account_id: int,
    wanted: Condition,
    *,
    lists: Sequence[str] = (),
    after: int = 0,
    now: Instant,
) -> Iterator[list[dict[str, Any]]]:
    """Walk through those of whom the condition is true, on any of the lists if there are some, the oldest first; a slice at
    a time, which may be empty. Raise BadField for a list that is not there.
    """
    list_ids = mailing_lists.numbers(connection, account_id, lists) if lists else None
    last: int | None = after
    while last is not None:
        people, last = contacts.standing_on(connection, account_id, list_ids, since=ids.MOST, after=last, limit=SLICE)
        yield those(connection, account_id, people, wanted, now=now)


def count(
    connection: Connection, account_id: int, wanted: Condition, *, lists: Sequence[str] = (), now: Instant
) -> int:
    """Count those of whom the condition is true. It looks at everybody: some seconds for a million people."""
    return sum(len(found) for found in walk(connection, account_id, wanted, lists=lists, now=now))


def page(
    connection: Connection, account_id: int, wanted: Condition, *, lists: Sequence[str] = (), after: int = 0, limit: int,
    now: Instant,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return up to `limit` of those of whom the condition is true, whole, the oldest first, those who follow a number."""
    numbers: list[int] = []
    for found in walk(connection, account_id, wanted, lists=lists, after=after, now=now):
        numbers += [person["id"] for person in found]
        if len(numbers) >= limit:
            break
    return contacts.of_numbers(connection, account_id, numbers[:limit])


def search(
    connection: Connection, account_id: int, *, limit: int, after: int | None = None, list_name: str | None = None,
    part: str | None = None, where: str | None = None, now: Instant,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return up to `limit` people as `contacts.page` does and, with `where`, of whom this is true. Raise BadField, NotFound."""
    if not where:
        return contacts.page(connection, account_id, limit=limit, after=after, list_name=list_name, part=part)
    wanted = checked(connection, account_id, where)
    if part:
        wanted = choosing.Joined((choosing.Term(choosing.EMAIL, "~", part), wanted), is_all=True)
    if list_name is not None:
        mailing_lists.named(connection, account_id, list_name)
    lists = [] if list_name is None else [list_name]
    return page(connection, account_id, wanted, lists=lists, after=after or 0, limit=limit, now=now)


def _known(
    connection: Connection, account_id: int, numbers: Sequence[int], wanted: Condition
) -> Mapping[str, Mapping[int, Any]]:
    names = {term.name for term in wanted.terms()}
    found: dict[str, Mapping[int, Any]] = {}
    if choosing.LIST in names:
        found[choosing.LIST] = contacts.memberships(connection, account_id, numbers)
    if choosing.OPENED in names:
        found[choosing.OPENED] = engagement.opened(connection, account_id, numbers)
    if choosing.CLICKED in names:
        found[choosing.CLICKED] = engagement.clicked(connection, account_id, numbers)
    if choosing.CONSENT in names:
        found[choosing.CONSENT] = consents.standing(connection, account_id, numbers)
    return found


def _person(row: Mapping[str, Any], known: Mapping[str, Mapping[int, Any]]) -> Person:
    number = row["id"]
    moments = {choosing.CREATED: row["created_us"], choosing.CHANGED: row["changed_us"]}
    for name in (choosing.OPENED, choosing.CLICKED):
        if name in known:
            moments[name] = known[name].get(number)
    return Person(
        row["name"],
        [spot["address"] for spot in row["addresses"]],
        [spot["types"] for spot in row["addresses"]],
        row["attributes"],
        known.get(choosing.LIST, {}).get(number, frozenset()),
        known.get(choosing.CONSENT, {}).get(number, {}),
        moments,
    )
