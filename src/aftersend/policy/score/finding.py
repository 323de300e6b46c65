"""What the quality score is made of: components with caps, rules in a table, findings, and the sum of them.

A point is lost only by a finding, and a finding always says what to do and who can do it. What could not be measured is
said, and the weights of the rest grow; it never counts as good or bad.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

BLOCKER, HIGH, MEDIUM, LOW, INFO = "blocker", "high", "medium", "low", "info"
SEVERITIES = (BLOCKER, HIGH, MEDIUM, LOW, INFO)
AUTHOR, ADMIN, DNS = "author", "admin", "dns"
WHO = {
    AUTHOR: "whoever writes the message",
    ADMIN: "whoever runs this installation",
    DNS: "whoever keeps the domain's DNS",
}
"""Who can mend something."""
BLOCKED_AT = 39
"""With a blocker the score is this at the most: do not send."""
BANDS = ((90, "excellent"), (75, "good"), (60, "needs work"), (40, "poor"), (0, "do not send"))


class Component(NamedTuple):
    """A part of the score."""

    name: str
    title: str
    cap: int
    """Points that can be lost here at the most, so that ten small flaws cannot outweigh one failure."""


AUTHENTICATION = Component("authentication", "Authentication", 30)
DUTIES = Component("duties", "Duties of bulk mail", 20)
FILTERS = Component("filters", "Spam filters", 20)
STRUCTURE = Component("structure", "Structure", 20)
FORMAT = Component("format", "Format", 10)
PERSONAL = Component("personal", "Personalisation", 10)
COMPONENTS = (AUTHENTICATION, DUTIES, FILTERS, STRUCTURE, FORMAT, PERSONAL)


class Rule(NamedTuple):
    """One thing that can be wrong with a message."""

    component: Component
    severity: str
    points: int
    who: str
    says: str
    """What is wrong, one sentence."""
    fix: str
    """What to do about it."""
    reference: str


class Found(NamedTuple):
    """A rule that matched, as a check reports it."""

    id: str
    evidence: str = ""
    where: str = ""
    fix: str = ""
    """What to do exactly, where that depends on what was found."""
    points: float | None = None
    """Points lost, where that depends on what was found; else the rule's."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with its price and its remedy."""

    id: str
    component: str
    severity: str
    points: float
    """What it costs, before the component's cap."""
    says: str
    evidence: str
    where: str
    fix: str
    reference: str
    who: str

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Share:
    """What became of one component."""

    name: str
    title: str
    cap: int
    lost: float
    """After the cap."""
    unmeasured: str = ""
    """Why it was not measured; empty when it was."""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        told = {"name": self.name, "title": self.title, "cap": self.cap, "lost": round(self.lost, 1)}
        return {**told, "is_measured": not self.unmeasured, "why_not": self.unmeasured}


@dataclass(frozen=True, slots=True)
class Score:
    """A score with all that it is made of."""

    value: int
    """0 to 100."""
    band: str
    is_blocked: bool
    shares: tuple[Share, ...]
    findings: tuple[Finding, ...]
    """What to mend first comes first."""
    unknown: tuple[str, ...] = ()
    """What nobody could tell, a sentence each; it costs nothing."""

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "score": self.value,
            "band": self.band,
            "is_blocked": self.is_blocked,
            "components": [share.as_dict() for share in self.shares],
            "findings": [finding.as_dict() for finding in self.findings],
            "unknown": list(self.unknown),
        }


def band_of(value: int) -> str:
    """Return the word for a score."""
    return next(word for least, word in BANDS if value >= least)


def total(
    found: Iterable[Found], rules: Mapping[str, Rule], *, unmeasured: Mapping[str, str], unknown: Sequence[str] = ()
) -> Score:
    """Add up what was found. `unmeasured` names components that could not be looked at, each with the reason.

    Never rises by a finding more; falls by exactly its points where everything was measured and no cap is reached.
    """
    findings = sorted((_finding(each, rules[each.id]) for each in found), key=_urgency)
    shares = tuple(_share(component, findings, unmeasured.get(component.name, "")) for component in COMPONENTS)
    measured = sum(share.cap for share in shares if not share.unmeasured)
    whole = sum(component.cap for component in COMPONENTS)
    lost = sum(share.lost for share in shares) * (whole / measured if measured else 1)
    value = round(max(0.0, 100 - lost))
    is_blocked = any(finding.severity == BLOCKER for finding in findings)
    if is_blocked:
        value = min(value, BLOCKED_AT)
    return Score(value, band_of(value), is_blocked, shares, tuple(findings), tuple(unknown))


def _finding(found: Found, rule: Rule) -> Finding:
    return Finding(
        found.id,
        rule.component.name,
        rule.severity,
        rule.points if found.points is None else found.points,
        rule.says,
        found.evidence,
        found.where,
        found.fix or rule.fix,
        rule.reference,
        rule.who,
    )


def _share(component: Component, findings: Sequence[Finding], unmeasured: str) -> Share:
    lost = 0.0 if unmeasured else sum(f.points for f in findings if f.component == component.name)
    return Share(component.name, component.title, component.cap, min(lost, component.cap), unmeasured)


def _urgency(finding: Finding) -> tuple[bool, float, int, str]:
    severity = SEVERITIES.index(finding.severity)
    return (finding.severity != BLOCKER, -finding.points, severity, finding.id)
