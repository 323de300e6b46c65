"""Bounces (002): a category and a reason for every bounce event.

Which pair belongs to a reason is said in `ledger.reasons`; which events are bounces is said here.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from aftersend.ledger.events import Event
from aftersend.ledger.facts import ALL, Fact, Facts
from aftersend.ledger.reasons import Pair, Reason, pair


class Bounce(Enum):
    """What a fact has to do with bounces."""

    ENDED = "It came back for good: one bounce in the statistics."
    TRYING = "It could not be delivered so far. The pair is shown while it lasts, and not counted."


BOUNCE_OF: dict[Fact, Bounce | None] = {
    **dict.fromkeys(ALL),
    Fact.DEFERRED: Bounce.TRYING,
    Fact.DELAYED: Bounce.TRYING,
    Fact.UNCERTAIN: Bounce.TRYING,
    Fact.GAVE_UP: Bounce.ENDED,
    Fact.BOUNCED: Bounce.ENDED,
    Fact.BOUNCED_INVALID: Bounce.ENDED,
    Fact.REJECTED_AS_SPAM: Bounce.ENDED,
}
"""Covers every fact; None for what 002 does not speak of."""

BITS = sum(fact.bit for fact in ALL if BOUNCE_OF[fact] is Bounce.ENDED)
"""The facts that are bounces, as bits."""

KINDS = frozenset(fact.word for fact in ALL if BOUNCE_OF[fact] is Bounce.ENDED)
"""The kinds of event that are bounces."""

WORDS = tuple((each.word, each.meaning) for each in Pair)
"""Each pair, as counters name it, with 002's sentence."""


def counted(reason: Reason | str | None, detail: str | None = None, status: str | None = "") -> Pair:
    """Return the pair under which a bounce counts, that is an event with one of `BITS`.

    One without a reason, or with a reason that 002 does not know as a bounce, says that no information came back.
    `status` is the enhanced status (RFC 3463) that came with it.
    """
    return (pair(reason, detail, status=status or "") if reason else None) or Pair.NO_INFORMATION


def pair_of(
    fact: Fact | None, reason: Reason | str | None, detail: str | None = None, status: str | None = ""
) -> Pair | None:
    """Return the pair that an event stands for, or None if it has nothing to do with bounces; of bounces, as `counted`."""
    bounce = BOUNCE_OF[fact] if fact is not None else None
    if bounce is not Bounce.TRYING:
        return None if bounce is None else counted(reason, detail, status)
    found = pair(reason, detail, status=status or "", is_still_trying=True) if reason else None
    return found or Pair.NO_INFORMATION


def pair_of_event(event: Event) -> Pair | None:
    """Return the pair that the event stands for, or None if it has nothing to do with bounces."""
    return pair_of(event.fact, event.reason, event.detail, event.status)


def is_bounce(event: Event) -> bool:
    """Say whether the event counts as a bounce."""
    return event.fact is not None and BOUNCE_OF[event.fact] is Bounce.ENDED


def pairs(events: Iterable[Event]) -> frozenset[Pair]:
    """Return the pairs under which these events count as bounces; neither order nor repetition matters."""
    return frozenset(found for event in events if is_bounce(event) and (found := pair_of_event(event)))


def has_bounced(facts: Facts) -> bool:
    """Say whether there is a bounce among the facts, before or after whatever else happened."""
    return bool(facts.bits & BITS)


def words_of(facts: Facts) -> tuple[Pair, ...]:
    """Return nothing: a pair belongs to an event and its reason (`pairs`), and cannot be read from facts alone."""
    return ()
