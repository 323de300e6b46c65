"""Own the page of the email log: one row for each recipient, found with the words that the API and the command line have."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from aftersend import ids
from aftersend.clock import MILLISECOND
from aftersend.errors import AftersendError, BadField
from aftersend.reports import log as email_log
from aftersend.reports import search
from aftersend.store import accounts, deliveries, searches
from aftersend.store.connection import Connection
from aftersend.store.deliveries import Filter
from aftersend.web.calls import Answer
from aftersend.web.console.visits import Stream, Visit

ROWS = 50
LOOKS_FOR_US = 80 * MILLISECOND
"""So long, and at most one stretch longer, one page looks for rows; who asked for what is rare is told how far it came, and
the browser asks for the rest."""
_CURSORS = ("after", "before")
_WORD = re.compile(r'([a-z_]+(?:\.[^\s:"]+)?):(?:"([^"]*)"|(\S+))|"([^"]*)"|(\S+)')

Words = list[tuple[str, str]]

VIEWS: tuple[tuple[str, str, Words], ...] = (
    ("All", "list", []),
    ("Under way", "clock", [("live", "true")]),
    ("Delivered", "check", [("status", "results:Delivered")]),
    ("Opened", "eye", [("status", "results:Opened")]),
    ("Soft bounced", "retry", [("status", "results:Soft Bounced")]),
    ("Bounced", "back", [("status", "results:Bounced")]),
    ("Failed", "cross", [("status", "results:Failed")]),
    ("Blocked", "ban", [("status", "results:Blocked")]),
)
"""What most people look for, one press away."""
PERIODS = (("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"), ("", "Any time"))


def read(text: str) -> Words:
    """Read what was typed into the search box: `status:bounced domain:example.com "spring sale"`. What has no word before
    it is looked for in recipient and subject.
    """
    words: Words = []
    free: list[str] = []
    for word, quoted, plain, phrase, bare in _WORD.findall(text):
        if word:
            words.append((word, quoted or plain))
        elif phrase or bare:
            free.append(phrase or bare)
    if free:
        words.append(("q", " ".join(free)))
    return words


def write(words: Iterable[tuple[str, str]]) -> str:
    """Write words as they stand in the search box."""
    typed = []
    for word, value in words:
        said = f'"{value}"' if " " in value or not value else value
        typed.append(value if word == "q" else f"{word}:{said}")
    return " ".join(typed)


def words_of(pairs: Sequence[tuple[str, str]]) -> Words:
    """Return the words of a search among the parameters of an address."""
    return [(name, value) for name, value in pairs if name not in _CURSORS]


async def show(visit: Visit) -> Answer:
    """Show a page of the log."""
    asked = visit.query()
    if any(name == "find" for name, _ in asked):
        kept = [(name, value) for name, value in asked if name in ("since", "stream") and value]
        typed = [pair for name, value in asked if name == "find" for pair in read(value)]
        named = {name for name, _ in typed}
        return visit.go(_place([*typed, *(pair for pair in kept if pair[0] not in named)]))
    words = words_of(asked)
    cursors = {name: value for name, value in asked if name in _CURSORS}
    desk = visit.desk
    wrong, found = "", email_log.Page([], False)
    try:
        wanted = search.read(words, now=desk.clock())
        ends = desk.clock() + LOOKS_FOR_US
        found = await desk.store.ask(
            email_log.page, visit.account_id, wanted, limit=ROWS, has_time=lambda: desk.clock() < ends, **cursors
        )
    except AftersendError as error:
        wrong = error.detail
    streams = await desk.store.ask(accounts.stream_names, visit.account_id)
    rows = found.rows
    has_older = bool(rows) and (found.has_more or "before" in cursors)
    has_newer = bool(rows) and ("after" in cursors or ("before" in cursors and found.has_more))
    return visit.show(
        "log.html",
        422 if wrong else 200,
        rows=rows,
        words=words,
        typed=write(pair for pair in words if pair[0] not in ("since", "stream")),
        since=dict(words).get("since", ""),
        stream=dict(words).get("stream", ""),
        streams=streams,
        wrong=wrong,
        views=[(label, icon, _place(_with(words, view)), _has(words, view)) for label, icon, view in VIEWS],
        periods=PERIODS,
        older=_place([*words, ("after", rows[-1]["id"])]) if has_older else None,
        newer=_place([*words, ("before", rows[0]["id"])]) if has_newer else None,
        live=None if cursors or wrong else f"/console/log/live?{urlencode(words)}",
        newest=rows[0]["id"] if rows else "",
        further=_further(words, found, cursors),
        is_far=bool(cursors),
        query=urlencode(words),
        saved=await desk.store.ask(searches.of, visit.account_id, visit.someone.user.id),
        known=search.WORDS,
        removable=[(f"{name}: {value}", _place([p for p in words if p != (name, value)])) for name, value in words],
        is_empty_account=not words and not rows and not cursors,
    )


def _further(words: Words, found: email_log.Page, cursors: dict[str, str]) -> dict[str, Any] | None:
    """Tell how far it was looked, where time was over before the page was full, and where to go on."""
    if found.reached is None:
        return None
    word = "before" if "before" in cursors else "after"
    until = ids.created_us(ids.read("dlv", found.reached))
    return {"place": _place([*words, (word, found.reached)]), "until": until, "is_back": word == "before"}


def _place(words: Sequence[tuple[str, str]]) -> str:
    return "/console/log" + (f"?{urlencode(words)}" if words else "")


_VIEWED = ("status", "live")


def _with(words: Words, view: Words) -> Words:
    return [*(pair for pair in words if pair[0] not in _VIEWED), *view]


def _has(words: Words, view: Words) -> bool:
    return [pair for pair in words if pair[0] in _VIEWED] == view


# ---- what comes while one looks --------------------------------------------------------------------------------------

_LOOKS_EVERY_S = 2.0
_LOOKS = 150
_COUNTED_MOST = 100


async def live(visit: Visit) -> Answer:
    """Tell, while the page is open, how many rows of this search are newer than the first one on it."""
    pairs = visit.query()
    newest = dict(pairs).get("newest") or visit.headers.get("last-event-id", "")
    wanted = search.read([pair for pair in words_of(pairs) if pair[0] != "newest"], now=visit.desk.clock())
    number = ids.read("dlv", newest) if newest else 0
    return Answer(Stream(_told(visit, wanted, number)), media_type="text/event-stream; charset=utf-8")


async def _told(visit: Visit, wanted: Filter, newest: int) -> AsyncIterator[bytes]:
    """Write an event whenever the number has changed. It ends after some minutes; the browser asks again."""
    told = -1
    yield b"retry: 3000\n\n"
    for _ in range(_LOOKS):
        many = await visit.desk.store.ask(_newer, visit.account_id, wanted, newest)
        if many != told:
            told = many
            yield b"event: newer\ndata: %d\n\n" % many
        else:
            yield b": still here\n\n"
        await asyncio.sleep(_LOOKS_EVERY_S)


def _newer(connection: Connection, account_id: int, wanted: Filter, newest: int) -> int:
    return len(deliveries.page(connection, account_id, wanted, limit=_COUNTED_MOST, after=newest))


# ---- taking it elsewhere ---------------------------------------------------------------------------------------------

_COLUMNS = (
    "created_at", "recipient", "sender", "subject", "result", "later", "category", "reason", "lifecycle", "why", "who_must_act",
    "next", "stream", "tags", "tries", "said", "id", "message_id",
)  # fmt: skip


async def export_csv(visit: Visit) -> Answer:
    """Give exactly the rows of this search, however many, as a table for spreadsheets (RFC 4180)."""
    begins = "\ufeff" + _as_csv([_COLUMNS])
    return await _export(visit, begins, lambda rows: _as_csv(map(_cells, rows)), "text/csv; charset=utf-8", "csv")


async def export_ndjson(visit: Visit) -> Answer:
    """Give exactly the rows of this search, however many, as JSON, one row a line."""
    return await _export(visit, "", _as_lines, "application/x-ndjson", "ndjson")


Rows = list[dict[str, Any]]


async def _export(visit: Visit, begins: str, write: Callable[[Rows], str], media_type: str, ending: str) -> Answer:
    wanted = search.read(words_of(visit.query()), now=visit.desk.clock())
    first = await visit.desk.store.ask(email_log.part, visit.account_id, wanted)
    headers = {"content-disposition": f'attachment; filename="email-log.{ending}"'}
    return Answer(Stream(_exported(visit, wanted, first, begins, write), has_end=True), 200, headers, media_type)


async def _exported(
    visit: Visit, wanted: Filter, rows: Rows, begins: str, write: Callable[[Rows], str]
) -> AsyncIterator[bytes]:
    """Write rows as they are read, so that no number of them needs more room than a part."""
    yield (begins + write(rows)).encode("utf-8", "replace")
    while len(rows) == email_log.PART:
        after = ids.read("dlv", rows[-1]["id"])
        rows = await visit.desk.store.ask(email_log.part, visit.account_id, wanted, after=after)
        yield write(rows).encode("utf-8", "replace")


def _as_lines(rows: Rows) -> str:
    return "".join(msgspec.json.encode(row).decode() + "\n" for row in rows)


def _as_csv(rows: Iterable[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([_harmless(str(cell)) for cell in row] for row in rows)
    return out.getvalue()


def _cells(row: dict[str, Any]) -> list[Any]:
    flat = {
        **row,
        "result": row["status"]["result"],
        "category": row["status"]["category"] or "",
        "reason": row["status"]["reason"] or "",
        "lifecycle": row["status"]["lifecycle"],
        "later": "; ".join(item["words"] for item in row["later"]),
        "next": row["next"]["sentence"],
        "tags": " ".join(row["tags"]),
    }
    return ["" if flat[name] is None else flat[name] for name in _COLUMNS]


def _harmless(cell: str) -> str:
    """Keep a spreadsheet from taking foreign text for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


# ---- searches with a name ----------------------------------------------------------------------------------------------


async def save(visit: Visit) -> Answer:
    """Keep a search under a name."""
    form = visit.form()
    name = " ".join(form.get("name", "").split())
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise BadField("#/name", "Give the search a name of 1 to 60 characters.")
    words = parse_qsl(form.get("query", "")[:4000], keep_blank_values=True, max_num_fields=100)
    search.read(words, now=visit.desk.clock())
    await visit.desk.store.run(
        searches.save, visit.account_id, visit.someone.user.id, name, urlencode(words), now=visit.desk.clock()
    )
    return visit.go(_place(words), f"The search is saved as “{name}”.")


async def forget(visit: Visit) -> Answer:
    """Forget a search."""
    name = visit.form().get("name", "")
    await visit.desk.store.run(searches.remove, visit.account_id, visit.someone.user.id, name)
    return visit.go("/console/log", f"The search “{name}” is forgotten.")
