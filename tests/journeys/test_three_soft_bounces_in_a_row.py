"""A mailbox stays full. Here the days between are left out by the setting."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.reports import log, search
from house import ACCOUNT, House, facts


def test_the_third_counts_as_spam_and_pauses_the_address(house: House) -> None:
    """003: two are nothing; the third is in the box Spam, and the address is on the list for thirty days."""
    recipient = "full-31@one.practice.test"
    for _ in range(2):
        row = house.end_of(house.send(recipient))
        assert "Spam" not in row["status"]["activity"]
        assert house.suppressed(recipient) == []
    third = house.end_of(house.send(recipient))
    assert facts(third) == {Fact.RECEIVED, Fact.TREATED, Fact.BOUNCED, Fact.THIRD_SOFT_BOUNCE}
    assert "Spam" in third["status"]["activity"]
    assert (third["status"]["result"], third["status"]["lifecycle"]) == ("Bounced", "Bounce (Softbounce)")
    assert "several in a row" in third["headline"]
    (entry,) = house.suppressed(recipient)
    assert entry["cause"] == "soft_bounces"
    assert round((entry["expires_us"] - entry["created_us"]) / 86_400_000_000) == 30
    assert facts(house.end_of(house.send(recipient))) == {Fact.RECEIVED, Fact.SUPPRESSED}


def test_the_box_holds_it(house: House) -> None:
    """The list behind Spam has the third and not the first two."""
    recipient = "full-32@one.practice.test"
    ids = [house.end_of(house.send(recipient))["id"] for _ in range(3)]
    wanted = search.read([("status", "spam"), ("recipient", recipient)], now=house.service.clock())
    assert [row["id"] for row in house.ask(log.page, ACCOUNT, wanted).rows] == ids[2:]


def test_a_delivery_in_between_begins_anew(house: House) -> None:
    """Two bounces, one that arrives, two more: nothing happens to the address."""
    recipient = "full-then-ok-33@one.practice.test"
    folded_fate = (recipient, "failed", "5.2.2", "552 5.2.2 mailbox full")
    from house import report

    def bounces() -> None:
        sent = house.send(recipient)
        house.end_of(sent)
        house.come_back(house.return_path(recipient), report(house, recipient, folded_fate))
        house.settle_returns()
        house.wait(sent, lambda row: "bounced" in row["facts"])

    bounces()
    bounces()
    assert "delivered" in house.end_of(house.send(recipient))["facts"]
    bounces()
    bounces()
    assert house.suppressed(recipient) == []
    bounces()
    assert house.suppressed(recipient)
