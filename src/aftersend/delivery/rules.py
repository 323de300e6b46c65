"""What the operator decided about delivery, as the parts of this room are given it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aftersend.policy.counters import SUPPRESSION_RULES, SuppressionRules
from aftersend.policy.limits import Limits
from aftersend.policy.retry import RetryPlan


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator decided about delivery."""

    node: int
    hostname: str
    return_domain: str
    verp_secret: bytes
    plan: RetryPlan
    limits: Limits
    node_name: str = ""
    """What people call it, as rates do."""
    connections: int = 1000
    source_addresses: tuple[str, ...] = ()
    verify_tls: bool = True
    asks_feedback: bool = False
    """Whether receivers are asked to report complaints, where what is signed lets them believe it (RFC 9477)."""
    suppression: SuppressionRules = SUPPRESSION_RULES
    suffix: Callable[[str], str | None] = lambda name: None
