"""Numbers by word are read from numbers by sets of facts."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from aftersend.ledger.facts import ALL
from aftersend.ledger.vocabularies import VOCABULARIES, tally
from aftersend.store import counting

SETS = st.lists(st.sampled_from(list(ALL)), min_size=1).map(lambda facts: sum({fact.bit for fact in facts}))
KINDS = {"delivery_results": "result", "life_cycle": "life", "email_activity": "activity", "icons": "icon"}


@given(st.dictionaries(SETS, st.integers(1, 1000)))
def test_words_count_what_their_vocabulary_gives_them(numbers: dict[int, int]) -> None:
    """For every set of facts and every vocabulary, the same numbers as counting delivery by delivery."""
    stored = [(str(bits), number) for bits, number in numbers.items()]
    expected = tally(numbers)
    for name, kind in KINDS.items():
        found = counting.spread(kind, stored)
        assert {word: found[word] for word, _ in VOCABULARIES[name].words} == expected[name]
    facts = counting.spread("fact", stored)
    assert facts == +Counter(
        {fact.name.lower(): sum(n for bits, n in numbers.items() if bits & fact.bit) for fact in ALL}
    )


@given(st.lists(st.tuples(SETS, SETS), max_size=20))
def test_the_way_to_a_set_of_facts_does_not_matter(steps: list[tuple[int, int]]) -> None:
    """A delivery that moved through many sets counts as if it had come to the last one at once."""
    moved: Counter[str] = Counter()
    at = 0
    for first, second in steps:
        for bits in (first, second):
            if at:
                moved[str(at)] -= 1
            at |= bits
            moved[str(at)] += 1
    for kind in ("fact", *KINDS.values()):
        assert counting.spread(kind, moved.items()) == counting.spread(kind, [(str(at), 1)] if at else [])
