"""Is it time yet?"""

from __future__ import annotations

from aftersend.clock import DAY, Instant
from aftersend.errors import BadField
from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.verdict import PASS, Hold, Verdict

HORIZON_US = 366 * DAY
"""So far ahead mail can be planned."""


def check_ahead(wanted: Instant, now: Instant) -> None:
    """Raise BadField when mail is to be planned too far ahead."""
    if wanted > now + HORIZON_US:
        raise BadField(
            "#/scheduled_at",
            "Mail can be planned for a year ahead at most.",
            code="schedule-too-far",
            smtp=(554, "5.6.0"),
        )


def hold_until_scheduled(candidate: Candidate, now: int) -> Verdict:
    """Hold what the sender wants to go out later; it releases itself."""
    due = candidate.scheduled_us
    if due is None or due <= now:
        return PASS
    return Hold(Fact.SCHEDULED, "The sender planned it for a later time.", due)
