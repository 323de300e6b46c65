"""The server took it; two days later a report says that there is no such mailbox."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, is_explained, kinds


def test_it_stays_delivered_and_the_news_stands_beside_it(house: House) -> None:
    """Delivered in the results, Hardbounce in the life cycle; the reason, who must act and the proof are there."""
    recipient = "late-bounce-1@one.practice.test"
    sent = house.send(recipient)
    row = house.wait(sent, lambda row: "bounced_invalid" in row["facts"])[0]
    house.conserves(sent)
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED, Fact.BOUNCED_INVALID}
    assert kinds(row) == ["received", "treated", "delivered", "bounced_invalid"]
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Delivered", "Bounce (Hardbounce)")
    assert (row["status"]["category"], row["status"]["reason"]) == ("Hard", "Invalid recipient")
    assert row["headline"] == "Delivered, later returned: no such mailbox"
    assert row["reason"] == "invalid_recipient"
    assert row["who_must_act"] == "recipient_address"
    assert is_explained(row)
    evidence = row["events"][-1]["evidence"]
    assert evidence["kind"] == "dsn"
    assert "User unknown" in evidence["raw"]
    assert any("A delivery report came from mx1.one-mail.test" in words for words in row["known_by"])


def test_the_address_is_no_longer_written_to(house: House) -> None:
    """The entry shows its evidence: the delivery, the event, the rule; the next mail is stopped and says why."""
    recipient = "late-bounce-2@one.practice.test"
    sent = house.send(recipient)
    row = house.wait(sent, lambda row: "bounced_invalid" in row["facts"])[0]
    (entry,) = house.suppressed(recipient)
    assert (entry["cause"], entry["origin"], entry["stream"]) == ("bounced", "learned", "")
    assert entry["delivery_id"] is not None
    assert entry["evidence"]["event"] == row["events"][-1]["id"]
    assert entry["evidence"]["rule"]
    assert entry["expires_us"] is not None
    stopped = house.end_of(house.send(recipient))
    assert facts(stopped) == {Fact.RECEIVED, Fact.SUPPRESSED}
    assert (stopped["status"]["result"], stopped["status"]["lifecycle"]) == ("Blocked", "Rejected")
