"""`aftersend events`: what happens to the mail, as it happens."""

from __future__ import annotations

import time
from typing import Any

import click

from aftersend import clock
from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time
from aftersend.cli.verbs import NOTHING, Ended

LOOK_EVERY_S = 0.5
AT_ONCE = 1000


@click.group()
def events() -> None:
    """What happens to the mail, as it happens. docs/events.md says what an event has."""


@events.command()
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only events of this type, such as bounced.")
@click.option("--stream", "streams", multiple=True, metavar="NAME", help="Only events of mail in this stream.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only events of mail with this tag.")
@click.option("--since", metavar="TIME", help="Begin at a time: RFC 3339, or how long ago, such as 24h. Else with now.")
@click.option("--after", metavar="SEQUENCE", help="Begin behind this event: the sequence that was printed with it.")
@click.option("--follow/--no-follow", default=True, help="Go on with what comes, or end with the newest of now.")
@json_option
@place_option
def tail(
    place: Any, types: tuple[str, ...], streams: tuple[str, ...], tags: tuple[str, ...], since: str | None,
    after: str | None, follow: bool, as_json: bool,
) -> None:  # fmt: skip
    """Print events in the order in which they were written down; with --json one object a line, for other programs.

    To go on later without missing one, give the `sequence` of the last line as --after.
    """
    words = [*(("type", t) for t in types), *(("stream", s) for s in streams), *(("tag", t) for t in tags)]
    begin = [("after", after)] if after else [("since", since or "0s")] if follow or since else []
    printed = 0
    while True:
        told = _part(place, [*words, *begin])
        for event in told["data"]:
            emit(event) if as_json else say(_line(event))
        printed += len(told["data"])
        begin = [("after", told["cursor"])]
        if told["has_more"]:
            continue
        if not follow:
            break
        time.sleep(LOOK_EVERY_S)
    if not printed:
        note("No event matches.")
        raise Ended(NOTHING)


def _part(place: Any, words: list[tuple[str, Any]]) -> dict[str, Any]:
    from aftersend.cli.there import There

    if isinstance(place, There):
        told: dict[str, Any] = place.ask("GET", "/v1/events", words=[*words, ("limit", AT_ONCE)])
        return told
    from aftersend.reports import stream

    reading = stream.asked(words, now=clock.now())
    after = reading.after
    if after is None:
        after = place.read(stream.begin, place.account, since=reading.since)
    part = place.read(stream.search, place.account, after, limit=AT_ONCE, wants=reading.wants)
    return {
        "data": [each.as_dict for each in part.events],
        "cursor": str(part.read_to),
        "has_more": part.has_more,
    }


def _line(event: dict[str, Any]) -> str:
    kind = event["type"].removeprefix("delivery.")
    late = " (late)" if event["late"] else ""
    says = event["headline"] if event["fact"] else event["sentence"]
    return f"{short_time(event['recorded_at'])}  {event['sequence']}  {event['recipient']}  {kind}{late}: {says}"
