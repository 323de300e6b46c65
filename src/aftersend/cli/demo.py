"""`aftersend demo`: the whole service in the practice world, from a temporary store to the last word."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import click

from aftersend.cli.printing import emit, json_option, say, table, title
from aftersend.cli.verbs import DONE, FAILED, Ended

Progress = Callable[[str, int, int], None]


@click.command()
@click.option("--recipients", type=click.IntRange(1), default=1000, show_default=True, help="How many there are.")
@json_option
def demo(recipients: int, as_json: bool) -> None:
    """Show what can become of a mail: start the service with the practice world, submit by SMTP and HTTP
    and as a broadcast, wait for the end.

    Nothing leaves this machine, and nothing stays: the store is a temporary one. Ends with 0 only if every recipient is
    accounted for.
    """
    from aftersend import app

    with tempfile.TemporaryDirectory(prefix="aftersend-demo-") as folder, _progress() as on_progress:
        result = app.run(_demonstrated(folder, recipients, on_progress))
    if as_json:
        emit(result)
    else:
        _tell(result)
    raise Ended(DONE if result["conserved"] else FAILED)


async def _demonstrated(folder: str, recipients: int, on_progress: Progress) -> dict[str, Any]:
    from aftersend import app, logs
    from aftersend.config import load
    from aftersend.control import keys
    from aftersend.practice.demo import Target, demonstrate

    settings = load(
        None,
        {},
        data_dir=folder,
        node="demo",
        smtp__listen=["127.0.0.1:0"],
        smtp__hostname="mail.practice.test",
        web__listen=["127.0.0.1:0"],
        log__level="error",
    )
    logs.set_up(form="text", level="error", addresses="full", node="demo")
    async with app.practised(settings) as practised, app.running(practised) as service:
        secret = await keys.practice_key(service.store, service.clock(), service.ids())
        host, port = service.addresses["web"]
        has_relay = any(name.startswith("relayed.") for name in practised.delivery.routes)
        has_returns = "returns" in service.addresses
        target = Target(service.addresses["smtp"], f"http://{host}:{port}", secret, has_relay, has_returns)
        return await asyncio.to_thread(demonstrate, target, recipients=recipients, on_progress=on_progress)


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    """Show how far it has come: bars on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<11}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, whole: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage.capitalize(), total=whole)
            bars.update(tasks[stage], completed=done, total=whole)

        yield show


def _tell(result: dict[str, Any]) -> None:
    from aftersend.ledger.vocabularies import VOCABULARIES

    passed = result.get("seen", {})
    for name, counts in result["vocabularies"].items():
        vocabulary = VOCABULARIES[name]
        title(f"{vocabulary.title} – {vocabulary.question}")
        meanings = dict(vocabulary.words)
        on_the_way = passed.get(name, {})
        table(
            ["", "Now", "On the way", "Meaning"],
            [(word, number, on_the_way.get(word, ""), meanings.get(word, "")) for word, number in counts.items()],
            right=["Now", "On the way"],
        )
        say()
    seconds = result.get("seconds", {})
    say(
        f"{result['audience']} recipients, {result.get('messages', '?')} messages, {seconds.get('all', '?')} s. "
        + ("Everybody is accounted for." if result["conserved"] else "NOT everybody is accounted for.")
    )
    for fault in result.get("faults", []):
        say(f"  {fault}")
