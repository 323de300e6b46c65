"""A mailbox is full once: that says nothing about tomorrow."""

from __future__ import annotations

from house import House


def test_a_full_mailbox_gets_the_next_mail(house: House) -> None:
    """Refused for good, or given up after all tries: the address stays as it was."""
    for recipient in ("full-41@one.practice.test", "full-for-ever-41@one.practice.test"):
        row = house.end_of(house.send(recipient))
        assert row["reason"] == "mailbox_full"
        assert house.suppressed(recipient) == []
        assert "suppressed" not in house.end_of(house.send(recipient))["facts"]
