"""`aftersend queue`: what waits, and what a person may do about it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import counted, emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import NOTHING, PARTLY, Ended
from aftersend.cli.words import ids_as_words, take_words, word_options

ASKED_FROM = 100
"""From so many deliveries on, a verb asks first when a person is at the terminal."""

_STAGES = {
    "treatment": "to be checked",
    "delivery": "to be delivered",
    "held": "held by a person",
    "relayed": "handed to a relay",
    "set_aside": "set aside: our fault",
    "depleted": "no credits left",
    "moderation": "before the moderator",
}


@click.group()
def queue() -> None:
    """What waits: look, hold, release, retry, cancel, reschedule; and what failed: send again."""


@queue.command()
@json_option
@place_option
def summary(place: Any, as_json: bool) -> None:
    """Count what waits, by stage, and name the nodes at work."""
    found = place.queue()
    if as_json:
        emit(found)
        return
    table(
        ["Stage", "", "Deliveries", "Being tried", "First due", "Last due"],
        [
            (
                s["stage"], _STAGES.get(s["stage"], ""), s["deliveries"], s["claimed"],
                short_time(s["first_due_at"]), short_time(s["last_due_at"]),
            )
            for s in found["stages"]
        ],
        right=["Deliveries", "Being tried"],
    )  # fmt: skip
    say(f"{found['deliveries']} waiting" if found["stages"] else "Nothing waits.")
    for node in found["nodes"] or ():
        say(f"Node {node['name']} at work since {short_time(node['started_at'])}")
    if found["nodes"] == []:
        say("No node is at work; start one with: aftersend serve")


@queue.command("list")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="So many rows at the most.")
@word_options()
@json_option
@place_option
def list_(place: Any, limit: int, as_json: bool, **options: Any) -> None:
    """List what has not ended, with what happens next and when."""
    from aftersend.cli.log import first_rows

    rows = first_rows(place, [*take_words(options), ("live", "true")], limit)
    if as_json:
        for row in rows:
            emit(row)
    elif rows:
        table(
            ["Delivery", "Recipient", "Tries", "How it stands", "Why", "Next"],
            [(r["id"], r["recipient"], r["tries"], r["headline"], r["why"], r["next"]["sentence"]) for r in rows],
            right=["Tries"],
        )
    if not rows:
        note("Nothing waits that matches.")
        raise Ended(NOTHING)


def _choosing(all_of_them: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The arguments and options of a verb for many deliveries; `all_of_them` says what --all means."""
    options = (
        click.argument("targets", metavar="[ID …]", nargs=-1),
        click.option("--all", "all_of_them", is_flag=True, help=all_of_them),
        click.option("--dry-run", is_flag=True, help="Say how many it would be, and change nothing."),
        click.option("-y", "--yes", is_flag=True, help="Do not ask."),
        click.option("--why", default="", metavar="TEXT", help="Kept in the history of each delivery."),
        word_options(),
        json_option,
        place_option,
    )

    def choose(verb: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return choose


def _chosen(targets: tuple[str, ...], all_of_them: bool, options: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the words of a search for what was chosen. Raise UsageError when nothing was."""
    words = [*ids_as_words(targets), *take_words(options)]
    if not words and not all_of_them:
        raise click.UsageError("Say which: ids (dlv_…, msg_…), words of a search, or --all.")
    return words


def _verb(name: str, help_text: str) -> Callable[..., Any]:
    @queue.command(name, help=help_text, short_help=help_text.partition(".")[0] + ".")
    @_choosing("All that wait.")
    def act(
        place: Any,
        targets: tuple[str, ...],
        all_of_them: bool,
        dry_run: bool,
        yes: bool,
        why: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        words = _chosen(targets, all_of_them, options)
        if dry_run:
            number = place.count(words)
            emit({"action": name, "would_touch": number}) if as_json else say(
                f"{name} would touch {number} deliveries."
            )
            raise Ended(0 if number else NOTHING)
        asks = not targets and not yes and sys.stdin.isatty()
        number = place.count(words) if asks or sys.stderr.isatty() else None
        if asks and number is not None and number >= ASKED_FROM:
            click.confirm(f"{name} {number} deliveries?", abort=True)
        with counted(name, number) as on_page:
            told = place.act(name, words, why, on_page)
        _tell(name, told, as_json=as_json)

    return act


@queue.command(short_help="Send again what failed.")
@_choosing("All that failed.")
def resend(
    place: Any,
    targets: tuple[str, ...],
    all_of_them: bool,
    dry_run: bool,
    yes: bool,
    why: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Send again what failed: the same content to the same recipient, as a new message that passes all checks.

    What is on a list of addresses that are not mailed is left alone. Each delivery is sent again once at the most, so a run that
    was cut short is simply started anew.
    """
    words = _chosen(targets, all_of_them, options)
    if dry_run:
        told = _resent(place, words, why, preview=True)
        if as_json:
            emit({"action": "resend", "would_touch": told["done"], "skipped": told["skipped"]})
        else:
            say(f"resend would touch {told['done']} deliveries.")
            _tell_skipped(told["skipped"])
        raise Ended(0 if told["done"] else NOTHING)
    if not targets and not yes and sys.stdin.isatty():
        number = _resent(place, words, why, preview=True)["done"]
        if number >= ASKED_FROM:
            click.confirm(f"resend {number} deliveries?", abort=True)
    with counted("resend", None) as on_page:
        told = _resent(place, words, why, on_page=on_page)
    _tell("resend", told, as_json=as_json)


def _resent(
    place: Any,
    words: list[tuple[str, str]],
    why: str,
    *,
    preview: bool = False,
    on_page: Callable[[int], None] = lambda seen: None,
) -> dict[str, Any]:
    """Go through all that is found, a page at a time; return how many were sent again and how many skipped, by reason."""
    wanted: dict[str, list[str]] = {}
    for name, value in words or [("live", "false")]:
        wanted.setdefault(name, []).append(value)
    done, skipped, after = 0, Counter[str](), None
    while True:
        asked = {
            "action": "resend", "filter": wanted, "preview": preview, "why": why, "after": after, "limit": RESENT_AT_ONCE
        }  # fmt: skip
        told = place.ask("POST", "/v1/deliveries/actions", json=asked)
        done += told["done"]
        skipped.update(told["skipped"])
        on_page(told["matched"])
        after = told["next"]
        if not told["more"] or after is None:
            return {"done": done, "skipped": dict(sorted(skipped.items()))}


RESENT_AT_ONCE = 2000
"""So many deliveries are looked at in one request."""


def _tell_skipped(skipped: dict[str, int]) -> None:
    from aftersend.control import queue_verbs, resending

    for reason, number in skipped.items():
        sentence = queue_verbs.SKIPPED_BECAUSE.get(reason) or resending.SKIPPED_BECAUSE.get(reason, reason)
        note(f"  {number}: {sentence}")


def _tell(verb: str, told: dict[str, Any], *, as_json: bool) -> None:
    done, skipped = told["done"], told["skipped"]
    if as_json:
        emit({"action": verb, "done": done, "skipped": skipped})
    else:
        say(f"{verb}: {done} done" + (f", {sum(skipped.values())} left alone" if skipped else ""))
        _tell_skipped(skipped)
    if not done:
        raise Ended(NOTHING)
    if skipped:
        raise Ended(PARTLY)


@queue.command()
@click.argument("message", metavar="MESSAGE")
@click.argument("time", metavar="TIME")
@click.option("--why", default="", metavar="TEXT", help="Kept in the history of each delivery.")
@json_option
@place_option
def reschedule(place: Any, message: str, time: str, why: str, as_json: bool) -> None:
    """Let a message (msg_…) that waits for its time go at another one.

    TIME is RFC 3339, such as 2026-12-01T09:00:00Z, or “now”.
    """
    from aftersend import clock
    from aftersend.mail import dates

    try:
        at = clock.now() if time.lower() == "now" else dates.read(time)
    except (ValueError, OverflowError):
        raise click.UsageError(f"{time[:40]!r} is not a time; write 2026-12-01T09:00:00Z, or now.") from None
    found = place.reschedule(message, at, why)
    emit(found) if as_json else say(f"{found['id']} goes at {short_time(found['scheduled_at'])}")


hold = _verb("hold", "Keep it here until it is released; a week at the most.")
release = _verb("release", "Let go on what was held.")
retry = _verb("retry", "Try it now, whatever it waits for.")
cancel = _verb("cancel", "End it before it is sent.")
