"""Own the page of reading: who opened and followed links, told as what it is: people, privacy proxies, unknown, machines, and the
honest interval between them; which mail is read most, where, when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from aftersend.errors import AftersendError
from aftersend.reports import reading
from aftersend.store import accounts
from aftersend.web import tracking as api
from aftersend.web.calls import Answer
from aftersend.web.console import charts, rendering
from aftersend.web.console.charts import Series
from aftersend.web.console.rendering import said_of
from aftersend.web.console.tones import Look
from aftersend.web.console.visits import Visit

PERIODS = (("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"))
WHO = {
    "human": ("People", Look("good", "person"), "open"),
    "privacy_proxy": ("Privacy proxies", Look("note", "shield"), "note"),
    "unknown": ("Unknown", Look("quiet", "question"), "quiet"),
    "machine": ("Machines", Look("quiet", "robot"), "none"),
}
"""Verdict, its name, how it looks, and the colour of its part of a bar."""
_QUICK, _LATER = ("message", "stream"), ("domain",)
_SIDES = _QUICK + _LATER
_SHOWN = 12


async def show(visit: Visit) -> Answer:
    """Show how mail was read."""
    since, stream = visit.asked("since") or "30d", visit.asked("stream")
    query, shown = _query(since, stream), _SIDES if visit.asked("whole") else _QUICK
    try:
        told, sides, hours = await _gathered(visit, query, shown)
        wrong = ""
    except AftersendError as error:
        query = _query("30d", "")
        told, sides, hours = await _gathered(visit, query, shown)
        wrong = said_of(error)
    streams = await visit.desk.store.ask(accounts.stream_names, visit.account_id)
    hours, zone = in_zone(hours, visit.zone, visit.desk.clock())
    return visit.show(
        "reading.html", 422 if wrong else 200, told=told, sides=sides, hours=hours, chart=_by_hour(hours, zone), zone=zone, since=since,
        stream=stream, periods=PERIODS, streams=streams,
        who=WHO, meaning_of=reading.MEANING, wrong=wrong, picture=interval(told), query=urlencode(query),
    )  # fmt: skip


async def sides(visit: Visit) -> Answer:
    """Show what the page brings after itself, since many rows are counted for it: reading by domain."""
    query = _query(visit.asked("since") or "30d", visit.asked("stream"))
    return visit.show("reading_sides.html", sides=await _counted_by(visit, query, _LATER))


def _query(since: str, stream: str) -> list[tuple[str, str]]:
    return [("since", since), *([("stream", stream)] if stream else [])]


async def _counted_by(
    visit: Visit, query: list[tuple[str, str]], by_what: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for by in by_what:
        told = (await api.grouped(visit.to_api(query=query, path={"by": by}))).content
        found[by] = [row for row in told["data"] if row["delivered"] or row["opens"]["human"]][:_SHOWN]
    return found


async def _gathered(
    visit: Visit, query: list[tuple[str, str]], by_what: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]], list[int]]:
    told = (await api.report(visit.to_api(query=query))).content
    sides = await _counted_by(visit, query, by_what)
    by_hour = (await api.grouped(visit.to_api(query=query, path={"by": "hour"}))).content
    return told, sides, [row["opened"] for row in by_hour["data"]]


def interval(told: dict[str, Any]) -> Any:
    """Draw who opened as parts of everybody who got it: certain on the left, uncertain beside it, the rest open."""
    rest = max(0, told["delivered"] - sum(told["opens"].values()))
    parts = [(WHO[name][2], number) for name, number in told["opens"].items()]
    return charts.bar([*parts, ("wait", 0), ("rest", rest)], "Who opened, of what was delivered")


def in_zone(hours: list[int], zone: str, now: int) -> tuple[list[int], str]:
    """Return the numbers of the hours of UTC as hours of a zone as it is now; in UTC where the zone is off by part of an hour."""
    apart = rendering.local(now, zone).utcoffset() or timedelta()
    shift, rest = divmod(apart, timedelta(hours=1))
    if rest or len(hours) != 24:
        return hours, "UTC"
    return [hours[(hour - shift) % 24] for hour in range(24)], zone


def _by_hour(hours: list[int], zone: str) -> Any:
    labels = [f"{hour:02}:00" for hour in range(24)]
    return charts.columns(
        [Series("Opened by people", "open", hours)], labels, f"First openings by people, by hour ({zone})"
    )


async def of_message(visit: Visit, message_id: str) -> dict[str, Any] | None:
    """Return how one message was read, with its links, for its page; None where nothing of it is tracked."""
    told = (await api.report(visit.to_api(query=[("message", message_id)]))).content
    links = (await api.links_of(visit.to_api(path={"id": message_id}))).content["data"]
    if not links and not sum(told["opens"].values()):
        return None
    return {"told": told, "links": links, "picture": interval(told), "who": WHO}
