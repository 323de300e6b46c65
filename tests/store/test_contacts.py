"""People, their addresses and their lists, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aftersend.errors import BadField, Conflict, NotFound
from aftersend.ids import IdSource
from aftersend.store import contacts, mailing_lists
from aftersend.store.contacts import Person, Row, Spot
from given import ACCOUNT, Clock

Do = Callable[..., Any]


def person(*addresses: str, name: str = "Ann", lists: tuple[str, ...] = (), **attributes: Any) -> Person:
    return Person(name, attributes, [Spot(address, address.lower(), ["news"]) for address in addresses], lists)


def test_somebody_is_kept_changed_and_forgotten(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """With addresses in order, attributes and lists; another account sees nothing of it."""
    ann = ids()
    for name in ("news", "offers"):
        write(mailing_lists.create, ACCOUNT, ids(), name=name, about="", now=clock())
    write(
        contacts.create,
        ACCOUNT,
        ann,
        person("Z@example.net", "a@example.net", lists=("news",), city="Wien"),
        now=clock(),
    )
    found = read(contacts.one, ACCOUNT, ann)
    assert [spot["address"] for spot in found["addresses"]] == ["Z@example.net", "a@example.net"]
    assert (found["attributes"], found["lists"], found["addresses"][0]["types"]) == (
        {"city": "Wien"},
        ["news"],
        ["news"],
    )
    assert read(contacts.owner, ACCOUNT, "z@example.net") == ann
    for question, args in ((contacts.one, (ann,)), (contacts.owner, ("z@example.net",))):
        with pytest.raises(NotFound):
            read(question, 2, *args)
    write(contacts.replace, ACCOUNT, ann, person("b@example.net", name="Bea", lists=("offers",)), now=clock())
    found = read(contacts.one, ACCOUNT, ann)
    assert (found["name"], found["lists"], len(found["addresses"]), found["attributes"]) == ("Bea", ["offers"], 1, {})
    assert [each["members"] for each in read(mailing_lists.every, ACCOUNT)] == [0, 1]
    write(contacts.remove, ACCOUNT, ann)
    assert read(contacts.page, ACCOUNT, limit=10) == []
    assert [each["members"] for each in read(mailing_lists.every, ACCOUNT)] == [0, 0]
    write(contacts.create, ACCOUNT, ids(), person("b@example.net"), now=clock())


def test_an_address_has_one_owner(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """In an account; and a list has to be there. Whatever is refused leaves nothing behind."""
    write(contacts.create, ACCOUNT, ids(), person("ann@example.net"), now=clock())
    with pytest.raises(Conflict):
        write(contacts.create, ACCOUNT, ids(), person("bob@example.net", "ANN@example.net"), now=clock())
    with pytest.raises(BadField):
        write(contacts.create, ACCOUNT, ids(), person("bob@example.net", lists=("nope",)), now=clock())
    with pytest.raises(NotFound):
        write(contacts.replace, ACCOUNT, ids(), person("bob@example.net"), now=clock())
    assert len(read(contacts.page, ACCOUNT, limit=10)) == 1
    write(contacts.create, 2, ids(), person("ann@example.net"), now=clock())


def test_a_file_is_taken_in_whole(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """New people are added, known ones are changed, and the second time the same file makes nobody new."""
    write(mailing_lists.create, ACCOUNT, ids(), name="news", about="", now=clock())
    write(contacts.create, ACCOUNT, ids(), person("n3@example.net", "second@example.net", city="Wien"), now=clock())
    rows = [
        Row(ids(), Spot(address, address), "", {"number": str(i)})
        for i, address in enumerate([*(f"n{i}@example.net" for i in range(2000)), "second@example.net"])
    ]
    assert read(contacts.would_take_in, ACCOUNT, rows, ["news"]) == (1999, 2)
    assert write(contacts.take_in, ACCOUNT, rows, lists=["news"], now=clock()) == (1999, 2)
    assert write(contacts.take_in, ACCOUNT, rows, lists=["news"], now=clock()) == (0, 2001)
    assert [each["members"] for each in read(mailing_lists.every, ACCOUNT)] == [2000]
    known = read(contacts.one, ACCOUNT, read(contacts.owner, ACCOUNT, "n3@example.net"))
    assert (known["name"], known["attributes"]) == ("Ann", {"city": "Wien", "number": "2000"})
    with pytest.raises(BadField):
        write(contacts.take_in, ACCOUNT, rows, lists=["nope"], now=clock())


def test_pages_follow_each_other(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """All of them, of a list, or those with a part of an address; nobody twice, nobody left out."""
    write(mailing_lists.create, ACCOUNT, ids(), name="news", about="", now=clock())
    made = [ids() for _ in range(7)]
    for i, contact_id in enumerate(made):
        lists = ("news",) if i % 2 else ()
        write(
            contacts.create,
            ACCOUNT,
            contact_id,
            person(f"n{i}@example.net", f"m{i}_@example.org", lists=lists),
            now=clock(),
        )
    met: list[int] = []
    while page := read(contacts.page, ACCOUNT, limit=3, after=met[-1] if met else None):
        met += [row["id"] for row in page]
    assert met == made
    assert [row["id"] for row in read(contacts.page, ACCOUNT, limit=9, list_name="news")] == made[1::2]
    assert [row["id"] for row in read(contacts.page, ACCOUNT, limit=9, part="m3_@")] == [made[3]]
    for name in ("nope", "\0"):
        with pytest.raises(NotFound):
            read(contacts.page, ACCOUNT, limit=9, list_name=name)
    write(mailing_lists.remove, ACCOUNT, "news")
    assert len(read(contacts.page, ACCOUNT, limit=9)) == 7
    with pytest.raises(NotFound):
        write(mailing_lists.remove, ACCOUNT, "news")
