"""Would it be too much at once?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.pace import Pace
from aftersend.policy.verdict import PASS, Hold, Verdict


def hold_to_pace(candidate: Candidate, now: int) -> Verdict:
    """Hold what would go faster than its rates allow, the slowest of them; it releases itself when its turn has come."""
    slowest: Pace | None = None
    free = now
    for pace in _paces(candidate):
        if pace.free_at() > free:
            slowest, free = pace, pace.free_at()
    if slowest is None:
        return PASS
    until = slowest.wait(now, waited=candidate.has_waited)
    what = slowest.limits or f"in the stream {candidate.stream}"
    return Hold(Fact.THROTTLED, f"No more than {slowest.rate.words} go out {what}.", until)


def _paces(candidate: Candidate) -> tuple[Pace, ...]:
    known = candidate.known
    own = () if candidate.pace is None else (candidate.pace,)
    return own if known is None or known.is_urgent else (*own, *known.paces)
