"""Is it an address at all, and does its domain take mail?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.policy.gates.candidate import Candidate
from aftersend.policy.verdict import PASS, Refuse, Verdict


def refuse_impossible(candidate: Candidate, now: int) -> Verdict:
    """Refuse an address that cannot exist: intake keeps such a row, so that nobody of an audience disappears.

    A domain of which nothing could be found out passes: only a "no" of the DNS counts.
    """
    if not candidate.domain:
        return Refuse(
            Fact.INVALID_ADDRESS,
            f"“{candidate.recipient}” is not an email address that could exist. Correct it, then send again.",
            "address_error",
        )
    found = None if candidate.known is None else candidate.known.nowhere
    if found is None:
        return PASS
    evidence = [("kind", "dns"), ("domain", candidate.domain), ("trouble", found.trouble)]
    meant = "" if found.suggestion is None else f"{candidate.recipient.rpartition('@')[0]}@{found.suggestion}"
    if meant:
        evidence.append(("suggestion", meant))
    why = f"{found.explanation.rstrip('.')}.{f' Did you mean {meant}?' if meant else ''}"
    return Refuse(Fact.INVALID_ADDRESS, why, "bad_domain", tuple(evidence))
