"""`aftersend stream`: kinds of mail with rules of their own."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, say, table

KINDS = ("transactional", "general", "broadcast")


@click.group()
def stream() -> None:
    """Streams: kinds of mail, each tried for its own time, counted and suppressed by itself."""


@stream.command("list")
@json_option
@place_option
def list_(place: Any, as_json: bool) -> None:
    """List the streams."""
    rows = place.streams()
    if as_json:
        for row in rows:
            emit(row)
    else:
        table(
            ["Name", "Kind", "Tried for", "Goes out", "At most"],
            [
                (r["name"], r["kind"], f"{r['lifetime_hours']:g} h", r["hours"] or "at any time", r["rate"])
                for r in rows
            ],
        )


@stream.command()
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), default="general", show_default=True)
@click.option(
    "--lifetime-hours",
    type=click.FloatRange(0.01, 24 * 30),
    default=72.0,
    show_default=True,
    help="For how long mail is tried.",
)
@click.option(
    "--hours",
    default="",
    metavar="HOURS",
    help="In which hours its mail goes out, such as “mon-fri 09:00-17:00 Europe/Berlin”; without it, at any time.",
)
@click.option(
    "--rate", default="", metavar="RATE", help="How fast its mail goes out, such as 600/hour; no limit without."
)
@json_option
@place_option
def add(place: Any, name: str, kind: str, lifetime_hours: float, hours: str, rate: str, as_json: bool) -> None:
    """Make a stream named NAME, or change its kind, lifetime, hours and rate."""
    made = place.add_stream(name, kind, lifetime_hours, hours, rate)
    emit(made) if as_json else say(
        f"Stream {made['name']} ({made['kind']}), tried for {made['lifetime_hours']:g} hours"
        + (f"; goes out {made['hours']}" if made["hours"] else "")
        + (f"; {made['rate']} at most." if made["rate"] else ".")
    )
