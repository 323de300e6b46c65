"""`aftersend show`: one delivery's whole history, in plain words."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, say, short_time, title

EVIDENCE_MOST = 2000


@click.command()
@click.argument("delivery", metavar="DELIVERY")
@click.option("--evidence/--no-evidence", default=True, help="Print what other servers said, word by word.")
@json_option
@place_option
def show(place: Any, delivery: str, evidence: bool, as_json: bool) -> None:
    """Tell all about one delivery (dlv_…), or about each recipient of a message (msg_…)."""
    named = [row["id"] for row in place.message_deliveries(delivery)] if delivery.startswith("msg_") else [delivery]
    for number, one in enumerate(map(place.delivery, named)):
        if as_json:
            emit(one)
            continue
        if number:
            say()
        tell(one, with_evidence=evidence)


def tell(one: dict[str, Any], *, with_evidence: bool = True) -> None:
    """Print one delivery in words: what became of it, why, who must act, what is next, and everything that happened."""
    title(f"{one['headline']}")
    say(f"{one['id']}  to {one['recipient']}  from {one['sender'] or '<>'}  “{one['subject']}”")
    say()
    _pair("Why", one["why"])
    if one["who_must_act"] != "nobody":
        _pair("Who must act", one["who_must_act"].replace("_", " "))
    _pair("Advice", one["advice"])
    _pair("Perhaps meant", one.get("suggested_address"))
    _pair("Next", one["next"]["sentence"])
    for line in one.get("known_by", []):
        _pair("How we know", line)
    for entry in one.get("suppressed", []):
        _pair("Now listed", _listed(entry))
    for later in one["later"]:
        _pair("Later", f"{short_time(later['at'])}  {later['words']}{': ' + later['why'] if later['why'] else ''}")
    status = one["status"]
    say()
    _pair("Delivery result", status["result"])
    _pair("Life cycle", status["lifecycle"])
    _pair("Activity", ", ".join(status["activity"]))
    _pair("Bounce", " · ".join(part for part in (status["category"], status["reason"]) if part))
    _pair("Icon", status["icon"])
    say()
    for event in one["events"]:
        say(f"{short_time(event['occurred_at'])}  {event['type'].partition('.')[2]:<18} {event['sentence']}")
        if with_evidence and event["evidence"]:
            _evidence(event["evidence"])


def _listed(entry: dict[str, Any]) -> str:
    """What stands on the suppression list now, whatever was so when the mail was sent."""
    on = f"the stream {entry['stream']}" if entry["stream"] else "all streams"
    until = f", until {short_time(entry['expires_at'])}" if entry["expires_at"] else ""
    since = short_time(entry["created_at"])
    return f"{entry['recipient']} is not mailed on {on} since {since}{until}: {entry['cause']} (aftersend suppress why)"


def _pair(name: str, text: str | None) -> None:
    if text:
        say(f"  {name:<16} {text}")


def _evidence(evidence: dict[str, Any]) -> None:
    for name, value in evidence.items():
        text = value if isinstance(value, str) else _reasons(value) if name == "reasons" else _written(value)
        text = text if len(text) <= EVIDENCE_MOST else text[:EVIDENCE_MOST] + " …"
        if not text:
            continue
        first, *rest = text.rstrip().splitlines() or [""]
        say(f"{'':22}{name}: {first}")
        for line in rest:
            say(f"{'':22}{'':{len(name)}}  {line}")


def _reasons(value: Any) -> str:
    """One line for each sign of who made a visit."""
    return "\n".join(
        f"{'decides' if one['points'] is None else format(one['points'], '+g'):>7}  {one['signal']}: {one['evidence']}"
        for one in value
    )


def _written(value: Any) -> str:
    import msgspec

    return msgspec.json.encode(value).decode()
