"""The demonstration, as `aftersend demo` runs it, against a service that is at work already."""

from __future__ import annotations

import pytest

from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.practice.demo import Target, demonstrate
from house import House

LATER = {
    "delivery_results": set(),
    "life_cycle": {
        "Pending moderation", "Quarantine", "Accepted", "Depleted", "Deferred",
    },
    "email_activity": set(),
    "bounces": set(),
    "icons": set(),
}  # fmt: skip
"""Words that belong to moderation and credits, which a first submission cannot reach."""


@pytest.mark.slow
def test_everything_that_can_happen_happens_and_everybody_is_accounted_for(house: House) -> None:
    """Every word that can be reached is seen, the sums are exact, and the service's reports agree with its log."""
    stages: dict[str, int] = {}
    host, port = house.service.addresses["web"]
    target = Target(
        house.service.addresses["smtp"], f"http://{host}:{port}", house.key(), has_relay=True, has_returns=True
    )
    result = demonstrate(target, recipients=250, on_progress=lambda stage, done, of: stages.__setitem__(stage, done))
    assert result["faults"] == []
    assert result["conserved"]
    assert result["audience"] == 250 == sum(result["outcomes"].values())
    assert sum(result["vocabularies"]["delivery_results"].values()) == 250
    assert sum(result["vocabularies"]["icons"].values()) == 250
    assert result["vocabularies"]["email_activity"]["Requests"] == 250
    unseen = {name: {word for word, number in words.items() if not number} for name, words in result["seen"].items()}
    assert {name: words - LATER[name] for name, words in unseen.items()} == {name: set() for name in VOCABULARIES}
    assert stages == {"submitting": 250, "delivering": 250}
