"""Own the page of bounces (002): categories and reasons with counts and shares, by provider and domain, down to the rows; what to
do about each."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aftersend.errors import AftersendError
from aftersend.ledger.reasons import Reason, meaning
from aftersend.reports import bounces
from aftersend.store import accounts
from aftersend.store.connection import Connection
from aftersend.web.calls import Answer
from aftersend.web.console import charts
from aftersend.web.console.rendering import address
from aftersend.web.console.visits import Visit

PERIODS = (("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"), ("", "All time"))
ROWS = 50
_SIDES = ("provider", "domain")
_TONES = {"Hard": "bad", "Soft": "wait", "Technical": "note", "Other": "quiet"}


async def show(visit: Visit) -> Answer:
    """Show the bounces that the words in the address ask for."""
    pairs = [(name, value) for name, value in visit.query() if value]
    words = [(name, value) for name, value in pairs if name != "after"]
    after = dict(pairs).get("after")
    try:
        told = await visit.desk.store.ask(_gathered, visit.account_id, words, after, visit.desk.clock())
        wrong = ""
    except AftersendError as error:
        told = await visit.desk.store.ask(_gathered, visit.account_id, [], None, visit.desk.clock())
        wrong, words = error.detail, []
    onward = told.pop("next")
    return visit.show(
        "bounces.html",
        422 if wrong else 200,
        wrong=wrong,
        asked=dict(words),
        periods=PERIODS,
        removable=[(name, value, _place([p for p in words if p[0] != name])) for name, value in words if name != "since"],
        onward=None if onward is None else _place([*words, ("after", onward)]),
        query=urlencode(words),
        **told,
    )  # fmt: skip


def _place(words: list[tuple[str, str]]) -> str:
    return address("/bounces", *words)


def _gathered(
    connection: Connection, account_id: int, words: list[tuple[str, str]], after: str | None, now: int
) -> dict[str, Any]:
    given = dict(words)
    by_reason = bounces.breakdown(connection, account_id, "reason", words, now=now)
    categories: dict[str, int] = {}
    for row in by_reason["rows"]:
        categories[row["category"]] = categories.get(row["category"], 0) + row["count"]
    sides = {
        by: [
            (row["word"], row["count"], _with(words, by, row["word"]))
            for row in bounces.breakdown(connection, account_id, by, words, now=now, most=12)["rows"]
        ]
        for by in _SIDES
    }
    details = bounces.breakdown(connection, account_id, "detail", words, now=now, most=12)["rows"]
    days = sorted(
        (row["word"], row["count"])
        for row in bounces.breakdown(connection, account_id, "day", words, now=now, most=120)["rows"]
    )
    rows, onward = bounces.page(connection, account_id, words, now=now, limit=ROWS, after=after)
    return {
        "total": by_reason["total"],
        "categories": [
            (word, categories.get(word, 0), _TONES[word], _with(words, "category", word)) for word in _TONES
        ],
        "bar": charts.bar([(_TONES[word], number) for word, number in categories.items()], "Shares of the categories"),
        "reasons": [
            row | {"place": _place([*(p for p in words if p[0] not in ("category", "reason")),
                                    ("category", row["category"]), ("reason", row["reason"])])}
            for row in by_reason["rows"] if row["count"]
        ],
        "details": [
            {"word": row["word"], "count": row["count"], "meaning": row["meaning"], "advice": _advice(row["word"]),
             "place": _with(words, "detail", row["word"])}
            for row in details
        ],
        "sides": sides,
        "days": days,
        "chart": _by_day(days),
        "rows": rows,
        "next": onward,
        "stream": given.get("stream", ""),
        "streams": sorted(name for of, name in accounts.all_streams(connection) if of == account_id),
    }  # fmt: skip


def _by_day(days: list[tuple[str, int]]) -> Any:
    series = [charts.Series("Bounces", "bad", [number for _, number in days])]
    return charts.columns(series, [word[5:] for word, _ in days], "Bounces by day", width=charts.HALF)


def _with(words: list[tuple[str, str]], name: str, value: str) -> str:
    return _place([*(pair for pair in words if pair[0] != name), (name, value)])


_REASONS = {each.value for each in Reason}


def _advice(word: str) -> tuple[str, str] | None:
    """Return who must act and what to do about a detail, or None where nothing came that says why."""
    from aftersend.ledger.reasons import DETAILS

    for (_, detail), means in DETAILS.items():
        if detail == word:
            return means.who_must_act.value, means.advice
    if word not in _REASONS:
        return None
    means = meaning(word)
    return means.who_must_act.value, means.advice
