"""`aftersend returns`: mail that came back: read a directory of it, look at what nobody understands, say what it means."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aftersend import clock
from aftersend.cli.places import here_option, place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.return_places import place_of
from aftersend.cli.verbs import NOTHING, PARTLY, Ended
from aftersend.errors import NotFound

if TYPE_CHECKING:
    from aftersend.cli.here import Here

CAME = {
    "applied": "understood and written down",
    "unread": "kept for you to look at (aftersend returns list)",
    "refused": "with a return path that was altered or is too old, changing nothing",
    "not_ours": "not about mail from here, left alone",
}


@click.group()
def returns() -> None:
    """What came back: bounces, delay notices, automatic answers, complaints."""


@returns.command()
@click.argument("paths", metavar="PATH …", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
@here_option
def read(here: Here, paths: tuple[Path, ...], as_json: bool) -> None:
    """Read returned mail from directories and files (maildir, mbox, .eml); nothing there is moved or deleted.

    Works on the store of this machine. What was read before changes nothing. Ends with 3 if nothing was about mail from here.
    """
    from aftersend.cli.mailboxes import files_in, mails_in

    here.prepare_once()
    desk = _desk(here)
    try:
        files = files_in(paths)
    except FileNotFoundError as error:
        raise click.UsageError(f"{error.filename}: {error.strerror}.") from None
    came: Counter[str] = Counter()
    faults = 0
    with _progress(len(files)) as step:
        for file in files:
            try:
                for found in mails_in(file):
                    came[_apply(here, desk, found.raw, found.name)] += 1
            except OSError as error:
                faults += 1
                note(f"{file}: {error.strerror}")
            step()
    told = {name: came[name] for name in CAME} | {"mails": came.total(), "files": len(files), "unreadable": faults}
    if as_json:
        emit(told)
    else:
        say(f"{came.total()} mails in {len(files)} files:")
        for name, words in CAME.items():
            say(f"  {came[name]} {words}")
    if faults:
        raise Ended(PARTLY)
    if not came["applied"] and not came["unread"]:
        raise Ended(NOTHING)


def _desk(here: Here) -> Any:
    from aftersend.app import return_place, suppression_rules
    from aftersend.policy.breaker import Breaker
    from aftersend.returns.applying import Desk
    from aftersend.store import doubts

    breaker = Breaker()
    breaker.heed(here.read(doubts.standing, now=clock.now()))
    return Desk(return_place(here.settings, here.secret), suppression_rules(here.settings), breaker, clock.now)


def _apply(here: Here, desk: Any, raw: bytes, name: str) -> str:
    from aftersend.returns.applying import apply_found
    from aftersend.returns.reading import read as understood
    from aftersend.store.returned import Returned

    item = Returned(here.ids(), "", "", name, raw, clock.now())
    came = here.write(apply_found, item, understood(raw, name), desk)
    return str(came.value)


@contextlib.contextmanager
def _progress(whole: int) -> Iterator[Callable[[], None]]:
    """Show how far it has come: a bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("Reading", total=whole)
        yield lambda: bars.advance(task)


@returns.command("list")
@click.option(
    "-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="So many at the most."
)
@json_option
@place_option
def list_(place: Any, limit: int, as_json: bool) -> None:
    """List returned mail that nobody understands, newest first."""
    rows = place_of(place).listed(limit)
    if not rows:
        note("Everything that came back was understood.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
    else:
        table(
            ["Id", "Came", "From", "Subject", "Why it is here"],
            [
                (r["id"], short_time(r["received_at"]), r["from"] or r["sender"] or r["peer"], r["subject"], r["why"])
                for r in rows
            ],
        )


@returns.command()
@click.argument("id_", metavar="ID")
@json_option
@place_option
def show(place: Any, id_: str, as_json: bool) -> None:
    """Show one with its original, and what the rules make of it."""
    told = place_of(place).one(id_)
    if as_json:
        emit(told)
        return
    say(
        f"{told['id']}, came {short_time(told['received_at'])} to {told['recipient'] or 'a mailbox'} from {told['peer']}"
    )
    if told["from"] or told["sender"]:
        say(f"From: {told['from'] or told['sender']}")
    say(f"Why it is here: {told['why']}")
    if told["delivery_id"]:
        say(f"It is about {told['delivery_id']}: aftersend show {told['delivery_id']}")
    report = told["report"]
    say(f"The rules say: {report['action']}, {report['reason']}. {report['sentence']}")
    say()
    say(told["original"].replace("\r\n", "\n"))


@returns.command()
@click.argument("id_", metavar="ID")
@click.argument("reason")
@click.option("--detail", default=None, metavar="WORD", help="A finer word beside the reason.")
@click.option("--delayed", is_flag=True, help="It is a notice of delay, not of failure.")
@click.option(
    "--delivery", default=None, metavar="DELIVERY", help="The delivery that it is about, where that is not known."
)
@json_option
@place_option
def teach(
    place: Any, id_: str, reason: str, detail: str | None, delayed: bool, delivery: str | None, as_json: bool
) -> None:
    """Say what one means: REASON as in “aftersend diagnose”. It is written down for its delivery, with all that follows."""
    place_of(place).teach(id_, reason, detail=detail, is_delayed=delayed, delivery=delivery)
    emit({"id": id_, "reason": reason, "detail": detail}) if as_json else say(
        f"{id_} means {reason}; it is written down."
    )


@returns.command()
@click.argument("ids_", metavar="ID …", nargs=-1, required=True)
@place_option
def forget(place: Any, ids_: tuple[str, ...]) -> None:
    """Throw some away."""
    kept, gone = place_of(place), 0
    for shown in ids_:
        try:
            kept.forget(shown)
        except NotFound as error:
            note(f"{shown}: {error.detail}")
            continue
        gone += 1
        say(f"{shown} is gone.")
    if gone < len(ids_):
        raise Ended(PARTLY if gone else NOTHING)
