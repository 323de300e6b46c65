"""`aftersend account`: who uses this installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aftersend import clock
from aftersend.cli.places import here_option
from aftersend.cli.printing import emit, json_option, say, short_time, table
from aftersend.errors import BadField

if TYPE_CHECKING:
    from aftersend.cli.here import Here


@click.group()
def account() -> None:
    """Accounts. Each has keys, domains, streams, suppressions and a log of its own."""


@account.command("list")
@json_option
@here_option
def list_(here: Here, as_json: bool) -> None:
    """List the accounts."""
    from aftersend.store import accounts

    rows = [_told(row) for row in here.read(accounts.listed)]
    if as_json:
        for row in rows:
            emit(row)
    else:
        table(["Number", "Name", "Since"], [(r["id"], r["name"], short_time(r["created_at"])) for r in rows])


@account.command()
@click.argument("name")
@json_option
@here_option
def create(here: Here, name: str, as_json: bool) -> None:
    """Make an account with the usual streams."""
    from aftersend.store import accounts

    here.prepare_once()
    number = here.ids()
    here.write(accounts.create, number, _checked(name), now=clock.now())
    here.audit("made an account", name)
    emit({"id": str(number), "name": name}) if as_json else say(f"Account {name}, number {number}.")


@account.command()
@click.argument("old")
@click.argument("new")
@here_option
def rename(here: Here, old: str, new: str) -> None:
    """Give an account another name."""
    from aftersend.store import accounts

    number = here.read(accounts.named, old)
    here.write(accounts.rename, number, _checked(new))
    here.audit("renamed an account", f"{old} to {new}")
    say(f"Account {new}, number {number}.")


@account.command()
@click.option(
    "-n", "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="So many at the most."
)
@click.option("--find", metavar="TEXT", default="", help="Only those in which this text is part of who, did or what.")
@json_option
@here_option
def audit(here: Here, limit: int, find: str, as_json: bool) -> None:
    """List the latest changes: who did what, newest first."""
    from aftersend.reports.telling import moment
    from aftersend.store import accounts

    rows = here.read(accounts.noted, here.account, limit=limit, part=find)
    told = [
        {"who": r["who"], "did": r["did"], "what": r["what"], "occurred_at": moment(r["occurred_us"])} for r in rows
    ]
    if as_json:
        for row in told:
            emit(row)
    else:
        table(
            ["When", "Who", "Did", "What"],
            [(short_time(r["occurred_at"]), r["who"], r["did"], r["what"]) for r in told],
        )


def _checked(name: str) -> str:
    if not 1 <= len(name) <= 60 or not name.isprintable() or name.isdigit() or name != name.strip():
        raise BadField("#/name", "An account has a name of 1 to 60 printable characters that is not a number.")
    return name


def _told(row: dict[str, Any]) -> dict[str, Any]:
    from aftersend.reports.telling import moment

    return {"id": str(row["id"]), "name": row["name"], "created_at": moment(row["created_us"])}
