"""May this address be mailed?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.verdict import PASS, Refuse, Verdict

_LISTS = {"learned": "suppression list", "platform": "block list of this installation"}


def refuse_suppressed(candidate: Candidate, now: int) -> Verdict:
    """Refuse an address its owner or its server told us not to mail, or that a person here listed; pass everyone else."""
    until = candidate.suppressed_until
    if candidate.suppressed is None or (until is not None and until <= now):
        return PASS
    origin = candidate.suppression_origin or ""
    return Refuse(
        Fact.SUPPRESSED if origin == "learned" else Fact.BLOCKLISTED,
        f"The address is on the {_LISTS.get(origin, 'block list')}: {candidate.suppressed}.",
        None,
        (("cause", candidate.suppressed), ("origin", origin)),
    )
