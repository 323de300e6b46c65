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

    fact: Fact
    why: str
    until_us: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not at all: what it is called, and why in plain words."""

    fact: Fact
    why: str
    reason: str | None = None
    evidence: tuple[tuple[str, str], ...] = ()


Verdict = Pass | Hold | Refuse
PASS = Pass()
