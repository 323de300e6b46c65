"""Delivery results (001): one word for each delivery, which moves forward and never back.

`bounced` after `delivered` leaves the word at Delivered; that is why later facts always stand beside it (`explain`).
"""

from __future__ import annotations

from aftersend.ledger.facts import Fact, Facts
from aftersend.ledger.vocabularies.ranks import Rank, listing, reader

_SOFT = "Our attempts to deliver the email to this recipient have failed so far, but it is still being tried."


class DeliveryResult(Rank):
    """How far the delivery has come. Soft Bounced has two ranks: before it was sent, and after a relay had it."""

    UNSENT = 0, "Unsent", "The email has not been sent to the recipient."
    SOFT_BOUNCED = 10, "Soft Bounced", _SOFT
    SENT = 20, "Sent", "The email has been sent, but there is no confirmation yet that the recipient's server has it."
    SOFT_BOUNCED_ON_THE_WAY = 30, "Soft Bounced", _SOFT
    NO_EMAIL_SELECTED = 40, "No Email Selected", "The recipient has no email address for this type of broadcast."
    DUPLICATE = 50, "Duplicate", "The address was already in the same broadcast; it gets one copy only."
    BLOCKED = 60, "Blocked", "The address is on a list of addresses that are not written to; nothing was sent."
    BOUNCED = 70, "Bounced", "The email could not be delivered, because of a problem at the recipient's provider."
    FAILED = 80, "Failed", "The email could not be delivered, because the address is invalid."
    DELIVERED = 90, "Delivered", "The recipient's email server confirmed that it has taken the email."
    OPENED = 100, "Opened", "The recipient opened the email."


_D = DeliveryResult

RESULT_OF: dict[Fact, DeliveryResult] = {
    Fact.RECEIVED: _D.UNSENT,
    Fact.REFUSED: _D.UNSENT,
    Fact.SCHEDULED: _D.UNSENT,
    Fact.MODERATION_PENDING: _D.UNSENT,
    Fact.QUARANTINED: _D.UNSENT,
    Fact.MODERATION_ACCEPTED: _D.UNSENT,
    Fact.DEPLETED: _D.UNSENT,
    Fact.THROTTLED: _D.UNSENT,
    Fact.TREATED: _D.UNSENT,
    Fact.HELD_AT_SENDING: _D.UNSENT,
    Fact.NOT_SELECTED: _D.NO_EMAIL_SELECTED,
    Fact.DUPLICATE: _D.DUPLICATE,
    Fact.SUPPRESSED: _D.BLOCKED,
    Fact.BLOCKLISTED: _D.BLOCKED,
    Fact.MALFORMED: _D.UNSENT,
    Fact.INVALID_ADDRESS: _D.FAILED,
    Fact.CANCELLED: _D.UNSENT,
    Fact.EXPIRED: _D.UNSENT,
    Fact.DEFERRED: _D.SOFT_BOUNCED,
    Fact.RELAYED: _D.SENT,
    Fact.DELAYED: _D.SOFT_BOUNCED_ON_THE_WAY,
    Fact.UNCERTAIN: _D.SENT,
    Fact.GAVE_UP: _D.BOUNCED,
    Fact.BOUNCED: _D.BOUNCED,
    Fact.BOUNCED_INVALID: _D.FAILED,
    Fact.REJECTED_AS_SPAM: _D.BOUNCED,
    Fact.DELIVERED: _D.DELIVERED,
    # A scanner may fetch a message that its server then refuses, so a machine proves nothing here.
    Fact.OPENED_BY_MACHINE: _D.UNSENT,
    Fact.CLICKED_BY_MACHINE: _D.UNSENT,
    Fact.OPENED: _D.OPENED,
    Fact.READ: _D.OPENED,
    Fact.CLICKED: _D.OPENED,
    # Whoever opts out, complains or answers has got it, but need not have opened it.
    Fact.UNSUBSCRIBED: _D.DELIVERED,
    Fact.COMPLAINED: _D.DELIVERED,
    Fact.AUTO_REPLIED: _D.DELIVERED,
    # Stands beside the bounce that it was, which says how far it came.
    Fact.THIRD_SOFT_BOUNCE: _D.UNSENT,
}
"""The furthest that each fact alone brings a delivery."""

WORDS = listing(DeliveryResult)
"""Each word with its meaning."""

rank_of_bits = reader(RESULT_OF, DeliveryResult.UNSENT)
"""Return the stored rank for the bits of a delivery's facts."""


def delivery_result(facts: Facts) -> DeliveryResult:
    """Return the furthest result that these facts support; UNSENT for none.

    Adding a fact can only raise the answer, so late, repeated or reordered events are harmless.
    """
    return DeliveryResult.of(rank_of_bits(facts.bits))


def words_of(facts: Facts) -> tuple[DeliveryResult, ...]:
    """Return the result, alone, in the form that all vocabularies have."""
    return (delivery_result(facts),)
