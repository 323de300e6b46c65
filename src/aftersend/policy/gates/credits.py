"""Is there a credit for it?"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.ledger.moments import plain
from aftersend.policy.gates.candidate import Candidate, Known
from aftersend.policy.verdict import PASS, Hold, Refuse, Verdict


def hold_without_credit(candidate: Candidate, now: int) -> Verdict:
    """Hold mail of an account that has no credits left, for a day at the most; then it ends. Mail that is not counted passes."""
    known = candidate.known
    if known is None or known.purse is None or known.purse.left > 0:
        return PASS
    return without_credit(known, now)


def without_credit(known: Known, now: int) -> Hold | Refuse:
    """What is said of mail for which there is no credit."""
    if known.kept_until_us <= now:
        return Refuse(Fact.EXPIRED, "There were no credits to send it, and none came within 24 hours.")
    renews = None if known.purse is None else known.purse.renews_us
    when = f"; the plan renews on {plain(renews)}" if renews and now < renews < known.kept_until_us else ""
    return Hold(
        Fact.DEPLETED,
        f"The account has no credits left{when}. It goes on as soon as there are some, until {plain(known.kept_until_us)}.",
        known.kept_until_us,
    )
