"""`aftersend send`: submit a message, and follow it to its end."""

from __future__ import annotations

import base64
import mimetypes
import sys
import time
from pathlib import Path
from typing import Any

import click

from aftersend.cli.given import METAVAR, WORDS
from aftersend.cli.places import KEY, URL, place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time
from aftersend.cli.verbs import DONE, FAILED, PARTLY, Ended

LOOK_EVERY_S = 0.25
LOOK_SLOWLY_S = 2.0
ARRIVED = frozenset({"delivered", "relayed", "opened", "read", "clicked"})
"""Facts that count as success for the exit status."""
PART_OF_MESSAGE = ("sender", "cc", "bcc", "reply_to", "subject", "text", "html", "attach", "header", "at", "sandbox")


@click.command()
@click.option("--from", "sender", metavar="ADDRESS", help="The author: shop@example.com, or “Shop <shop@example.com>”.")
@click.option("--to", multiple=True, metavar="ADDRESS", help="A recipient; several times for several.")
@click.option("--cc", multiple=True, metavar="ADDRESS", help="A recipient of a copy.")
@click.option("--bcc", multiple=True, metavar="ADDRESS", help="A recipient whom the others do not see.")
@click.option("--reply-to", multiple=True, metavar="ADDRESS", help="Where answers should go.")
@click.option("--subject", default="", metavar="TEXT")
@click.option("--text", type=WORDS, metavar=METAVAR, help="The text, @FILE with it, or “-”: standard input.")
@click.option("--html", type=WORDS, metavar=METAVAR, help="The HTML, @FILE with it, or “-”: standard input.")
@click.option(
    "--attach",
    metavar="FILE",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="A file to go with it.",
)
@click.option("--header", metavar="NAME:VALUE", multiple=True, help="A further header field.")
@click.option(
    "--raw", metavar="FILE", help="A whole message as it is (“-”: standard input); --from and --to are its envelope."
)
@click.option("--stream", metavar="NAME", help="The stream; transactional if none is named.")
@click.option("--tag", multiple=True, metavar="WORD", help="A word to find it by.")
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="Data of your own.")
@click.option("--at", metavar="TIME", help="Send it at this time, RFC 3339.")
@click.option("--sandbox", is_flag=True, help="Treat it as real, deliver it to nobody.")
@click.option("--idempotency-key", metavar="KEY", help="The same key with the same message sends it only once.")
@click.option("-w", "--wait", is_flag=True, help="Follow every recipient until it has ended.")
@click.option(
    "--timeout", type=click.FloatRange(0), default=600.0, show_default=True, help="For how many seconds --wait waits."
)
@json_option
@place_option
def send(place: Any, raw: str | None, wait: bool, timeout: float, as_json: bool, **parts: Any) -> None:
    """Submit a message. With --wait: 0 if all recipients have it, 4 if some, 1 if none.

    Goes over the HTTP API when AFTERSEND_URL and AFTERSEND_API_KEY are set, else straight into the store of this machine.
    """
    if not parts["to"] and not (parts["cc"] or parts["bcc"]):
        raise click.UsageError("Name at least one recipient with --to.")
    key = parts.pop("idempotency_key")
    receipt = _sent_raw(place, raw, parts, key) if raw else place.send(_message(parts), idempotency_key=key)
    if as_json and not wait:
        emit(receipt)
    elif not as_json:
        say(f"{receipt['id']} taken, {len(receipt['deliveries'])} recipient{'s' * (len(receipt['deliveries']) != 1)}")
        if not wait:
            for one in receipt["deliveries"]:
                say(f"  {one['id']}  {one['recipient']}")
    if not wait:
        _hint(place)
        return
    rows = _follow(place, receipt["id"], timeout, as_json=as_json)
    arrived = sum(bool(ARRIVED & set(row["facts"])) and not row["later"] for row in rows)
    raise Ended(DONE if arrived == len(rows) else PARTLY if arrived else FAILED)


def _hint(place: Any) -> None:
    if getattr(place, "is_asleep", False):
        note(f"No service is at work on this store: the message waits there. Start one, or set {URL} and {KEY}.")


def _sent_raw(place: Any, raw: str, parts: dict[str, Any], key: str | None) -> dict[str, Any]:
    given = [name for name in (*PART_OF_MESSAGE[1:], "stream", "tag", "metadata") if parts[name]]
    if given:
        raise click.UsageError(f"--raw is a whole message: --{given[0].replace('_', '-')} belongs into its headers.")
    if parts["sender"] is None:
        raise click.UsageError("--raw needs the envelope's sender: --from ADDRESS")
    try:
        content = sys.stdin.buffer.read() if raw == "-" else Path(raw).read_bytes()
    except OSError as error:
        raise click.UsageError(f"--raw: {raw} cannot be read: {error.strerror}.") from None
    receipt: dict[str, Any] = place.send_raw(content, parts["sender"], list(parts["to"]), idempotency_key=key)
    return receipt


def _message(parts: dict[str, Any]) -> dict[str, Any]:
    """The message in the form of the API, without what was not given."""
    if parts["sender"] is None:
        raise click.UsageError("Name the author with --from.")
    message = {
        "from": parts["sender"],
        "to": list(parts["to"]),
        "cc": list(parts["cc"]),
        "bcc": list(parts["bcc"]),
        "reply_to": list(parts["reply_to"]),
        "subject": parts["subject"],
        "text": parts["text"],
        "html": parts["html"],
        "attachments": [_attachment(Path(name)) for name in parts["attach"]],
        "headers": _pairs(parts["header"], ":", "--header takes NAME:VALUE"),
        "stream": parts["stream"],
        "tags": list(parts["tag"]),
        "metadata": _pairs(parts["metadata"], "=", "--metadata takes NAME=VALUE"),
        "scheduled_at": parts["at"],
        "sandbox": parts["sandbox"],
    }
    return {name: value for name, value in message.items() if value or name in ("from", "subject")}


def _pairs(texts: tuple[str, ...], sign: str, complaint: str) -> dict[str, str]:
    found = {}
    for text in texts:
        name, there, value = text.partition(sign)
        if not there:
            raise click.UsageError(f"{complaint}, not {text!r}.")
        found[name.strip()] = value.strip()
    return found


def _attachment(path: Path) -> dict[str, str]:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {"filename": path.name, "content": base64.b64encode(path.read_bytes()).decode(), "content_type": kind}


def _follow(place: Any, message: str, timeout: float, *, as_json: bool) -> list[dict[str, Any]]:
    """Print what happens to each recipient as it happens; return the rows as they are at the end."""
    told: dict[str, int] = {}
    versions: dict[str, str] = {}
    started = time.monotonic()
    while True:
        rows: list[dict[str, Any]] = place.message_deliveries(message)
        for row in rows:
            if versions.get(row["id"]) != row["changed_at"]:
                versions[row["id"]] = row["changed_at"]
                _tell_news(place.delivery(row["id"]), told, as_json=as_json)
        waited = time.monotonic() - started
        if all(_is_settled(row) for row in rows):
            break
        if waited > timeout:
            note(f"Not all has ended after {timeout:g} s; go on with: aftersend show {message}")
            break
        time.sleep(LOOK_EVERY_S if waited < 10 else LOOK_SLOWLY_S)
    for row in rows:
        if as_json:
            emit({"type": "delivery", **row})
        else:
            why = "" if ARRIVED & set(row["facts"]) and not row["later"] else f" {row['why']}"
            say(f"{row['recipient']}: {row['headline']}.{why}")
    return rows


def _is_settled(row: dict[str, Any]) -> bool:
    return bool(row["ended"]) or "relayed" in row["facts"]


def _tell_news(one: dict[str, Any], told: dict[str, int], *, as_json: bool) -> None:
    news = one["events"][told.get(one["id"], 0) :]
    told[one["id"]] = len(one["events"])
    for event in news:
        if as_json:
            emit({**event, "recipient": one["recipient"]})
        else:
            say(f"  {short_time(event['occurred_at'])}  {one['recipient']}  {event['sentence']}")
    if news and one["tries"] and not _is_settled(one) and not as_json:
        say(f"  {'':20}  {one['recipient']}  next: {one['next']['sentence']}")
