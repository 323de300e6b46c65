"""Has its stream sent enough for now?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.verdict import PASS, Hold, Verdict


def hold_to_pace(candidate: Candidate, now: int) -> Verdict:
    """Hold what would go faster than its stream may; it releases itself when its turn has come."""
    pace = candidate.pace
    if pace is None or pace.free_at() <= now:
        return PASS
    waited = bool(candidate.facts & Fact.THROTTLED.bit)
    until = pace.wait(now, waited=waited)
    return Hold(Fact.THROTTLED, f"No more than {pace.rate.words} go out in the stream {candidate.stream}.", until)
