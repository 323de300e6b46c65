"""Turn a page of an audience into deliveries: everybody gets a row, whoever gets no mail with the fact that says why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from aftersend import ids
from aftersend.broadcasts import choosing
from aftersend.clock import Instant
from aftersend.errors import BadField
from aftersend.ledger.facts import Fact
from aftersend.mail import address, merge
from aftersend.policy.choosing import read
from aftersend.store import broadcasts, consents, contacts, mailing_lists, record, turns
from aftersend.store.broadcasts import DONE, LISTS, ROWS, Broadcast
from aftersend.store.connection import Connection
from aftersend.store.record import Entry, Submission

Enter = Callable[[int, str, Sequence[tuple[str, str, str]]], tuple[list[Entry], int]]
"""From an account, a stream and recipients (address, folded, domain) to what is to be written down for each, and for how
many microseconds they are tried."""


NO_ADDRESS = "has no address for"


@dataclass(frozen=True, slots=True)
class Member:
    """One person of an audience."""

    address: str
    """Where it goes, or as whom the person is shown who gets nothing."""
    data: Mapping[str, Any]
    contact_id: int | None = None
    why_not: str = ""
    """Why there is no address for this broadcast; "" if there is one."""

    @property
    def is_selected(self) -> bool:
        """Whether there is an address for this broadcast."""
        return not self.why_not


@dataclass(frozen=True, slots=True)
class Page:
    """Some of an audience, and where it goes on behind them."""

    members: list[Member]
    part: int
    place: int


def page(connection: Connection, found: Broadcast, limit: int) -> Page:
    """Return the next people of an audience; none, in the part DONE, behind the last one."""
    if found.part == ROWS:
        given = broadcasts.rows_after(connection, found.account_id, found.id, found.place, limit)
        if given:
            return Page([_written(text, data) for _, text, data in given], ROWS, given[-1][0])
        return Page([], LISTS, 0)
    if found.part == LISTS:
        # What is so long ago is counted from when it began, so that it means the same for everybody.
        people, last = _people(
            connection, found, found.list_ids, since=found.started_us or 0, now=found.started_us or 0, limit=limit
        )
        if last is not None:
            said = consents.latest(connection, found.account_id, [person["id"] for person in people], found.type)
            return Page([_asked(person, said.get(person["id"]), found) for person in people], LISTS, last)
    return Page([], DONE, 0)


def first(connection: Connection, found: Broadcast, now: Instant) -> Member | None:
    """Return somebody of the audience of a draft; None if it has nobody. Raise BadField for a list that is gone."""
    given = broadcasts.rows_after(connection, found.account_id, found.id, 0, 1)
    if given:
        return _written(given[0][1], given[0][2])
    list_ids = mailing_lists.numbers(connection, found.account_id, found.lists, "#/lists")
    last: int | None = 0
    while last is not None:
        at = replace(found, place=last)
        people, last = _people(
            connection, at, list_ids, since=ids.MOST, now=now, limit=choosing.SLICE if found.where else 1
        )
        if people:
            return _chosen(people[0], found.type)
    return None


def _people(
    connection: Connection, found: Broadcast, list_ids: list[int], *, since: Instant, now: Instant, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """The people behind the place in an audience, and where it goes on: those on its lists of whom its condition is true."""
    if not list_ids and not found.where:
        return [], None
    people, last = contacts.standing_on(
        connection, found.account_id, list_ids or None, since=since, after=found.place, limit=limit
    )
    if found.where:
        people = choosing.those(connection, found.account_id, people, read(found.where), now=now)
    return people, last


def _written(text: str, data: Mapping[str, Any]) -> Member:
    if not text:
        return Member(str(data.get("name") or "?"), data, why_not=NO_ADDRESS)
    return Member(text, data)


def _chosen(person: Mapping[str, Any], kind: str) -> Member:
    data = {name: value for name, value in person["attributes"].items() if value is not None}
    if person["name"]:
        data |= {"name": person["name"], merge.NAME: person["name"]}
    for spot in person["addresses"]:
        if not spot["types"] or kind in spot["types"]:
            return Member(spot["address"], data, person["id"])
    return _left_out(person, NO_ADDRESS)


def _asked(person: Mapping[str, Any], said: str | None, found: Broadcast) -> Member:
    """Leave out whoever has taken his consent back and, where the broadcast wants one, whoever has not given it."""
    if said == consents.WITHDRAWN:
        return _left_out(person, "has taken back the consent to")
    if found.needs_consent and said != consents.GRANTED:
        return _left_out(person, "has not agreed to")
    return _chosen(person, found.type)


def _left_out(person: Mapping[str, Any], why: str) -> Member:
    return Member(person["name"] or ids.show("con", person["id"]), {}, person["id"], why)


def submission(found: Broadcast, members: Sequence[Member], enter: Enter, *, now: Instant) -> Submission:
    """Return what is to be written for people of an audience; those of a cancelled broadcast are cancelled with it."""
    recipients, said = [], []
    common = found.common
    for member in members:
        recipient, data = _recipient(member, common)
        recipients.append(recipient)
        said.append(data)
    entries, lifetime = enter(found.account_id, found.stream, recipients)
    for entry, member in zip(entries, members, strict=True):
        if member.why_not:
            _end(entry, Fact.NOT_SELECTED, f"{member.address} {member.why_not} {_type(found)}.")
        elif found.state == "cancelled":
            _end(entry, Fact.CANCELLED, "The broadcast was cancelled before it was this recipient's turn.")
    personal = [
        (found.account_id, entry.id, member.contact_id, data)
        for entry, member, data in zip(entries, members, said, strict=True)
    ]
    assert found.message_id is not None
    return Submission(
        found.account_id, found.message_id, found.stream, (), (), entries, now, now + lifetime,
        personal=personal, lane=turns.BULK, broadcast_id=found.id,
    )  # fmt: skip


def _type(found: Broadcast) -> str:
    return f"broadcasts of the type {found.type}" if found.type else "broadcasts of every type"


def _recipient(member: Member, common: Mapping[str, Any]) -> tuple[tuple[str, str, str], str]:
    """The recipient as it is kept, and the data. What cannot be an address stays as it was written, without a domain: the
    gates refuse it, and say so."""
    data = {**common, **member.data}
    if member.why_not:
        return (member.address, "", ""), "{}"
    try:
        mailbox = address.parse_mailbox(member.address)
    except BadField:
        text = member.address[:320]
        return (text, text.casefold(), ""), _json(data)
    if mailbox.name:
        data[merge.NAME] = mailbox.name
    return (str(mailbox.address), mailbox.address.folded, mailbox.address.domain), _json(data)


def _json(data: Mapping[str, Any]) -> str:
    return msgspec.json.encode(data).decode()


def _end(entry: Entry, fact: Fact, why: str) -> None:
    entry.ended, entry.evidence = fact, _json({"why": why})


def write(
    connection: Connection, found: Broadcast, onward: Page, wanted: Submission | None, *, node: int, until: Instant
) -> bool:
    """Write people of an audience down and move on, in one transaction; say whether the broadcast still stood there.

    An address that has had its copy, or comes twice here, is a duplicate.
    """
    people = len(onward.members)
    if not broadcasts.advance(
        connection, found, part=onward.part, place=onward.place, people=people, node=node, until=until
    ):
        return False
    if wanted is None:
        return True
    met = broadcasts.met(
        connection, found.account_id, wanted.message_id, [entry.folded for entry in wanted.entries if entry.folded]
    )
    for entry in wanted.entries:
        if entry.ended is None and entry.folded in met:
            _end(entry, Fact.DUPLICATE, f"{entry.recipient} stands in this audience more than once; it gets one copy.")
        if entry.folded:
            met.add(entry.folded)
    record.write_entries(connection, [wanted])
    return True
