"""The demonstration: submit to a running service in every way there is, wait for the end, tell what became of everybody.

Talks to the service over its ports alone, as a customer would, and believes only what the service's API says.
"""

from __future__ import annotations

import secrets
import time
from typing import Any

from aftersend.practice.account import check, told
from aftersend.practice.api import Target
from aftersend.practice.plan import plan_for
from aftersend.practice.submission import Progress, submit
from aftersend.practice.watching import watch

__all__ = ["Progress", "Target", "demonstrate"]


def demonstrate(target: Target, *, recipients: int = 1000, on_progress: Progress = lambda *_: None) -> dict[str, Any]:
    """Run the whole demonstration; return the result as `aftersend demo --json` prints it. Blocks; call it on a thread.

    Raises OSError when the service cannot be reached.
    """
    run = secrets.token_hex(4)
    started = time.monotonic()
    plan = plan_for(recipients, has_relay=target.has_relay)
    submitted = submit(target, plan, run, on_progress)
    seconds_to_submit = time.monotonic() - started
    rows, seen = watch(target, run, submitted.audience, on_progress, to_hold=plan.held)
    result = told(rows, submitted.audience, seen)
    result["seen"]["life_cycle"]["Error"] += submitted.refused
    faults = submitted.faults + check(target, rows, submitted.audience)
    if faults:
        result["conserved"] = False
    return {
        **result,
        "run": run,
        "messages": submitted.messages,
        "refused": submitted.refused,
        "seconds": {"submit": round(seconds_to_submit, 2), "all": round(time.monotonic() - started, 2)},
        "faults": faults,
    }
