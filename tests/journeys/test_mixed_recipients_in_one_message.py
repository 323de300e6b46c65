"""One message to many, with a fate for each."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts


def test_each_recipient_has_a_row_and_a_fate_of_its_own(house: House) -> None:
    """Accepted, refused, put off, blocked, unreachable: one row each, and the sums are right."""
    house.block("mixed-blocked@one.practice.test")
    fates = {
        "mixed@one.practice.test": Fact.DELIVERED,
        "mixed@two.practice.test": Fact.DELIVERED,
        "mixed@x.many.practice.test": Fact.DELIVERED,
        "unknown-1@one.practice.test": Fact.BOUNCED_INVALID,
        "moved-1@one.practice.test": Fact.BOUNCED_INVALID,
        "full-1@one.practice.test": Fact.BOUNCED,
        "spam-1@one.practice.test": Fact.REJECTED_AS_SPAM,
        "blocked-1@one.practice.test": Fact.REJECTED_AS_SPAM,
        "full-then-ok-1@one.practice.test": Fact.DELIVERED,
        "mixed-blocked@one.practice.test": Fact.BLOCKLISTED,
        "mixed@null-mx.practice.test": Fact.BOUNCED_INVALID,
    }
    sent = house.send(*fates)
    rows = house.wait(sent)
    house.conserves(sent)
    for row in rows:
        assert fates[row["recipient"]] in facts(row), row["recipient"]
    assert all(len(house.received(recipient)) == (fate is Fact.DELIVERED) for recipient, fate in fates.items())


def test_the_same_recipient_named_twice_is_two_rows(house: House) -> None:
    """A customer who names an address twice gets an account of both."""
    sent = house.send("twice@one.practice.test", "twice@one.practice.test")
    house.wait(sent)
    house.conserves(sent)
