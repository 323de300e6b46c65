"""`aftersend tracking` and `aftersend reading`: who opened and followed, and how much of that is noticed at all."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import NOTHING, Ended

MODES = ("full", "deliverability", "off")


@click.group()
def tracking() -> None:
    """Opens and clicks: the visits behind them, the links, and how much is tracked."""


@tracking.command("list")
@json_option
@place_option
def list_(place: Any, as_json: bool) -> None:
    """List what was chosen: for the account, for streams, for recipients. Where nothing is, all is tracked."""
    rows = place.ask("GET", "/v1/tracking", words=[("limit", 100)])["data"]
    if as_json:
        for row in rows:
            emit(row)
    elif rows:
        table(["Of", "Name", "Mode", "Chosen by"], [(r["scope"], r["name"], r["mode"], r["source"]) for r in rows])
    if not rows:
        note("Nothing is chosen: everything is tracked where `tracking.url` is set.")
        raise Ended(NOTHING)


@tracking.command("set")
@click.argument("mode", type=click.Choice([*MODES, "default"]))
@click.option("--stream", metavar="NAME", help="Of one stream.")
@click.option("--recipient", metavar="ADDRESS", help="Of one recipient; it comes before all other choices.")
@click.option("--source", default="", metavar="TEXT", help="How it is known that the recipient chose so.")
@json_option
@place_option
def set_(place: Any, mode: str, stream: str | None, recipient: str | None, source: str, as_json: bool) -> None:
    """Choose MODE for the account, a stream or a recipient; `default` takes a choice back."""
    wanted = {"mode": None if mode == "default" else mode, "stream": stream, "recipient": recipient, "source": source}
    made = place.ask("POST", "/v1/tracking", json=wanted)
    where = f"the {made['scope']} {made['name']}".rstrip()
    emit(made) if as_json else say(f"Of {where} is tracked: {made['mode'] or 'what is chosen elsewhere'}.")


@tracking.command()
@click.argument("delivery", metavar="DELIVERY")
@json_option
@place_option
def hits(place: Any, delivery: str, as_json: bool) -> None:
    """Show every visit to a delivery: who made it, and why we think so."""
    rows = place.ask("GET", f"/v1/deliveries/{quote(delivery, safe='')}/hits")["data"]
    for row in rows:
        if as_json:
            emit(row)
            continue
        what = row["url"] or {"open": "the picture", "read": "the picture, once more"}.get(row["kind"], row["kind"])
        say(f"{short_time(row['at'])}  {row['verdict'] or 'not judged yet'}  {row['method']} {what}")
        say(f"    from {row['ip'] or 'an address that is not kept'}, {row['user_agent'] or 'no user agent'}")
        for reason in row["reasons"]:
            points = "decides" if reason["points"] is None else f"{reason['points']:+g}"
            say(f"    {points:>8}  {reason['signal']}: {reason['evidence']}")
    if not rows:
        note("Nobody has visited it.")
        raise Ended(NOTHING)


@tracking.command()
@click.argument("message", metavar="MESSAGE")
@json_option
@place_option
def links(place: Any, message: str, as_json: bool) -> None:
    """List the tracked links of a message, and how many recipients followed each."""
    rows = place.ask("GET", f"/v1/messages/{quote(message, safe='')}/links")["data"]
    if as_json:
        for row in rows:
            emit(row)
    elif rows:
        table(
            ["Link", "Text", "People", "Unknown", "Machines"],
            [
                (r["url"], r["text"], r["clicks"]["human"], r["clicks"]["unknown"] + r["clicks"]["privacy_proxy"], r["clicks"]["machine"])
                for r in rows
            ],
        )  # fmt: skip
    if not rows:
        note("None of its links is tracked.")
        raise Ended(NOTHING)


@click.command()
@click.option("--by", type=click.Choice(["stream", "domain", "hour", "message"]), help="Count by this.")
@click.option("--since", metavar="TIME", help="Taken in at this time or later, or so long ago; 30d without it.")
@click.option("--until", metavar="TIME", help="Taken in before this time.")
@click.option("--stream", metavar="NAME", help="Of one stream.")
@click.option("--message", metavar="MESSAGE", help="Of one message.")
@click.option("--broadcast", metavar="BROADCAST", help="Of one broadcast.")
@json_option
@place_option
def reading(place: Any, by: str | None, as_json: bool, **options: str | None) -> None:
    """Say how mail was read: by people, by proxies, by machines, and what share of it that is."""
    words = [(name, value) for name, value in options.items() if value is not None]
    found = place.ask("GET", "/v1/reports/reading" + (f"/{by}" if by else ""), words=words)
    if as_json:
        emit(found)
    elif by == "hour":
        table(["Hour (UTC)", "Opened by people"], [(f"{r['hour']:02}", r["opened"]) for r in found["data"]])
    elif by:
        table(
            [by.title(), "Delivered", "Opened by people", "Open rate", "Clicked by people", "Unsubscribed"],
            [
                (
                    r.get("subject") or r["word"], r["delivered"], r["opens"]["human"], _rate(r["open_rate"]),
                    r["clicks"]["human"], r["unsubscribed"],
                )
                for r in found["data"]
            ],
        )  # fmt: skip
    else:
        _tell(found)


def _tell(found: dict[str, Any]) -> None:
    names = (("human", "people"), ("privacy_proxy", "privacy proxies"), ("unknown", "unknown"), ("machine", "machines"))
    table(["", *(name for _, name in names), "Share"], [
        ("Opened", *(found["opens"][word] for word, _ in names), _rate(found["open_rate"])),
        ("Clicked", *(found["clicks"][word] for word, _ in names), _rate(found["click_rate"])),
    ])  # fmt: skip
    read, rate = found["read"], found["read"]["rate"]
    say()
    say(f"Delivered: {found['delivered']}. Unsubscribed: {found['unsubscribed']}. Complained: {found['complained']}.")
    if rate is not None:
        say(f"Read for longer than five seconds: {rate:.0%} of the {read['yes'] + read['no']} that can show it.")


def _rate(rate: dict[str, float | None]) -> str:
    if rate["least"] is None or rate["most"] is None:
        return ""
    return f"{rate['least']:.1%}" if rate["least"] == rate["most"] else f"{rate['least']:.1%} to {rate['most']:.1%}"
