"""Own what the events of a delivery tell, fact by fact: when first, in what words, why, who must act, how we know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aftersend.ledger.events import Event, history
from aftersend.ledger.evidence import clean, how_we_know
from aftersend.ledger.facts import ALL, Fact, Phase
from aftersend.ledger.reasons import Actor, Category, Meaning, meaning
from aftersend.ledger.sayings import CAUSES, SAYINGS
from aftersend.ledger.spoken import Spoken

_EXPLAINED_BY_REASON = frozenset(
    {fact for fact in ALL if fact.phase in (Phase.NOT_SENT, Phase.FINISHED)} - {Fact.DELIVERED}
) | {Fact.DEFERRED, Fact.DELAYED, Fact.COMPLAINED, Fact.AUTO_REPLIED}
"""Facts of which an event's reason says more than the fact."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the events of a delivery tell, by fact."""

    first_us: dict[Fact, int]
    latest: dict[Fact, Event]
    events: list[Event]

    def meaning_of(self, fact: Fact) -> Meaning | None:
        """What the reason of the latest such event means, if it has one and the fact is one that a reason explains."""
        event = self.latest.get(fact) if fact in _EXPLAINED_BY_REASON else None
        return meaning(event.reason, event.detail) if event is not None and event.reason is not None else None

    def cause_of(self, fact: Fact) -> tuple[str, str] | None:
        """The cause that a list gave, in short and in a sentence, if it is one of those known."""
        event = self.latest.get(fact)
        cause = "" if event is None else event.detail or str(event.evidence.get("cause", ""))
        return CAUSES.get((fact, cause))

    def short(self, fact: Fact) -> str:
        """A few words behind the headline's word."""
        cause, found = self.cause_of(fact), self.meaning_of(fact)
        if cause is not None:
            return cause[0]
        if found is None or fact.phase is Phase.READ:
            return SAYINGS[fact].short
        return f"given up ({found.short})" if fact is Fact.GAVE_UP else found.short

    def news(self, fact: Fact) -> str:
        """How the fact is said beside a headline."""
        found = self.meaning_of(fact)
        news = SAYINGS[fact].news
        return news if found is None or fact.phase is Phase.READ else f"{news}: {found.short}"

    def why(self, fact: Fact) -> str:
        """Why the fact came about: its cause, our own words when we decided it, its reason, or what is always so."""
        event, cause, found = self.latest.get(fact), self.cause_of(fact), self.meaning_of(fact)
        if cause is not None:
            return cause[1]
        own = "" if event is None else clean(event.evidence.get("why") or "")
        if own and fact.phase in (Phase.ON_ITS_WAY, Phase.NOT_SENT):
            return own
        if found is None:
            return SAYINGS[fact].why
        return f"{SAYINGS[fact].why} {found.why}" if fact is Fact.GAVE_UP else found.why

    def who_must_act(self, fact: Fact) -> Actor:
        """Who has to do something; once it was given up, that is never nobody."""
        found = self.meaning_of(fact)
        if found is None or (found.who_must_act is Actor.NOBODY and fact.phase is Phase.FINISHED):
            return SAYINGS[fact].who_must_act
        return found.who_must_act

    def advice(self, fact: Fact) -> str:
        """What to do: nothing about a passing trouble while it is still tried, but something once that has ended."""
        found = self.meaning_of(fact)
        if found is None or (found.category is Category.TECHNICAL and fact.phase is Phase.FINISHED):
            return SAYINGS[fact].advice
        return found.advice

    def known_by(self, fact: Fact) -> Spoken:
        """How we know. That we gave up is proven by the last answer."""
        event = self.latest.get(fact)
        if fact is Fact.GAVE_UP and (event is None or not event.evidence):
            event = self.latest.get(Fact.DEFERRED, event)
        if event is None:
            return Spoken("It is on record; the events that prove it are no longer kept.")
        return how_we_know(event)


def tell(events: Iterable[Event]) -> Told:
    """Sort out the events; neither their order nor repetition matters."""
    told = history(events)
    first: dict[Fact, int] = {}
    latest: dict[Fact, Event] = {}
    for event in told:
        if event.fact is not None:
            first.setdefault(event.fact, event.occurred_us)
            latest[event.fact] = event
    return Told(first, latest, told)
