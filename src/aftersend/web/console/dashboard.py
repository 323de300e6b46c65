"""Own the first page: what needs somebody, the boxes of 003 over a period and a stream, how they went over time, and which
bounces there were. Every number leads to exactly the rows behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aftersend.clock import DAY, HOUR, Instant, from_iso, iso
from aftersend.ledger.vocabularies.email_activity import Box
from aftersend.reports import activity, attention
from aftersend.reports.activity import Period
from aftersend.store import accounts, condition, verbs
from aftersend.store.connection import Connection
from aftersend.web.calls import Answer
from aftersend.web.console import charts, rendering, tones
from aftersend.web.console.charts import Series
from aftersend.web.console.visits import Visit


@dataclass(frozen=True, slots=True)
class Span:
    """A period that can be chosen."""

    name: str
    label: str
    lasts: Instant
    step: Instant


SPANS = (
    Span("24h", "24 hours", DAY, HOUR),
    Span("7d", "7 days", 7 * DAY, 6 * HOUR),
    Span("30d", "30 days", 30 * DAY, DAY),
    Span("90d", "90 days", 90 * DAY, DAY),
)
REASONS_SHOWN = 6
STACKED = (
    ("Opened", "open"),
    ("Delivered", "good"),
    ("Sent", "note"),
    ("Soft Bounced", "wait"),
    ("Unsent", "quiet"),
    ("Bounced", "bad"),
    ("Failed", "fail"),
    ("Blocked", "ban"),
    ("Duplicate", "dup"),
    ("No Email Selected", "none"),
)
"""The delivery results in the order of the stack, with the class of each."""


async def show(visit: Visit) -> Answer:
    """Show the dashboard."""
    span = next((each for each in SPANS if each.name == visit.asked("span", "7d")), SPANS[1])
    stream = visit.asked("stream") or None
    now = visit.desk.clock()
    told = await visit.desk.store.ask(_gathered, visit.account_id, span, stream, now, visit.zone)
    zone = "UTC" if span.step == DAY else visit.zone
    return visit.show("dashboard.html", span=span, spans=SPANS, stream=stream or "", zone=zone, **told)


def _gathered(
    connection: Connection, account_id: int, span: Span, stream: str | None, now: Instant, zone: str
) -> dict[str, Any]:
    condition.freeze(connection)
    since = (now - span.lasts) // HOUR * HOUR
    until = -(-(now + 1) // HOUR) * HOUR
    period = Period(since, until, stream)
    counted = activity.counts(connection, account_id, "email_activity", period)
    results = activity.counts(connection, account_id, "delivery_results", period)
    over = _over_time(connection, account_id, period, span, zone)
    came_back = activity.counts(connection, account_id, "bounces", period)
    return {
        "items": [(item, place_of(item.list)) for item in attention.found(connection, account_id, now=now)],
        "boxes": [_box(box, counted, period, over["activity"]) for box in Box],
        "chart": charts.columns(over["stacked"], over["labels"], "Delivery results over time"),
        "stacked": [one for one in over["stacked"] if any(one.numbers)],
        "labels": over["labels"],
        "results": [
            (word, tone, results[word], log_place("results", word, period)) for word, tone in STACKED if results[word]
        ],
        "results_bar": charts.bar([(tone, results[word]) for word, tone in STACKED], "Shares of the delivery results"),
        "asked_for": sum(results.values()),
        "reasons": [
            (word, number, _bounces_place(word, period))
            for word, number in sorted(came_back.items(), key=lambda row: (-row[1], row[0]))[:REASONS_SHOWN]
            if number
        ],
        "bounced": sum(came_back.values()),
        "waiting": [row for row in verbs.summary(connection, account_id) if row["deliveries"]],
        "streams": accounts.stream_names(connection, account_id),
        "since": since,
    }  # fmt: skip


def _over_time(connection: Connection, account_id: int, period: Period, span: Span, zone: str) -> dict[str, Any]:
    """Return the numbers for each step of the period. The counters know hours; steps of several are added up here."""
    assert period.since is not None
    assert period.until is not None
    step = DAY if span.step == DAY else HOUR
    found = {
        name: activity.series(
            connection, account_id, name, since=period.since, until=period.until, stream=period.stream, step=step
        )
        for name in ("results", "activity")
    }
    together = max(1, span.step // step)
    merged = {name: _merged(one, together) for name, one in found.items()}
    places = {word: i for i, word in enumerate(found["results"]["words"])}
    stacked = [Series(word, tone, [row[places[word]] for row in merged["results"]]) for word, tone in STACKED]
    begins = [point["at"] for point in found["results"]["points"]][::together]
    boxes = {word: [row[i] for row in merged["activity"]] for i, word in enumerate(found["activity"]["words"])}
    return {"stacked": stacked, "labels": [_label(at, span, zone) for at in begins], "activity": boxes}


def _merged(found: dict[str, Any], together: int) -> list[list[int]]:
    rows = [point["counts"] for point in found["points"]]
    return [
        [sum(column) for column in zip(*rows[i : i + together], strict=True)] for i in range(0, len(rows), together)
    ]


def _label(at: str, span: Span, zone: str) -> str:
    """Write when a column begins, in the reader's zone; the counters' days are those of UTC."""
    if span.step == DAY:
        return charts.day_label(at)
    local = rendering.local(from_iso(at), zone)
    clock = f"{local:%H:%M}"
    return clock if span.step == HOUR else f"{charts.day_label(local.isoformat())} {clock}"


def _words(period: Period) -> list[tuple[str, str]]:
    words = [("since", iso(period.since or 0))]
    return words + ([("stream", period.stream)] if period.stream else [])


def log_place(vocabulary: str, word: str, period: Period) -> str:
    """Return the address of the rows that a number counts."""
    return f"/console/log?{urlencode([('status', f'{vocabulary}:{word}'), *_words(period)])}"


def _bounces_place(word: str, period: Period) -> str:
    category, _, reason = word.partition("/")
    return f"/console/bounces?{urlencode([*_words(period), ('category', category), ('reason', reason)])}"


def _box(box: Box, counted: dict[str, int], period: Period, over: dict[str, list[int]]) -> dict[str, Any]:
    looks = tones.look("email_activity", box.word)
    return {
        "word": box.word,
        "meaning": box.meaning,
        "number": counted[box.word],
        "of": counted[
            Box.DELIVERED.word if box in (Box.OPENED, Box.UNOPENED, Box.LINKS_CLICKED) else Box.REQUESTS.word
        ],
        "base": "delivered" if box in (Box.OPENED, Box.UNOPENED, Box.LINKS_CLICKED) else "requests",
        "tone": looks.tone,
        "icon": looks.icon,
        "place": log_place("activity", box.word, period),
        "spark": charts.spark(over[box.word], looks.tone),
    }


_PLACES = (("/v1/deliveries", "/log"), ("/v1/domains", "/domains"), ("/v1/queue", "/queue"), ("/v1/returns", "/returns"),
           ("/v1/suppressions", "/suppressions"), ("/v1/bounces", "/bounces"))  # fmt: skip


def place_of(listed: str) -> str:
    """Return the page of the console on which a list of the API stands."""
    for api, page in _PLACES:
        if listed.startswith(api):
            return f"/console{page}{listed.removeprefix(api)}"
    return "/console/log"
