"""`aftersend messages`: what was sent, each message once."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, short_time, table
from aftersend.cli.verbs import NOTHING, Ended
from aftersend.cli.words import take_words, word_options
from aftersend.reports.messages import WORDS

PAGE = 100


@click.command()
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="So many rows at the most.")
@word_options(WORDS)
@json_option
@place_option
def messages(place: Any, limit: int, as_json: bool, **options: Any) -> None:
    """List messages, newest first, each once however many recipients it has.

    What became of each recipient: aftersend log --message-id msg_…
    """
    words = take_words(options)
    rows: list[dict[str, Any]] = []
    while len(rows) < limit:
        wanted = min(PAGE, limit - len(rows))
        page = place.messages(words, limit=wanted, after=rows[-1]["id"] if rows else None)
        rows += page
        if len(page) < wanted:
            break
    if as_json:
        for row in rows:
            emit(row)
    elif rows:
        table(
            ["When", "Message", "From", "Subject", "Stream", "Planned for"],
            [
                (
                    short_time(r["received_at"]), r["id"], r["from"] or r["sender"], r["subject"], r["stream"],
                    short_time(r["scheduled_at"]),
                )
                for r in rows
            ],
        )  # fmt: skip
    if not rows:
        note("No message matches.")
        raise Ended(NOTHING)
