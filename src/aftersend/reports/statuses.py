"""Own what the words of the vocabularies ask for when they are searched for."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import lru_cache

from aftersend.errors import BadField, BadFields
from aftersend.ledger.facts import ALL, Fact
from aftersend.ledger.reasons import DETAILS, Category, Pair, Reason
from aftersend.ledger.vocabularies import delivery_results, email_activity, icons, life_cycle
from aftersend.ledger.vocabularies.bounces import BOUNCE_OF, Bounce, counted
from aftersend.ledger.vocabularies.email_activity import Box
from aftersend.store.filters import BounceWanted


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one status word asks for: ranks that an index knows, else facts, else bounce events."""

    results: tuple[int, ...] = ()
    lives: tuple[int, ...] = ()
    having: tuple[tuple[int, int], ...] = ()
    """(bits that must be there, bits that must not): any of these pairs. Says the same as the ranks, where there are any."""
    bounces: tuple[BounceWanted, ...] = ()


def read(text: str) -> Wanted:
    """Return what a status word of any vocabulary asks for. Raise BadField that lists the words.

    A word that several vocabularies have is taken from the delivery results first, then email activity, life cycle, icons,
    bounces; a prefix chooses: `activity:Delivered`.
    """
    named, colon, rest = text.partition(":")
    vocabulary = _VOCABULARY_OF.get(key(named)) if colon else None
    if colon and vocabulary is None:
        raise BadField(
            "#/status", f"{named[:40]!r} is not a vocabulary; there are {', '.join(_PREFIXES)}.", code="unknown-status"
        )
    word = key(rest if colon else text)
    for name, words in _statuses().items():
        if (vocabulary is None or name == vocabulary) and word in words:
            return words[word][1]
    allowed = {
        shown for name, words in _statuses().items() if vocabulary in (None, name) for shown, _ in words.values()
    }
    near = difflib.get_close_matches(text, allowed, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise BadField(
        "#/status",
        f"{text[:40]!r} is not a status.{hint} There are {', '.join(sorted(allowed))}.",
        code="unknown-status",
    )


_PREFIXES = ("results", "activity", "lifecycle", "icons", "bounces")
_VOCABULARY_OF = {
    "results": "results", "result": "results", "deliveryresults": "results", "001": "results",
    "activity": "activity", "emailactivity": "activity", "003": "activity",
    "lifecycle": "lifecycle", "life": "lifecycle", "004": "lifecycle",
    "icons": "icons", "icon": "icons", "000": "icons",
    "bounces": "bounces", "bounce": "bounces", "002": "bounces",
}  # fmt: skip


def key(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum() or c == "/")


@lru_cache(maxsize=1)
def _statuses() -> dict[str, dict[str, tuple[str, Wanted]]]:
    """For each vocabulary: its words, as they are compared, with how they are shown and what they ask for."""
    found: dict[str, dict[str, tuple[str, Wanted]]] = {name: {} for name in _PREFIXES}

    def put(vocabulary: str, word: str, wanted: Wanted) -> None:
        found[vocabulary][key(word)] = (word, wanted)

    for word, _ in delivery_results.WORDS:
        ranks = [rank for rank in delivery_results.DeliveryResult if rank.word == word]
        having = _at_ranks({f: int(r) for f, r in delivery_results.RESULT_OF.items()}, [int(r) for r in ranks])
        put("results", word, Wanted(results=tuple(int(r) for r in ranks), having=having))
    for box in Box:
        put("activity", box.word, Wanted(having=_in_box(box)))
    for word, _ in life_cycle.WORDS:
        stages = [rank for rank in life_cycle.LifeCycle if rank.word == word]
        if word == life_cycle.LifeCycle.BOUNCE.word:
            stages = sorted(life_cycle.BOUNCES)
        having = _at_ranks(
            {f: int(s) for f, s in life_cycle.STATUS_OF.items() if s is not None}, [int(s) for s in stages]
        )
        put("lifecycle", word, Wanted(lives=tuple(int(s) for s in stages), having=having))
    for stage in life_cycle.BOUNCES:
        found["lifecycle"].setdefault(key(stage.label), (stage.label, found["lifecycle"][key(stage.word)][1]))
    for icon in icons.Icon:
        put("icons", icon.word, Wanted(having=_at_ranks({f: int(i) for f, i in icons.ICON_OF.items()}, [int(icon)])))
    for words, bounces in _bounce_words():
        put("bounces", words, Wanted(bounces=bounces))
    return found


def _at_ranks(rank_of: dict[Fact, int], ranks: list[int]) -> tuple[tuple[int, int], ...]:
    """The facts by which the highest rank is one of `ranks`: one of theirs is there, and none of a higher rank."""
    pairs = []
    for rank in ranks:
        higher = sum(fact.bit for fact, its in rank_of.items() if its > rank)
        pairs += [(fact.bit, higher) for fact, its in rank_of.items() if its == rank]
    return tuple(pairs)


def _in_box(box: Box) -> tuple[tuple[int, int], ...]:
    if box is Box.UNOPENED:
        opened = email_activity.BITS_OF[Box.OPENED]
        return tuple((f.bit, opened) for f in ALL if email_activity.BITS_OF[Box.DELIVERED] & f.bit & ~opened)
    return tuple((f.bit, 0) for f in ALL if email_activity.BITS_OF[box] & f.bit)


_BOUNCE_FACTS = tuple(int(fact) for fact in ALL if BOUNCE_OF[fact] is Bounce.ENDED)
IDENTIFIERS = frozenset({each.value for each in Reason} | {detail for _, detail in DETAILS})
NO_BOUNCE = BounceWanted((), None)


def _bounces_of(wanted: Pair) -> tuple[BounceWanted, ...]:
    """The bounce events that 002 counts under a pair."""
    found: list[BounceWanted] = []
    if wanted is Pair.NO_INFORMATION:
        found.append(BounceWanted(_BOUNCE_FACTS, None))
    for reason in Reason:
        known = tuple(detail for its, detail in DETAILS if its is reason)
        for of_mailbox, status_code in ((False, ""), (True, "5.2.0")):
            details = tuple(detail for detail in known if counted(reason, detail, status_code) is wanted)
            if details:
                found.append(BounceWanted(_BOUNCE_FACTS, reason.value, details, False, of_mailbox))
            if counted(reason, None, status_code) is wanted:
                found.append(BounceWanted(_BOUNCE_FACTS, reason.value, known, True, of_mailbox))
    return tuple(found)


def _bounce_words() -> list[tuple[str, tuple[BounceWanted, ...]]]:
    """Every way to name bounces: a pair, a reason's word alone, a category alone."""
    by_pair = {each: _bounces_of(each) for each in Pair}
    found = [(each.word, bounces) for each, bounces in by_pair.items()]
    for reason in dict.fromkeys(each.reason for each in Pair):
        found += [(reason, tuple(b for each, bounces in by_pair.items() if each.reason == reason for b in bounces))]
    for category in Category:
        if category is not Category.NONE:
            bounces = tuple(b for each, bs in by_pair.items() if each.category is category for b in bs)
            found += [
                (category.word, bounces),
                (f"{category.word} bounces", bounces),
                (f"{category.word} bounce", bounces),
            ]
    return found


@lru_cache(maxsize=1)
def bounces_by_word() -> dict[str, tuple[BounceWanted, ...]]:
    return {word: wanted.bounces for word, (_, wanted) in _statuses()["bounces"].items()}


def combined(
    wanted: list[Wanted],
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, int], ...], list[BounceWanted]]:
    """Put status words together as or: by ranks if all are of one vocabulary, which an index serves, else by facts."""
    if not wanted:
        return (), (), (), []
    if any(each.bounces for each in wanted):
        if not all(each.bounces for each in wanted):
            raise BadFields(
                [
                    BadField(
                        "#/status",
                        "Words of the bounce categories and other words cannot be alternatives; search twice, or give them as reason.",
                        code="mixed-status",
                    )
                ]
            )
        return (), (), (), [bounce for each in wanted for bounce in each.bounces]
    if all(each.results for each in wanted):
        return tuple(dict.fromkeys(rank for each in wanted for rank in each.results)), (), (), []
    if all(each.lives for each in wanted):
        return (), tuple(dict.fromkeys(rank for each in wanted for rank in each.lives)), (), []
    return (), (), tuple(dict.fromkeys(pairs for each in wanted for pairs in each.having)), []
