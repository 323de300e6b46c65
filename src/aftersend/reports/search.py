"""Turn the words of a search into a filter. The same words in the API, on the command line, in the console and in exports.

A word given several times means or; different words mean and.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence

from aftersend import ids
from aftersend.clock import DAY, HOUR, MINUTE, SECOND, Instant, from_iso
from aftersend.errors import AftersendError, BadField, BadFields, NotFound
from aftersend.ledger.facts import BY_WORD
from aftersend.ledger.providers import BY_NAME
from aftersend.ledger.reasons import Pair
from aftersend.reports import statuses
from aftersend.store.filters import BounceWanted, Filter

WORDS: dict[str, str] = {
    "recipient": "the recipient's address",
    "domain": "the domain of the recipient's address",
    "provider": "who provides the recipient's mailbox, such as Google; a domain that is no provider's stands for itself",
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
LATEST = from_iso("2089-01-01T00:00:00Z")
"""Ids end some months later; nothing can have been created after that."""


def read(words: Iterable[tuple[str, str]], *, now: Instant, known: Sequence[str] = tuple(WORDS)) -> Filter:
    """Return the filter that the words ask for; `known` are those that can be asked here. Raise BadFields that names every
    word that is wrong, and what is allowed.
    """
    gathered = _Gathered(now=now, known=known)
    wrong: list[BadField] = []
    for word, value in words:
        try:
            gathered.take(word, value.strip())
        except BadField as error:
            wrong.append(error)
        except AftersendError as error:
            wrong.append(BadField(f"#/{word}", error.detail))
    found = gathered.filter()
    try:
        check_order(found.since, found.until)
    except BadField as error:
        wrong.append(error)
    if wrong:
        raise BadFields(wrong)
    return found


def named(word: str, prefix: str, text: str) -> int:
    """Read an id by which is searched. Raise BadField that names the word."""
    try:
        return ids.read(prefix, text)
    except NotFound as error:
        raise BadField(f"#/{word}", f"{error.detail}.") from None


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
        raise BadField(
            f"#/{word}",
            f"{text[:40]!r} is not a time; write 2026-12-01T09:00:00Z, or 24h for a day ago.",
            code="invalid-time",
        )
    return found


def ahead(text: str, word: str, *, now: Instant) -> Instant:
    """Read a time that is yet to come. Raise BadField that names the word."""
    found = instant(text, word, now=now)
    if found <= now:
        raise BadField(f"#/{word}", "This time is over; give a later one, or none.", code="invalid-time")
    return found


def check_order(since: Instant | None, until: Instant | None) -> None:
    """Raise BadField where there is no time between two moments, so that nothing could ever be found."""
    if since is not None and until is not None and until < since:
        raise BadField(
            "#/until", "until lies before since, so that there is no time between them; give a later until, or an earlier since.",
            code="invalid-time",
        )  # fmt: skip


class _Gathered:
    """The words taken so far."""

    def __init__(self, *, now: Instant, known: Sequence[str]) -> None:
        self._now = now
        self._known = known
        self._lists: dict[str, list[str]] = {}
        self._broadcasts: list[int] = []
        self._messages: list[int] = []
        self._deliveries: list[int] = []
        self._metadata: list[tuple[str, str]] = []
        self._status: list[statuses.Wanted] = []
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
        if word.startswith("metadata.") and "metadata.NAME" in self._known:
            self._metadata.append((word.removeprefix("metadata."), value))
            return
        taker = _TAKERS.get(word)
        if taker is None or word not in self._known:
            raise _unknown(word, self._known)
        taker(self, word, value)

    def _folded(self, word: str, value: str) -> None:
        self._lists.setdefault(word, []).append(value.strip("<>").casefold())

    def _provider(self, word: str, value: str) -> None:
        known = BY_NAME.get(value.casefold())
        self._lists.setdefault("provider", []).extend([value.casefold()] if known is None else sorted(known.domains))
        self._lists.setdefault("begins", []).extend(() if known is None else known.beginnings)

    def _text(self, word: str, value: str) -> None:
        self._lists.setdefault(word, []).append(value)

    def _part(self, word: str, value: str) -> None:
        if word in self._single:
            raise BadField(f"#/{word}", f"Give {word} once; for several, search several times.")
        self._single[word] = value

    def _broadcast(self, word: str, value: str) -> None:
        self._broadcasts.append(named(word, "brd", value))

    def _message(self, word: str, value: str) -> None:
        if "@" in value:
            value = value if value.startswith("<") else f"<{value}>"
            self._lists.setdefault("rfc_message_id", []).append(value)
        else:
            self._messages.append(named(word, "msg", value))

    def _delivery(self, word: str, value: str) -> None:
        self._deliveries.append(named(word, "dlv", value))

    def _status_word(self, word: str, value: str) -> None:
        self._status.append(statuses.read(value))

    def _fact(self, word: str, value: str) -> None:
        fact = BY_WORD.get(value.strip().lower().replace(" ", "_").replace("-", "_"))
        if fact is None:
            raise BadField(
                "#/fact", f"{value[:40]!r} is not a fact; there are {', '.join(BY_WORD)}.", code="unknown-fact"
            )
        self._having.append((fact.bit, 0))

    def _reason(self, word: str, value: str) -> None:
        plain = value.lower().replace(" ", "_").replace("-", "_")
        found = statuses.bounces_by_word().get(statuses.key(value))
        # Some words of the categories are identifiers too, once they are written like these: then it is meant as written.
        if plain in statuses.IDENTIFIERS and (found is None or value.lower() == plain):
            self._reasons.append(plain)
            return
        if found is None:
            raise BadField(
                "#/reason",
                f"{value[:40]!r} is not a reason; there are {', '.join(sorted(statuses.IDENTIFIERS))}, and the words of the bounce "
                f"categories: {', '.join(dict.fromkeys(each.reason for each in Pair))}.",
                code="unknown-reason",
            )
        self._bounces += found

    def _time(self, word: str, value: str) -> None:
        if word in self._times:
            raise BadField(f"#/{word}", f"Give {word} once.")
        self._times[word] = min(instant(value, word, now=self._now), LATEST)

    def _alive(self, word: str, value: str) -> None:
        if value.lower() not in ("true", "false"):
            raise BadField("#/live", "Say true for what has not ended, or false for what has.")
        self._live = value.lower() == "true"

    def filter(self) -> Filter:
        """Return what all the words together ask for."""
        listed = {name: tuple(dict.fromkeys(values)) for name, values in self._lists.items()}
        results, lives, having, bounces = statuses.combined(self._status)
        if having and self._having:
            having = tuple((y1 | y2, n1 | n2) for y1, n1 in having for y2, n2 in self._having)
        if bounces and self._bounces:
            bounces = [each for each in bounces if each in self._bounces] or [statuses.NO_BOUNCE]
        return Filter(
            recipient=listed.get("recipient", ()),
            domain=listed.get("domain", ()),
            provider=listed.get("provider", ()),
            begins=listed.get("begins", ()),
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
    "provider": _Gathered._provider,
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


def _unknown(word: str, known: Sequence[str]) -> BadField:
    near = difflib.get_close_matches(word, known, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return BadField(
        f"#/{word[:60]}",
        f"{word[:60]!r} is not a word of the search.{hint} There are {', '.join(known)}.",
        code="unknown-field",
    )
