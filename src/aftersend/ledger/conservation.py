"""Own the law of conservation: everybody of an audience is accounted for, once, and nothing waits without an end."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from aftersend.ledger.facts import ALL, Fact, Facts, Phase

_MACHINES = (Fact.OPENED_BY_MACHINE, Fact.CLICKED_BY_MACHINE)

CAME_BACK_BITS = (
    Fact.GAVE_UP.bit
    | Fact.BOUNCED.bit
    | Fact.BOUNCED_INVALID.bit
    | Fact.REJECTED_AS_SPAM.bit
    | Fact.THIRD_SOFT_BOUNCE.bit
)
"""It was given up or sent back."""
NOT_SENT_BITS = sum(fact.bit for fact in ALL if fact.phase is Phase.NOT_SENT) | Fact.REFUSED.bit
"""It ended before it was sent."""
REACHED_BITS = Fact.DELIVERED.bit | sum(f.bit for f in ALL if f.phase is Phase.READ and f not in _MACHINES)
"""The recipient's server has it: it said so, or the recipient did something with it."""
ENDED_BITS = CAME_BACK_BITS | NOT_SENT_BITS | REACHED_BITS
"""Any of these ends a delivery: nothing more is tried."""
HANDED_OVER_BITS = Fact.RELAYED.bit | Fact.DELAYED.bit | Fact.UNCERTAIN.bit
"""Somebody else has it, or may have it; it can rest there when no final answer ever comes."""


class Outcome(Enum):
    """What has become of a delivery. Each has exactly one."""

    word: str
    meaning: str

    def __init__(self, word: str, meaning: str) -> None:
        self.word = word
        self.meaning = meaning

    REACHED = "reached", "The recipient's server has it."
    CAME_BACK = "came back", "It could not be delivered."
    NOT_SENT = "not sent", "It was taken out before it was sent."
    SENT = "sent", "It was handed over, and no final answer came in the time that we wait for one."
    UNDER_WAY = "under way", "It has not ended; something happens next."
    LOST = "lost", "It has not ended, and nothing is planned. This must never be."


def is_ended(facts: Facts | int) -> bool:
    """Say whether nothing more is tried for a delivery with these facts (or their bits)."""
    return bool((facts if isinstance(facts, int) else facts.bits) & ENDED_BITS)


def outcome(bits: int, *, is_waiting: bool) -> Outcome:
    """Return the one outcome of a delivery; `is_waiting` when it has a next-action time.

    As in the delivery results, a delivery that was confirmed stays confirmed when something comes back later.
    """
    if bits & REACHED_BITS:
        return Outcome.REACHED
    if bits & CAME_BACK_BITS:
        return Outcome.CAME_BACK
    if bits & NOT_SENT_BITS:
        return Outcome.NOT_SENT
    if is_waiting:
        return Outcome.UNDER_WAY
    return Outcome.SENT if bits & HANDED_OVER_BITS else Outcome.LOST


def is_attended(bits: int, next_due_us: int | None) -> bool:
    """Say whether the law holds for a delivery: what has not ended has a next-action time, or rests with its taker."""
    return outcome(bits, is_waiting=next_due_us is not None) is not Outcome.LOST


@dataclass(frozen=True, slots=True)
class Sums:
    """An audience and what has become of it."""

    audience: int
    by_outcome: dict[Outcome, int]
    """Every outcome, zeros included."""
    returned_later: int
    """Among the reached: those of whom something came back afterwards."""

    @property
    def accounted(self) -> int:
        """How many deliveries there are: the sum over the outcomes."""
        return sum(self.by_outcome.values())

    @property
    def ended(self) -> int:
        """How many have come to an end, as far as anybody will ever know."""
        return self.accounted - self.by_outcome[Outcome.UNDER_WAY] - self.by_outcome[Outcome.LOST]

    @property
    def under_way(self) -> int:
        """How many are still being worked on."""
        return self.by_outcome[Outcome.UNDER_WAY]

    @property
    def is_conserved(self) -> bool:
        """Whether the audience equals the sum of the outcomes and those under way, and nobody is lost."""
        return self.audience == self.accounted and not self.by_outcome[Outcome.LOST]


def sums(audience: int, deliveries: Iterable[tuple[int, bool, int]]) -> Sums:
    """Add up a message's or a broadcast's deliveries.

    `audience` is how many people it was for, those without an address included. Each item says of a group of
    deliveries: the bits of their facts, whether they have a next-action time, and how many they are.
    """
    by_outcome = dict.fromkeys(Outcome, 0)
    returned_later = 0
    for bits, is_waiting, number in deliveries:
        found = outcome(bits, is_waiting=is_waiting)
        by_outcome[found] += number
        if found is Outcome.REACHED and bits & CAME_BACK_BITS:
            returned_later += number
    return Sums(audience, by_outcome, returned_later)
