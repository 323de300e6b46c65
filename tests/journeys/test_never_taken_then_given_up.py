"""Their server puts it off for ever."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, is_explained, kinds


def test_after_its_lifetime_a_message_is_given_up(house: House) -> None:
    """Tried more than once, with the next try always planned; in the end Bounced, and the last answer is the reason."""
    sent = house.send("never@one.practice.test")
    waiting = house.wait(sent, lambda row: "deferred" in row["facts"])[0]
    assert waiting["next"]["at"] is not None
    assert waiting["status"]["lifecycle"] == "Bounce (Softbounce)"
    row = house.end_of(sent)
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.DEFERRED, Fact.GAVE_UP}
    assert kinds(row)[-2:] == ["deferred", "gave_up"]
    assert row["tries"] >= 3
    assert row["status"] == {
        "result": "Bounced", "lifecycle": "Bounce (Softbounce)", "activity": ["Requests", "Bounced", "Deferred"],
        "category": "Technical", "reason": "Other receiver error", "icon": "No icon",
    }  # fmt: skip
    assert row["who_must_act"] == "their_server"
    assert row["next"]["at"] is None
    assert is_explained(row)
