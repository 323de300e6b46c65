"""The mailbox is full at first; the recipient makes room."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, has_settled, is_explained, kinds


def test_a_full_mailbox_is_tried_again_and_reached(house: House) -> None:
    """While it is full: Soft Bounced, with the time of the next try; in the end Delivered, and the history shows both."""
    sent = house.send("full-then-ok@one.practice.test")
    waiting = house.wait(sent, lambda row: "deferred" in row["facts"])[0]
    if not has_settled(waiting):
        assert waiting["status"]["result"] == "Soft Bounced"
        assert (waiting["status"]["category"], waiting["status"]["reason"]) == ("Soft", "Mailbox is full")
        assert waiting["next"]["at"] is not None
        assert waiting["who_must_act"] == "recipient_address"
        assert is_explained(waiting)
    row = house.end_of(sent)
    assert kinds(row) == ["received", "treated", "deferred", "delivered"]
    assert facts(row) >= {Fact.DEFERRED, Fact.DELIVERED}
    assert row["status"]["result"] == "Delivered"
    assert row["status"]["activity"] == ["Requests", "Delivered", "Unopened", "Deferred"]
    assert row["tries"] == 2
    assert len(house.received("full-then-ok@one.practice.test")) == 1


def test_a_mailbox_that_stays_full_is_given_up(house: House) -> None:
    """The last thing heard is the reason: a soft bounce, Mailbox is full."""
    row = house.end_of(house.send("full-for-ever@one.practice.test"))
    assert kinds(row)[-1] == "gave_up"
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Bounced", "Bounce (Softbounce)")
    assert (row["status"]["category"], row["status"]["reason"]) == ("Soft", "Mailbox is full")
    assert row["who_must_act"] == "recipient_address"
