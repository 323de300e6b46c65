"""The gates between received and treated, in their one fixed order. Each is a pure function in a file of its own.

A gate sees one candidate and the present moment, and answers pass, hold (why, until) or refuse (why). The first answer
that is not a pass counts. A candidate that was held comes back when its time has come and goes through all gates again.
What ends a delivery stands before what only holds it, and holds stand in the order in which the life cycle ranks them.
"""

from __future__ import annotations

from collections.abc import Callable

from aftersend.policy.gates.address import refuse_impossible
from aftersend.policy.gates.candidate import Candidate, Case, Fault, Known, Nowhere, Purse
from aftersend.policy.gates.credits import hold_without_credit, without_credit
from aftersend.policy.gates.moderation import hold_for_moderation
from aftersend.policy.gates.schedule import hold_until_scheduled
from aftersend.policy.gates.structure import refuse_malformed
from aftersend.policy.gates.suppression import refuse_suppressed
from aftersend.policy.gates.throttle import hold_to_pace
from aftersend.policy.gates.window import hold_until_open
from aftersend.policy.verdict import PASS, Pass, Verdict

Gate = Callable[[Candidate, int], Verdict]

GATES: tuple[Gate, ...] = (
    refuse_impossible,
    refuse_suppressed,
    refuse_malformed,
    hold_until_scheduled,
    hold_for_moderation,
    hold_without_credit,
    hold_until_open,
    hold_to_pace,
)


def decide(candidate: Candidate, now: int) -> Verdict:
    """Return the first verdict that is not a pass, or PASS."""
    for gate in GATES:
        verdict = gate(candidate, now)
        if not isinstance(verdict, Pass):
            return verdict
    return PASS


__all__ = ["GATES", "Candidate", "Case", "Fault", "Gate", "Known", "Nowhere", "Purse", "decide", "without_credit"]
