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
        table(["Name", "Kind", "Tried for"], [(r["name"], r["kind"], f"{r['lifetime_hours']:g} h") for r in rows])


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
@json_option
@place_option
def add(place: Any, name: str, kind: str, lifetime_hours: float, as_json: bool) -> None:
    """Make a stream named NAME, or change its kind and lifetime."""
    made = place.add_stream(name, kind, lifetime_hours)
    emit(made) if as_json else say(
        f"Stream {made['name']} ({made['kind']}), tried for {made['lifetime_hours']:g} hours."
    )
