"""Refused for content, reputation, policy, authentication, size, rate: our matter, never the address's."""

from __future__ import annotations

import pytest

from house import House


@pytest.mark.parametrize(
    "behaviour", ["spam", "virus", "blocked", "auth-failed", "too-large", "format", "system-broken", "loop", "relaying"]
)
def test_it_is_written_to_again(house: House, behaviour: str) -> None:
    """However often it happens."""
    recipient = f"{behaviour}-51@one.practice.test"
    for _ in range(4):
        row = house.end_of(house.send(recipient))
        assert "suppressed" not in row["facts"]
        assert row["ended"]
    assert house.suppressed(recipient) == []
