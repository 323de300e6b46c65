"""`aftersend broadcast score` and `aftersend domain score`: what is to be expected, what became of it, and why it moved."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, may_colour, say, table
from aftersend.cli.score_report import print_forecast, print_message
from aftersend.cli.verbs import NOTHING, Ended

BARS = "▁▂▃▄▅▆▇█"


@click.command("score")
@click.argument("broadcast_id", metavar="ID")
@json_option
@place_option
def broadcast_score(place: Any, broadcast_id: str, as_json: bool) -> None:
    """Score a draft and its audience, and keep that; of one that was started, show the forecast beside what became of it."""
    path = f"/v1/broadcasts/{quote(broadcast_id, safe='')}/score"
    told = place.ask("GET", path)
    if told["state"] == "draft":
        told = place.ask("POST", path)
        if as_json:
            emit(told)
            return
        print_message(told["message"])
        say()
        print_forecast(told["recipients"])
        say()
        if told["domain_score"] is not None:
            say(f"What became of the domain's mail in thirty days: {told['domain_score']} of 100; it counts too.")
        say(f"Message and recipients together: {told['score']} of 100, {told['band']}.")
        return
    if as_json:
        emit(told)
        return
    kept = told["forecast"]
    say(f"{told['id']} {told['name']}, {told['state']}")
    if kept is not None:
        say(f"Before: {kept['score']} of 100 (message {kept['message_score']}, recipients {kept['list_score']}).")
    if told["results"] is None:
        say("It has not begun, so nothing has become of it.")
        raise Ended(NOTHING)
    if told["says"]:
        say(told["says"])
    _results(told["results"])
    if not told["is_ripe"]:
        say("It is not ripe: bounces and complaints come in for three days.")


@click.command("score")
@click.argument("name")
@json_option
@place_option
def domain_score(place: Any, name: str, as_json: bool) -> None:
    """Show what became of a domain's mail in thirty days, as a score, by day, and what moved it."""
    told = place.ask("GET", f"/v1/domains/{quote(name, safe='')}/score")
    if as_json:
        emit(told)
        return
    say(f"{told['domain']}, mail of {told['since']} to {told['until']}")
    _results(told)
    if told["previous"] is not None:
        say(f"The thirty days before: {told['previous']} of 100.")
    for change in told["changes"]:
        say(f"  - {change}")
    most = max(day["mailed"] for day in told["days"]) if told["days"] else 0
    if most:
        say()
        say(f"Mail a day  {_plot([day['mailed'] for day in told['days']], most)}  at most {most:,}")
        shares = [day["hard_bounces"] / day["mailed"] if day["mailed"] else 0.0 for day in told["days"]]
        say(f"Bounces     {_plot(shares, max(*shares, 0.02))}  at most {max(shares):.1%} of a day")


def print_calibration(told: dict[str, Any]) -> None:
    """Print how well forecasts were met."""
    if told["broadcasts"]:
        table(
            ["Broadcast", "Name", "Mailed", "Forecast", "Real", "Ripe"],
            [
                (
                    row["broadcast"], row["name"], row["mailed"], f"{row['forecast']:.2%}", f"{row['real']:.2%}",
                    "yes" if row["is_ripe"] else "not yet",
                )
                for row in told["broadcasts"]
            ],
            right=["Mailed", "Forecast", "Real"],
        )  # fmt: skip
        say()
    table(
        ["Signal", "Believed at first", "Mailed", "Bounced", "Used now"],
        [
            (row["id"], f"{row['prior']:.1%}", row["mailed"], row["bounced"], f"{row['used']:.1%}")
            for row in told["signals"]
        ],
        right=["Believed at first", "Mailed", "Bounced", "Used now"],
    )


def _results(told: dict[str, Any]) -> None:
    if told["score"] is None:
        verdict = f"No score yet: {told['mailed']:,} of {told['least']:,} deliveries."
    else:
        low, high = told["range"]
        verdict = f"Score: {told['score']} of 100, {told['band']} ({low} to {high}, for so few cases)."
    click.echo(click.style(verdict, bold=True) if may_colour() else verdict)
    rows = []
    for part in told["parts"]:
        if not part["is_measured"]:
            rows.append((part["title"], "", "", part["why_not"]))
            continue
        low, high = part["bounds"]
        shown = f"{part['share']:.2%} ({low:.2%}–{high:.2%})"
        if part["name"] == "sender":
            shown = f"{part['number']} in use"
        elif part["name"] == "engagement":
            shown = f"{part['number'] / part['of'] if part['of'] else 0:.1%} read it"
        rows.append(
            (
                part["title"],
                f"{part['number']:,} of {part['of']:,}",
                shown,
                f"−{part['lost']:g}" if part["lost"] else "",
            )
        )
    table(["", "Number", "Share (90 % bounds)", "Costs"], rows)
    for part in told["parts"]:
        if part["fix"] and part["lost"] >= 1:
            say(f"  {part['title']}: {part['fix']}")
    for remark in told["remarks"]:
        say(f"  - {remark}")


def _plot(values: list[float], most: float) -> str:
    return "".join(BARS[min(7, round(7 * value / most))] if value else "·" for value in values)
