"""`aftersend moderation`: mail that a person has to look at before it goes out."""

from __future__ import annotations

import sys
from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import counted, emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import NOTHING, PARTLY, Ended
from aftersend.policy.moderation import MODES, RULES


@click.group()
def moderation() -> None:
    """Mail that a person has to look at first. Without --account, that of all accounts."""


def _filter(function: Any) -> Any:
    for option in (
        click.option("--rule", type=click.Choice(list(RULES)), help="What one rule found."),
        click.option("--find", "q", metavar="TEXT", help="A part of the subject or the sender."),
    ):
        function = option(function)
    return function


def _words(**said: str | None) -> dict[str, str]:
    return {name: value for name, value in said.items() if value}


@moderation.command("list")
@click.option(
    "--state", type=click.Choice(["pending", "accepted", "quarantined", "passed", "any"]), default="pending",
    show_default=True, help="What has become of it.",
)  # fmt: skip
@_filter
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="So many at the most.")
@json_option
@place_option
def list_(place: Any, state: str, rule: str | None, q: str | None, limit: int, as_json: bool) -> None:
    """List messages that were judged, newest first: those that await a moderator, if nothing else is asked for."""
    rows = place.judged(_words(state=None if state == "any" else state, rule=rule, q=q), limit=limit)
    if not rows:
        note("No message awaits a moderator." if state == "pending" else "There is no such message.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Message", "Account", "State", "From", "Subject", "To", "Why"],
        [
            (
                row["id"], row["account"], row["state"], row["from"], row["subject"],
                f"{row['recipients']:,}", row["reason"] or row["why"],
            )
            for row in rows
        ],
        right=["To"],
    )  # fmt: skip


@moderation.command()
@click.argument("message_id", metavar="ID")
@json_option
@place_option
def show(place: Any, message_id: str, as_json: bool) -> None:
    """Show one message with what was found, who gets it, and what it says."""
    found = place.judged_one(message_id)
    if as_json:
        emit(found)
        return
    say(f"{found['id']}  {found['state']}  account {found['account']}, {short_time(found['received_at'])}")
    say(f"From {found['from']} to {found['recipients']:,} recipients: {', '.join(found['first_recipients'][:5])}")
    for finding in found["findings"]:
        say(f"  {finding['rule']}: {finding['why']}")
    for engine in found["engines"]:
        said = engine.get("absent") or f"{engine['score']:g} of {engine['threshold']:g}, {engine['action']}"
        say(f"  {engine['name']}: {said}")
    if found["decided_at"]:
        say(
            f"Decided by {found['decided_by']} at {short_time(found['decided_at'])}: {found['reason'] or 'no reason given'}"
        )
    say()
    say(found["content"])


def _decision(name: str, help_text: str) -> None:
    @moderation.command(name, help=help_text, short_help=help_text.partition(".")[0] + ".")
    @click.argument("targets", metavar="[ID …]", nargs=-1)
    @click.option("--all", "all_of_them", is_flag=True, help="All that await a moderator.")
    @_filter
    @click.option("--reason", default="", metavar="TEXT", help="What the sender is told.")
    @click.option("--teach", is_flag=True, help="Let the anti-spam engines learn from it.")
    @click.option("--dry-run", is_flag=True, help="Say how many it would be, and decide nothing.")
    @json_option
    @place_option
    def decide(
        place: Any, targets: tuple[str, ...], all_of_them: bool, rule: str | None, q: str | None, reason: str,
        teach: bool, dry_run: bool, as_json: bool,
    ) -> None:  # fmt: skip
        words = _words(state="pending", rule=rule, q=q)
        if not targets and not (all_of_them or rule or q):
            raise click.UsageError("Say which: ids (msg_…), --rule, --find, or --all.")
        if dry_run:
            number = len(targets) or place.count_judged(words)
            emit({"action": name, "would_touch": number}) if as_json else say(f"{name} would touch {number} messages.")
            return
        whole = len(targets) or (place.count_judged(words) if sys.stderr.isatty() else None)
        with counted(name, whole) as on_page:
            told = place.decide(name, targets, words, reason, teach=teach, on_page=on_page)
        _tell(name, told, as_json=as_json)


_decision("accept", "Let messages go. Also those that were quarantined.")
_decision("quarantine", "Say no to messages that await a moderator. The reason is told to the sender.")


def _tell(verb: str, told: dict[str, Any], *, as_json: bool) -> None:
    from aftersend.control.moderation import LEFT_ALONE

    if as_json:
        emit({"action": verb, **told})
    else:
        say(f"{verb}: {told['done']} done")
        for why, number in told["skipped"].items():
            note(f"  {number}: {LEFT_ALONE.get(why, why)}")
    if not told["done"]:
        raise Ended(NOTHING)
    if told["skipped"]:
        raise Ended(PARTLY)


@moderation.command()
@click.argument("mode", type=click.Choice(MODES), required=False)
@click.option("--first", type=click.IntRange(0, 1000), default=3, show_default=True, help="So many, in mode new.")
@json_option
@place_option
def policy(place: Any, mode: str | None, first: int, as_json: bool) -> None:
    """Say how mail is moderated, or set it: off; watch (what looks like spam); new (also a sender's first messages); all.

    Without --account it is for all accounts that have no rule of their own.
    """
    told = place.moderation_policy() if mode is None else place.set_moderation_policy(mode, first)
    if as_json:
        emit(told)
        return
    more = f", and the first {told['first']} messages of a sender" if told["mode"] == "new" else ""
    say(f"{told['mode']}{more}; {told['pending']:,} messages await a moderator")
