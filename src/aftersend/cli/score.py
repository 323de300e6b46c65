"""`aftersend score`: how good a message is before it is sent, and what to mend."""

from __future__ import annotations

import textwrap
from typing import IO, Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, may_colour, plain
from aftersend.cli.verbs import FAILED, Ended

GOOD_ENOUGH = 60
WIDTH = 100
BAR = 20
_WHO = {"admin": "whoever runs this server", "dns": "whoever keeps the DNS"}
_COLOURS = {"blocker": "red", "high": "red", "medium": "yellow", "low": "cyan", "info": "white"}


@click.command()
@click.argument("message", metavar="FILE", type=click.File("rb"), default="-")
@click.option("--transactional", is_flag=True, help="It is mail for one person, such as a receipt; else a broadcast.")
@click.option("--to", "recipients", multiple=True, metavar="ADDRESS", help="A recipient, for the spam filters.")
@click.option("--no-dns", is_flag=True, help="Ask nothing of the DNS.")
@click.option("--no-engines", is_flag=True, help="Ask no spam filter.")
@click.option(
    "--least", type=click.IntRange(0, 100), default=GOOD_ENOUGH, show_default=True,
    help="End with 0 from this score on, with 1 below it.",
)  # fmt: skip
@json_option
@place_option
def score(
    place: Any, message: IO[bytes], transactional: bool, recipients: tuple[str, ...], no_dns: bool, no_engines: bool,
    least: int, as_json: bool,
) -> None:  # fmt: skip
    """Score a message (.eml, or standard input) before it is sent: what costs points, why, and how to mend it.

    Nothing is sent. Ends with 0 if the score is good enough and nothing blocks, with 1 otherwise.
    """
    told = place.score(
        message.read(), is_broadcast=not transactional, with_dns=not no_dns, with_engines=not no_engines,
        recipients=recipients,
    )  # fmt: skip
    if as_json:
        emit(told)
    else:
        _print(told)
    if told["is_blocked"] or told["score"] < least:
        raise Ended(FAILED)


def _print(told: dict[str, Any]) -> None:
    blockers = sum(finding["severity"] == "blocker" for finding in told["findings"])
    verdict = f"{told['score']} of 100: {told['band']}"
    if blockers:
        verdict += f"; {'one finding blocks' if blockers == 1 else f'{blockers} findings block'} it, so 39 is the most"
    _line(verdict, bold=True)
    _line()
    for part in told["components"]:
        _line(f"  {part['title']:<21}{_bar(part)}")
    costly = [finding for finding in told["findings"] if finding["severity"] != "info"]
    if costly:
        _line()
        _line("What to mend, in this order", bold=True)
    for number, finding in enumerate(costly, 1):
        if number == 1 or finding["severity"] != "low":
            _line()
        _finding(number, finding)
    remarks = [*told["unknown"], *(f["says"] for f in told["findings"] if f["severity"] == "info")]
    if remarks:
        _line()
        _line("Good to know", bold=True)
        for remark in remarks:
            _wrapped(remark, "  - ")
    if not costly:
        _line()
        _line("There is nothing to mend.")


def _bar(part: dict[str, Any]) -> str:
    if not part["is_measured"]:
        return f"not measured. {part['why_not']}"
    kept = part["cap"] - part["lost"]
    full = round(BAR * kept / part["cap"])
    return f"{'█' * full}{'░' * (BAR - full)} {kept:g} of {part['cap']}"


def _finding(number: int, finding: dict[str, Any]) -> None:
    is_small = finding["severity"] == "low"
    severity = finding["severity"].upper() if finding["severity"] == "blocker" else finding["severity"]
    points = f"{finding['points']:g} point{'' if finding['points'] == 1 else 's'}"
    label = f"{severity}, {points}" + ("" if finding["who"] == "author" else f", for {_WHO[finding['who']]}")
    head = f"{number:>3}. {click.style(label, fg=_COLOURS[finding['severity']], bold=True) if may_colour() else label}"
    click.echo(f"{head} ({plain(finding['id'])})")
    _wrapped(finding["says"], "     ")
    if finding["evidence"]:
        seen = f"{finding['where']}: {finding['evidence']}" if finding["where"] else finding["evidence"]
        _wrapped(f"Seen: {seen}", "     ", hang=6)
    _wrapped(f"Do:   {finding['fix']}", "     ", hang=6)
    if not is_small:
        _wrapped(f"See:  {finding['reference']}", "     ", hang=6)


def _wrapped(text: str, indent: str, *, hang: int = 0) -> None:
    further = " " * (len(indent) + hang)
    for line in textwrap.wrap(
        plain(text), WIDTH, initial_indent=indent, subsequent_indent=further,
        break_long_words=False, break_on_hyphens=False,
    ):  # fmt: skip
        click.echo(line)


def _line(text: str = "", *, bold: bool = False) -> None:
    click.echo(click.style(plain(text), bold=True) if bold and may_colour() else plain(text))
