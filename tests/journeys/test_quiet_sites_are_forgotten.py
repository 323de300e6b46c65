"""What is known of receiving sites is forgotten when there are too many and nothing goes to them any more."""

from __future__ import annotations

import time

import pytest

from house import House, kinds


def test_quiet_sites_are_forgotten(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with every domain that was ever written to; mail that comes later finds its site anew."""
    monkeypatch.setattr("aftersend.delivery.courier.LANES_MOST", 0)
    sites = house.service.courier.sites
    assert kinds(house.end_of(house.send("someone@one.practice.test")))[-1] == "delivered"
    assert sites
    end = time.monotonic() + 90
    while sites:
        assert time.monotonic() < end
        time.sleep(0.1)
    assert kinds(house.end_of(house.send("someone@one.practice.test")))[-1] == "delivered"
