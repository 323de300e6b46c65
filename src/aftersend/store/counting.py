"""Own what is counted when the facts of a delivery grow: which words of which vocabularies gain one, and which lose one.

Counting by the change keeps every number equal to the length of the list behind it, without ever scanning the list.
"""

from __future__ import annotations

from functools import lru_cache

from aftersend.ledger.facts import Facts
from aftersend.ledger.vocabularies import delivery_results, email_activity, icons, life_cycle

Change = tuple[str, str, int]
"""Kind of word, the word, and what to add to its count."""


def words(bits: int) -> frozenset[tuple[str, str]]:
    """Return every (kind, word) under which a delivery with these facts is counted; none for no facts."""
    if not bits:
        return frozenset()
    facts = Facts(bits)
    found = {("fact", fact.name.lower()) for fact in facts}
    found.add(("result", delivery_results.delivery_result(facts).word))
    found |= {("life", word.word) for word in life_cycle.words_of(facts)}
    found |= {("activity", box.word) for box in email_activity.boxes(facts)}
    found.add(("icon", icons.icon(facts).word))
    return frozenset(found)


@lru_cache(maxsize=20_000)
def changes(before: int, after: int) -> tuple[Change, ...]:
    """Return what the counters gain and lose when a delivery's facts grow from `before` to `after`."""
    old, new = words(before), words(after)
    return tuple((kind, word, 1) for kind, word in sorted(new - old)) + tuple(
        (kind, word, -1) for kind, word in sorted(old - new)
    )
