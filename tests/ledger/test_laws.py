"""The laws that hold for every vocabulary."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.events import Event, fold
from aftersend.ledger.facts import ALL, NONE, Fact, Facts
from aftersend.ledger.vocabularies import VOCABULARIES, delivery_results, icons, life_cycle, tally
from aftersend.ledger.vocabularies.bounces import pairs
from aftersend.ledger.vocabularies.delivery_results import DeliveryResult, delivery_result
from aftersend.ledger.vocabularies.email_activity import BITS_OF, Box, boxes, is_in
from aftersend.ledger.vocabularies.icons import Icon, icon
from aftersend.ledger.vocabularies.life_cycle import LifeCycle

from .strategies import fact_sets, histories

RANKED: list[tuple[Callable[[Facts], int], Callable[[int], int]]] = [
    (delivery_result, delivery_results.rank_of_bits),
    (life_cycle.life_cycle, life_cycle.rank_of_bits),
    (icon, icons.rank_of_bits),
]
SEEN_BY_A_PERSON = {Fact.OPENED, Fact.READ, Fact.CLICKED}
BY_MACHINES = {Fact.OPENED_BY_MACHINE, Fact.CLICKED_BY_MACHINE}


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_fact_is_in_every_table(name: str) -> None:
    """No vocabulary forgets a fact: a new fact fails here until each says what it makes of it."""
    assert set(VOCABULARIES[name].table) == set(ALL)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_word_has_a_meaning(name: str) -> None:
    """Help pages list each word once, with a plain meaning."""
    words = [word for word, _ in VOCABULARIES[name].words]
    assert len(set(words)) == len(words)
    assert all(meaning.endswith(".") for _, meaning in VOCABULARIES[name].words)


@pytest.mark.parametrize(("read", "rank_of_bits"), RANKED)
@given(a=fact_sets, b=fact_sets)
def test_ranks_join(read: Callable[[Facts], int], rank_of_bits: Callable[[int], int], a: Facts, b: Facts) -> None:
    """f(a | b) == max(f(a), f(b)): a rank cached for searching may only rise, in whatever order news arrives."""
    assert read(a | b) == max(read(a), read(b))
    assert rank_of_bits(a.bits) == read(a)
    assert type(rank_of_bits(a.bits)) is int


@pytest.mark.parametrize(("read", "rank_of_bits"), RANKED)
def test_no_facts_give_the_lowest_rank(read: Callable[[Facts], int], rank_of_bits: Callable[[int], int]) -> None:
    """Without facts nothing is claimed, and a bit that this version does not know claims nothing either."""
    assert read(NONE) == rank_of_bits(0) == rank_of_bits(1 << 62) == min(read(Facts.of(fact)) for fact in ALL)


@pytest.mark.parametrize("ranks", [DeliveryResult, LifeCycle, Icon])
def test_codes_fit_a_small_column_and_are_read_back(ranks: type[DeliveryResult | LifeCycle | Icon]) -> None:
    """The stored code orders as the ranks do, fits two bytes, and gives the rank again."""
    assert list(ranks) == sorted(ranks)
    assert all(0 <= int(rank) < 1 << 15 and ranks.of(int(rank)) is rank for rank in ranks)


@given(fact_sets, fact_sets)
def test_boxes_are_never_left(a: Facts, b: Facts) -> None:
    """Boxes are cumulative: more facts leave no box, except Unopened, which an opening empties."""
    assert set(boxes(a | b)) - {Box.UNOPENED} == (set(boxes(a)) | set(boxes(b))) - {Box.UNOPENED}
    both = set(boxes(a | b))
    assert (Box.UNOPENED in both) == (Box.DELIVERED in both and Box.OPENED not in both)


@given(fact_sets)
def test_a_box_can_be_searched_by_its_bits(facts: Facts) -> None:
    """A box's number is the length of the list that a search by its bits finds."""
    for box, bits in BITS_OF.items():
        assert is_in(box, facts) == bool(facts.bits & bits)


@given(histories, st.randoms())
def test_bounce_pairs_do_not_depend_on_the_order(known: list[Event], chance: object) -> None:
    """Permuting or repeating events changes no bounce statistics."""
    shuffled = known + known
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert pairs(shuffled) == pairs(known)


@given(histories, histories)
def test_bounce_pairs_join(a: list[Event], b: list[Event]) -> None:
    """The pairs of two bundles of events are the pairs of each."""
    assert pairs(a + b) == pairs(a) | pairs(b)


@given(fact_sets)
def test_machines_never_open(facts: Facts) -> None:
    """Whatever else is true: what only machines did is never called opened by anybody's words."""
    without = Facts.of(*(fact for fact in facts if fact not in SEEN_BY_A_PERSON))
    assert delivery_result(without) is not DeliveryResult.OPENED
    assert Box.OPENED not in boxes(without)
    assert Box.LINKS_CLICKED not in boxes(without)
    assert icon(without) is not Icon.OPENED
    assert life_cycle.life_cycle(without) not in (LifeCycle.OPENED, LifeCycle.READ, LifeCycle.CLICKED)


@given(fact_sets)
def test_machines_change_no_result(facts: Facts) -> None:
    """A scanner's fetch proves nothing in the delivery results and the life cycle; only its icon shows it."""
    people = Facts.of(*(fact for fact in facts if fact not in BY_MACHINES))
    assert delivery_result(facts) is delivery_result(people)
    assert life_cycle.life_cycle(facts) is life_cycle.life_cycle(people)


@given(st.lists(fact_sets, max_size=20))
def test_every_delivery_has_one_result_one_status_one_icon(deliveries: list[Facts]) -> None:
    """Conservation: the words of an exclusive vocabulary add up to the audience."""
    counted: dict[int, int] = {}
    for facts in deliveries:
        counted[facts.bits] = counted.get(facts.bits, 0) + 1
    found = tally(counted, {"Hard/Bad domain": 2})
    for name in ("delivery_results", "icons"):
        assert sum(found[name].values()) == len(deliveries)
    heading = LifeCycle.BOUNCE.word
    assert sum(number for word, number in found["life_cycle"].items() if word != heading) == len(deliveries)
    assert found["life_cycle"][heading] == found["life_cycle"]["Softbounce"] + found["life_cycle"]["Hardbounce"]
    assert found["email_activity"]["Requests"] == sum(1 for facts in deliveries if facts)
    assert found["bounces"]["Hard/Bad domain"] == 2
    assert {name: list(words) for name, words in found.items()} == {
        name: [word for word, _ in vocabulary.words] for name, vocabulary in VOCABULARIES.items()
    }


@given(histories)
def test_every_vocabulary_reads_the_fold(known: list[Event]) -> None:
    """A vocabulary is a function of the facts: reading the fold is all there is to it."""
    facts = fold(known)
    for vocabulary in VOCABULARIES.values():
        assert set(vocabulary.words_of(facts)) == set(vocabulary.words_of(Facts(facts.bits)))
        assert {word.word for word in vocabulary.words_of(facts)} <= {word for word, _ in vocabulary.words}
