"""`aftersend refusals`: submissions that got an error reply."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, short_time, table
from aftersend.cli.verbs import NOTHING, Ended


@click.command()
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="So many at the most.")
@json_option
@place_option
def refusals(place: Any, limit: int, as_json: bool) -> None:
    """List submissions that were refused, newest first, with what the sender was told."""
    rows = place.refusals(limit=limit)
    if as_json:
        for row in rows:
            emit(row)
    elif rows:
        table(
            ["When", "By", "From", "Sender", "Recipient", "Told"],
            [(short_time(r["occurred_at"]), r["via"], r["peer"], r["sender"], r["recipient"], r["said"]) for r in rows],
        )
    if not rows:
        note("No submission was refused.")
        raise Ended(NOTHING)
