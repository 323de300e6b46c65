"""The answers that a gate can give: the answer reads as a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from aftersend.ledger.facts import Fact


@dataclass(frozen=True, slots=True)
class Pass:
    """Nothing against it."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Not yet: why, and when somebody looks at it again (microseconds)."""

    fact: Fact | None
    """What is written down; None for a wait that is nobody's concern."""
    why: str
    until_us: int
    evidence: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not at all: what it is called, and why in plain words."""

    fact: Fact
    why: str
    reason: str | None = None
    evidence: tuple[tuple[str, str], ...] = ()


Verdict = Pass | Hold | Refuse
PASS = Pass()
