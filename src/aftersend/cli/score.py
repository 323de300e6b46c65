"""`aftersend score`: how good a message is before it is sent, and what to mend."""

from __future__ import annotations

import textwrap
from typing import IO, Any

import click

from aftersend.cli import recipient_files
from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, may_colour, note, plain
from aftersend.cli.verbs import FAILED, Ended
from aftersend.policy.score.finding import band_of
from aftersend.policy.score.forecast import together

GOOD_ENOUGH = 60
WIDTH = 100
BAR = 20
_WHO = {"admin": "whoever runs this server", "dns": "whoever keeps the DNS"}
_COLOURS = {"blocker": "red", "high": "red", "medium": "yellow", "low": "cyan", "info": "white"}


@click.command()
@click.argument("message", metavar="[FILE]", type=click.File("rb"), required=False)
@click.option("--transactional", is_flag=True, help="It is mail for one person, such as a receipt; else a broadcast.")
@click.option("--to", "recipients", multiple=True, metavar="ADDRESS", help="A recipient, for the spam filters.")
@click.option("--recipients", "file", type=click.File("rb"), metavar="CSV", help="Forecast what will bounce of these.")
@click.option("--list", "list_name", metavar="NAME", help="Forecast what will bounce of a list.")
@click.option(
    "--clean", type=click.Path(dir_okay=False), metavar="CSV", help="Write the recipients without the doubtful."
)
@click.option("--remove", is_flag=True, help="Take the doubtful off the list; they stay contacts.")
@click.option("--no-dns", is_flag=True, help="Ask nothing of the DNS.")
@click.option("--no-engines", is_flag=True, help="Ask no spam filter.")
@click.option(
    "--least", type=click.IntRange(0, 100), default=GOOD_ENOUGH, show_default=True,
    help="End with 0 from this score on, with 1 below it.",
)  # fmt: skip
@json_option
@place_option
def score(
    place: Any, message: IO[bytes] | None, transactional: bool, recipients: tuple[str, ...], file: IO[bytes] | None,
    list_name: str | None, clean: str | None, remove: bool, no_dns: bool, no_engines: bool, least: int, as_json: bool,
) -> None:  # fmt: skip
    """Score a message (.eml, “-” for standard input) and its recipients before it is sent: what to mend, and how.

    Nothing is sent. Ends with 0 if the score is good enough and nothing blocks, with 1 otherwise.
    """
    if message is None and file is None and list_name is None:
        raise click.UsageError("Name a message to be scored, or --recipients, or --list.")
    if (clean and file is None) or (remove and list_name is None) or (file is not None and list_name is not None):
        raise click.UsageError("--clean goes with --recipients, --remove with --list; give one of the two.")
    told = None
    if message is not None:
        told = place.score(
            message.read(), is_broadcast=not transactional, with_dns=not no_dns, with_engines=not no_engines,
            recipients=recipients,
        )  # fmt: skip
        emit(told) if as_json else _print(told)
    foreseen = None
    if file is not None or list_name is not None:
        rows = recipient_files.read(file.read()) if file is not None else recipient_files.Rows()
        if remove:
            cleaned = place.clean_list(list_name)
            foreseen = cleaned["forecast"]
        else:
            foreseen = place.forecast(rows.addresses, list_name, with_dns=not no_dns)
        if told is not None and not as_json:
            _line()
        emit(foreseen) if as_json else print_forecast(foreseen)
        if remove:
            note(f"{cleaned['removed']} people were taken off the list {list_name}; they are still contacts.")
        if clean:
            kept = recipient_files.write(clean, rows, foreseen["doubtful"])
            note(f"{clean} has {kept} of {len(rows.addresses)} recipients.")
    value, is_blocked = _together(told, foreseen)
    if told is not None and foreseen is not None and not as_json:
        _line()
        _line(f"Message and recipients together: {value} of 100, {band_of(value)}.", bold=True)
    if is_blocked or value < least:
        raise Ended(FAILED)


def _together(told: dict[str, Any] | None, foreseen: dict[str, Any] | None) -> tuple[int, bool]:
    is_blocked = told is not None and told["is_blocked"]
    value = together(
        None if told is None else told["score"],
        None if foreseen is None else foreseen["score"],
        None,
        is_blocked=is_blocked,
    )
    return value or 0, is_blocked


_ASIDE = (("suppressed", "suppressed already"), ("duplicates", "there twice"))


def print_forecast(told: dict[str, Any]) -> None:
    """Print what is to be expected of a list, for people."""
    _line(f"The recipients: {told['score']} of 100, {told['band']}", bold=True)
    _line()
    aside = [f"{told[name]:,} {words}" for name, words in _ASIDE if told[name]]
    _line(
        f"  {told['addresses']:,} addresses, {told['mailed']:,} get mail"
        + (f" ({', '.join(aside)})." if aside else ".")
    )
    _line(f"  About {told['expected_bounces']:,.0f} will bounce for good ({told['expected_rate']:.1%}).")
    for signal in told["signals"]:
        _wrapped(f"{signal['number']:>7,}  {signal['says']} {signal['fix']}", "  ", hang=9)
    for slip in told["suggestions"][:10]:
        _line(f"{'':11}{slip['domain']} → {slip['meant']} ({slip['number']})")
    without = told["without"]
    if without["removed"]:
        _line()
        _wrapped(
            f"Without these {without['removed']:,} addresses: {told['score']} → {without['score']}, and about "
            f"{without['expected_bounces']:,.0f} bounces ({without['expected_rate']:.1%}). "
            "--clean FILE.csv writes the others; --list NAME --remove takes them off a list.",
            "  ",
        )
        for doubtful in told["doubtful"][:10]:
            meant = f" → {doubtful['suggestion']}" if doubtful["suggestion"] else ""
            _line(
                f"    {doubtful['probability']:>4.0%}  {doubtful['address']}{meant}  ({', '.join(doubtful['signals'])})"
            )
        if without["removed"] > 10:
            _line("    … and more; --json names all.")


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
