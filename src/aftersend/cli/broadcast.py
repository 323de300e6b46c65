"""`aftersend broadcast`: send to many, look how far it has come, stop it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import IO, Any
from urllib.parse import quote

import click

from aftersend.cli.given import METAVAR, WORDS
from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table, title
from aftersend.cli.quality import broadcast_score
from aftersend.cli.verbs import DONE, FAILED, NOTHING, Ended

LOOK_EVERY_S = 1.0


@click.group()
def broadcast() -> None:
    """Broadcasts: one message to many, each with words of his own; everybody of the audience has an outcome."""


@broadcast.command()
@click.argument("name")
@click.option("--from", "sender", required=True, metavar="ADDRESS", help="The author.")
@click.option("--subject", default="", metavar="TEXT", help="The subject; merge tags such as {{ name }} are filled.")
@click.option("--text", type=WORDS, metavar=METAVAR, help="The text, @FILE with it, or “-”: standard input.")
@click.option("--html", type=WORDS, metavar=METAVAR, help="The HTML, @FILE with it, or “-”: standard input.")
@click.option("--template", metavar="NAME", help="A saved template that gives subject, text and HTML.")
@click.option(
    "--list", "lists", multiple=True, metavar="NAME", help="A list that it goes to; several times for several."
)
@click.option(
    "--where", default="", metavar="CONDITION",
    help="What must be true of those on the lists, or of all contacts, such as 'city = Vienna and opened since 90d'.",
)  # fmt: skip
@click.option(
    "--recipients", "file", type=click.File("rb"), metavar="FILE",
    help="CSV in UTF-8 with recipients beside the lists; its other columns are merge tags.",
)  # fmt: skip
@click.option(
    "--column", "columns", multiple=True, metavar="HEADER=FIELD", help="How a column of the file is to be taken."
)
@click.option("--type", "kind", default="", metavar="TYPE", help="The type of broadcast that addresses are chosen for.")
@click.option("--needs-consent", is_flag=True, help="Only to those on the lists who have agreed to this type.")
@click.option("--stream", metavar="NAME", help="The stream; broadcast if none is named.")
@click.option("--reply-to", multiple=True, metavar="ADDRESS", help="Where answers should go.")
@click.option("--tag", multiple=True, metavar="WORD", help="A word to find it by.")
@json_option
@place_option
def create(
    place: Any, name: str, sender: str, subject: str, text: str | None, html: str | None, template: str | None,
    lists: tuple[str, ...], where: str, file: IO[bytes] | None, columns: tuple[str, ...], kind: str, needs_consent: bool, stream: str | None,
    reply_to: tuple[str, ...], tag: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Write a draft named NAME down; nothing is sent before `aftersend broadcast start`."""
    message = {
        "from": sender, "subject": subject, "text": text,
        "html": html, "template": template, "stream": stream,
        "reply_to": list(reply_to), "tags": list(tag),
    }  # fmt: skip
    said = {k: v for k, v in message.items() if v}
    asked = {"name": name, "type": kind, "lists": list(lists), "message": said, "needs_consent": needs_consent}
    asked |= {"where": where} if where else {}
    made = place.ask("POST", "/v1/broadcasts", json=asked)
    if file is not None:
        _hand_over(place, made["id"], file, columns)
        made = place.ask("GET", _at(made["id"]))
    if as_json:
        emit(made)
        return
    say(
        f"{made['id']} is written down, for {made['progress']['expected']} people. Look at it: aftersend broadcast test"
    )
    say(f"{made['id']} ADDRESS. Then: aftersend broadcast start {made['id']}")


@broadcast.command()
@click.argument("broadcast_id", metavar="ID")
@click.argument("file", type=click.File("rb"), default="-")
@click.option(
    "--column", "columns", multiple=True, metavar="HEADER=FIELD", help="How a column of the file is to be taken."
)
@place_option
def recipients(place: Any, broadcast_id: str, file: IO[bytes], columns: tuple[str, ...]) -> None:
    """Add recipients from FILE or standard input to a draft: CSV with names of columns in its first line."""
    number = _hand_over(place, broadcast_id, file, columns)
    say(f"{broadcast_id} has {number} recipients beside its lists.")


@broadcast.command("list")
@click.option("-n", "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="So many at the most.")
@json_option
@place_option
def list_(place: Any, limit: int, as_json: bool) -> None:
    """List broadcasts, the newest first."""
    rows = place.ask("GET", "/v1/broadcasts", words=[("limit", limit)])["data"]
    if not rows:
        note("There is no broadcast.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Broadcast", "Name", "State", "Begun", "Ended"],
        [(r["id"], r["name"], r["state"], short_time(r["started_at"]), short_time(r["ended_at"])) for r in rows],
    )


@broadcast.command()
@click.argument("broadcast_id", metavar="ID")
@json_option
@place_option
def show(place: Any, broadcast_id: str, as_json: bool) -> None:
    """Show a broadcast and how far it has come."""
    found = place.ask("GET", _at(broadcast_id))
    emit(found) if as_json else _tell(found)


@broadcast.command()
@click.argument("broadcast_id", metavar="ID")
@click.argument("addresses", metavar="ADDRESS …", nargs=-1, required=True)
@place_option
def test(place: Any, broadcast_id: str, addresses: tuple[str, ...]) -> None:
    """Send a copy to addresses of your own, made for the first person of the audience; it counts for no broadcast."""
    told = place.ask("POST", _at(broadcast_id, "/test"), json={"to": list(addresses)})
    say(f"{told['message_id']} goes to {', '.join(told['to'])}, made with {told['data'] or 'no data'}.")


@broadcast.command()
@click.argument("broadcast_id", metavar="ID")
@click.option("--at", metavar="TIME", help="Begin at this time, RFC 3339.")
@click.option("-w", "--wait", is_flag=True, help="Follow it until everybody has an end.")
@place_option
def start(place: Any, broadcast_id: str, at: str | None, wait: bool) -> None:
    """Let a broadcast begin, now or at a time."""
    found = place.ask("POST", _at(broadcast_id, "/start"), json={"scheduled_at": at})
    _tell_state(found)
    if wait:
        found = _follow(place, broadcast_id)
        raise Ended(DONE if found["progress"]["conserved"] else FAILED)


@broadcast.command()
@click.argument("broadcast_id", metavar="ID")
@place_option
def pause(place: Any, broadcast_id: str) -> None:
    """Stop a broadcast for now: nobody else is written to, and what waits is put on hold."""
    _tell_state(place.ask("POST", _at(broadcast_id, "/pause")))


@broadcast.command()
@click.argument("broadcast_id", metavar="ID")
@place_option
def resume(place: Any, broadcast_id: str) -> None:
    """Go on with a broadcast that was paused."""
    _tell_state(place.ask("POST", _at(broadcast_id, "/resume")))


@broadcast.command()
@click.argument("broadcast_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@place_option
def cancel(place: Any, broadcast_id: str, yes: bool) -> None:
    """Stop a broadcast for good; whoever has no copy yet gets none, and is counted as cancelled."""
    if not yes:
        click.confirm(f"Stop {broadcast_id} for good?", abort=True, err=True)
    _tell_state(place.ask("POST", _at(broadcast_id, "/cancel")))


@broadcast.command()
@click.argument("broadcast_id", metavar="ID")
@place_option
def remove(place: Any, broadcast_id: str) -> None:
    """Take a draft away."""
    place.ask("DELETE", _at(broadcast_id))
    say(f"{broadcast_id} is gone.")


@broadcast.command()
@click.argument("broadcast_id", metavar="ID")
@json_option
@place_option
def addresses(place: Any, broadcast_id: str, as_json: bool) -> None:
    """List the addresses that failed because they do not exist, each with what was probably meant."""
    rows = list(_addresses(place, broadcast_id))
    if not rows:
        note("No address has failed.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Address", "Contact", "Why", "Probably meant"],
        [(r["address"], r["contact_id"] or "", r["said"] or r["reason"] or "", r["suggestion"] or "") for r in rows],
    )


def tell_results(place: Any, broadcast_id: str, *, as_json: bool) -> None:
    """Print what has become of everybody in the words of all five vocabularies; end with FAILED if somebody is missing."""
    found = place.ask("GET", _at(broadcast_id, "/results"))
    if as_json:
        emit(found)
    else:
        for vocabulary in found["vocabularies"].values():
            title(f"{vocabulary['title']} – {vocabulary['question']}")
            counts = [(c["word"], c["count"], c["meaning"]) for c in vocabulary["counts"]]
            table(["", "Number", "Meaning"], counts, right=["Number"])
            say()
        outcomes = ", ".join(f"{n} {word.replace('_', ' ')}" for word, n in found["by_outcome"].items() if n)
        say(f"{found['name']} ({found['state']}), {found['audience']} people: {outcomes or 'none yet'}.")
        say("Everybody is accounted for." if found["conserved"] else "NOT everybody is accounted for.")
        if not found["is_whole"] and found["state"] != "draft":
            say("Not everybody of the audience has been written down yet.")
    if not found["conserved"]:
        raise Ended(FAILED)


def _addresses(place: Any, broadcast_id: str) -> Iterator[dict[str, Any]]:
    more: list[tuple[str, Any]] = []
    while True:
        page = place.ask("GET", _at(broadcast_id, "/addresses-to-update"), words=[("limit", 100), *more])
        yield from page["data"]
        if not page["has_more"]:
            return
        more = [("after", page["data"][-1]["delivery_id"])]


def _hand_over(place: Any, broadcast_id: str, file: IO[bytes], columns: Sequence[str]) -> int:
    told = place.ask(
        "POST", _at(broadcast_id, "/recipients"), body=file.read(), words=[("column", each) for each in columns],
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    return int(told["recipients"])


def _follow(place: Any, broadcast_id: str) -> dict[str, Any]:
    last = ""
    while True:
        found: dict[str, Any] = place.ask("GET", _at(broadcast_id))
        line = _progress(found)
        if line != last:
            say(line)
            last = line
        if found["ended_at"] or found["state"] == "paused":
            return found
        time.sleep(LOOK_EVERY_S)


def _progress(found: dict[str, Any]) -> str:
    progress = found["progress"]
    outcomes = ", ".join(f"{n} {word.replace('_', ' ')}" for word, n in progress["by_outcome"].items() if n)
    return f"{found['state']}: {progress['written']} of {progress['expected']} written down; {outcomes or 'none yet'}."


def _tell(found: dict[str, Any]) -> None:
    say(f"{found['id']}  {found['name']}")
    say(f"  {_progress(found)}")
    say(f"  lists: {', '.join(found['lists']) or 'none'}; recipients beside them: {found['recipients']}")
    if found["where"]:
        say(f"  of them those of whom this is true: {found['where']}")
    say(f"  type: {found['type'] or 'any'}; stream: {found['stream']}; message: {found['message_id'] or 'not yet'}")
    for word in ("subject", "template"):
        if found["message"].get(word):
            say(f"  {word}: {found['message'][word]}")
    for word in ("created", "scheduled", "started", "ended"):
        if found[f"{word}_at"]:
            say(f"  {word} {short_time(found[f'{word}_at'])}")


def _tell_state(found: dict[str, Any]) -> None:
    at = f" It begins at {short_time(found['scheduled_at'])}." if found["state"] == "scheduled" else ""
    say(f"{found['id']} is {found['state']}.{at}")


def _at(broadcast_id: str, rest: str = "") -> str:
    return f"/v1/broadcasts/{quote(broadcast_id, safe='')}{rest}"


broadcast.add_command(broadcast_score)
