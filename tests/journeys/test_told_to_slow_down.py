"""Their server names a rate, or asks to come back in so many seconds."""

from __future__ import annotations

from house import House, kinds


def test_a_rate_limit_is_a_pause_and_not_a_bounce(house: House) -> None:
    """Deferred once, then delivered; the reason is kept."""
    row = house.end_of(house.send("rate-limited@limiting.practice.test"))
    assert kinds(row) == ["received", "treated", "deferred", "delivered"]
    assert row["events"][2]["detail"] == "rate_limited"


def test_421_before_the_message_is_a_pause_too(house: House) -> None:
    """The connection was closed by the server; it is tried again and taken."""
    row = house.end_of(house.send("busy-then-ok@slowing.practice.test"))
    assert "deferred" in kinds(row)
    assert kinds(row)[-1] == "delivered"
    assert row["events"][2]["reason"] == "server_busy"
