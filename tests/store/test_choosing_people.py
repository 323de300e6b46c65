"""Those of whom a condition is true are found, counted and paged, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from aftersend.broadcasts import choosing
from aftersend.errors import BadField, NotFound
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.store import consents, contacts, mailing_lists, record
from aftersend.store.contacts import Person, Spot
from given import ACCOUNT, Clock, delivery_ids, step, submission

Do = Callable[..., Any]
CITIES = ("Wien", "Graz", "Linz")


@pytest.fixture
def people(write: Do, clock: Clock, ids: IdSource) -> list[int]:
    """Thirty people of three cities; every other one stands on the list, every fifth agrees to news."""
    write(mailing_lists.create, ACCOUNT, ids(), name="letter", about="", now=clock())
    write(mailing_lists.create, 2, ids(), name="theirs", about="", now=clock())
    made = []
    for i in range(30):
        made.append(ids())
        attributes = {"city": CITIES[i % 3], "visits": i}
        lists = ("letter",) if i % 2 else ()
        somebody = Person(f"P{i}", attributes, [Spot(f"P{i}@example.net", f"p{i}@example.net")], lists)
        write(contacts.create, ACCOUNT, made[-1], somebody, now=clock())
        if i % 5 == 0:
            for state in ("granted",) if i % 10 else ("granted", "withdrawn"):
                clock.forward(1_000_000)
                write(
                    consents.note, ACCOUNT, ids(), made[-1], kind="news", state=state, source="form", wording="",
                    evidence=None, occurred_us=clock(),
                )  # fmt: skip
    write(contacts.create, 2, ids(), Person("Eve", {"city": "Wien"}, [Spot("e@b.c", "e@b.c")]), now=clock())
    return made


@pytest.mark.parametrize(
    ("where", "lists", "plainly"),
    [
        ("everybody", (), lambda i: True),
        ("city = wien", (), lambda i: i % 3 == 0),
        ("city = wien", ("letter",), lambda i: i % 3 == 0 and i % 2),
        ("not list = letter and visits < 10", (), lambda i: i % 2 == 0 and i < 10),
        ("consent = news", (), lambda i: i % 5 == 0 and i % 10),
        ("email = p7@example.net", (), lambda i: i == 7),
        ("opened since 1d", (), lambda i: False),
    ],
)
def test_exactly_those_are_found(
    read: Do, people: list[int], clock: Clock, where: str, lists: tuple[str, ...], plainly: Callable[[int], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Counted and page by page, in the order in which they came, and nobody of another account."""
    monkeypatch.setattr(choosing, "SLICE", 4)
    wanted = read(choosing.checked, ACCOUNT, where)
    right = [number for i, number in enumerate(people) if plainly(i)]
    assert read(choosing.count, ACCOUNT, wanted, lists=lists, now=clock()) == len(right)
    found: list[int] = []
    while rows := read(
        choosing.page, ACCOUNT, wanted, lists=lists, after=found[-1] if found else 0, limit=3, now=clock()
    ):
        found += [row["id"] for row in rows]
    assert found == right


def test_who_opened_is_known_by_what_was_sent_to_any_address(
    read: Do, write: Do, people: list[int], clock: Clock, ids: IdSource
) -> None:
    """By people, not by machines, and when it was last."""
    [receipt] = write(record.accepted, [submission(ids, clock(), "p3@example.net", "p4@example.net")])
    for delivery_id, fact in zip(delivery_ids(receipt), (Fact.OPENED, Fact.OPENED_BY_MACHINE), strict=True):
        write(record.steps, [step(delivery_id, clock(), fact, keys=[ids()])])

    def count(where: str) -> int:
        return int(read(choosing.count, ACCOUNT, read(choosing.checked, ACCOUNT, where), now=clock()))

    clock.forward(2 * 24 * 3_600_000_000)
    assert (count("opened since 3d"), count("opened since 1d"), count("opened before 1d")) == (1, 0, 1)
    assert (count("clicked since 3d"), count("not has opened")) == (0, 29)


def test_lists_that_are_not_there_are_named(read: Do, people: list[int], clock: Clock) -> None:
    """Also those of another account."""
    with pytest.raises(BadField, match="theirs"):
        read(choosing.checked, ACCOUNT, "list = theirs")
    with pytest.raises(NotFound):
        read(choosing.search, ACCOUNT, limit=5, list_name="theirs", where="everybody", now=clock())
    assert len(read(choosing.search, ACCOUNT, limit=50, part="p1", where="visits > 15", now=clock())) == 4
