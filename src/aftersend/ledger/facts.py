"""Own the facts: what can be true of one delivery (one message to one recipient), and the set of them.

A fact, once established, stays. Sets of facts therefore only grow, are stored as the bits of one integer and recorded
with `|`; the order in which news arrives cannot matter. What people call a set of facts is the vocabularies' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum, IntEnum


class Step(IntEnum):
    """The four steps in the life of an email."""

    RECEIVED = 1
    TREATED = 2
    DELIVERED = 3
    READ = 4


class Phase(Enum):
    """Where a fact leaves the delivery."""

    RECEIVED = "received"
    ON_ITS_WAY = "treated, on its way"
    NOT_SENT = "treated, ended"
    TRYING = "delivered, trying"
    FINISHED = "delivered, ended"
    READ = "read"

    @property
    def step(self) -> Step:
        """The step that the phase belongs to."""
        return _STEP_OF[self]


_STEP_OF = {
    Phase.RECEIVED: Step.RECEIVED,
    Phase.ON_ITS_WAY: Step.TREATED,
    Phase.NOT_SENT: Step.TREATED,
    Phase.TRYING: Step.DELIVERED,
    Phase.FINISHED: Step.DELIVERED,
    Phase.READ: Step.READ,
}


class Fact(IntEnum):
    """One thing that is true of a delivery. Its value is a bit position, stored for ever: a new fact takes the next number.

    `bit` is `1 << value`; `word` the name in the API, in events and webhooks; `sentence` says it in plain words.
    """

    bit: int
    word: str
    phase: Phase
    sentence: str

    def __new__(cls, position: int, phase: Phase, sentence: str) -> Fact:
        """Make the member; positions are bits of a signed 64-bit integer."""
        member = int.__new__(cls, position)
        member._value_ = position
        member.bit = 1 << position
        member.phase = phase
        member.sentence = sentence
        return member

    def __init__(self, *_: object) -> None:
        """Name the member as programs see it."""
        self.word = self._name_.lower()

    @property
    def step(self) -> Step:
        """Which of the four steps it belongs to."""
        return self.phase.step

    RECEIVED = 0, Phase.RECEIVED, "We have taken the message and written it down."
    REFUSED = 1, Phase.RECEIVED, "We did not take the message; whoever handed it in was told why."

    SCHEDULED = 2, Phase.ON_ITS_WAY, "It is planned for a later time."
    MODERATION_PENDING = 3, Phase.ON_ITS_WAY, "A person has to check it against the anti-spam rules before it goes out."
    QUARANTINED = 4, Phase.ON_ITS_WAY, "The person who checked it said no; it is kept apart and not sent."
    MODERATION_ACCEPTED = 5, Phase.ON_ITS_WAY, "The person who checked it said yes; it goes on."
    DEPLETED = (
        6,
        Phase.ON_ITS_WAY,
        "There were no credits left to send it; we keep it for a day, for a top-up.",
    )
    THROTTLED = 7, Phase.ON_ITS_WAY, "We hold it back for a while, so that not too much goes out at once."
    TREATED = 8, Phase.ON_ITS_WAY, "It has passed all our checks and is about to be delivered."
    HELD_AT_SENDING = (
        35,
        Phase.ON_ITS_WAY,
        "It is ready and waits for its turn: only so much may leave from here at a time.",
    )

    NOT_SELECTED = 9, Phase.NOT_SENT, "The recipient has no email address for this type of broadcast; nothing was sent."
    DUPLICATE = 10, Phase.NOT_SENT, "The address was already in the same broadcast; it gets one copy only."
    SUPPRESSED = 11, Phase.NOT_SENT, "Earlier mail taught us not to write to this address; nothing was sent."
    BLOCKLISTED = (
        12,
        Phase.NOT_SENT,
        "The address is on a list of addresses that people here chose not to mail.",
    )
    MALFORMED = 13, Phase.NOT_SENT, "The message cannot be sent as it is; it has to be mended and sent anew."
    INVALID_ADDRESS = 14, Phase.NOT_SENT, "No email can ever reach this address; nothing was sent."
    CANCELLED = 15, Phase.NOT_SENT, "A person stopped it."
    EXPIRED = 16, Phase.NOT_SENT, "It waited longer than allowed and was not sent."

    DEFERRED = 17, Phase.TRYING, "The recipient's server could not take it yet, or was not to be reached; we try again."
    RELAYED = 18, Phase.TRYING, "We handed it to the mail relay; there is no final answer yet."
    DELAYED = 19, Phase.TRYING, "A server on the way told us that it could not deliver it yet and is still trying."
    UNCERTAIN = 20, Phase.TRYING, "The connection broke at the last moment; it may have arrived and it may not."

    GAVE_UP = 21, Phase.FINISHED, "It could not be delivered in the time allowed, and we stopped trying."
    BOUNCED = 22, Phase.FINISHED, "It was sent back for good; the address is not known to be wrong."
    BOUNCED_INVALID = 23, Phase.FINISHED, "It was sent back for good, because the address does not work."
    REJECTED_AS_SPAM = (
        24,
        Phase.FINISHED,
        "It was turned away for good, as spam or because of the sender's reputation.",
    )
    DELIVERED = 25, Phase.FINISHED, "The recipient's server confirmed that it has taken it."

    OPENED_BY_MACHINE = (
        26,
        Phase.READ,
        "A program such as a virus scanner fetched its images; that need not mean a reader.",
    )
    CLICKED_BY_MACHINE = (
        27,
        Phase.READ,
        "A program such as a virus scanner followed its links; that need not mean a reader.",
    )
    OPENED = 28, Phase.READ, "The recipient opened it."
    READ = 29, Phase.READ, "The recipient kept it open for more than five seconds."
    CLICKED = 30, Phase.READ, "The recipient followed a link in it."
    UNSUBSCRIBED = 31, Phase.READ, "The recipient asked not to get such mail any more."
    COMPLAINED = 32, Phase.READ, "The recipient reported it as spam."
    AUTO_REPLIED = 33, Phase.READ, "An automatic answer came back, such as an out-of-office note."

    THIRD_SOFT_BOUNCE = (
        34,
        Phase.FINISHED,
        "It was one of several in a row that came back from this address, so we pause writing to it.",
    )


ALL: tuple[Fact, ...] = tuple(Fact)
"""Every fact, in the order of the life cycle."""

BY_WORD: dict[str, Fact] = {fact.word: fact for fact in Fact}
"""Finds a fact by its name in the API."""


def bits_of(facts: Iterable[int]) -> int:
    """Return the bits of these facts; facts given as plain numbers will do."""
    bits = 0
    for fact in facts:
        bits |= 1 << fact
    return bits


_MEMBERS: dict[int, tuple[Fact, ...]] = {}
_MOST = 1 << 16


def members(bits: int) -> tuple[Fact, ...]:
    """Return the facts that the bits stand for, in the order of the life cycle.

    Bits that this version does not know are passed over, so that nodes of two versions can share a store.
    """
    found = _MEMBERS.get(bits)
    if found is None:
        if len(_MEMBERS) >= _MOST:
            _MEMBERS.clear()
        found = _MEMBERS[bits] = tuple(fact for fact in ALL if bits >> fact & 1)
    return found


class Facts:
    """A set of facts, immutable, kept as the bits of one integer. `a | b` is what is known when both are."""

    __slots__ = ("bits",)

    bits: int

    def __init__(self, bits: int = 0) -> None:
        object.__setattr__(self, "bits", bits)

    @classmethod
    def of(cls, *facts: Fact) -> Facts:
        """Return the set of the facts named."""
        return cls(bits_of(facts))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("facts are only ever added, with |, which makes a new set")

    def __reduce__(self) -> tuple[type[Facts], tuple[int]]:
        return type(self), (self.bits,)

    def __iter__(self) -> Iterator[Fact]:
        return iter(members(self.bits))

    def __contains__(self, fact: object) -> bool:
        return isinstance(fact, int) and fact >= 0 and bool(self.bits >> fact & 1)

    def __or__(self, other: Facts | Fact) -> Facts:
        if isinstance(other, Facts):
            return Facts(self.bits | other.bits)
        if isinstance(other, Fact):
            return Facts(self.bits | other.bit)
        return NotImplemented

    def __len__(self) -> int:
        return len(members(self.bits))

    def __bool__(self) -> bool:
        return self.bits != 0

    def __eq__(self, other: object) -> bool:
        return self.bits == other.bits if isinstance(other, Facts) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.bits)

    def __repr__(self) -> str:
        return f"Facts({' | '.join(fact.name for fact in self) or '0'})"


NONE = Facts(0)
"""Nothing is known."""
