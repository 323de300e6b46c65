"""A person stops it in time."""

from __future__ import annotations

import time
from email.utils import formatdate

from aftersend.ledger.facts import Fact
from house import House, facts, kinds


def test_a_planned_message_can_be_stopped(house: House) -> None:
    """Unsent, Rejected, Dropped; the ledger says who did it; nothing reaches the mailbox."""
    sent = house.send("cancelled@one.practice.test", headers=[("X-Aftersend-Send-At", formatdate(time.time() + 3600))])
    house.wait(sent, lambda row: "scheduled" in row["facts"])
    assert house.cancel(sent)["done"] == 1
    row = house.end_of(sent)
    assert kinds(row) == ["received", "scheduled", "cancelled"]
    assert Fact.CANCELLED in facts(row)
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Unsent", "Rejected")
    assert "Dropped" in row["status"]["activity"]
    assert "journey" in row["known_by"][0]
    assert house.received("cancelled@one.practice.test") == []


def test_what_has_ended_cannot_be_stopped(house: House) -> None:
    """The verb says so and changes nothing."""
    sent = house.send("too-late@one.practice.test")
    before = house.end_of(sent)["facts"]
    done = house.cancel(sent)
    assert (done["done"], done["skipped"]) == (0, {"ended": 1})
    assert house.end_of(sent)["facts"] == before
