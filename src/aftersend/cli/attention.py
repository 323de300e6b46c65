"""`aftersend attention`: what needs somebody now."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, say, title

_MARKS = {"critical": "!!", "warning": "! ", "notice": "- "}


@click.command()
@json_option
@place_option
def attention(place: Any, as_json: bool) -> None:
    """Say what needs somebody now, worst first, over the last seven days; what is in order is not mentioned."""
    told = place.attention()
    if as_json:
        for item in told["items"]:
            emit(item)
        return
    if not told["items"]:
        say("Nothing needs you now.")
        return
    title("Needs attention")
    for item in told["items"]:
        say(f"{_MARKS[item['severity']]} {item['sentence']}")
        say(f"   {item['advice']} ({item['who_must_act']})")
