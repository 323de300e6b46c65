"""What is known of many addresses at once, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.store import contacts, histories, mailing_lists, record, suppressions
from aftersend.store.contacts import Person, Spot
from given import ACCOUNT, Clock, delivery_ids, step, submission

Do = Callable[..., Any]


def test_what_became_of_mail_is_known_by_address(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """When it was last delivered, came back, was read; and who is suppressed now. Nothing of another account."""
    folded = ["ann@example.net", "bob@example.net", "cat@example.net", "dan@example.net"]
    began = clock()
    (receipt,) = write(record.accepted, [submission(ids, began, *folded)])
    ann, bob, cat, _ = delivery_ids(receipt)
    for delivery, fact in (
        (ann, Fact.DELIVERED),
        (ann, Fact.CLICKED),
        (bob, Fact.BOUNCED_INVALID),
        (cat, Fact.DEFERRED),
    ):
        write(record.steps, [step(delivery, clock(), fact, keys=[ids()])])
    write(
        suppressions.put, ACCOUNT, "cat@example.net",
        cause="blocklist", origin="configured", now=clock(),
    )  # fmt: skip
    found = read(histories.of, ACCOUNT, [*folded, "nobody@example.net"], now=clock())
    assert found["ann@example.net"] == (False, began, None, began, 0)
    assert found["bob@example.net"] == (False, None, began, None, 0)
    assert found["cat@example.net"][0] is True
    assert found["dan@example.net"] == (False, None, None, None, 0)
    assert "nobody@example.net" not in found
    assert read(histories.of, 2, folded, now=clock()) == {}


def test_people_leave_a_list_and_stay_contacts(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """By their first addresses."""
    write(mailing_lists.create, ACCOUNT, ids(), name="news", about="", now=clock())
    made = [ids() for _ in range(3)]
    for number, contact_id in enumerate(made):
        spots = [Spot(f"{place}{number}@example.net", f"{place}{number}@example.net", []) for place in "ab"]
        write(contacts.create, ACCOUNT, contact_id, Person("", {}, spots, ("news",)), now=clock())
    assert read(histories.members, ACCOUNT, "news", limit=2) == [
        (made[0], "a0@example.net"),
        (made[1], "a1@example.net"),
    ]
    assert write(histories.leave, ACCOUNT, "news", [made[0], made[2], 99]) == 2
    assert read(histories.members, ACCOUNT, "news", limit=9) == [(made[1], "a1@example.net")]
    assert len(read(contacts.page, ACCOUNT, limit=9)) == 3
