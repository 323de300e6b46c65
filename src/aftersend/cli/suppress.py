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
from aftersend.errors import AftersendError, BadFields, NotFound

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
@click.option("--until", metavar="TIME", help="When it ends by itself: 2026-12-01T09:00:00Z. Without it, never.")
@_everywhere
@place_option
def add(place: Any, addresses: tuple[str, ...], stream: str, why: str, until: str | None, everywhere: bool) -> None:
    """Put addresses, or whole domains (@example.com), on the list.

    A complaint or an opt-out that stands there stays as it is; only `suppress remove` takes it off.
    """
    for address in addresses:
        entry = place.suppress(address, stream=stream, why=why, everywhere=everywhere, expires_at=until)
        say(entry["says"])


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
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--stream", default="", metavar="NAME", help="On one stream only, where the file does not say.")
@click.option(
    "--why", default="imported", show_default=True, metavar="TEXT", help="The reason, where the file gives none."
)
@json_option
@place_option
def import_(place: Any, file: IO[bytes], stream: str, why: str, as_json: bool) -> None:
    """Read addresses from FILE or standard input: one a line, or CSV with a column “recipient” or “email”.

    A column “stream”, “cause” or “expires_at” counts for its line. Lines that cannot be used are named and left out; so are, without
    a fault, those whose time is over. What stands on the list for as long already is left as it is, with its evidence.
    """
    from aftersend import clock
    from aftersend.mail.address import list_key
    from aftersend.reports.search import instant

    now = clock.now()
    listed = {(row["recipient"], row["stream"]): row["expires_at"] for row in place.suppressions(None)}
    done = wrong = known = over = 0
    for number, entry in _entries(file):
        until = entry.get("expires_at") or None
        on = entry.get("stream") or stream
        try:
            address = list_key(entry["recipient"], pointer="#/address")
            ends = None if until is None else instant(until, "expires_at", now=now)
            if ends is not None and ends <= now:
                over += 1
                continue
            if (address, on) in listed and _lasts(listed[address, on], ends, now):
                known += 1
                continue
            put = place.suppress(address, stream=on, why="", cause=entry.get("cause") or why, expires_at=until)
            listed[address, on] = put["expires_at"]
            known += put["kept"]
            done += not put["kept"]
        except AftersendError as error:
            wrong += 1
            if wrong <= FAULTS_SHOWN:
                note(f"line {number}: {_said(error)}")
    if as_json:
        emit({"imported": done, "wrong": wrong, "known": known, "over": over})
    else:
        say(
            f"{done} addresses listed, {known} on the list already, {over} left out because their time is over,"
            f" {wrong} because they cannot be used."
        )
    if wrong:
        raise Ended(PARTLY if done or known else FAILED)
    if not done and not known:
        raise Ended(NOTHING)


def _lasts(expires_at: str | None, ends: int | None, now: int) -> bool:
    """Whether an entry that stands lasts as long as one that would take its place."""
    from aftersend.reports.search import instant

    if expires_at is None:
        return True
    return ends is not None and instant(expires_at, "expires_at", now=now) >= ends


def _said(error: AftersendError) -> str:
    """What is wrong with a line; fields of a request are no business of whoever wrote the file."""
    if isinstance(error, BadFields):
        return " ".join(field.detail for field in error.fields)
    return error.detail


_HEADS = {
    "recipient": "recipient", "email": "recipient", "e-mail": "recipient", "mail": "recipient", "address": "recipient",
    "email address": "recipient", "reason": "cause", "cause": "cause", "stream": "stream", "expires_at": "expires_at",
}  # fmt: skip


def _entries(file: IO[bytes]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the lines with something in them. Raise BadField where the file as a whole cannot be read."""
    from aftersend.broadcasts import importing

    names: list[str] | None = None
    try:
        for number, cells in importing.rows(importing.text_of(file.read())):
            if cells[0].startswith("#"):
                continue
            if names is None:
                heads = [_HEADS.get(cell.lower(), "") for cell in cells]
                names = heads if "recipient" in heads else ["recipient"]
                if "recipient" in heads:
                    continue
            yield number, {"recipient": "", **dict(zip(names, cells, strict=False))}
    except csv.Error as error:
        raise importing.not_csv(error) from None


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
