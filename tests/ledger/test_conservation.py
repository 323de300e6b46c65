"""Conservation: the audience equals the sum of the outcomes and those still under way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.conservation import ENDED_BITS, Outcome, is_attended, is_ended, outcome, sums
from aftersend.ledger.facts import ALL, Fact, Facts, Phase

from .strategies import fact_sets

groups = st.lists(st.tuples(fact_sets.map(lambda facts: facts.bits), st.booleans(), st.integers(0, 1000)), max_size=12)


@given(groups)
def test_everybody_is_counted_once(deliveries: list[tuple[int, bool, int]]) -> None:
    """Each delivery has exactly one outcome, so the sum is the number of rows, conserved unless somebody is lost."""
    audience = sum(number for _, _, number in deliveries)
    found = sums(audience, deliveries)
    assert found.accounted == audience == found.ended + found.under_way + found.by_outcome[Outcome.LOST]
    assert found.is_conserved == (found.by_outcome[Outcome.LOST] == 0)
    assert not sums(audience + 1, deliveries).is_conserved
    assert found.returned_later <= found.by_outcome[Outcome.REACHED]


@given(fact_sets, fact_sets, st.booleans())
def test_an_end_is_an_end(a: Facts, b: Facts, is_waiting: bool) -> None:
    """More facts never make a delivery under way again, and ending is a join."""
    assert is_ended(a | b) == (is_ended(a) or is_ended(b)) == is_ended(a.bits | b.bits)
    found = outcome(a.bits, is_waiting=is_waiting)
    assert is_ended(a) == (found in (Outcome.REACHED, Outcome.CAME_BACK, Outcome.NOT_SENT))


@given(fact_sets)
def test_none_waits_without_a_time(facts: Facts) -> None:
    """What has not ended has a next-action time, or rests with whoever took it; everything else breaks the law."""
    assert is_attended(facts.bits, 1_795_300_000_000_000)
    handed_over = bool({Fact.RELAYED, Fact.DELAYED, Fact.UNCERTAIN} & set(facts))
    assert is_attended(facts.bits, None) == (is_ended(facts) or handed_over)


def test_what_ends_a_delivery() -> None:
    """The ends are those of the life cycle, and what the recipient did; a machine, a hold or a delay ends nothing."""
    machines = {Fact.OPENED_BY_MACHINE, Fact.CLICKED_BY_MACHINE}
    expected = {f for f in ALL if f.phase in (Phase.NOT_SENT, Phase.FINISHED, Phase.READ)} - machines | {Fact.REFUSED}
    assert set(Facts(ENDED_BITS)) == expected
    assert not is_ended(Facts.of(Fact.RECEIVED, Fact.MODERATION_PENDING, Fact.QUARANTINED))


@pytest.mark.parametrize(
    ("facts", "is_waiting", "expected"),
    [
        ((Fact.RECEIVED,), True, Outcome.UNDER_WAY),
        ((Fact.RECEIVED,), False, Outcome.LOST),
        ((Fact.RECEIVED, Fact.NOT_SELECTED), False, Outcome.NOT_SENT),
        ((Fact.DEFERRED, Fact.CANCELLED), False, Outcome.NOT_SENT),
        ((Fact.RELAYED,), True, Outcome.UNDER_WAY),
        ((Fact.RELAYED,), False, Outcome.SENT),
        ((Fact.RELAYED, Fact.OPENED), True, Outcome.REACHED),
        ((Fact.DELIVERED, Fact.BOUNCED), False, Outcome.REACHED),
        ((Fact.DEFERRED, Fact.GAVE_UP), False, Outcome.CAME_BACK),
    ],
)
def test_outcomes(facts: tuple[Fact, ...], is_waiting: bool, expected: Outcome) -> None:
    """A delivery's outcome follows its facts, and its plan only as long as it has not ended."""
    assert outcome(Facts.of(*facts).bits, is_waiting=is_waiting) is expected
    assert expected.meaning.endswith(".")


def test_a_late_return_is_counted_beside() -> None:
    """Reached stays reached, and those of whom something came back have a number of their own."""
    found = sums(3, [(Fact.DELIVERED.bit, False, 2), (Fact.DELIVERED.bit | Fact.BOUNCED.bit, False, 1)])
    assert (found.by_outcome[Outcome.REACHED], found.returned_later, found.is_conserved) == (3, 1, True)
