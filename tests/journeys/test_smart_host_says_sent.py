"""Mail that goes through a smart host."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, is_explained, kinds


def test_it_is_sent_and_not_yet_delivered(house: House) -> None:
    """The relay has it; no final answer came, and the row says so and until when one is awaited."""
    recipient = "ann@relayed.practice.test"
    sent = house.send(recipient)
    row = house.wait(sent, lambda row: "relayed" in row["facts"])[0]
    house.conserves(sent)
    assert kinds(row) == ["received", "treated", "relayed"]
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.RELAYED}
    assert (row["status"]["result"], row["status"]["icon"]) == ("Sent", "Sent")
    assert not row["ended"]
    assert row["next"]["at"] is not None
    assert is_explained(row)
    (copy,) = house.received(recipient)
    assert copy.place == "relay.practice.test"


def test_the_relay_is_asked_for_reports(house: House) -> None:
    """RFC 3461: without NOTIFY=SUCCESS nobody would tell us that it arrived."""
    recipient = "notify@relayed.practice.test"
    house.wait(house.send(recipient), lambda row: "relayed" in row["facts"])
    (copy,) = house.received(recipient)
    assert copy.recipient_parameters is not None
    assert "SUCCESS" in copy.recipient_parameters.notify
