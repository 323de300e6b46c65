"""The address is on a list of people who are not written to."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, is_explained, kinds


def test_a_blocked_address_gets_nothing_and_the_row_says_why(house: House) -> None:
    """Blocked, Filtered, Dropped; no attempt is made."""
    recipient = "listed@one.practice.test"
    house.block(recipient)
    row = house.end_of(house.send(recipient))
    assert kinds(row) == ["received", "blocklisted"]
    assert facts(row) == {Fact.RECEIVED, Fact.BLOCKLISTED}
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Blocked", "Filtered")
    assert "Dropped" in row["status"]["activity"]
    assert is_explained(row)
    assert row["tries"] == 0
    assert house.received(recipient) == []


def test_an_address_is_known_by_any_spelling(house: House) -> None:
    """The list compares without case."""
    house.block("Listed.Too@One.Practice.Test")
    row = house.end_of(house.send("listed.TOO@one.practice.test"))
    assert facts(row) == {Fact.RECEIVED, Fact.BLOCKLISTED}
