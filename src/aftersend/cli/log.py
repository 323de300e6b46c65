"""`aftersend log`: search the email log, and follow it."""

from __future__ import annotations

import time
from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import NOTHING, Ended
from aftersend.cli.words import take_words, word_options

PAGE = 100
LOOK_EVERY_S = 1.0
WATCHED_MOST = 100


@click.command()
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="So many rows at the most.")
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is new and what has changed.")
@word_options()
@json_option
@place_option
def log(place: Any, limit: int, follow: bool, as_json: bool, **options: Any) -> None:
    """Search the email log: one row for each recipient of a message, newest first.

    Words given several times mean or, different words mean and:
    aftersend log --status bounced --status deferred --domain example.org --since 24h
    """
    words = take_words(options)
    rows = first_rows(place, words, limit)
    if follow:
        _follow(place, words, rows[::-1], as_json=as_json)
    if as_json:
        for row in rows:
            emit(row)
    elif rows:
        table(
            ["When", "Delivery", "Recipient", "Subject", "What became of it", "Next"],
            [
                (short_time(r["created_at"]), r["id"], r["recipient"], _cut(r["subject"], 40), r["headline"], _next(r))
                for r in rows
            ],
        )
    if not rows:
        note("Nothing in the log matches.")
        raise Ended(NOTHING)


def first_rows(place: Any, words: list[tuple[str, str]], limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` rows, however many pages that takes."""
    rows: list[dict[str, Any]] = []
    while len(rows) < limit:
        wanted = min(PAGE, limit - len(rows))
        page = place.page(words, limit=wanted, after=rows[-1]["id"] if rows else None)
        rows += page
        if len(page) < wanted:
            break
    return rows


def _follow(place: Any, words: list[tuple[str, str]], rows: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print rows as they come and again as they change, until interrupted."""
    newest = rows[-1]["id"] if rows else None
    watched: dict[str, str] = {}
    while True:
        for row in rows:
            if watched.get(row["id"]) == row["changed_at"]:
                continue
            emit(row) if as_json else say(_line(row))
            watched.pop(row["id"], None)
            if not row["ended"]:
                watched[row["id"]] = row["changed_at"]
        for old in list(watched)[:-WATCHED_MOST]:
            del watched[old]
        time.sleep(LOOK_EVERY_S)
        fresh = place.page(words, limit=PAGE, before=newest) if newest else place.page(words, limit=PAGE)
        newest = fresh[0]["id"] if fresh else newest
        changed = place.page([("delivery_id", i) for i in watched], limit=PAGE) if watched else []
        rows = [*changed[::-1], *fresh[::-1]]


def _line(row: dict[str, Any]) -> str:
    after = _next(row)
    return f"{short_time(row['changed_at'])}  {row['id']}  {row['recipient']}  {row['headline']}{f'  ({after})' if after else ''}"


def _next(row: dict[str, Any]) -> str:
    return "" if row["ended"] else row["next"]["sentence"]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
