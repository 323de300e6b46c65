"""Own the page of bounces (002): categories and reasons with counts and shares, by provider and domain, down to the rows; what to
do about each."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aftersend.clock import DAY, HOUR, iso
from aftersend.errors import AftersendError
from aftersend.ledger.reasons import DETAILS, Meaning, Pair, Reason, meaning
from aftersend.reports import activity, bounces
from aftersend.reports.activity import Period
from aftersend.reports.search import instant
from aftersend.store import accounts
from aftersend.store.connection import Connection
from aftersend.web.calls import Answer
from aftersend.web.console import charts
from aftersend.web.console.rendering import address
from aftersend.web.console.visits import Visit

PERIODS = (("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"), ("all", "All time"))
DEFAULT = "30d"
ROWS = 50
DAYS_MOST = 92
SIDES_MOST = 12
_COUNTED = frozenset({"since", "until", "stream", "category", "reason"})
"""What the counters know; for other words each bounce is looked at."""
_TONES = {"Hard": "bad", "Soft": "wait", "Technical": "note", "Other": "quiet"}

Words = list[tuple[str, str]]


async def show(visit: Visit) -> Answer:
    """Show the bounces that the words in the address ask for. What has to look at each bounce comes a moment later, by itself."""
    words, after, is_whole = _asked(visit)
    now = visit.desk.clock()
    wrong = ""
    try:
        told = await visit.desk.store.ask(_gathered, visit.account_id, words, after, is_whole, now)
    except AftersendError as error:
        wrong, words = error.detail, []
        told = await visit.desk.store.ask(_gathered, visit.account_id, words, None, False, now)
    onward = told.pop("next")
    given = dict(words)
    return visit.show(
        "bounces.html",
        422 if wrong else 200,
        wrong=wrong,
        asked=given,
        since=given.get("since", DEFAULT),
        periods=PERIODS,
        removable=[(name, value, _place([p for p in words if p[0] != name])) for name, value in words if name != "since"],
        onward=None if onward is None else _place([*words, ("after", onward)]),
        query=urlencode(words),
        **told,
    )  # fmt: skip


async def sides(visit: Visit) -> Answer:
    """Show what looks at each bounce: providers, domains, finer reasons and what to do."""
    words, _, _ = _asked(visit)
    told = await visit.desk.store.ask(_sides, visit.account_id, words, visit.desk.clock())
    return visit.show("bounces_sides.html", **told)


def _asked(visit: Visit) -> tuple[Words, str | None, bool]:
    """Return the words, the row behind which the list goes on, and whether all is wanted at once."""
    pairs = [(name, value) for name, value in visit.query() if value]
    words = [(name, value) for name, value in pairs if name not in ("after", "whole")]
    return words, dict(pairs).get("after"), dict(pairs).get("whole") == "yes"


def _place(words: Words) -> str:
    return address("/bounces", *words)


def _exact(words: Words, now: int) -> Words:
    """Return the words as `reports.bounces` reads them; a period begins with a whole hour, as the counters know it."""
    given = dict(words)
    since = given.pop("since", DEFAULT)
    rest = [(name, value) for name, value in words if name != "since"]
    if since == "all":
        return rest
    return [("since", iso(instant(since, "since", now=now) // HOUR * HOUR)), *rest]


def _gathered(
    connection: Connection, account_id: int, words: Words, after: str | None, is_whole: bool, now: int
) -> dict[str, Any]:
    exact = _exact(words, now)
    bounces.read(exact, now=now)
    is_counted = dict(words).keys() <= _COUNTED
    by_reason, days = (_counted if is_counted else _looked_at)(connection, account_id, exact, now)
    categories = dict.fromkeys(_TONES, 0)
    for word, number in by_reason.items():
        categories[word.partition("/")[0]] += number
    rows, onward = bounces.page(connection, account_id, exact, now=now, limit=ROWS, after=after)
    return {
        "total": sum(by_reason.values()),
        "categories": [(word, number, _TONES[word], _with(words, "category", word)) for word, number in categories.items()],
        "bar": charts.bar([(_TONES[word], number) for word, number in categories.items()], "Shares of the categories"),
        "reasons": [
            {"word": pair, "count": number, "meaning": _MEANINGS[pair], "category": pair.partition("/")[0],
             "place": _with(_words_with(words, "category", pair.partition("/")[0]), "reason", pair.partition("/")[2])}
            for pair, number in sorted(by_reason.items(), key=lambda row: (-row[1], row[0])) if number
        ],
        "days": days,
        "chart": _by_day(days),
        "rows": rows,
        "next": onward,
        "streams": accounts.stream_names(connection, account_id),
        "beside": _sides(connection, account_id, words, now) if is_whole else None,
    }  # fmt: skip


_MEANINGS = {each.word: each.meaning for each in Pair}


def _counted(
    connection: Connection, account_id: int, exact: Words, now: int
) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """Return the numbers by reason and by day, from the counters."""
    given = dict(exact)
    until = instant(given["until"], "until", now=now) if "until" in given else now + 1
    if until % HOUR and "until" in given:
        return _looked_at(connection, account_id, exact, now)
    since = instant(given["since"], "since", now=now) if "since" in given else None
    period = Period(since, until if "until" in given else None, given.get("stream"))
    wanted = {
        pair
        for pair in _MEANINGS
        if given.get("category", "").capitalize() in ("", pair.partition("/")[0])
        and given.get("reason", "").casefold() in ("", pair.partition("/")[2].casefold())
    }
    if not wanted:
        return _looked_at(connection, account_id, exact, now)
    found = activity.counts(connection, account_id, "bounces", period)
    begins = max(since or 0, now - DAYS_MOST * DAY)
    told = activity.series(connection, account_id, "bounces", since=begins, until=until, stream=period.stream, step=DAY)
    places = [i for i, word in enumerate(told["words"]) if word in wanted]
    days = [(point["at"][:10], sum(point["counts"][i] for i in places)) for point in told["points"]]
    return {word: number for word, number in found.items() if word in wanted}, days


def _looked_at(
    connection: Connection, account_id: int, exact: Words, now: int
) -> tuple[dict[str, int], list[tuple[str, int]]]:
    """Return the same numbers by looking at each bounce."""
    told = bounces.breakdowns(connection, account_id, ("reason", "day"), exact, now=now, most=1000)
    days = [(row["word"], row["count"]) for row in told["day"]["rows"]]
    return {row["word"]: row["count"] for row in told["reason"]["rows"]}, days[-DAYS_MOST:]


def _sides(connection: Connection, account_id: int, words: Words, now: int) -> dict[str, Any]:
    told = bounces.breakdowns(
        connection, account_id, ("provider", "domain", "detail"), _exact(words, now), now=now, most=SIDES_MOST
    )
    return {
        "total": told["detail"]["total"],
        "sides": {
            by: [(row["word"], row["count"], _with(words, by, row["word"])) for row in told[by]["rows"]]
            for by in ("provider", "domain")
        },
        "details": [
            {"short": _short(row["word"]), "count": row["count"], "meaning": row["meaning"], "advice": _advice(row["word"]),
             "place": _with(words, "detail", row["word"])}
            for row in told["detail"]["rows"]
        ],
    }  # fmt: skip


def _by_day(days: list[tuple[str, int]]) -> Any:
    series = [charts.Series("Bounces", "bad", [number for _, number in days])]
    return charts.columns(series, [charts.day_label(word) for word, _ in days], "Bounces by day", width=charts.HALF)


def _words_with(words: Words, name: str, value: str) -> Words:
    return [*(pair for pair in words if pair[0] != name), (name, value)]


def _with(words: Words, name: str, value: str) -> str:
    return _place(_words_with(words, name, value))


_REASONS = {each.value for each in Reason}


def _meant(word: str) -> Meaning | None:
    """Return what a finer reason means, or None for one that we do not know."""
    finer = (means for (_, detail), means in DETAILS.items() if detail == word)
    return next(finer, meaning(word) if word in _REASONS else None)


def _short(word: str) -> str:
    means = _meant(word)
    return means.short if means else word.replace("_", " ")


def _advice(word: str) -> tuple[str, str] | None:
    """Return who must act and what to do about a detail, or None where nothing came that says why."""
    means = _meant(word)
    return (means.who_must_act.value, means.advice) if means else None
