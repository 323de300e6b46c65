"""An automatic answer comes back: the mailbox is alive."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts


def test_an_automatic_answer_is_no_bounce(house: House) -> None:
    """Delivered stays; the answer is in the history, with its words; nothing is suppressed."""
    recipient = "out-of-office-1@one.practice.test"
    sent = house.send(recipient)
    row = house.wait(sent, lambda row: {"auto_replied", "delivered"} <= set(row["facts"]))[0]
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED, Fact.AUTO_REPLIED}
    assert row["status"]["result"] == "Delivered"
    assert "Bounced" not in row["status"]["activity"]
    (answer,) = [event for event in row["events"] if event["fact"] == "auto_replied"]
    assert "out of the office" in answer["evidence"]["raw"]
    assert house.suppressed(recipient) == []
    assert row["reason"] is None
