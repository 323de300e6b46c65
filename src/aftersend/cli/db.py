"""`aftersend db`: the database."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from aftersend import clock
from aftersend.cli.places import here_option
from aftersend.cli.printing import emit, json_option, note, say, table
from aftersend.cli.verbs import FAILED, Ended

if TYPE_CHECKING:
    from aftersend.cli.here import Here

DIFFERENCES_SHOWN = 20


@click.group()
def db() -> None:
    """The database: upgrade, check, rebuild, prune, size."""


@db.command()
@json_option
@here_option
def upgrade(here: Here, as_json: bool) -> None:
    """Make the database, or bring its schema up to date. Safe to run at any time, also twice."""
    from aftersend.store.upgrade import HEAD

    before = here.prepare()
    if as_json:
        emit({"before": before, "now": HEAD})
    else:
        say(f"The database is made, schema {HEAD}." if before is None else f"Schema {before} → {HEAD}.")


@db.command()
@json_option
@here_option
def check(here: Here, as_json: bool) -> None:
    """Read the whole database and say whether it is whole: files, tables, and the ledger's laws."""
    from aftersend.store import condition
    from aftersend.store.rebuild import rebuild

    faults = here.read(condition.faults)
    with here.engine.reading() as connection:
        condition.freeze(connection)
        found = rebuild(connection, write=False)
    faults += [*found.readings, *found.counters]
    if as_json:
        emit({"whole": not faults, "deliveries": found.deliveries, "faults": faults})
    else:
        for fault in faults[:DIFFERENCES_SHOWN]:
            note(f"  {fault}")
        say(f"{found.deliveries} deliveries read. " + (f"{len(faults)} faults." if faults else "All is well."))
    if faults:
        raise Ended(FAILED)


@db.command()
@click.option("--write", is_flag=True, help="Put right what differs.")
@json_option
@here_option
def rebuild(here: Here, write: bool, as_json: bool) -> None:
    """Fold the ledger again and compare with what is cached: facts, counters, numbers of reading. Ends with 1 if anything differs."""
    from aftersend.store import condition
    from aftersend.store.rebuild import rebuild as fold

    if write:
        found = here.write(fold, write=True)
    else:
        with here.engine.reading() as connection:
            condition.freeze(connection)
            found = fold(connection, write=False)
    if as_json:
        emit({"deliveries": found.deliveries, "readings": found.readings, "counters": found.counters, "written": write})
    else:
        for difference in [*found.readings, *found.counters][:DIFFERENCES_SHOWN]:
            note(f"  {difference}")
        number = len(found.readings) + len(found.counters)
        what = "nothing differs" if not number else f"{number} differences{', put right' if write else ''}"
        say(f"{found.deliveries} deliveries folded, {what}.")
    if found and not write:
        raise Ended(FAILED)


@db.command()
@json_option
@here_option
def prune(here: Here, as_json: bool) -> None:
    """Remove now what is over its time (settings `retention.*`), and give the space back. The service does it by itself."""
    from aftersend.control import forgetting

    before, went = here.engine.size_bytes(), dict[str, int]()
    while True:
        removed: dict[str, int] = {}
        for name, step in forgetting.steps(here.settings.retention, clock.now()).items():
            removed.update(forgetting.named(name, here.write(step)))
        went = {kind: went.get(kind, 0) + number for kind, number in removed.items()}
        if sys.stderr.isatty():
            click.echo(f"\r{sum(went.values())} removed", nl=False, err=True)
        if not any(removed.values()):
            break
    if sys.stderr.isatty():
        click.echo(err=True)
    here.engine.give_back()
    after = here.engine.size_bytes()
    if as_json:
        emit({"removed": went, "bytes_before": before, "bytes_now": after})
        return
    table(["Removed", ""], list(went.items()), right=[""])
    say(f"{_shown(before)} before, {_shown(after)} now.")


@db.command()
@json_option
@here_option
def size(here: Here, as_json: bool) -> None:
    """Say how large the database is, table by table."""
    from aftersend.store import condition

    numbers, sizes = here.read(condition.rows), here.read(condition.bytes_of_tables)
    whole, free = here.engine.size_bytes(), here.engine.free_bytes()
    if as_json:
        tables = {name: {"rows": number, "bytes": sizes.get(name)} for name, number in numbers.items()}
        emit({"database": here.engine.version(), "bytes": whole, "bytes_free_on_disk": free, "tables": tables})
        return
    table(
        ["Table", "Rows", "Size"],
        [(name, number, _shown(sizes[name]) if name in sizes else "") for name, number in numbers.items()],
        right=["Rows", "Size"],
    )
    say(
        f"{here.engine.version()}, {_shown(whole)}" + (f", {_shown(free)} free on the disk" if free is not None else "")
    )


def _shown(number: int) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if number < 10_240:
            return f"{number} {unit}"
        number //= 1024
    return f"{number} GiB" if number < 10_240 else f"{number // 1024} TiB"
