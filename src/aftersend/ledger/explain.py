"""Explain one delivery to a person: the words of all vocabularies, why, who must act, what happens next, how we know.

Whatever came after the headline, or contradicts it, is said beside it. Depends on the facts, on the set of events and
on what the queue plans; the order and the repetition of events change nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aftersend.ledger.conservation import CAME_BACK_BITS, NOT_SENT_BITS, is_ended
from aftersend.ledger.events import Event, fold
from aftersend.ledger.evidence import clean
from aftersend.ledger.facts import ALL, Fact, Facts, Phase
from aftersend.ledger.moments import iso
from aftersend.ledger.plans import NOTHING, Next, Said, Waiting, halt, is_sentence, what_next
from aftersend.ledger.reasons import Actor, Pair
from aftersend.ledger.sayings import SAYINGS
from aftersend.ledger.spoken import Spoken
from aftersend.ledger.told import Told, tell
from aftersend.ledger.vocabularies.bounces import is_bounce, pair_of_event
from aftersend.ledger.vocabularies.delivery_results import RESULT_OF, DeliveryResult, delivery_result
from aftersend.ledger.vocabularies.email_activity import Box, boxes
from aftersend.ledger.vocabularies.icons import Icon, icon
from aftersend.ledger.vocabularies.life_cycle import STATUS_OF, LifeCycle, life_cycle

__all__ = ["Explanation", "Later", "Next", "Waiting", "explain", "headline_fact"]

_ALWAYS_SAID = frozenset(
    {fact for fact in ALL if fact.phase in (Phase.NOT_SENT, Phase.FINISHED, Phase.READ)} - {Fact.DELIVERED}
) | {Fact.UNCERTAIN}
"""What is said beside the headline even if it happened before, or if we do not know when."""

_WAS_SENT = (Phase.TRYING, Phase.FINISHED, Phase.READ)
_BEFORE_SENT = frozenset({Fact.RECEIVED, Fact.TREATED})
"""What comes before any attempt, whatever the clock said: it may have been put back in between."""


@dataclass(frozen=True, slots=True)
class Later:
    """A fact that stands beside the headline, because it did not move it."""

    fact: Fact
    words: str
    """How it is said behind the headline: "later returned: mailbox full"."""
    why: str
    at_us: int | None
    """When it happened first; None if its events are no longer kept."""

    @property
    def at(self) -> str | None:
        """The time as RFC 3339."""
        return None if self.at_us is None else iso(self.at_us)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One delivery, explained."""

    headline: str
    """The delivery result with what qualifies it and all later news: "Delivered, later returned: mailbox full"."""
    fact: Fact | None
    """The fact that the headline rests on; None if nothing is known."""
    result: DeliveryResult
    life_cycle: LifeCycle
    activity: tuple[Box, ...]
    bounce: Pair | None
    """The latest bounce; of a delivery that is still being tried, what it is being put off for."""
    icon: Icon
    why: str
    who_must_act: Actor
    advice: str
    next: Next
    known_by: tuple[Spoken, ...]
    later: tuple[Later, ...]
    is_ended: bool

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of the API, the CLI's JSON, exports and webhooks."""
        return {
            "headline": self.headline,
            "status": {
                "result": self.result.word,
                "lifecycle": self.life_cycle.label,
                "activity": [box.word for box in self.activity],
                "category": self.bounce.category.word if self.bounce else None,
                "reason": self.bounce.reason if self.bounce else None,
                "icon": self.icon.word,
            },
            "ended": self.is_ended,
            "why": self.why,
            "who_must_act": self.who_must_act.value,
            "advice": self.advice,
            "next": {"sentence": str(self.next.sentence), "at": self.next.at, "at_us": self.next.at_us},
            "known_by": [str(proof) for proof in self.known_by],
            "later": [
                {"fact": item.fact.word, "words": item.words, "why": item.why, "at": item.at, "at_us": item.at_us}
                for item in self.later
            ],
        }


def explain(
    facts: Facts, events: Iterable[Event] = (), waiting: Waiting | None = None, *, is_third_soft_bounce: bool = False
) -> Explanation:
    """Explain one delivery from its facts, its events (as far as they are kept) and what is planned for it.

    `is_third_soft_bounce` says that it is the third in a row to this recipient, which counts as spam (003).
    """
    told = tell(events)
    facts = facts | fold(told.events)
    head = headline_fact(facts)
    later = _later(facts, head, told)
    trouble = _trouble(facts, head, later)
    subject = head if trouble is None else trouble
    ended = is_ended(facts)
    halted = None if ended else halt(facts, waiting)
    said = halted or Said("", "Nothing is known of it yet.", Actor.NOBODY, NOTHING)
    if halted is None and head is not None and subject is not None:
        why = _why(head, trouble, told, waiting)
        said = Said(told.short(head), why, told.who_must_act(subject), told.advice(subject))
    return Explanation(
        headline=_headline(delivery_result(facts), said.short, later),
        fact=head,
        result=delivery_result(facts),
        life_cycle=life_cycle(facts),
        activity=boxes(facts, is_third_soft_bounce=is_third_soft_bounce),
        bounce=_bounce(told, is_ended=ended),
        icon=icon(facts),
        why=said.why,
        who_must_act=said.who_must_act,
        advice=said.advice,
        next=what_next(facts, head, waiting),
        known_by=tuple(told.known_by(fact) for fact in dict.fromkeys((head, trouble)) if fact is not None),
        later=later,
        is_ended=ended,
    )


def headline_fact(facts: Facts) -> Fact | None:
    """Return the fact that the headline rests on, or None for no facts. Depends on the facts alone.

    From Delivered on it is the first that gives the result, below that the weightiest.
    """
    result = delivery_result(facts)
    giving = [fact for fact in facts if RESULT_OF[fact] is result]
    if result >= DeliveryResult.DELIVERED:
        return giving[0]
    return max(giving, key=lambda fact: (STATUS_OF[fact] or 0, fact), default=None)


def _later(facts: Facts, head: Fact | None, told: Told) -> tuple[Later, ...]:
    """Everything that is said beside the headline, as it happened; what we have no time for comes last."""
    begun = None if head is None else told.first_us.get(head)
    found = []
    for fact in facts:
        at = told.first_us.get(fact)
        is_after = at is not None and begun is not None and at > begun
        if head is not None and head.phase in _WAS_SENT and fact in _BEFORE_SENT:
            continue
        if fact is head or not (is_after or fact in _ALWAYS_SAID):
            continue
        found.append(Later(fact, f"{'later' if is_after else 'also'} {told.news(fact)}", told.why(fact), at))
    return tuple(sorted(found, key=lambda item: (item.at_us is None, item.at_us or 0, item.fact)))


def _trouble(facts: Facts, head: Fact | None, later: tuple[Later, ...]) -> Fact | None:
    """The weightiest bad news beside the headline: it, and not the headline, says who must act."""
    bad = [
        item.fact for item in later if item.fact.bit & (CAME_BACK_BITS | NOT_SENT_BITS) or item.fact is Fact.COMPLAINED
    ]
    if head is None or head.bit & (CAME_BACK_BITS | NOT_SENT_BITS):
        return None
    return max(bad, key=lambda fact: (fact is Fact.COMPLAINED, STATUS_OF[fact] or 0, fact), default=None)


def _headline(result: DeliveryResult, short: str, later: tuple[Later, ...]) -> str:
    return ", ".join([f"{result.word}: {short}" if short else result.word, *(item.words for item in later)])


def _why(head: Fact, trouble: Fact | None, told: Told, waiting: Waiting | None) -> str:
    if head.phase is Phase.ON_ITS_WAY and waiting is not None and is_sentence(waiting.why):
        return clean(waiting.why)
    if trouble is None:
        return told.why(head)
    then = told.why(trouble)
    if trouble.phase is Phase.FINISHED:
        then = f"It was later {SAYINGS[trouble].news}: {then[:1].lower()}{then[1:]}"
    return f"{told.why(head)} {then}"


def _bounce(told: Told, *, is_ended: bool) -> Pair | None:
    ended = [event for event in told.events if is_bounce(event)]
    if ended:
        return pair_of_event(ended[-1])
    trying = [pair for event in told.events if (pair := pair_of_event(event)) is not None]
    return trying[-1] if trying and not is_ended else None
