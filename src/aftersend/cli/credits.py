"""`aftersend credits`: what an account may send, and how it came by it."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import NOTHING, Ended
from aftersend.policy import plans


@click.group()
def credits() -> None:
    """Credits: each mail that leaves costs one. An account whose mail is not counted sends as it likes."""


@credits.command()
@json_option
@place_option
def show(place: Any, as_json: bool) -> None:
    """Show what the account has, its plan, and how much waits for credits."""
    _tell(place.credits(), as_json=as_json)


@credits.command("top-up")
@click.argument("amount", type=click.IntRange(1))
@click.option("--why", default="", metavar="TEXT", help="Kept in the ledger.")
@json_option
@place_option
def top_up(place: Any, amount: int, why: str, as_json: bool) -> None:
    """Put AMOUNT credits in. The first top-up begins to count the account's mail; what waits for credits goes on."""
    _tell(place.top_up(amount, why), as_json=as_json)


@credits.command()
@click.argument("amount", type=click.IntRange(1))
@click.option("--why", default="", metavar="TEXT", help="Kept in the ledger.")
@json_option
@place_option
def take(place: Any, amount: int, why: str, as_json: bool) -> None:
    """Take AMOUNT credits out, no more than are there."""
    _tell(place.top_up(-amount, why), as_json=as_json)


@credits.command()
@click.argument("amount", type=click.IntRange(1))
@click.option("--period", type=click.Choice(plans.PERIODS), default="month", show_default=True, help="How often.")
@click.option(
    "--mode", type=click.Choice(plans.MODES), default=plans.FILL, show_default=True,
    help="fill: up to AMOUNT; add: AMOUNT to what is there.",
)  # fmt: skip
@json_option
@place_option
def plan(place: Any, amount: int, period: str, mode: str, as_json: bool) -> None:
    """Fill the purse with AMOUNT now, and again after every period."""
    _tell(place.set_credit_plan(amount, period, mode), as_json=as_json)


@credits.command("end-plan")
@json_option
@place_option
def end_plan(place: Any, as_json: bool) -> None:
    """End the plan; what is in the purse stays there."""
    _tell(place.end_credit_plan(), as_json=as_json)


@credits.command()
@place_option
def stop(place: Any) -> None:
    """Count the account's mail no longer; what waits for credits goes on."""
    place.stop_credits()
    say("The account's mail is not counted any more.")


@credits.command()
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="So many at the most.")
@json_option
@place_option
def history(place: Any, limit: int, as_json: bool) -> None:
    """List what people and plans did to the purse, newest first."""
    rows = place.credit_entries(limit=limit)
    if not rows:
        note("Nothing was ever put in.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["When", "What", "Credits", "Then there", "Who", "Why"],
        [
            (short_time(r["at"]), r["kind"], f"{r['amount']:+,}", f"{r['available']:,}", r["who"], r["why"])
            for r in rows
        ],
        right=["Credits", "Then there"],
    )


def _tell(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit(told)
        return
    if not told["counted"]:
        say("The account's mail is not counted; a top-up or a plan begins it.")
        return
    say(
        f"{told['available']:,} credits; {told['reserved']:,} set aside for mail on its way, {told['charged']:,} charged"
    )
    found = told["plan"]
    if found is not None:
        how = "filled up to" if found["mode"] == plans.FILL else "given"
        say(f"Plan: {how} {found['amount']:,} every {found['period']}, next at {short_time(found['renews_at'])}")
    if told["waiting"]:
        say(f"{told['waiting']:,} deliveries wait for credits, each for 24 hours at the most")
