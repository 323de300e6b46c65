"""The JSON of quality: broadcasts before and after they were sent, domains over time."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from aftersend.web.score_shapes import ForecastOut, ScoreOut
from aftersend.web.shapes import Out


class PartOut(Out):
    """One thing that is scored of what became of mail."""

    name: str
    title: str
    cap: int
    number: int
    of: int
    share: float
    bounds: Annotated[list[float], Meta(description="Wilson bounds that hold in 90 of 100 cases.")]
    lost: float
    is_measured: bool
    why_not: str
    fix: str


class ResultsOut(Out):
    """A score of what became of mail."""

    score: Annotated[int | None, Meta(description="Nothing under the minimum volume.")]
    band: str | None
    range: Annotated[list[int] | None, Meta(description="Between which scores it is, for so few cases.")]
    mailed: int
    delivered: int
    least: Annotated[int, Meta(description="The minimum volume.")]
    parts: list[PartOut]
    remarks: list[str]


class DayOut(Out):
    """What became of the mail that was taken in on a day (UTC)."""

    day: str
    mailed: int
    delivered: int
    hard_bounces: int
    refused: int
    complaints: int
    score: int | None


class DomainScoreOut(ResultsOut):
    """A sending domain over thirty days."""

    domain: str
    since: str
    until: str
    previous: Annotated[int | None, Meta(description="The score of the thirty days before.")]
    changes: Annotated[list[str], Meta(description="What moved it, the heaviest first.")]
    days: list[DayOut]


class ForecastKept(Out):
    """What was forecast of a broadcast before it was started."""

    score: int
    message_score: int
    list_score: int
    mailed: int
    expected_bounces: float
    made_at: str
    is_learned: Annotated[bool, Meta(description="Whether its outcomes moved the probabilities.")]


class BroadcastScoreOut(Out):
    """What was forecast of a broadcast beside what became of it."""

    id: str
    name: str
    state: str
    forecast: ForecastKept | None
    results: ResultsOut | None
    is_ripe: Annotated[bool, Meta(description="Whether bounces and most complaints are in: three days after it began.")]
    says: str


class BroadcastForecastOut(Out):
    """What is to be expected of a broadcast."""

    id: str
    score: Annotated[int, Meta(description="Of message and recipients together.")]
    band: str
    domain_score: Annotated[
        int | None,
        Meta(description="Of the domain's mail of thirty days, where there was enough; it is part of the score."),
    ]
    message: ScoreOut
    recipients: ForecastOut


class CalibrationRow(Out):
    """A broadcast: what was forecast, what was real."""

    broadcast: str
    name: str
    is_ripe: bool
    mailed: int
    forecast: float
    real: float


class CalibrationSignal(Out):
    """A signal: what was believed, what happened, what is believed now."""

    id: str
    says: str
    prior: float
    mailed: int
    bounced: int
    used: float


class CalibrationOut(Out):
    """How well forecasts were met."""

    broadcasts: list[CalibrationRow]
    signals: list[CalibrationSignal]
