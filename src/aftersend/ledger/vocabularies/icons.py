"""Icons (000): Sent and Opened, and the honest sentence behind each."""

from __future__ import annotations

from aftersend.ledger.facts import Fact, Facts
from aftersend.ledger.vocabularies.ranks import Rank, listing, reader


class Icon(Rank):
    """The one icon beside an email. An opening by a machine looks different from one by a person."""

    NONE = 0, "No icon", "The email has not left us."
    SENT = 10, "Sent", "The email has left us. That does not promise that it reached the recipient's inbox."
    OPENED_BY_MACHINE = (
        20,
        "Opened by a machine",
        "A program fetched the email, such as a security scanner. The recipient may not have seen it.",
    )
    OPENED = (
        30,
        "Opened",
        "It was opened, and it looks like a person. A scanner that acts like one cannot be ruled out.",
    )


_I = Icon

ICON_OF: dict[Fact, Icon] = {
    Fact.RECEIVED: _I.NONE,
    Fact.REFUSED: _I.NONE,
    Fact.SCHEDULED: _I.NONE,
    Fact.MODERATION_PENDING: _I.NONE,
    Fact.QUARANTINED: _I.NONE,
    Fact.MODERATION_ACCEPTED: _I.NONE,
    Fact.DEPLETED: _I.NONE,
    Fact.THROTTLED: _I.NONE,
    Fact.TREATED: _I.NONE,
    Fact.HELD_AT_SENDING: _I.NONE,
    Fact.NOT_SELECTED: _I.NONE,
    Fact.DUPLICATE: _I.NONE,
    Fact.SUPPRESSED: _I.NONE,
    Fact.BLOCKLISTED: _I.NONE,
    Fact.MALFORMED: _I.NONE,
    Fact.INVALID_ADDRESS: _I.NONE,
    Fact.CANCELLED: _I.NONE,
    Fact.EXPIRED: _I.NONE,
    Fact.DEFERRED: _I.NONE,
    Fact.RELAYED: _I.SENT,
    Fact.DELAYED: _I.SENT,
    Fact.UNCERTAIN: _I.SENT,
    # A refusal may have come before the message left us. If somebody had taken it, that is a fact of its own.
    Fact.GAVE_UP: _I.NONE,
    Fact.BOUNCED: _I.NONE,
    Fact.BOUNCED_INVALID: _I.NONE,
    Fact.REJECTED_AS_SPAM: _I.NONE,
    Fact.DELIVERED: _I.SENT,
    Fact.OPENED_BY_MACHINE: _I.OPENED_BY_MACHINE,
    Fact.CLICKED_BY_MACHINE: _I.OPENED_BY_MACHINE,
    Fact.OPENED: _I.OPENED,
    Fact.READ: _I.OPENED,
    Fact.CLICKED: _I.OPENED,
    Fact.UNSUBSCRIBED: _I.SENT,
    Fact.COMPLAINED: _I.SENT,
    Fact.AUTO_REPLIED: _I.SENT,
    Fact.THIRD_SOFT_BOUNCE: _I.NONE,
}
"""The icon that each fact alone gives."""

WORDS = listing(Icon)
"""Each icon's name with its honest sentence."""

rank_of_bits = reader(ICON_OF, Icon.NONE)
"""Return the rank for the bits of a delivery's facts."""


def icon(facts: Facts) -> Icon:
    """Return the icon for these facts; NONE as long as nothing has left us."""
    return Icon.of(rank_of_bits(facts.bits))


def words_of(facts: Facts) -> tuple[Icon, ...]:
    """Return the icon, alone, in the form that all vocabularies have."""
    return (icon(facts),)
