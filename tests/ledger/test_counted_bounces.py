"""One way to say under which pair of 002 a bounce counts, over every fact, reason, finer word and enhanced status."""

from __future__ import annotations

from itertools import product

import pytest

from aftersend.ledger.events import Event
from aftersend.ledger.facts import ALL, Fact, Facts
from aftersend.ledger.reasons import DETAILS, Category, Pair, Reason
from aftersend.ledger.vocabularies.bounces import (
    BITS,
    BOUNCE_OF,
    KINDS,
    Bounce,
    counted,
    has_bounced,
    is_bounce,
    pair_of,
    pair_of_event,
    pairs,
)

WHY = [(None, None), *((reason, None) for reason in Reason), *DETAILS, (Reason.MAILBOX_FULL, "new_word")]
STATUSES = ("", "5.1.1", "4.2.2", "5.2.0", "5.2", "4.4.1", "5.7.1")


@pytest.mark.parametrize("fact", ALL, ids=lambda fact: fact.word)
def test_what_is_shown_is_what_is_counted(fact: Fact) -> None:
    """A bounce counts once, under the pair that its event shows; what is being tried shows one and does not count."""
    for (reason, detail), status in product(WHY, STATUSES):
        event = Event(1, 1, 1, 1, fact.word, fact, 1, 1, reason, detail, status)
        shown = pair_of_event(event)
        assert shown is pair_of(fact, reason, detail, status)
        if fact.bit & BITS:
            assert shown is counted(reason, detail, status)
            assert pairs([event]) == {shown}
        else:
            assert pairs([event]) == frozenset()
            assert (shown is None) == (BOUNCE_OF[fact] is None)
        if BOUNCE_OF[fact] is Bounce.TRYING:
            assert shown is not None
            assert shown.category is not Category.HARD
        assert (fact.word in KINDS) == is_bounce(event) == has_bounced(Facts.of(fact))


def test_what_nobody_explained_says_so() -> None:
    """A reason that is of no bounce, and no reason at all, count as: no information came back."""
    assert {counted(each, None, None) for each in (None, Reason.AUTO_REPLY, Reason.COMPLAINT, "not_a_bounce")} == {
        Pair.NO_INFORMATION
    }
