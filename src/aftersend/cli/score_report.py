"""Print scores of messages and forecasts of lists, for people."""

from __future__ import annotations

import textwrap
from typing import Any

import click

from aftersend.cli.printing import may_colour, plain

WIDTH = 100
BAR = 20
_WHO = {"admin": "whoever runs this server", "dns": "whoever keeps the DNS"}
_COLOURS = {"blocker": "red", "high": "red", "medium": "yellow", "low": "cyan", "info": "white"}
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
    for remark in told["remarks"]:
        _wrapped(f"{'−' + format(remark['points'], 'g'):>7}  {remark['says']}", "  ", hang=9)
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


def print_message(told: dict[str, Any]) -> None:
    """Print the score of a message with its findings, for people."""
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
