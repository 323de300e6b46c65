"""Own how things are printed: one JSON object a line for programs, words and columns for people.

What came from elsewhere (subjects, replies of other servers) is hostile text: it is made plain before a terminal sees it.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(function: F) -> F:
    """Add `--json`: one object a line, on standard output."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")(function)


def emit(value: Any) -> None:
    """Print one JSON object as one line, at once."""
    import msgspec

    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.buffer.flush()


def say(text: str = "") -> None:
    """Print a line of words."""
    click.echo(plain(text))


def note(text: str) -> None:
    """Print a remark that is not part of the answer, on standard error."""
    click.echo(plain(text), err=True)


def plain(text: str) -> str:
    """Return the text with everything that could steer a terminal shown as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def title(text: str) -> None:
    """Print a heading, bold on a terminal."""
    click.secho(plain(text), bold=True, color=None if may_colour() else False)


def may_colour() -> bool:
    """Say whether colours are welcome: on a terminal, unless NO_COLOR is set."""
    import os

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = ()) -> None:
    """Print columns: drawn for a terminal, plain and never cut elsewhere. Columns named in `right` are numbers."""
    written = [["" if cell is None else plain(str(cell)).replace("\n", " ") for cell in row] for row in rows]
    if sys.stdout.isatty():
        _drawn(head, written, right)
        return
    widths = [max(len(cell) for cell in column) for column in zip(head, *written, strict=True)]
    for row in [list(head), *written]:
        cells = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(head, row, widths, strict=True)
        ]
        click.echo("  ".join(cells).rstrip())


def _drawn(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in head:
        drawn.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    Console(no_color=not may_colour()).print(drawn)


def short_time(iso: str | None) -> str:
    """Shorten an RFC 3339 time for a column: to the second, always UTC."""
    return "" if not iso else iso[:19].replace("T", " ") + "Z"


@contextlib.contextmanager
def counted(what: str, whole: int | None) -> Iterator[Callable[[int], None]]:
    """Show how far something has come, which is told how many more are done: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda more: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(what, total=whole)
        yield lambda more: bars.advance(task, more)
