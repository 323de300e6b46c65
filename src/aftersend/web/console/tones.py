"""Own how each word of each vocabulary looks: a tone and an icon. The word itself is always there, so nothing depends on colour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """How a word looks."""

    tone: str
    """good, wait, bad, note or quiet."""
    icon: str


_GOOD, _WAIT, _BAD, _NOTE, _QUIET = "good", "wait", "bad", "note", "quiet"

LOOKS: dict[str, dict[str, Look]] = {
    "delivery_results": {
        "Unsent": Look(_QUIET, "circle"),
        "Soft Bounced": Look(_WAIT, "retry"),
        "Sent": Look(_NOTE, "sent"),
        "No Email Selected": Look(_QUIET, "no-person"),
        "Duplicate": Look(_QUIET, "copies"),
        "Blocked": Look(_BAD, "ban"),
        "Bounced": Look(_BAD, "back"),
        "Failed": Look(_BAD, "cross"),
        "Delivered": Look(_GOOD, "check"),
        "Opened": Look(_GOOD, "eye"),
    },
    "life_cycle": {
        "Pending": Look(_QUIET, "circle"),
        "Error": Look(_BAD, "cross"),
        "Scheduled": Look(_NOTE, "clock"),
        "Pending moderation": Look(_WAIT, "moderate"),
        "Quarantine": Look(_BAD, "ban"),
        "Accepted": Look(_NOTE, "check"),
        "Depleted": Look(_WAIT, "warn"),
        "Deferred": Look(_WAIT, "pause"),
        "Treated": Look(_NOTE, "sent"),
        "Filtered": Look(_BAD, "ban"),
        "Rejected": Look(_BAD, "ban"),
        "Softbounce": Look(_WAIT, "retry"),
        "Delivered": Look(_GOOD, "check"),
        "Bounce": Look(_BAD, "back"),
        "Hardbounce": Look(_BAD, "cross"),
        "Opened": Look(_GOOD, "eye"),
        "Read": Look(_GOOD, "double-check"),
        "Clicked": Look(_GOOD, "click"),
        "Unsubscribed": Look(_NOTE, "leave"),
        "Complaint": Look(_BAD, "flag"),
    },
    "email_activity": {
        "Requests": Look(_QUIET, "inbox"),
        "Delivered": Look(_GOOD, "check"),
        "Opened": Look(_GOOD, "eye"),
        "Unopened": Look(_QUIET, "mail"),
        "Bounced": Look(_BAD, "back"),
        "Spam": Look(_BAD, "flag"),
        "Dropped": Look(_BAD, "ban"),
        "Deferred": Look(_WAIT, "retry"),
        "Links Clicked": Look(_GOOD, "click"),
    },
    "bounces": {
        "Hard": Look(_BAD, "cross"),
        "Soft": Look(_WAIT, "retry"),
        "Technical": Look(_NOTE, "server"),
        "Other": Look(_QUIET, "question"),
    },
    "icons": {
        "No icon": Look(_QUIET, "circle"),
        "Sent": Look(_NOTE, "sent"),
        "Opened by a machine": Look(_QUIET, "robot"),
        "Opened": Look(_GOOD, "eye"),
    },
}
"""By vocabulary and word; bounces by their category."""

_PLAIN = Look(_QUIET, "circle")


def look(vocabulary: str, word: str) -> Look:
    """Return how a word looks; "Hard/Bad domain" as its category does."""
    of = LOOKS.get(vocabulary, {})
    return of.get(word) or of.get(word.partition("/")[0], _PLAIN)


PHASE_LOOKS = {
    "received": Look(_QUIET, "inbox"),
    "treated, on its way": Look(_NOTE, "gear"),
    "treated, ended": Look(_BAD, "ban"),
    "delivered, trying": Look(_WAIT, "retry"),
    "delivered, ended": Look(_BAD, "back"),
    "read": Look(_GOOD, "eye"),
}
"""How a fact looks by its phase, unless it has a look of its own."""
FACT_LOOKS = {
    "delivered": Look(_GOOD, "check"),
    "refused": Look(_BAD, "cross"),
    "scheduled": Look(_NOTE, "clock"),
    "moderation_pending": Look(_WAIT, "moderate"),
    "quarantined": Look(_BAD, "ban"),
    "moderation_accepted": Look(_NOTE, "check"),
    "depleted": Look(_WAIT, "warn"),
    "throttled": Look(_WAIT, "pause"),
    "held_at_sending": Look(_WAIT, "pause"),
    "treated": Look(_NOTE, "check"),
    "duplicate": Look(_QUIET, "copies"),
    "not_selected": Look(_QUIET, "no-person"),
    "relayed": Look(_NOTE, "sent"),
    "uncertain": Look(_WAIT, "question"),
    "opened_by_machine": Look(_QUIET, "robot"),
    "clicked_by_machine": Look(_QUIET, "robot"),
    "clicked": Look(_GOOD, "click"),
    "unsubscribed": Look(_NOTE, "leave"),
    "complained": Look(_BAD, "flag"),
    "auto_replied": Look(_NOTE, "back"),
    "third_soft_bounce": Look(_BAD, "flag"),
}
ACTORS = {
    "recipient_address": "The recipient’s address",
    "their_server": "The recipient’s server",
    "your_content": "Your content",
    "your_domain": "Your domain’s set-up",
    "your_account": "Your account",
    "us": "Whoever runs this service",
    "nobody": "Nobody",
}
"""Who must act, as people see it."""
