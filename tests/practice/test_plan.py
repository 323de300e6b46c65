"""The plan of a demonstration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.practice.behaviours import BEHAVIOURS, behaviour_of
from aftersend.practice.plan import TOO_SLOW, plan_for
from aftersend.practice.sites import DOMAINS, domain_of


@given(st.integers(1, 1500), st.booleans())
def test_a_plan_is_for_exactly_so_many_people_each_once(recipients: int, has_relay: bool) -> None:
    """The audience is what was asked for."""
    everybody = plan_for(recipients, has_relay=has_relay).everybody
    assert len(everybody) == len(set(everybody)) == recipients


def test_a_usual_plan_holds_every_behaviour_and_every_domain() -> None:
    """Everything that can happen does."""
    everybody = plan_for(1000, has_relay=True).everybody
    assert {behaviour_of(address.partition("@")[0]).name for address in everybody} == set(BEHAVIOURS)
    reached = {found.name for address in everybody if (found := domain_of(address.partition("@")[2])) is not None}
    assert set(DOMAINS) - reached == TOO_SLOW


def test_a_usual_plan_uses_every_way_in() -> None:
    """No way of submission is left out."""
    assert all(place for place in plan_for(1000).__dict__.values())


def test_nobody_cannot_be_written_to() -> None:
    """An empty demonstration shows nothing."""
    with pytest.raises(ValueError, match="at least one"):
        plan_for(0)
