"""The sender wants it to go later."""

from __future__ import annotations

import time
from email.utils import formatdate

from aftersend.ledger.facts import Fact
from house import House, facts, kinds


def test_it_waits_until_its_time_and_then_goes(house: House) -> None:
    """Unsent, Scheduled, with the time beside it; then Delivered; not a moment too early."""
    at = int(time.time()) + 2
    sent = house.send("planned@one.practice.test", headers=[("X-Aftersend-Send-At", formatdate(at))])
    waiting = house.wait(sent, lambda row: "scheduled" in row["facts"])[0]
    assert (waiting["status"]["result"], waiting["status"]["lifecycle"]) == ("Unsent", "Scheduled")
    assert waiting["next"]["at_us"] == at * 1_000_000
    row = house.end_of(sent)
    assert kinds(row) == ["received", "scheduled", "treated", "delivered"]
    assert facts(row) >= {Fact.SCHEDULED, Fact.DELIVERED}
    (copy,) = house.received("planned@one.practice.test")
    assert copy.at_us >= at * 1_000_000
    assert copy.header("X-Aftersend-Send-At") is None
