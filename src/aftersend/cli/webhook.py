"""`aftersend webhook`: tell other systems what happens to the mail."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import FAILED, NOTHING, Ended

_ID = click.argument("hook_id", metavar="ID")


@click.group()
def webhook() -> None:
    """Tell other systems what happens to the mail: every event at least once, in order for each recipient, signed.

    docs/webhooks.md says how to receive.
    """


def _wish_options(function: Any) -> Any:
    options = (
        click.option("--name", metavar="TEXT", help="A name for people."),
        click.option("--event", "events", multiple=True, metavar="TYPE", help="Only events of this type, such as bounced."),
        click.option("--stream", "streams", multiple=True, metavar="NAME", help="Only events of mail in this stream."),
        click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only events of mail with this tag."),
        click.option("--batch", type=click.IntRange(1, 100), metavar="N", help="So many events at the most in one request."),
        click.option("--owner", metavar="ADDRESS", help="Who is told by mail when it is paused."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def _wish(options: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items() if value not in (None, ())}  # fmt: skip


@webhook.command()
@click.argument("url")
@_wish_options
@click.option("--secret", metavar="SECRET", help="whsec_ and 24 to 64 bytes in base64; else one is made.")
@json_option
@place_option
def add(place: Any, url: str, as_json: bool, **options: Any) -> None:
    """Send events to URL from now on. The secret that signs them is shown once."""
    made = _hooks(place).add({"url": url, **_wish(options)})
    if as_json:
        emit(made)
        return
    say(f"{made['id']} is told what happens from now on.")
    say(f"Its secret, shown only now: {made['secret']}")
    say(f"Try it: aftersend webhook test {made['id']}")


@webhook.command("list")
@json_option
@place_option
def list_hooks(place: Any, as_json: bool) -> None:
    """List the webhooks, with how each is getting on."""
    rows = _hooks(place).listed()
    if not rows:
        note("There is no webhook.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Webhook", "Name", "URL", "State", "Behind", "Given up"],
        [(row["id"], row["name"], row["url"], state_of(row), _behind(row), row["given_up"]) for row in rows],
        right=("Behind", "Given up"),
    )


@webhook.command()
@_ID
@json_option
@place_option
def show(place: Any, hook_id: str, as_json: bool) -> None:
    """Show one webhook, with how it is getting on."""
    row = _hooks(place).one(hook_id)
    if as_json:
        emit(row)
        return
    say(f"{row['id']}  {row['name']}".rstrip())
    say(f"  to {row['url']}, {row['batch']} events a request")
    for field, words in (("events", "types"), ("streams", "streams"), ("tags", "tags")):
        say(f"  {words}: {', '.join(row[field]) or 'all'}")
    say(f"  {state_of(row)}" + (f": {row['why']}" if row["why"] else ""))
    say(f"  behind: {_behind(row)}, tried again: {row['waiting']}, given up: {row['given_up']}")
    if row["good_at"]:
        say(f"  took something last: {short_time(row['good_at'])}")
    if row["owner"]:
        say(f"  owner: {row['owner']}")


@webhook.command()
@_ID
@click.option("--url", metavar="URL", help="Where events are sent.")
@_wish_options
@click.option("--all-events", is_flag=True, help="All types, streams and tags.")
@json_option
@place_option
def change(place: Any, hook_id: str, all_events: bool, as_json: bool, **options: Any) -> None:
    """Change a webhook; what is not named stays."""
    wish = _wish(options)
    if all_events:
        wish |= {"events": [], "streams": [], "tags": []}
    if not wish:
        raise click.UsageError("Say what is to be changed.")
    row = _hooks(place).change(hook_id, wish)
    emit(row) if as_json else say(f"{row['id']} is changed.")


@webhook.command()
@_ID
@place_option
def remove(place: Any, hook_id: str) -> None:
    """Forget a webhook with its attempts."""
    _hooks(place).remove(hook_id)
    say(f"{hook_id} is gone.")


@webhook.command()
@_ID
@json_option
@place_option
def pause(place: Any, hook_id: str, as_json: bool) -> None:
    """Stop sending; what happens meanwhile is kept."""
    row = _hooks(place).pause(hook_id)
    emit(row) if as_json else say(
        f"{hook_id} is paused. What happens is kept until: aftersend webhook resume {hook_id}"
    )


@webhook.command()
@_ID
@click.option("--skip", is_flag=True, help="Leave out what happened meanwhile.")
@json_option
@place_option
def resume(place: Any, hook_id: str, skip: bool, as_json: bool) -> None:
    """Go on sending where it was."""
    row = _hooks(place).resume(hook_id, skip=skip)
    emit(row) if as_json else say(f"{hook_id} goes on; {_behind(row)} events to come.")


@webhook.command("rotate-secret")
@_ID
@json_option
@place_option
def rotate_secret(place: Any, hook_id: str, as_json: bool) -> None:
    """Make a new secret, shown once; for a day the former one signs too."""
    row = _hooks(place).rotate(hook_id)
    emit(row) if as_json else say(f"The new secret of {hook_id}, shown only now: {row['secret']}")


@webhook.command()
@_ID
@json_option
@place_option
def test(place: Any, hook_id: str, as_json: bool) -> None:
    """Send a test event now, and say what came of it."""
    told = _hooks(place).test(hook_id)
    emit(told) if as_json else say(told["said"])
    if not told["taken"]:
        raise Ended(FAILED)


@webhook.command()
@_ID
@click.option("--sequence", type=int, metavar="N", help="One event.")
@click.option("--since", metavar="TIME", help="All from this time on: RFC 3339, or how long ago, such as 24h.")
@click.option("--until", metavar="TIME", help="Up to this time.")
@click.option("--failed", is_flag=True, help="All that was given up.")
@json_option
@place_option
def replay(place: Any, hook_id: str, sequence: int | None, since: str | None, until: str | None, failed: bool, as_json: bool) -> None:  # fmt: skip
    """Send events again: one, those of a time, or all that were given up."""
    wish = {"sequence": sequence, "since": since, "until": until, "failed": failed or None}
    wish = {name: value for name, value in wish.items() if value is not None}
    if len({"sequence", "since", "failed"} & set(wish)) != 1:
        raise click.UsageError("Give one of --sequence, --since (with or without --until), --failed.")
    number = _hooks(place).replay(hook_id, wish)
    emit({"events": number}) if as_json else say(f"{number} events are sent again, as far as {hook_id} wants them.")
    if not number:
        raise Ended(NOTHING)


@webhook.command()
@_ID
@click.option("--outcome", type=click.Choice(["taken", "failed", "busy", "gone"]), help="Only those.")
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="So many at the most.")
@json_option
@place_option
def attempts(place: Any, hook_id: str, outcome: str | None, limit: int, as_json: bool) -> None:
    """List the requests to a webhook and what came of each, the newest first."""
    rows = _hooks(place).attempts(hook_id, limit=limit, outcome=outcome)
    if not rows:
        note("There were no such requests.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["When", "Outcome", "Status", "Events", "Types", "Try", "ms", "Answer"],
        [
            (
                short_time(row["at"]), row["outcome"], row["status"] or "", row["events"], ", ".join(row["types"]),
                row["try"], row["took_ms"], (row["answer"] or "")[:80],
            )
            for row in rows
        ],
        right=("Events", "Try", "ms"),
    )  # fmt: skip


@webhook.command()
@_ID
@click.option("--waiting", is_flag=True, help="Those that are tried again, not those that were given up.")
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=50, show_default=True, help="So many at the most.")
@json_option
@place_option
def failed(place: Any, hook_id: str, waiting: bool, limit: int, as_json: bool) -> None:
    """List the events that a webhook did not take."""
    rows = _hooks(place).not_taken(hook_id, state="waiting" if waiting else "given_up", limit=limit)
    if not rows:
        note("There are none.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Sequence", "Recipient", "Delivery", "Tries", "Next try", "What was said"],
        [
            (
                row["sequence"], row["recipient"], row["delivery_id"], row["tries"],
                short_time(row["next_try_at"]) if row["next_try_at"] else "", (row["said"] or "")[:80],
            )
            for row in rows
        ],
        right=("Sequence", "Tries"),
    )  # fmt: skip


def _hooks(place: Any) -> Any:
    from aftersend.cli.webhook_places import place_of

    return place_of(place)


def state_of(row: dict[str, Any]) -> str:
    """Say in a word how a webhook is getting on."""
    if row["state"] == "paused":
        return "paused"
    return "failing" if row["failures"] else "good"


def _behind(row: dict[str, Any]) -> str:
    return f"{row['behind']}{'' if row['behind_is_exact'] else ' or more'}"
