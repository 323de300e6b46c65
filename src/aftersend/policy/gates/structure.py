"""Can the message be sent as it is?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.verdict import PASS, Refuse, Verdict


def refuse_malformed(candidate: Candidate, now: int) -> Verdict:
    """Refuse what is wrong in its structure, with what is wrong and how to mend it."""
    known = candidate.known
    if known is None or known.fault is None:
        return PASS
    return Refuse(Fact.MALFORMED, known.fault.why, None, (("fault", known.fault.code),))
