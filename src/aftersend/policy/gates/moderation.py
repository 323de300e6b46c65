"""Does a person have to look at it first, and what did the person say?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.verdict import PASS, Hold, Verdict


def hold_for_moderation(candidate: Candidate, now: int) -> Verdict:
    """Hold what awaits a moderator, or what one said no to; it stays as long as nobody says yes, and ends in its time.

    What is being checked by the anti-spam engines at this moment waits for them, and nothing is said of it.
    """
    case = None if candidate.known is None else candidate.known.case
    if case is None or case.state in ("passed", "accepted"):
        return PASS
    if case.state == "checking":
        return Hold(None, case.why, case.until_us)
    if case.state == "quarantined":
        return Hold(Fact.QUARANTINED, case.why, case.until_us, (("by", case.by), ("kind", "person")))
    return Hold(Fact.MODERATION_PENDING, case.why, case.until_us)
