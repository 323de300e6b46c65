"""A server on the way says that it is still trying. That is no bounce."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, kinds, report


def test_a_delay_notice_stands_beside_delivered(house: House) -> None:
    """No bounce is counted, nothing is suppressed, and the note is in the history."""
    recipient = "delay-notice-1@one.practice.test"
    sent = house.send(recipient)
    row = house.wait(sent, lambda row: "delayed" in row["facts"])[0]
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED, Fact.DELAYED}
    assert row["status"]["result"] == "Delivered"
    assert "Bounced" not in row["status"]["activity"]
    assert house.suppressed(recipient) == []


def test_a_delay_and_then_success(house: House) -> None:
    """Both are kept; it ends well."""
    sent = house.send("delay-then-delivered-1@one.practice.test")
    row = house.wait(sent, lambda row: "delayed" in row["facts"] and len(row["facts"]) == 4)[0]
    assert row["status"]["result"] == "Delivered"


def test_a_relays_delay_keeps_it_waiting(house: House) -> None:
    """The relay says that it is still trying: Soft Bounced, and the news that we wait for is still waited for."""
    recipient = "delayed@relayed.practice.test"
    sent = house.send(recipient)
    before = house.wait(sent, lambda row: "relayed" in row["facts"])[0]
    notice = report(house, recipient, (recipient, "delayed", "4.4.1", "connection timed out"))
    assert house.come_back(house.return_path(recipient), notice)[0] == 250
    row = house.wait(sent, lambda row: "delayed" in row["facts"])[0]
    assert kinds(row)[-2:] == ["relayed", "delayed"]
    assert row["status"]["result"] == "Soft Bounced"
    assert not row["ended"]
    assert row["next"]["at"] == before["next"]["at"]
    house.conserves(sent)


def test_a_relays_success_is_the_last_word(house: House) -> None:
    """Sent becomes Delivered when the report says so, and nothing more is waited for."""
    recipient = "succeeds@relayed.practice.test"
    sent = house.send(recipient)
    house.wait(sent, lambda row: "relayed" in row["facts"])
    success = report(house, recipient, (recipient, "delivered", "2.0.0", "250 ok"))
    house.come_back(house.return_path(recipient), success)
    row = house.wait(sent, lambda row: row["ended"])[0]
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.RELAYED, Fact.DELIVERED}
    assert row["next"]["at"] is None
    house.conserves(sent)
