"""Email activity (003): boxes. A delivery lies in every box that its facts fit, and leaves none, except Unopened."""

from __future__ import annotations

from enum import Enum

from aftersend.ledger.facts import ALL, Fact, Facts


class Box(Enum):
    """One of the boxes across the top of the screen. Its number is the length of the list behind it."""

    word: str
    meaning: str

    def __init__(self, word: str, meaning: str) -> None:
        self.word = word
        self.meaning = meaning

    REQUESTS = "Requests", "Every email that you sent or tried to send."
    DELIVERED = "Delivered", "The receiving server accepted it. It need not have reached the inbox or been opened."
    OPENED = "Opened", "The recipient opened it. Not every opening is seen, as some programs do not load images."
    UNOPENED = "Unopened", "The receiving server accepted it, and the recipient has not opened it yet."
    BOUNCED = "Bounced", "It was sent back: the address does not work, or the mailbox is full, for example."
    SPAM = "Spam", "The receiving server rejected it as spam, the recipient reported it, or three in a row came back."
    DROPPED = "Dropped", "It was taken out before sending: the address bounced or opted out before, for example."
    DEFERRED = "Deferred", "It could not be delivered for the time being. Some such emails arrive later, others bounce."
    LINKS_CLICKED = "Links Clicked", "The recipient opened it and followed a link in it."


_B = Box
_BOUNCED = (_B.REQUESTS, _B.BOUNCED)
_DROPPED = (_B.REQUESTS, _B.DROPPED)
_DEFERRED = (_B.REQUESTS, _B.DEFERRED)
_ARRIVED = (_B.REQUESTS, _B.DELIVERED)
_OPENED = (_B.REQUESTS, _B.DELIVERED, _B.OPENED)
_ASKED_FOR = (_B.REQUESTS,)

BOXES_OF: dict[Fact, tuple[Box, ...]] = {
    Fact.RECEIVED: _ASKED_FOR,
    Fact.REFUSED: _ASKED_FOR,
    Fact.SCHEDULED: _ASKED_FOR,
    Fact.MODERATION_PENDING: _ASKED_FOR,
    Fact.QUARANTINED: _ASKED_FOR,
    Fact.MODERATION_ACCEPTED: _ASKED_FOR,
    Fact.DEPLETED: _ASKED_FOR,
    Fact.THROTTLED: _ASKED_FOR,
    Fact.TREATED: _ASKED_FOR,
    Fact.HELD_AT_SENDING: _ASKED_FOR,
    Fact.NOT_SELECTED: _DROPPED,
    Fact.DUPLICATE: _DROPPED,
    Fact.SUPPRESSED: _DROPPED,
    Fact.BLOCKLISTED: _DROPPED,
    Fact.MALFORMED: _DROPPED,
    Fact.INVALID_ADDRESS: _DROPPED,
    Fact.CANCELLED: _DROPPED,
    Fact.EXPIRED: _DROPPED,
    Fact.DEFERRED: _DEFERRED,
    Fact.RELAYED: _ASKED_FOR,
    Fact.DELAYED: _DEFERRED,
    Fact.UNCERTAIN: _DEFERRED,
    Fact.GAVE_UP: _BOUNCED,
    Fact.BOUNCED: _BOUNCED,
    Fact.BOUNCED_INVALID: _BOUNCED,
    Fact.REJECTED_AS_SPAM: (_B.REQUESTS, _B.BOUNCED, _B.SPAM),
    Fact.DELIVERED: _ARRIVED,
    Fact.OPENED_BY_MACHINE: _ASKED_FOR,
    Fact.CLICKED_BY_MACHINE: _ASKED_FOR,
    Fact.OPENED: _OPENED,
    Fact.READ: _OPENED,
    Fact.CLICKED: (*_OPENED, _B.LINKS_CLICKED),
    Fact.UNSUBSCRIBED: _ARRIVED,
    Fact.COMPLAINED: (*_ARRIVED, _B.SPAM),
    Fact.AUTO_REPLIED: _ARRIVED,
    Fact.THIRD_SOFT_BOUNCE: (_B.REQUESTS, _B.SPAM),
}
"""The boxes that each fact alone puts a delivery in. Unopened follows from two of them: Delivered and not Opened."""

BITS_OF: dict[Box, int] = {
    box: sum(fact.bit for fact in ALL if box in BOXES_OF[fact]) for box in Box if box is not Box.UNOPENED
}
"""For each box but Unopened: the facts any of which puts a delivery in it, as bits, for a store to search by."""

WORDS = tuple((box.word, box.meaning) for box in Box)
"""Each word with its meaning."""


def is_in(box: Box, facts: Facts, *, is_third_soft_bounce: bool = False) -> bool:
    """Say whether the delivery lies in the box. A third soft bounce in a row to the recipient also makes it Spam."""
    bits = facts.bits
    if box is Box.UNOPENED:
        return bool(bits & BITS_OF[Box.DELIVERED]) and not bits & BITS_OF[Box.OPENED]
    if box is Box.SPAM and is_third_soft_bounce:
        return True
    return bool(bits & BITS_OF[box])


def boxes(facts: Facts, *, is_third_soft_bounce: bool = False) -> tuple[Box, ...]:
    """Return every box that the delivery lies in, in the order of the screen; none for no facts."""
    return tuple(box for box in Box if is_in(box, facts, is_third_soft_bounce=is_third_soft_bounce))


def words_of(facts: Facts) -> tuple[Box, ...]:
    """Return the boxes, in the form that all vocabularies have."""
    return boxes(facts)
