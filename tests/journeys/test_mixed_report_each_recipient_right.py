"""One report speaks of several recipients with different fates."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, report


def test_the_delivered_one_is_no_bounce(house: House) -> None:
    """Of two recipients at one domain one is full and one has it: each row says what is true of it."""
    sent = house.send("mixed-dsn-1@one.practice.test", "ann@one.practice.test")
    rows = house.wait(
        sent, lambda row: row["ended"] and ("bounced" in row["facts"] or row["recipient"].startswith("ann"))
    )
    by_name = {row["recipient"]: row for row in rows}
    full = by_name["mixed-dsn-1@one.practice.test"]
    assert facts(full) == {Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED, Fact.BOUNCED}
    assert full["reason"] == "mailbox_full"
    assert house.suppressed(full["recipient"]) == []
    assert facts(by_name["ann@one.practice.test"]) == {Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED}


def test_the_rest_of_a_report_is_not_lost(house: House) -> None:
    """A server of the same domain may report about another recipient of the same message: it is written down there, and
    counts for nothing, since the return path was not hers."""
    mine, hers, strange = "mine@two.practice.test", "hers@two.practice.test", "strange@one.practice.test"
    sent = house.send(mine, hers, strange)
    house.wait(sent)
    gone = [(name, "failed", "5.1.1", "550 5.1.1 no such user") for name in (mine, hers, strange)]
    house.come_back(house.return_path(mine), report(house, mine, *gone))
    house.settle_returns()
    rows = {row["recipient"]: facts(row) for row in house.wait(sent)}
    assert Fact.BOUNCED_INVALID in rows[mine]
    assert Fact.BOUNCED_INVALID in rows[hers]
    assert Fact.BOUNCED_INVALID not in rows[strange]
    assert house.suppressed(mine)
    assert house.suppressed(hers) == house.suppressed(strange) == []


def test_behind_a_forwarding_it_is_still_ours(house: House) -> None:
    """The report names the address that ours was forwarded to: the address that we wrote to bounced, and only that one."""
    recipient, behind = "forwarded@one.practice.test", "behind@elsewhere.test"
    sent = house.send(recipient)
    house.end_of(sent)
    house.come_back(
        house.return_path(recipient), report(house, recipient, (behind, "failed", "5.2.2", "552 5.2.2 full"))
    )
    house.settle_returns()
    row = house.wait(sent, lambda row: "bounced" in row["facts"])[0]
    assert row["reason"] == "mailbox_full"
    assert house.suppressed(behind) == []
