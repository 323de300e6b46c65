"""A domain without MX has an address (RFC 5321 §5.1)."""

from __future__ import annotations

from house import House, kinds


def test_mail_goes_to_the_domain_s_own_address(house: House) -> None:
    """The address record is the implicit mail server."""
    row = house.end_of(house.send("ann@a-only.practice.test"))
    assert kinds(row) == ["received", "treated", "delivered"]
    assert row["events"][-1]["evidence"]["host"] == "a-only.practice.test"
