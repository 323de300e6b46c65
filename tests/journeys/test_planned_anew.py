"""The sender thinks better of when it should go."""

from __future__ import annotations

import time
from email.utils import formatdate

from house import House, kinds


def test_it_goes_at_the_new_time(house: House) -> None:
    """Planned for tomorrow, then for a moment from now: Delivered, not a moment too early, with the change in the history."""
    tomorrow = formatdate(int(time.time()) + 86_400)
    sent = house.send("replanned@one.practice.test", headers=[("X-Aftersend-Send-At", tomorrow)])
    house.wait(sent, lambda row: "scheduled" in row["facts"])
    at = int(time.time()) + 2
    house.reschedule(sent, at * 1_000_000)
    row = house.end_of(sent)
    assert kinds(row) == ["received", "scheduled", "rescheduled", "treated", "delivered"]
    (copy,) = house.received("replanned@one.practice.test")
    assert copy.at_us >= at * 1_000_000
