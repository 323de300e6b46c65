"""Is it time yet?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.verdict import PASS, Hold, Verdict


def hold_until_scheduled(candidate: Candidate, now: int) -> Verdict:
    """Hold what the sender wants to go out later; it releases itself."""
    due = candidate.scheduled_us
    if due is None or due <= now:
        return PASS
    return Hold(Fact.SCHEDULED, "The sender planned it for a later time.", due)
