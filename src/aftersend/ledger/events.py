"""Own the event: one thing that happened to one delivery, when, and how we know; and the fold from events to facts.

Events are appended and never edited. What an event means to people is said in `vocabularies` and `explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from aftersend.ledger.facts import Fact, Facts
from aftersend.ledger.reasons import Reason

OTHER_KINDS: dict[str, str] = {
    "attempt_interrupted": "An attempt was cut short on our side; it is made again.",
    "held": "A person put it on hold.",
    "released": "A person let it go on.",
    "rescheduled": "A person planned it for another time.",
    "retried": "A person asked for another try.",
    "sent_again": "A person had the same message sent to this recipient once more.",
    "set_aside": "A fault of our own stopped it; an operator looks at it.",
    "news_overdue": "No answer came in the time that we wait for one.",
    "report_ignored": "A report came in that did not prove to be about this message; it changes nothing.",
}
"""The kinds of event that establish no fact, in plain words. Every other kind is the word of its fact."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one delivery.

    `key` tells events of one delivery apart: inserting the same key twice is harmless. Times are microseconds UTC:
    `occurred_us` when it happened (by the word of whoever told us), `recorded_us` when we wrote it down. `evidence` is
    what proves it (SMTP dialogue, report, request headers) and may be gone, since retention takes it away; `status` is
    the enhanced status (RFC 3463) that came with it, or "".
    """

    id: int
    account_id: int
    delivery_id: int
    key: int
    kind: str
    fact: Fact | None
    occurred_us: int
    recorded_us: int
    reason: Reason | None = None
    detail: str | None = None
    status: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def sentence(self) -> str:
        """What happened, in plain words."""
        return self.fact.sentence if self.fact is not None else OTHER_KINDS.get(self.kind, self.kind.replace("_", " "))


def fold_bits(events: Iterable[Event]) -> int:
    """Return the bits of the facts that the events establish; neither order nor repetition matters."""
    bits = 0
    for event in events:
        if event.fact is not None:
            bits |= event.fact.bit
    return bits


def fold(events: Iterable[Event]) -> Facts:
    """Return the facts that the events establish; neither order nor repetition matters."""
    return Facts(fold_bits(events))


def history(events: Iterable[Event]) -> list[Event]:
    """Return the events as they happened, each key once; of two with one key the one that was written down first."""
    first: dict[tuple[int, int], Event] = {}
    for event in events:
        place = (event.delivery_id, event.key)
        known = first.get(place)
        if known is None or _arrival(event) < _arrival(known):
            first[place] = event
    return sorted(first.values(), key=_order)


def _arrival(event: Event) -> tuple[int, int, int, str, int]:
    return event.recorded_us, event.id, event.occurred_us, event.kind, -1 if event.fact is None else event.fact


def _order(event: Event) -> tuple[int, int, int]:
    """When it happened; what happened at the same moment, in the order of the life cycle, then by key."""
    return event.occurred_us, 99 if event.fact is None else event.fact, event.key


def key_of(*evidence: object) -> int:
    """Derive an event's key from what proves it: the same evidence gives the same 63-bit key on every node, for ever.

    Takes text, bytes, numbers, None, and sequences, sets and mappings of these; mappings and sets in any order.
    """
    return int.from_bytes(blake2b(_canonical(evidence), digest_size=8).digest(), "big") >> 1


def _canonical(value: object) -> bytes:
    """Write a value as bytes, so that two values give the same bytes only if they are equal and of one type."""
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"b1" if value else b"b0"
    if isinstance(value, int):
        return b"i%d;" % value
    if isinstance(value, str):
        return _sized(b"s", value.encode("utf-8", "surrogatepass"))
    if isinstance(value, bytes):
        return _sized(b"y", value)
    if isinstance(value, float):
        return _sized(b"f", repr(value).encode())
    if isinstance(value, Mapping):
        pairs = sorted(_canonical(name) + _canonical(its) for name, its in value.items())
        return _sized(b"m", b"".join(pairs))
    if isinstance(value, (set, frozenset)):
        return _sized(b"t", b"".join(sorted(map(_canonical, value))))
    if isinstance(value, Iterable):
        return _sized(b"l", b"".join(map(_canonical, value)))
    raise TypeError(f"cannot derive a key from a {type(value).__name__}")


def _sized(mark: bytes, content: bytes) -> bytes:
    return b"%s%d:%s" % (mark, len(content), content)
