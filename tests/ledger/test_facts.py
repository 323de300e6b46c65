"""Facts: stored for ever as bits, and only ever added."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.facts import ALL, BY_WORD, NONE, Fact, Facts, Phase, Step, bits_of, members

from .strategies import fact_sets

STORED = {
    "received": 0, "refused": 1, "scheduled": 2, "moderation_pending": 3, "quarantined": 4, "moderation_accepted": 5,
    "depleted": 6, "throttled": 7, "treated": 8, "not_selected": 9, "duplicate": 10, "suppressed": 11,
    "blocklisted": 12, "malformed": 13, "invalid_address": 14, "cancelled": 15, "expired": 16, "deferred": 17,
    "relayed": 18, "delayed": 19, "uncertain": 20, "gave_up": 21, "bounced": 22, "bounced_invalid": 23,
    "rejected_as_spam": 24, "delivered": 25, "opened_by_machine": 26, "clicked_by_machine": 27, "opened": 28,
    "read": 29, "clicked": 30, "unsubscribed": 31, "complained": 32, "auto_replied": 33,
}  # fmt: skip


def test_positions_never_change() -> None:
    """A stored bit means the same fact for ever; new facts come behind."""
    assert {fact.word: int(fact) for fact in ALL if fact.word in STORED} == STORED
    assert max(ALL) < 63


def test_every_fact_says_what_it_is() -> None:
    """Each fact has one line of plain words, a name and a step, and no two have the same words."""
    assert len({fact.sentence for fact in ALL}) == len(ALL) == len(BY_WORD)
    for fact in ALL:
        assert fact.sentence.endswith(".")
        assert fact.bit == 1 << fact
        assert BY_WORD[fact.word] is fact
        assert fact.step is fact.phase.step


@pytest.mark.parametrize(
    ("word", "phase", "step"),
    [
        ("refused", Phase.RECEIVED, Step.RECEIVED),
        ("quarantined", Phase.ON_ITS_WAY, Step.TREATED),
        ("expired", Phase.NOT_SENT, Step.TREATED),
        ("uncertain", Phase.TRYING, Step.DELIVERED),
        ("delivered", Phase.FINISHED, Step.DELIVERED),
        ("auto_replied", Phase.READ, Step.READ),
    ],
)
def test_steps(word: str, phase: Phase, step: Step) -> None:
    """A fact belongs to one of the four steps."""
    assert (BY_WORD[word].phase, BY_WORD[word].step) == (phase, step)


@given(fact_sets, fact_sets)
def test_union(a: Facts, b: Facts) -> None:
    """What is known when both are known is the union; nothing is ever lost."""
    assert set(a | b) == set(a) | set(b)
    assert (a | b).bits == a.bits | b.bits
    assert a | b == b | a
    assert len(a | b) >= max(len(a), len(b))


@given(st.sets(st.sampled_from(ALL)))
def test_a_set_of_facts_is_a_set(facts: set[Fact]) -> None:
    """The bits hold exactly the facts put in, and are read back in the order of the life cycle."""
    held = Facts.of(*facts)
    assert list(held) == sorted(facts, key=ALL.index)
    assert all((fact in held) == (fact in facts) for fact in ALL)
    assert held == Facts(bits_of(facts)) == Facts(bits_of(map(int, facts)))
    assert bool(held) == bool(facts)
    assert hash(held) == hash(Facts(held.bits))
    assert "received" not in held
    assert -1 not in held


def test_facts_cannot_be_taken_away() -> None:
    """A set of facts is immutable; adding makes a new one."""
    facts = Facts.of(Fact.RECEIVED)
    with pytest.raises(AttributeError):
        facts.bits = 0
    assert facts | Fact.DELIVERED == Facts.of(Fact.RECEIVED, Fact.DELIVERED)
    assert facts == Facts.of(Fact.RECEIVED) != NONE
    assert facts != 1
    assert copy.deepcopy(facts) == facts == pickle.loads(pickle.dumps(facts))
    assert repr(facts) == "Facts(RECEIVED)"


def test_bits_of_a_newer_version_are_kept() -> None:
    """A node that does not know a fact passes over it and does not lose it."""
    newer = 1 << 62
    assert members(newer | Fact.RECEIVED.bit) == (Fact.RECEIVED,)
    assert (Facts(newer) | Fact.RECEIVED).bits == newer | 1
