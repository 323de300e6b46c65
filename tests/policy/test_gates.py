"""The gates: in a fixed order, each with its own question, the first answer that is not a pass counts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.facts import Fact, Phase
from aftersend.policy import gates
from aftersend.policy.pace import Pace
from aftersend.policy.verdict import PASS, Hold, Pass, Refuse
from aftersend.policy.windows import Window

NOW = 1_764_547_200_000_000
LATER, EARLIER = NOW + 1, NOW - 1
STATES = ["passed", "accepted", "checking", "pending", "quarantined"]


@dataclass(frozen=True)
class Candidate:
    """One delivery before it is treated."""

    recipient: str = "ann@example.net"
    domain: str = "example.net"
    stream: str = "transactional"
    scheduled_us: int | None = None
    suppressed: str | None = None
    suppression_origin: str | None = None
    suppressed_until: int | None = None
    window: Window | None = None
    facts: int = 0
    pace: Pace | None = None
    known: gates.Known | None = None
    has_waited: bool = False


def test_nothing_against_it() -> None:
    """An ordinary message passes at once."""
    assert gates.decide(Candidate(), NOW) is PASS


def test_no_address() -> None:
    """What cannot be an address is refused with its reason and the remedy, and shown as it was given."""
    verdict = gates.decide(Candidate(recipient="nobody", domain=""), NOW)
    assert isinstance(verdict, Refuse)
    assert (verdict.fact, verdict.reason) == (Fact.INVALID_ADDRESS, "address_error")
    assert "nobody" in verdict.why


@pytest.mark.parametrize(("origin", "fact"), [("learned", Fact.SUPPRESSED), ("configured", Fact.BLOCKLISTED)])
def test_a_listed_address(origin: str, fact: Fact) -> None:
    """What the platform learned and what a person listed are told apart, and the cause is kept as evidence."""
    verdict = gates.decide(Candidate(suppressed="bounced", suppression_origin=origin), NOW)
    assert isinstance(verdict, Refuse)
    assert verdict.fact is fact
    assert ("cause", "bounced") in verdict.evidence


@pytest.mark.parametrize(("until", "stands"), [(None, True), (LATER, True), (NOW, False), (EARLIER, False)])
def test_an_entry_ends_in_its_time(until: int | None, stands: bool) -> None:
    """An entry that has ended stops nobody."""
    candidate = Candidate(suppressed="bounced", suppression_origin="learned", suppressed_until=until)
    assert isinstance(gates.decide(candidate, NOW), Refuse) is stands


@pytest.mark.parametrize(("due", "waits"), [(None, False), (EARLIER, False), (NOW, False), (LATER, True)])
def test_planned_for_later(due: int | None, waits: bool) -> None:
    """What is planned waits until exactly that moment."""
    verdict = gates.decide(Candidate(scheduled_us=due), NOW)
    assert isinstance(verdict, Hold) is waits
    if isinstance(verdict, Hold):
        assert (verdict.fact, verdict.until_us) == (Fact.SCHEDULED, due)


def test_credits() -> None:
    """Counted mail passes while there are credits; then it waits for a day at the most, and ends."""
    assert gates.decide(Candidate(known=gates.Known(purse=gates.Purse(1), kept_until_us=LATER)), NOW) is PASS
    waits = gates.decide(
        Candidate(known=gates.Known(purse=gates.Purse(0, renews_us=NOW + 1), kept_until_us=NOW + 2)), NOW
    )
    assert isinstance(waits, Hold)
    assert (waits.fact, waits.until_us) == (Fact.DEPLETED, NOW + 2)
    assert "the plan renews on" in waits.why
    ended = gates.decide(Candidate(known=gates.Known(purse=gates.Purse(0), kept_until_us=NOW)), NOW)
    assert isinstance(ended, Refuse)
    assert ended.fact is Fact.EXPIRED


@pytest.mark.parametrize(
    ("state", "fact"),
    [
        ("passed", "pass"),
        ("accepted", "pass"),
        ("checking", None),
        ("pending", Fact.MODERATION_PENDING),
        ("quarantined", Fact.QUARANTINED),
    ],
)
def test_before_the_moderator(state: str, fact: Fact | str | None) -> None:
    """What a person has to look at waits; what engines look at waits too, and nothing is said of it."""
    verdict = gates.decide(Candidate(known=gates.Known(gates.Case(state, "Why.", LATER, "ann"))), NOW)
    assert ("pass" if isinstance(verdict, Pass) else verdict.fact) == fact


def test_the_order_is_fixed() -> None:
    """Impossible before listed, listed before planned: what can never be sent does not wait for its time."""
    order = []
    for domain, listed, due in product(["", "example.net"], ["bounced", None], [LATER, None]):
        verdict = gates.decide(
            Candidate(domain=domain, suppressed=listed, suppression_origin="learned", scheduled_us=due), NOW
        )
        order.append("pass" if isinstance(verdict, Pass) else verdict.fact.word)
    assert order == ["invalid_address"] * 4 + ["suppressed"] * 2 + ["scheduled", "pass"]


@given(
    candidate=st.builds(
        Candidate,
        recipient=st.text(max_size=20),
        domain=st.sampled_from(["", "example.net"]),
        stream=st.text(max_size=5),
        scheduled_us=st.none() | st.integers(0, 2 * NOW),
        suppressed=st.none() | st.text(max_size=10),
        suppression_origin=st.sampled_from(["learned", "configured", None]),
        suppressed_until=st.none() | st.integers(0, 2 * NOW),
        known=st.none()
        | st.builds(
            gates.Known,
            st.none() | st.builds(gates.Case, st.sampled_from(STATES), st.just("Why."), st.integers(NOW + 1, 2 * NOW)),
            st.none() | st.builds(gates.Purse, st.integers(0, 2)),
            st.integers(0, 2 * NOW),
        ),
    )
)
def test_every_verdict_can_be_acted_on(candidate: Candidate) -> None:
    """A hold names a time that lies ahead, a refusal names a fact that ends the delivery, and both say why."""
    verdict = gates.decide(candidate, NOW)
    if isinstance(verdict, Hold):
        assert verdict.until_us > NOW
        assert verdict.fact is None or verdict.fact.phase is Phase.ON_ITS_WAY
    if isinstance(verdict, Refuse):
        assert verdict.fact.phase is Phase.NOT_SENT
    if not isinstance(verdict, Pass):
        assert verdict.why
