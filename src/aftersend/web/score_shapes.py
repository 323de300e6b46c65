"""The JSON of quality scores."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from aftersend.web.shapes import In, Out


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


class RecipientsIn(In):
    """Addresses to be looked at before they are mailed: handed over, or those on a list."""

    addresses: Annotated[list[str], Meta(description="Addresses.", max_length=200_000)] = field(default_factory=list)
    list_: Annotated[str | None, Meta(description="The name of a list, in place of addresses.")] = field(
        default=None, name="list"
    )
    most: Annotated[int, Meta(description="So many doubtful addresses are named at the most.", ge=0, le=200_000)] = 1000


class SignalOut(Out):
    """Something that tells that mail to some addresses will bounce."""

    id: str
    number: Annotated[int, Meta(description="How many addresses it holds for.")]
    says: str
    fix: str


class SuggestionOut(Out):
    """A domain that looks misspelt."""

    domain: str
    meant: str
    number: int


class RemarkOut(Out):
    """What costs points beside bounces."""

    points: float
    says: str


class WithoutOut(Out):
    """What the list is worth without its doubtful addresses."""

    removed: int
    score: int
    expected_bounces: float
    expected_rate: float


class DoubtfulOut(Out):
    """An address that is better left out."""

    address: str
    probability: Annotated[float, Meta(description="Of a hard bounce.")]
    signals: list[str]
    suggestion: Annotated[str | None, Meta(description="The address that was probably meant.")]


class ForecastOut(Out):
    """What is to be expected of a list of addresses."""

    score: Annotated[int, Meta(ge=0, le=100)]
    band: Literal["excellent", "good", "needs work", "poor", "do not send"]
    addresses: int
    mailed: Annotated[int, Meta(description="Without duplicates, and those that are suppressed and so get nothing.")]
    suppressed: int
    duplicates: int
    expected_bounces: float
    expected_rate: float
    signals: Annotated[list[SignalOut], Meta(description="What costs most comes first.")]
    suggestions: list[SuggestionOut]
    remarks: list[RemarkOut]
    without: WithoutOut
    doubtful: Annotated[list[DoubtfulOut], Meta(description="The worst first.")]
    has_more: bool


class ListCleaned(Out):
    """A list, and how many were taken off it."""

    name: str
    removed: int
    forecast: Annotated[ForecastOut, Meta(description="As it was before.")]
