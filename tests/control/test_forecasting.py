"""Many addresses looked at: each domain is asked once, and silence is no answer."""

from __future__ import annotations

import asyncio

from names_table import Table

from aftersend.control.forecasting import Forecaster
from aftersend.policy.score.forecast import History

NAMES = Table(
    mx={"example.net": ["mx.example.net"], "nobody.example": []},
    a={"mx.example.net": ["192.0.2.1"], "web.example": ["192.0.2.2"]},
    silent=frozenset({"slow.example"}),
)


def test_every_domain_is_asked_once_and_silence_is_not_held_against_it() -> None:
    """A thousand addresses at four domains; duplicates are counted, whatever their spelling."""
    NAMES.asked.clear()
    domains = ("example.net", "web.example", "slow.example", "gone.example")
    addresses = [f"person{number}@{domains[number % 4]}" for number in range(1000)] + ["PERSON0@example.net"]
    known = {"person0@example.net": History(delivered_us=1)}
    found = asyncio.run(Forecaster(NAMES, lambda: 1000).forecast(addresses, known))
    assert sorted(NAMES.asked) == sorted(domains)
    assert (found.addresses, found.mailed, found.duplicates) == (1001, 1000, 1)
    assert dict(found.signals) == {"no-mx": 250, "dns-unknown": 250, "unknown-domain": 250}
    assert len(found.doubtful) == 500


def test_without_the_dns_only_the_addresses_are_judged() -> None:
    """Nothing is asked."""
    NAMES.asked.clear()
    found = asyncio.run(Forecaster(NAMES, lambda: 1000).forecast(["a@gone.example", "b@@x"], {}, with_dns=False))
    assert (NAMES.asked, [each.address for each in found.doubtful]) == ([], ["b@@x"])
