"""`aftersend suppress`: addresses that are not mailed."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import IO, Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import FAILED, NOTHING, PARTLY, Ended
from aftersend.errors import AftersendError, NotFound

COLUMNS = ("recipient", "stream", "cause", "origin", "created_at", "expires_at")
FAULTS_SHOWN = 20
PAGE = 100
_HOW = {"learned": "learned by the platform", "platform": "listed for all accounts"}
_everywhere = click.option("--everywhere", is_flag=True, help="On the list that holds for all accounts.")


@click.group()
def suppress() -> None:
    """Addresses that are not mailed: learned from bounces, complaints and opt-outs, or listed by a person."""


@suppress.command()
@click.argument("addresses", metavar="ADDRESS …", nargs=-1, required=True)
@click.option("--stream", default="", metavar="NAME", help="On one stream only.")
@click.option("--why", default="", metavar="TEXT", help="The reason, shown with every mail that is stopped.")
@_everywhere
@place_option
def add(place: Any, addresses: tuple[str, ...], stream: str, why: str, everywhere: bool) -> None:
    """Put addresses, or whole domains (@example.com), on the list."""
    for address in addresses:
        entry = place.suppress(address, stream=stream, why=why, everywhere=everywhere)
        say(f"{entry['recipient']} is not mailed any more{f' on {stream}' if stream else ''}.")


@suppress.command()
@click.argument("addresses", metavar="ADDRESS …", nargs=-1, required=True)
@click.option("--stream", default=None, metavar="NAME", help="From one stream's list only.")
@_everywhere
@place_option
def remove(place: Any, addresses: tuple[str, ...], stream: str | None, everywhere: bool) -> None:
    """Take addresses off the lists, so that they are mailed again."""
    gone = 0
    for address in addresses:
        try:
            place.unsuppress(address, stream=stream, everywhere=everywhere)
            gone += 1
            say(f"{address} is mailed again.")
        except NotFound as error:
            note(error.detail)
    if gone < len(addresses):
        raise Ended(PARTLY if gone else NOTHING)


@suppress.command("list")
@click.argument("part", required=False)
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="So many at the most.")
@_everywhere
@json_option
@place_option
def list_(place: Any, part: str | None, limit: int, everywhere: bool, as_json: bool) -> None:
    """List the addresses, or those that contain PART."""
    rows = []
    for row in place.suppressions(part, everywhere=everywhere):
        rows.append(row)
        if as_json:
            emit(row)
        if len(rows) == limit:
            break
    if not rows:
        note("No address is listed" + (f" that contains {part}." if part else "."))
        raise Ended(NOTHING)
    if not as_json:
        table(
            ["Address", "Stream", "Cause", "Origin", "Since", "Until"],
            [
                (
                    r["recipient"], r["stream"] or "all", r["cause"], r["origin"],
                    short_time(r["created_at"]), short_time(r["expires_at"]),
                )
                for r in rows
            ],
        )  # fmt: skip


@suppress.command()
@click.argument("address")
@json_option
@place_option
def why(place: Any, address: str, as_json: bool) -> None:
    """Tell why an address is not mailed, with the evidence."""
    rows = place.why_suppressed(address)
    for row in rows:
        if as_json:
            emit(row)
            continue
        on = f"the stream {row['stream']}" if row["stream"] else "all streams"
        how = _HOW.get(row["origin"], "listed by a person")
        say(f"{row['recipient']}: not mailed on {on}, {how}: {row['cause']}.")
        say(f"  since {short_time(row['created_at'])}, until {short_time(row['expires_at']) or 'it is taken off'}")
        if row["delivery_id"]:
            say(f"  by {row['delivery_id']}: aftersend show {row['delivery_id']}")
        for name, value in (row["evidence"] or {}).items():
            say(f"  {name}: {value}")


@suppress.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"), default="-")
@click.option("--stream", default="", metavar="NAME", help="On one stream only, where the file does not say.")
@click.option(
    "--why", default="imported", show_default=True, metavar="TEXT", help="The reason, where the file gives none."
)
@json_option
@place_option
def import_(place: Any, file: IO[str], stream: str, why: str, as_json: bool) -> None:
    """Read addresses from FILE or standard input: one a line, or CSV with a column “recipient” or “email”.

    A column “stream” or “cause” counts for its line. Lines that are no address are named and left out.
    """
    done, wrong = 0, 0
    for number, entry in _entries(file):
        try:
            place.suppress(entry["recipient"], stream=entry.get("stream") or stream, why=entry.get("cause") or why)
            done += 1
        except AftersendError as error:
            wrong += 1
            if wrong <= FAULTS_SHOWN:
                note(f"line {number}: {error.detail}")
    emit({"imported": done, "wrong": wrong}) if as_json else say(f"{done} addresses listed, {wrong} lines left out.")
    if wrong:
        raise Ended(PARTLY if done else FAILED)
    if not done:
        raise Ended(NOTHING)


def _entries(file: IO[str]) -> Iterator[tuple[int, dict[str, str]]]:
    names: list[str] | None = None
    for number, row in enumerate(csv.reader(file), 1):
        cells = [_bare(cell.strip()) for cell in row]
        if not any(cells) or cells[0].startswith("#"):
            continue
        if names is None:
            heads = [
                {"email": "recipient", "address": "recipient", "reason": "cause"}.get(c.lower(), c.lower())
                for c in cells
            ]
            names = heads if "recipient" in heads else ["recipient"]
            if "recipient" in heads:
                continue
        yield number, {"recipient": "", **dict(zip(names, cells, strict=False))}


@suppress.command()
@place_option
def export(place: Any) -> None:
    """Write all addresses as CSV, to be imported elsewhere."""
    writer = csv.writer(sys.stdout)
    writer.writerow(COLUMNS)
    for row in place.suppressions(None):
        writer.writerow([safe_cell(row[name]) for name in COLUMNS])


def safe_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _bare(cell: str) -> str:
    """A cell as it was before an export made it safe."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell
