"""Turn the words of a search into a filter. The same words in the API, on the command line, in the console and in exports.

A word given several times means or; different words mean and.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from aftersend import ids
from aftersend.clock import DAY, HOUR, MINUTE, SECOND, Instant, from_iso
from aftersend.errors import AftersendError, BadField, BadFields
from aftersend.ledger.facts import ALL, BY_WORD, Fact
from aftersend.ledger.reasons import DETAILS, Category, Pair, Reason, pair
from aftersend.ledger.vocabularies import delivery_results, email_activity, icons, life_cycle
from aftersend.ledger.vocabularies.bounces import BOUNCE_OF, Bounce
from aftersend.ledger.vocabularies.email_activity import Box
from aftersend.store.deliveries import BounceWanted, Filter

WORDS: dict[str, str] = {
    "recipient": "the recipient's address",
    "domain": "the domain of the recipient's address",
    "sender": "the envelope's sender",
    "subject": "a part of the subject",
    "tag": "a tag of the message",
    "metadata.NAME": "the value of one name of the message's metadata",
    "stream": "the stream that it was sent in",
    "broadcast": "the id of a broadcast, brd_…",
    "status": "a word of any vocabulary; put results:, lifecycle:, activity:, icons: or bounces: before it to choose one",
    "fact": "a fact that was established, such as delivered or deferred",
    "reason": "why it came back or is put off: an identifier, or a word of the bounce categories",
    "message_id": "the id of a message, msg_… or its Message-ID header",
    "delivery_id": "the id of a delivery, dlv_…",
    "live": "true for what has not ended, false for what has",
    "since": "created at this time or later: RFC 3339, or how long ago, such as 24h, 30m or 7d",
    "until": "created before this time",
    "q": "a part of the recipient or of the subject",
}
"""Every word with what it takes."""

_AGES = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_AGE = re.compile(r"(\d{1,6})\s*([smhdw])")
_LONGEST = 400


def read(words: Iterable[tuple[str, str]], *, now: Instant) -> Filter:
    """Return the filter that the words ask for. Raise BadFields that names every word that is wrong, and what is allowed."""
    gathered = _Gathered(now=now)
    wrong: list[BadField] = []
    for word, value in words:
        try:
            gathered.take(word, value.strip())
        except BadField as error:
            wrong.append(error)
        except AftersendError as error:
            wrong.append(BadField(f"#/{word}", error.detail))
    if wrong:
        raise BadFields(wrong)
    return gathered.filter()


def instant(text: str, word: str, *, now: Instant) -> Instant:
    """Read a time as RFC 3339, or how long ago (`24h`). Raise BadField that names the word."""
    age = _AGE.fullmatch(text.strip().lower())
    if age:
        return now - int(age[1]) * _AGES[age[2]]
    try:
        found = from_iso(text.strip())
    except (ValueError, OverflowError):
        found = -1
    if found < 0:
        raise BadField(f"#/{word}", f"{text[:40]!r} is not a time; write 2026-12-01T09:00:00Z, or 24h for a day ago.", code="invalid-time")  # fmt: skip
    return found


class _Gathered:
    """The words taken so far."""

    def __init__(self, *, now: Instant) -> None:
        self._now = now
        self._lists: dict[str, list[str]] = {}
        self._broadcasts: list[int] = []
        self._messages: list[int] = []
        self._deliveries: list[int] = []
        self._metadata: list[tuple[str, str]] = []
        self._status: list[Wanted] = []
        self._having: list[tuple[int, int]] = []
        self._reasons: list[str] = []
        self._bounces: list[BounceWanted] = []
        self._single: dict[str, str] = {}
        self._times: dict[str, Instant] = {}
        self._live: bool | None = None

    def take(self, word: str, value: str) -> None:
        """Take one word with its value."""
        if not value or len(value) > _LONGEST or "\0" in value:
            raise BadField(f"#/{word[:60]}", f"Give {word[:60]} a value of 1 to {_LONGEST} characters.")
        if word.startswith("metadata."):
            self._metadata.append((word.removeprefix("metadata."), value))
            return
        taker = _TAKERS.get(word)
        if taker is None:
            raise _unknown(word)
        taker(self, word, value)

    def _folded(self, word: str, value: str) -> None:
        self._lists.setdefault(word, []).append(value.strip("<>").casefold())

    def _text(self, word: str, value: str) -> None:
        self._lists.setdefault(word, []).append(value)

    def _part(self, word: str, value: str) -> None:
        if word in self._single:
            raise BadField(f"#/{word}", f"Give {word} once; for several, search several times.")
        self._single[word] = value

    def _broadcast(self, word: str, value: str) -> None:
        self._broadcasts.append(ids.read("brd", value))

    def _message(self, word: str, value: str) -> None:
        if "@" in value:
            value = value if value.startswith("<") else f"<{value}>"
            self._lists.setdefault("rfc_message_id", []).append(value)
        else:
            self._messages.append(ids.read("msg", value))

    def _delivery(self, word: str, value: str) -> None:
        self._deliveries.append(ids.read("dlv", value))

    def _status_word(self, word: str, value: str) -> None:
        self._status.append(status(value))

    def _fact(self, word: str, value: str) -> None:
        fact = BY_WORD.get(value.strip().lower().replace(" ", "_").replace("-", "_"))
        if fact is None:
            raise BadField("#/fact", f"{value[:40]!r} is not a fact; there are {', '.join(BY_WORD)}.", code="unknown-fact")
        self._having.append((fact.bit, 0))

    def _reason(self, word: str, value: str) -> None:
        plain = value.strip().lower().replace(" ", "_").replace("-", "_")
        if plain in _IDENTIFIERS:
            self._reasons.append(plain)
            return
        found = _bounces_by_word().get(_key(value))
        if found is None:
            raise BadField(
                "#/reason",
                f"{value[:40]!r} is not a reason; there are {', '.join(sorted(_IDENTIFIERS))}, and the words of the bounce "
                f"categories: {', '.join(dict.fromkeys(each.reason for each in Pair))}.",
                code="unknown-reason",
            )
        self._bounces += found

    def _time(self, word: str, value: str) -> None:
        if word in self._times:
            raise BadField(f"#/{word}", f"Give {word} once.")
        self._times[word] = instant(value, word, now=self._now)

    def _alive(self, word: str, value: str) -> None:
        if value.lower() not in ("true", "false"):
            raise BadField("#/live", "Say true for what has not ended, or false for what has.")
        self._live = value.lower() == "true"

    def filter(self) -> Filter:
        """Return what all the words together ask for."""
        listed = {name: tuple(dict.fromkeys(values)) for name, values in self._lists.items()}
        results, lives, having, bounces = _combined(self._status)
        if having and self._having:
            having = tuple((y1 | y2, n1 | n2) for y1, n1 in having for y2, n2 in self._having)
        if bounces and self._bounces:
            bounces = [each for each in bounces if each in self._bounces] or [_NO_BOUNCE]
        return Filter(
            recipient=listed.get("recipient", ()),
            domain=listed.get("domain", ()),
            sender=listed.get("sender", ()),
            subject=self._single.get("subject"),
            tag=listed.get("tag", ()),
            metadata=tuple(self._metadata),
            stream=listed.get("stream", ()),
            broadcast=tuple(self._broadcasts),
            message=tuple(self._messages),
            delivery=tuple(self._deliveries),
            rfc_message_id=listed.get("rfc_message_id", ()),
            results=results,
            lives=lives,
            having=having or tuple(self._having),
            reason=tuple(self._reasons),
            since=self._times.get("since"),
            until=self._times.get("until"),
            text=self._single.get("q"),
            live=self._live,
            bounces=tuple(dict.fromkeys(bounces or self._bounces)),
        )


_TAKERS: dict[str, Callable[[_Gathered, str, str], None]] = {
    "recipient": _Gathered._folded,
    "domain": _Gathered._folded,
    "sender": _Gathered._text,
    "subject": _Gathered._part,
    "tag": _Gathered._text,
    "stream": _Gathered._text,
    "broadcast": _Gathered._broadcast,
    "status": _Gathered._status_word,
    "fact": _Gathered._fact,
    "reason": _Gathered._reason,
    "message_id": _Gathered._message,
    "delivery_id": _Gathered._delivery,
    "live": _Gathered._alive,
    "since": _Gathered._time,
    "until": _Gathered._time,
    "q": _Gathered._part,
}


def _unknown(word: str) -> BadField:
    near = difflib.get_close_matches(word, WORDS, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return BadField(f"#/{word[:60]}", f"{word[:60]!r} is not a word of the search.{hint} There are {', '.join(WORDS)}.", code="unknown-field")  # fmt: skip


# ---- the words of the vocabularies ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one status word asks for: ranks that an index knows, else facts, else bounce events."""

    results: tuple[int, ...] = ()
    lives: tuple[int, ...] = ()
    having: tuple[tuple[int, int], ...] = ()
    """(bits that must be there, bits that must not): any of these pairs. Says the same as the ranks, where there are any."""
    bounces: tuple[BounceWanted, ...] = ()


def status(text: str) -> Wanted:
    """Return what a status word of any vocabulary asks for. Raise BadField that lists the words.

    A word that several vocabularies have is taken from the delivery results first, then email activity, life cycle, icons,
    bounces; a prefix chooses: `activity:Delivered`.
    """
    named, colon, rest = text.partition(":")
    vocabulary = _VOCABULARY_OF.get(_key(named)) if colon else None
    if colon and vocabulary is None:
        raise BadField("#/status", f"{named[:40]!r} is not a vocabulary; there are {', '.join(_PREFIXES)}.", code="unknown-status")  # fmt: skip
    word = _key(rest if colon else text)
    for name, words in _statuses().items():
        if (vocabulary is None or name == vocabulary) and word in words:
            return words[word][1]
    allowed = {shown for name, words in _statuses().items() if vocabulary in (None, name) for shown, _ in words.values()}
    near = difflib.get_close_matches(text, allowed, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise BadField("#/status", f"{text[:40]!r} is not a status.{hint} There are {', '.join(sorted(allowed))}.", code="unknown-status")  # fmt: skip


_PREFIXES = ("results", "activity", "lifecycle", "icons", "bounces")
_VOCABULARY_OF = {
    "results": "results", "result": "results", "deliveryresults": "results", "001": "results",
    "activity": "activity", "emailactivity": "activity", "003": "activity",
    "lifecycle": "lifecycle", "life": "lifecycle", "004": "lifecycle",
    "icons": "icons", "icon": "icons", "000": "icons",
    "bounces": "bounces", "bounce": "bounces", "002": "bounces",
}  # fmt: skip


def _key(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum() or c == "/")


@lru_cache(maxsize=1)
def _statuses() -> dict[str, dict[str, tuple[str, Wanted]]]:
    """For each vocabulary: its words, as they are compared, with how they are shown and what they ask for."""
    found: dict[str, dict[str, tuple[str, Wanted]]] = {name: {} for name in _PREFIXES}

    def put(vocabulary: str, word: str, wanted: Wanted) -> None:
        found[vocabulary][_key(word)] = (word, wanted)

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
        found["lifecycle"].setdefault(_key(stage.label), (stage.label, found["lifecycle"][_key(stage.word)][1]))
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
_IDENTIFIERS = frozenset({each.value for each in Reason} | {detail for _, detail in DETAILS})
_NO_BOUNCE = BounceWanted((), None)


def _bounces_of(wanted: Pair) -> tuple[BounceWanted, ...]:
    """The bounce events that 002 counts under a pair."""
    found: list[BounceWanted] = []
    if wanted is Pair.NO_INFORMATION:
        found.append(BounceWanted(_BOUNCE_FACTS, None))
    for reason in Reason:
        known = tuple(detail for its, detail in DETAILS if its is reason)
        for of_mailbox, status_code in ((False, ""), (True, "5.2.0")):
            details = tuple(
                detail for detail in known if _counted(reason, detail, status_code) is wanted
            )
            if details:
                found.append(BounceWanted(_BOUNCE_FACTS, reason.value, details, False, of_mailbox))
            if _counted(reason, None, status_code) is wanted:
                found.append(BounceWanted(_BOUNCE_FACTS, reason.value, known, True, of_mailbox))
    return tuple(found)


def _counted(reason: Reason, detail: str | None, status_code: str) -> Pair:
    return pair(reason, detail, status=status_code) or Pair.NO_INFORMATION


def _bounce_words() -> list[tuple[str, tuple[BounceWanted, ...]]]:
    """Every way to name bounces: a pair, a reason's word alone, a category alone."""
    by_pair = {each: _bounces_of(each) for each in Pair}
    found = [(each.word, bounces) for each, bounces in by_pair.items()]
    for reason in dict.fromkeys(each.reason for each in Pair):
        found.append((reason, tuple(b for each, bounces in by_pair.items() if each.reason == reason for b in bounces)))
    for category in Category:
        if category is not Category.NONE:
            bounces = tuple(b for each, bs in by_pair.items() if each.category is category for b in bs)
            found += [(category.word, bounces), (f"{category.word} bounces", bounces), (f"{category.word} bounce", bounces)]
    return found


@lru_cache(maxsize=1)
def _bounces_by_word() -> dict[str, tuple[BounceWanted, ...]]:
    return {word: wanted.bounces for word, (_, wanted) in _statuses()["bounces"].items()}


def _combined(
    wanted: list[Wanted],
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, int], ...], list[BounceWanted]]:
    """Put status words together as or: by ranks if all are of one vocabulary, which an index serves, else by facts."""
    if not wanted:
        return (), (), (), []
    if any(each.bounces for each in wanted):
        if not all(each.bounces for each in wanted):
            raise BadFields([BadField("#/status", "Words of the bounce categories cannot be mixed with others as alternatives; search twice, or give the category as reason.", code="mixed-status")])  # fmt: skip
        return (), (), (), [bounce for each in wanted for bounce in each.bounces]
    if all(each.results for each in wanted):
        return tuple(dict.fromkeys(rank for each in wanted for rank in each.results)), (), (), []
    if all(each.lives for each in wanted):
        return (), tuple(dict.fromkeys(rank for each in wanted for rank in each.lives)), (), []
    return (), (), tuple(dict.fromkeys(pairs for each in wanted for pairs in each.having)), []
