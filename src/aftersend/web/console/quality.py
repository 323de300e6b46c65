"""Own the pages of quality: a sending domain over thirty days, and a broadcast's forecast beside what became of it."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from aftersend.web import quality as api
from aftersend.web.calls import Answer
from aftersend.web.console import charts
from aftersend.web.console.visits import Visit

GOOD, FAIR = 75, 60


async def domain(visit: Visit) -> Answer:
    """Show the score of a sending domain, by day, and what moved it."""
    told = (await api.of_domain(visit)).content
    return visit.show("quality_domain.html", told=told, tone=tone(told["score"]), chart=_chart(told["days"]))


async def broadcast(visit: Visit) -> Answer:
    """Show what was forecast of a broadcast beside what became of it."""
    told = (await api.of_broadcast(visit)).content
    score = None if told["results"] is None else told["results"]["score"]
    return visit.show("quality_broadcast.html", told=told, tone=tone(score))


def tone(score: int | None) -> str:
    """Say how a score looks."""
    return "quiet" if score is None else "good" if score >= GOOD else "wait" if score >= FAIR else "bad"


def _chart(days: list[dict[str, Any]]) -> Markup:
    """Draw a column for each day: what arrived, what bounced for good, what was refused."""
    series = [
        charts.Series("Delivered", "good", [day["delivered"] for day in days]),
        charts.Series("Bounced", "bad", [day["hard_bounces"] for day in days]),
        charts.Series("Refused", "ban", [day["refused"] for day in days]),
    ]
    return charts.columns(series, [charts.day_label(day["day"]) for day in days], "Mail of this domain by day")
