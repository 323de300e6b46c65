"""Events: appended in any order, as often as they come."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.events import OTHER_KINDS, Event, fold, fold_bits, history, key_of
from aftersend.ledger.facts import Fact

from .strategies import event, events, histories


@given(histories, st.data())
def test_order_and_repetition_do_not_matter(known: list[Event], data: st.DataObject) -> None:
    """Permuting or repeating events changes neither the facts nor the history."""
    again = data.draw(
        st.permutations(known + data.draw(st.lists(st.sampled_from(known), max_size=5) if known else st.just([])))
    )
    assert fold(again) == fold(known)
    assert history(again) == history(known)


@given(histories, histories)
def test_folding_is_joining(a: list[Event], b: list[Event]) -> None:
    """The facts of two bundles of events are the union of the facts of each."""
    assert fold(a + b) == fold(a) | fold(b)
    assert fold_bits(a) == fold(a).bits == sum({e.fact.bit for e in a if e.fact is not None})


@given(events(), events())
def test_a_key_is_taken_once(one: Event, two: Event) -> None:
    """Of two events with one key, the one that was written down first stands, whichever comes first."""
    late = replace(two, key=one.key, recorded_us=one.recorded_us + 1)
    assert history([one, late]) == history([late, one]) == [one]


def test_history_is_in_the_order_of_occurrence() -> None:
    """The history shows what happened as it happened, not as the news came in."""
    bounced, delivered = event(Fact.BOUNCED, 9), event(Fact.DELIVERED, 3)
    assert history([bounced, delivered]) == [delivered, bounced]


def test_an_event_is_not_edited() -> None:
    """An event is frozen and can be kept in a set."""
    with pytest.raises(FrozenInstanceError):
        event(Fact.DELIVERED, 1).kind = "bounced"
    assert len({event(Fact.DELIVERED, 1), event(Fact.DELIVERED, 1)}) == 1


@pytest.mark.parametrize("kind", [*OTHER_KINDS, "unheard_of"])
def test_kinds_without_a_fact_have_words(kind: str) -> None:
    """An event that establishes no fact leaves the facts alone and is shown in the history in words."""
    happened = Event(1, 1, 1, 1, kind, None, 0, 0)
    assert fold([happened]).bits == 0
    assert "_" not in happened.sentence


simple = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5) | st.floats(allow_nan=False)
)
evidence = st.recursive(
    simple, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


@given(evidence)
def test_keys_are_stable_and_63_bits(proof: object) -> None:
    """The same evidence gives the same key, which fits a signed 64-bit column."""
    assert 0 <= key_of(proof) == key_of(proof) < 1 << 63


@given(st.dictionaries(st.text(max_size=4), st.integers(), min_size=2, max_size=5))
def test_the_order_within_evidence_does_not_matter(proof: dict[str, int]) -> None:
    """A report whose fields come in another order is the same report."""
    backwards = dict(reversed(proof.items()))
    assert key_of(backwards) == key_of(proof)
    assert key_of(set(proof)) == key_of(frozenset(backwards))


def test_different_evidence_gives_different_keys() -> None:
    """Neither type nor boundaries are lost in the key."""
    proofs: Iterable[tuple[object, ...]] = [
        (), ("",), (b"",), (None,), (0,), ("0",), (False,), (0.0,), ("a", "b"), ("ab",), ("ab", ""), (["a", "b"],),
        ({"a": "b"},), ({"a": {"b": "c"}},), ({"a": {}, "b": "c"},), ({"a", "b"},), (1, 2), (12,), ("\ud800",),
    ]  # fmt: skip
    assert len({key_of(*proof) for proof in proofs}) == len(list(proofs))


def test_the_key_of_a_report_never_changes() -> None:
    """Keys are stored: a later version must give the same one, or an old report would count twice."""
    assert key_of("dsn", b"<a@b>", 5, {"status": "5.1.1"}) == 2345984324842312506


def test_what_cannot_be_a_key() -> None:
    """An object without a canonical form is a bug of the caller."""
    with pytest.raises(TypeError, match="object"):
        key_of(object())
