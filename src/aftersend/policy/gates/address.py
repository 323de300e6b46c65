"""Is it an address at all?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.verdict import PASS, Refuse, Verdict


def refuse_impossible(candidate: Candidate, now: int) -> Verdict:
    """Refuse an address without a domain: intake keeps such a row, so that nobody of an audience disappears."""
    if candidate.domain:
        return PASS
    return Refuse(
        Fact.INVALID_ADDRESS,
        f"“{candidate.recipient}” is not an email address that could exist. Correct it, then send again.",
        "address_error",
    )
