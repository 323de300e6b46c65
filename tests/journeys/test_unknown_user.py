"""The address is misspelt: their server has no such mailbox."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, is_explained, kinds


def test_a_misspelt_address_fails_at_once_and_says_whose_fault_it_is(house: House) -> None:
    """Failed, a hard bounce: Invalid recipient; the recipient's address is at fault; nothing is tried again."""
    row = house.end_of(house.send("unknown+misspelt@one.practice.test"))
    assert kinds(row) == ["received", "treated", "bounced_invalid"]
    assert Fact.DEFERRED not in facts(row)
    assert row["status"] == {
        "result": "Failed", "lifecycle": "Bounce (Hardbounce)", "activity": ["Requests", "Bounced"],
        "category": "Hard", "reason": "Invalid recipient", "icon": "No icon",
    }  # fmt: skip
    assert row["who_must_act"] == "recipient_address"
    assert is_explained(row)
    assert "550 5.1.1" in row["known_by"][0]
    assert row["next"]["at"] is None
    assert house.received("unknown+misspelt@one.practice.test") == []
