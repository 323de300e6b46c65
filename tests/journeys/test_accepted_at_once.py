"""The usual fate of a mail: taken at the first try."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, is_explained, kinds


def test_a_message_is_received_treated_and_delivered(house: House) -> None:
    """One try, four words, one copy in the mailbox, and the server's own words as proof."""
    sent = house.send("accepted@one.practice.test")
    row = house.end_of(sent)
    assert kinds(row) == ["received", "treated", "delivered"]
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED}
    assert row["status"] == {
        "result": "Delivered", "lifecycle": "Delivered", "activity": ["Requests", "Delivered", "Unopened"],
        "category": None, "reason": None, "icon": "Sent",
    }  # fmt: skip
    assert is_explained(row)
    assert row["who_must_act"] == "nobody"
    assert row["tries"] == 1
    assert "250 2.0.0" in row["known_by"][0]
    assert row["events"][-1]["evidence"]["host"] == "mx1.one-mail.test"


def test_the_copy_that_arrives_carries_our_return_path_and_trace(house: House) -> None:
    """The return path names this delivery and this service; Received and Message-ID were added."""
    recipient = "trace@one.practice.test"
    house.end_of(house.send(recipient))
    (copy,) = house.received(recipient)
    assert copy.sender.startswith("b-")
    assert copy.sender.endswith("@mail.practice.test")
    assert copy.content.count(b"Received: ") == 1
    assert copy.header("Message-ID")
    assert copy.header("X-Aftersend-Tag") is None
