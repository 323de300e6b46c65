"""Refusals that are not the address's fault."""

from __future__ import annotations

import pytest

from aftersend.ledger.facts import Fact
from house import House, facts


@pytest.mark.parametrize(
    ("who", "fact", "actor"),
    [
        ("spam", Fact.REJECTED_AS_SPAM, "your_content"),
        ("virus", Fact.REJECTED_AS_SPAM, "your_content"),
        ("blocked", Fact.REJECTED_AS_SPAM, "us"),
        ("auth-failed", Fact.BOUNCED, "your_domain"),
        ("relaying", Fact.BOUNCED, "their_server"),
        ("too-large", Fact.BOUNCED, "your_content"),
        ("format", Fact.BOUNCED, "your_content"),
        ("loop", Fact.BOUNCED, "their_server"),
    ],
)
def test_who_must_act_is_named_and_the_address_is_not_blamed(house: House, who: str, fact: Fact, actor: str) -> None:
    """Bounced, never Failed; not hard; the right party is named."""
    row = house.end_of(house.send(f"{who}@one.practice.test"))
    assert fact in facts(row)
    assert row["status"]["result"] == "Bounced"
    assert row["status"]["category"] != "Hard"
    assert row["who_must_act"] == actor
