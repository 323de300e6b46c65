"""The life cycle (004): four steps, and how far within them the email has come.

Delivered means here that no bad news came back, so a later bounce outranks it, unlike in the delivery results.
"""

from __future__ import annotations

from aftersend.ledger.facts import Fact, Facts, Step
from aftersend.ledger.vocabularies.ranks import Rank, listing, reader

_SOFT = (
    "The address exists, but the message could not be placed in its inbox: a full mailbox, for example, "
    "a block against our servers, or a limit of the provider."
)
_DEFERRED = "Too many emails at once: it waits in the queue, to protect the sender's reputation."
_SENT = "The email was sent, and no bad news has come back. It may lie in the inbox or in the spam folder."


class LifeCycle(Rank):
    """The status within the four steps; hundreds are the step.

    In the third step, news that it is still being tried ranks below the confirmation, and a final bounce above it.
    Error stands in the first step (refused) and in the second (cannot be sent as it is).
    """

    PENDING = 100, "Pending", "The email was received without an error and will be treated."
    RECEIVED_ERROR = 110, "Error", "The request was refused, or the email is not in order; it is not sent."

    SCHEDULED = 200, "Scheduled", "The email is planned for a later time."
    PENDING_MODERATION = 210, "Pending moderation", "A person has to check it against the anti-spam rules."
    QUARANTINE = 220, "Quarantine", "The person who checked it said no."
    ACCEPTED = 230, "Accepted", "The person who checked it said yes; it will be sent."
    DEPLETED = 240, "Depleted", "There are no credits left. The email is kept for 24 hours for a top-up or renewal."
    DEFERRED = 250, "Deferred", _DEFERRED
    TREATED = 260, "Treated", "The email went through the checks without a problem and is about to be delivered."
    DEFERRED_AT_SENDING = 265, "Deferred", _DEFERRED
    """The last gate of the step, behind all checks: the rate of the node or of its addresses. Its release is the attempt."""
    TREATED_ERROR = 270, "Error", "The email or the address is not in order, so it cannot be sent as it is."
    FILTERED = 280, "Filtered", "The address is on one of your own block lists; the email is not sent."
    REJECTED = (
        290,
        "Rejected",
        "We did not send it: mostly because the address bounced, opted out or complained before.",
    )

    TRIED = 300, "Softbounce", _SOFT
    SENT = 310, "Delivered", _SENT
    DELAYED = 320, "Softbounce", _SOFT
    DELIVERED = 330, "Delivered", _SENT
    BOUNCE = 340, "Bounce", "The email was sent and came back with an error."
    """The heading of the two kinds; no delivery stops at it."""
    SOFTBOUNCE = 350, "Softbounce", _SOFT
    HARDBOUNCE = 360, "Hardbounce", "The address does not exist: a typing error, or a domain that cannot be reached."

    OPENED = 400, "Opened", "The recipient opened it. Some providers block images, so not every opening is seen."
    READ = 410, "Read", "The recipient kept it open for more than five seconds."
    CLICKED = 420, "Clicked", "The recipient followed a link in it."
    UNSUBSCRIBED = 430, "Unsubscribed", "The recipient asked not to get such mail any more."
    COMPLAINT = 440, "Complaint", "The recipient complained about it."

    @property
    def step(self) -> Step:
        """The step of the four that the status belongs to."""
        return Step(self // 100)

    @property
    def label(self) -> str:
        """The word for a person, with its heading where it has one: "Bounce (Hardbounce)"."""
        return f"{LifeCycle.BOUNCE.word} ({self.word})" if self in BOUNCES else self.word


_L = LifeCycle

BOUNCES = frozenset({_L.TRIED, _L.DELAYED, _L.SOFTBOUNCE, _L.HARDBOUNCE})
"""What stands under the heading Bounce."""

STATUS_OF: dict[Fact, LifeCycle | None] = {
    Fact.RECEIVED: _L.PENDING,
    Fact.REFUSED: _L.RECEIVED_ERROR,
    Fact.SCHEDULED: _L.SCHEDULED,
    Fact.MODERATION_PENDING: _L.PENDING_MODERATION,
    Fact.QUARANTINED: _L.QUARANTINE,
    Fact.MODERATION_ACCEPTED: _L.ACCEPTED,
    Fact.DEPLETED: _L.DEPLETED,
    Fact.THROTTLED: _L.DEFERRED,
    Fact.TREATED: _L.TREATED,
    Fact.HELD_AT_SENDING: _L.DEFERRED_AT_SENDING,
    Fact.NOT_SELECTED: _L.REJECTED,
    Fact.DUPLICATE: _L.REJECTED,
    Fact.SUPPRESSED: _L.REJECTED,
    Fact.BLOCKLISTED: _L.FILTERED,
    Fact.MALFORMED: _L.TREATED_ERROR,
    Fact.INVALID_ADDRESS: _L.TREATED_ERROR,
    # 004 has no word for these two; what it says of Rejected ("we did not send it") is true of them.
    Fact.CANCELLED: _L.REJECTED,
    Fact.EXPIRED: _L.REJECTED,
    Fact.DEFERRED: _L.TRIED,
    Fact.RELAYED: _L.SENT,
    Fact.DELAYED: _L.DELAYED,
    # The connection broke, as with no connection at all; to call it Delivered would claim too much.
    Fact.UNCERTAIN: _L.TRIED,
    Fact.GAVE_UP: _L.SOFTBOUNCE,
    Fact.BOUNCED: _L.SOFTBOUNCE,
    Fact.BOUNCED_INVALID: _L.HARDBOUNCE,
    Fact.REJECTED_AS_SPAM: _L.SOFTBOUNCE,
    Fact.DELIVERED: _L.DELIVERED,
    Fact.OPENED_BY_MACHINE: None,
    Fact.CLICKED_BY_MACHINE: None,
    Fact.OPENED: _L.OPENED,
    Fact.READ: _L.READ,
    Fact.CLICKED: _L.CLICKED,
    Fact.UNSUBSCRIBED: _L.UNSUBSCRIBED,
    Fact.COMPLAINED: _L.COMPLAINT,
    Fact.AUTO_REPLIED: _L.DELIVERED,
    Fact.THIRD_SOFT_BOUNCE: None,
}
"""The status that each fact alone gives; None where 004 has nothing to say."""

WORDS = listing(LifeCycle)
"""Each word with its meaning."""

rank_of_bits = reader(STATUS_OF, LifeCycle.PENDING)
"""Return the stored rank for the bits of a delivery's facts."""


def life_cycle(facts: Facts) -> LifeCycle:
    """Return the furthest status that these facts support; PENDING for none."""
    return LifeCycle.of(rank_of_bits(facts.bits))


def words_of(facts: Facts) -> tuple[LifeCycle, ...]:
    """Return the status, with its heading before it where it has one: a soft bounce counts as a bounce, too."""
    status = life_cycle(facts)
    return (LifeCycle.BOUNCE, status) if status in BOUNCES else (status,)
