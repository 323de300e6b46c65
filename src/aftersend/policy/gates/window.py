"""Is this an hour at which its mail may go out?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.verdict import PASS, Hold, Verdict
from aftersend.policy.windows import opens_at


def hold_until_open(candidate: Candidate, now: int) -> Verdict:
    """Hold mail outside the hours of its stream; it releases itself when they begin."""
    window = candidate.window
    opens = None if window is None else opens_at(window, now)
    if window is None or opens is None:
        return PASS
    return Hold(Fact.THROTTLED, f"Mail of the stream {candidate.stream} goes out {window.words}.", opens)
