"""Own what is said of a delivery's future: what is planned, when, and what halted the work from outside."""

from __future__ import annotations

from dataclasses import dataclass

from aftersend.ledger.conservation import CAME_BACK_BITS, HANDED_OVER_BITS, REACHED_BITS, is_ended
from aftersend.ledger.evidence import clean
from aftersend.ledger.facts import ALL, Fact, Facts, Phase
from aftersend.ledger.moments import iso
from aftersend.ledger.reasons import Actor
from aftersend.ledger.spoken import Slot, Spoken

NOTHING = "Nothing needs to be done."
_OPERATOR = "Whoever runs this service has to look at it."
_TRYING_BITS = sum(fact.bit for fact in ALL if fact.phase is Phase.TRYING)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What is planned for a delivery that has not ended. Times in microseconds UTC."""

    next_due_us: int
    stage: str
    """Which part of the work looks at it next: treatment, delivery, held, relayed, set_aside, depleted, moderation."""
    why: str | None = None
    """Why it waits: a sentence, or a word that says no more than the stage does."""
    expires_us: int | None = None
    """When trying ends."""
    is_claimed: bool = False
    """Whether it is being worked on at this moment."""
    lease_ends_us: int | None = None
    """Until when whoever works on it may do so; then it is taken up again."""


@dataclass(frozen=True, slots=True)
class Next:
    """What happens next, and when; no time if nothing does."""

    sentence: Spoken
    at_us: int | None = None

    @property
    def at(self) -> str | None:
        """The time as RFC 3339."""
        return None if self.at_us is None else iso(self.at_us)


@dataclass(frozen=True, slots=True)
class Said:
    """What a delivery comes to, in words."""

    short: str
    why: str
    who_must_act: Actor
    advice: str


_HALTS = {
    "held": Said("on hold", "A person has put it on hold.", Actor.YOUR_ACCOUNT, "Release it if it should go out."),
    "set_aside": Said("stopped by a fault of ours", "A fault of our own stopped it.", Actor.US, _OPERATOR),
}
"""What is said when the work was halted from outside the life cycle, by the queue's stage."""
_ADRIFT = Said("nothing is planned", "Nothing is planned for it; that is a fault of ours.", Actor.US, _OPERATOR)


def what_next(facts: Facts, head: Fact | None, waiting: Waiting | None) -> Next:
    """Say what happens next; of what has not ended, always something, with its time if one is planned."""
    if facts.bits & REACHED_BITS:
        return Next(Spoken("Nothing more has to happen."))
    if facts.bits & (CAME_BACK_BITS | _TRYING_BITS) and is_ended(facts):
        return Next(Spoken("Nothing more: it is not tried again."))
    if is_ended(facts):
        return Next(Spoken("Nothing more: it is not sent."))
    if waiting is None:
        return Next(Spoken(_at_rest(facts)))
    if waiting.is_claimed:
        at = waiting.next_due_us if waiting.lease_ends_us is None else waiting.lease_ends_us
        return Next(
            Spoken("It is being worked on now; if that is cut short, it is taken up again by %(at)s.", {"at": at}), at
        )
    said = [Spoken(_plan(facts, head, waiting), {"at": waiting.next_due_us})]
    if waiting.stage == "delivery" and is_sentence(waiting.why):
        said.append(Spoken(clean(waiting.why)))
    if waiting.stage == "delivery" and waiting.expires_us is not None:
        said.append(Spoken("If it cannot be delivered by %(at)s, we stop trying.", {"at": waiting.expires_us}))
    return Next(_one_after_another(said), waiting.next_due_us)


def _one_after_another(said: list[Spoken]) -> Spoken:
    slots: dict[str, Slot] = {f"s{number}": sentence for number, sentence in enumerate(said)}
    return Spoken(" ".join(f"%({name})s" for name in slots), slots)


def is_sentence(words: str | None) -> bool:
    """Say whether the reason for waiting is a sentence that a person can be shown, and not a mere word."""
    return words is not None and " " in words and words.endswith(".")


def halt(facts: Facts, waiting: Waiting | None) -> Said | None:
    """Say what halted a delivery that has not ended, or None if it takes its course or rests with whoever took it."""
    if waiting is None:
        return None if facts.bits & HANDED_OVER_BITS or not facts else _ADRIFT
    return _HALTS.get(waiting.stage)


def _at_rest(facts: Facts) -> str:
    if Fact.RELAYED in facts or Fact.DELAYED in facts:
        return "Nothing more: no final answer came in the time that we wait for one."
    if Fact.UNCERTAIN in facts:
        return "Nothing more: a further copy could reach the recipient twice, so none is tried."
    return "Nothing is planned for it, which should never be; an operator has to look at it."


_PLANS = {
    "held": "A person has put it on hold; if nobody lets it go on, it ends at %(at)s.",
    "relayed": "We wait until %(at)s for news from the mail relay.",
    "set_aside": "A fault of our own stopped it; an operator looks at it, at %(at)s at the latest.",
}

_TREATMENT = {
    Fact.SCHEDULED: "It goes on at %(at)s, as planned.",
    Fact.MODERATION_PENDING: "A moderator decides about it; we look at it again at %(at)s at the latest.",
    Fact.QUARANTINED: "It stays here unless a moderator lets it go; we look at it again at %(at)s.",
    Fact.DEPLETED: "It goes on as soon as there are credits; we keep it for that until %(at)s.",
    Fact.THROTTLED: "It goes on at %(at)s.",
}


def _plan(facts: Facts, head: Fact | None, waiting: Waiting) -> str:
    """The sentence for a plan, with a place for its time."""
    if waiting.stage in _PLANS:
        return _PLANS[waiting.stage]
    if waiting.stage in ("treatment", "depleted", "moderation"):
        return (
            _TREATMENT.get(head, "It is checked next, at %(at)s.")
            if head is not None
            else "It is looked at, at %(at)s."
        )
    if waiting.stage == "delivery":
        if Fact.UNCERTAIN in facts:
            return "One more copy is tried at %(at)s; the recipient may get it twice. After that, none is."
        return "It is tried again at %(at)s." if Fact.DEFERRED in facts else "It is delivered next, at %(at)s."
    return "We look at it again at %(at)s."
