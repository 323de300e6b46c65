"""The recipient reports a mail as spam."""

from __future__ import annotations

import pytest

from aftersend.ledger.facts import Fact
from house import House, facts, is_explained


@pytest.mark.parametrize("behaviour", ["complaint", "redacted-arf"])
def test_nothing_is_sent_to_them_any_more(house: House, behaviour: str) -> None:
    """Complaint in the life cycle, Spam in the activity, on the list of the whole account for ever; redacted reports too."""
    recipient = f"{behaviour}-1@one.practice.test"
    sent = house.send(recipient)
    row = house.wait(sent, lambda row: {"complained", "delivered"} <= set(row["facts"]))[0]
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Delivered", "Complaint")
    assert "Spam" in row["status"]["activity"]
    assert row["who_must_act"] == "your_content"
    assert is_explained(row)
    (entry,) = house.suppressed(recipient)
    assert (entry["cause"], entry["origin"], entry["stream"], entry["expires_us"]) == (
        "complained",
        "learned",
        "",
        None,
    )
    for stream in ("transactional", "broadcast"):
        stopped = house.end_of(house.send(recipient, headers=[("X-Aftersend-Stream", stream)]))
        assert facts(stopped) == {Fact.RECEIVED, Fact.SUPPRESSED}
        assert "reported" in stopped["why"]
