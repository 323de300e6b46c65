"""The five vocabularies: how people with different questions name the same facts. Each is a module, listed here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from aftersend.ledger.facts import Fact, Facts
from aftersend.ledger.vocabularies import bounces, delivery_results, email_activity, icons, life_cycle


class Word(Protocol):
    """One word of a vocabulary."""

    @property
    def word(self) -> str:
        """The word as people see it."""

    @property
    def meaning(self) -> str:
        """What it means, in plain words."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """One way to name what has become of an email."""

    name: str
    """Its name in the API."""
    seed: str
    """The document that it comes from."""
    title: str
    question: str
    """What it answers, in plain words."""
    words: tuple[tuple[str, str], ...]
    """Each word with its meaning."""
    table: Mapping[Fact, Any]
    """What each fact says in it; covers every fact."""
    words_of: Callable[[Facts], tuple[Word, ...]]
    """The words for a set of facts. Bounces have none: their words belong to events."""


DELIVERY_RESULTS = Vocabulary(
    "delivery_results",
    "001",
    "Delivery results",
    "How far has each email come?",
    delivery_results.WORDS,
    delivery_results.RESULT_OF,
    delivery_results.words_of,
)
LIFE_CYCLE = Vocabulary(
    "life_cycle",
    "004",
    "Life cycle",
    "In which step is each email, and how does it stand there?",
    life_cycle.WORDS,
    life_cycle.STATUS_OF,
    life_cycle.words_of,
)
EMAIL_ACTIVITY = Vocabulary(
    "email_activity",
    "003",
    "Email activity",
    "How many emails were asked for, arrived, were opened, came back?",
    email_activity.WORDS,
    email_activity.BOXES_OF,
    email_activity.words_of,
)
BOUNCES = Vocabulary(
    "bounces",
    "002",
    "Bounce categories",
    "What came back, and why?",
    bounces.WORDS,
    bounces.BOUNCE_OF,
    bounces.words_of,
)
ICONS = Vocabulary(
    "icons",
    "000",
    "Icons",
    "Has it left, and was it opened?",
    icons.WORDS,
    icons.ICON_OF,
    icons.words_of,
)

VOCABULARIES: dict[str, Vocabulary] = {
    vocabulary.name: vocabulary for vocabulary in (DELIVERY_RESULTS, LIFE_CYCLE, EMAIL_ACTIVITY, BOUNCES, ICONS)
}
"""All five, by name."""


def tally(deliveries: Mapping[int, int], bounced: Mapping[str, int] | None = None) -> dict[str, dict[str, int]]:
    """Count every word of every vocabulary, zeros included.

    `deliveries` says how many deliveries there are for each set of facts (bits), `bounced` how many bounce events for
    each pair (by its word).
    """
    counted: dict[str, Counter[str]] = {name: Counter() for name in VOCABULARIES}
    for bits, number in deliveries.items():
        facts = Facts(bits)
        for name, vocabulary in VOCABULARIES.items():
            for word in vocabulary.words_of(facts):
                counted[name][word.word] += number
    counted[BOUNCES.name].update(bounced or {})
    return {
        name: {word: counted[name][word] for word, _ in vocabulary.words} for name, vocabulary in VOCABULARIES.items()
    }
