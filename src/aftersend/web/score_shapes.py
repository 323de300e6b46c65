"""The JSON of quality scores."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from aftersend.web.shapes import Out


class FindingOut(Out):
    """One thing that is wrong with a message."""

    id: str
    component: str
    severity: Literal["blocker", "high", "medium", "low", "info"]
    points: Annotated[float, Meta(description="What it costs, before the component's cap.")]
    says: Annotated[str, Meta(description="What is wrong.")]
    evidence: Annotated[str, Meta(description="What was seen. It may quote the message, so it is hostile text.")]
    where: str
    fix: Annotated[str, Meta(description="What to do about it.")]
    reference: Annotated[str, Meta(description="Who demands it.")]
    who: Annotated[Literal["author", "admin", "dns"], Meta(description="Who can mend it.")]


class ComponentOut(Out):
    """A part of a score."""

    name: str
    title: str
    cap: Annotated[int, Meta(description="Points that can be lost here at the most.")]
    lost: float
    is_measured: bool
    why_not: Annotated[str, Meta(description="Why it was not measured; its weight goes to the others.")]


class ScoreOut(Out):
    """How good a message is before it is sent, and what to mend."""

    score: Annotated[int, Meta(description="0 to 100; 39 at the most where something blocks.", ge=0, le=100)]
    band: Literal["excellent", "good", "needs work", "poor", "do not send"]
    is_blocked: bool
    components: list[ComponentOut]
    findings: Annotated[list[FindingOut], Meta(description="What to mend first comes first.")]
    unknown: Annotated[list[str], Meta(description="What nobody could tell; it costs nothing.")]
