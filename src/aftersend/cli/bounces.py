"""`aftersend bounces`: what came back, one by one or counted, in the words of the bounce categories."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import NOTHING, Ended
from aftersend.reports.bounces import BY, WORDS

PAGE = 100


def _word_options(function: Any) -> Any:
    for word, meaning in reversed(WORDS.items()):
        function = click.option(f"--{word}", metavar="VALUE", help=f"{meaning[:1].upper()}{meaning[1:]}.")(function)
    return function


@click.command()
@click.option("--by", type=click.Choice(list(BY)), help="Count them by this, instead of listing them.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="So many rows at the most.")
@_word_options
@json_option
@place_option
def bounces(place: Any, by: str | None, limit: int, as_json: bool, **options: str | None) -> None:
    """List what came back, the newest mail first, or count it.

    Each number is the length of the list with the same words:
    aftersend bounces --by provider --since 7d; aftersend bounces --provider Google --since 7d
    """
    words = [(name, value) for name, value in options.items() if value is not None]
    if by:
        _count(place, by, words, limit, as_json=as_json)
        return
    rows = _first_rows(place, words, limit)
    if as_json:
        for row in rows:
            emit(row)
    elif rows:
        table(
            ["When", "Delivery", "Recipient", "Provider", "Category", "Reason", "Detail"],
            [
                (short_time(r["occurred_at"]), r["delivery_id"], r["recipient"], r["provider"], r["category"], r["reason"], r["detail"])
                for r in rows
            ],
        )  # fmt: skip
    if not rows:
        note("Nothing that came back matches.")
        raise Ended(NOTHING)


def _count(place: Any, by: str, words: list[tuple[str, str]], limit: int, *, as_json: bool) -> None:
    found = place.bounce_numbers(by, words, limit=min(limit, PAGE))
    if as_json:
        emit(found)
        return
    table(
        [by.capitalize(), "Number", "Meaning"],
        [(row["word"], row["count"], row["meaning"] or "") for row in found["rows"]],
        right=["Number"],
    )
    say(f"{found['total']} in all{', with others that are not shown' if found['has_more'] else ''}.")


def _first_rows(place: Any, words: list[tuple[str, str]], limit: int) -> list[dict[str, Any]]:
    """Return up to `limit` rows, however many pages that takes."""
    rows: list[dict[str, Any]] = []
    after: str | None = None
    while len(rows) < limit:
        page, after = place.bounces(words, limit=min(PAGE, limit - len(rows)), after=after)
        rows += page
        if after is None:
            break
    return rows
