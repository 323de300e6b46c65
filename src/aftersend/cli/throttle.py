"""`aftersend throttle`: how fast mail goes out: of an account, to a domain or a site, from a node or an address."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import NOTHING, Ended
from aftersend.policy.throttles import SCOPES, limits

_everywhere = click.option(
    "--everywhere",
    is_flag=True,
    help="For every account that has none of its own, each by itself; to a site: for all together.",
)


@click.group()
def throttle() -> None:
    """Rates beside those of streams: of an account, to a domain or a site, from a node or an address.

    Transactional mail counts, and never waits.
    """


@throttle.command("list")
@json_option
@place_option
def list_(place: Any, as_json: bool) -> None:
    """List the rates of the account, and those that hold for all."""
    rows = place.throttles()
    if not rows:
        note("No rate is set; streams may have some: aftersend stream list")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Limits", "Name", "At most", "For", "Since"],
        [
            (r["scope"], r["name"], r["rate"], "all" if r["everywhere"] else "this account", short_time(r["since"]))
            for r in rows
        ],
    )


@throttle.command("set")
@click.argument("scope", type=click.Choice(SCOPES))
@click.argument("words", metavar="[NAME] RATE", nargs=-1, required=True)
@_everywhere
@json_option
@place_option
def set_(place: Any, scope: str, words: tuple[str, ...], everywhere: bool, as_json: bool) -> None:
    """Hold mail to RATE, such as 600/hour, or warm-up: more every day, from 200 on, and no limit after twelve days.

    NAME is a domain; a site, which is the domain of its mail servers (google.com); a node; or an address of this machine.
    """
    *name, rate = words
    if len(name) > 1:
        raise click.UsageError("Write: throttle set domain example.com 600/hour, or throttle set account 10000/day.")
    made = place.set_throttle(scope, "".join(name), rate, everywhere=everywhere)
    emit(made) if as_json else say(f"Mail {limits(made['scope'], made['name'])}: {made['rate']}.")


@throttle.command()
@click.argument("scope", type=click.Choice(SCOPES))
@click.argument("name", metavar="[NAME]", required=False, default="")
@_everywhere
@place_option
def remove(place: Any, scope: str, name: str, everywhere: bool) -> None:
    """Take a rate away. Mail that it held back goes on."""
    place.remove_throttle(scope, name, everywhere=everywhere)
    say("The rate is gone.")
