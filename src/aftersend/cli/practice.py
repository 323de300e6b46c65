"""`aftersend practice`: what there is in the practice world."""

from __future__ import annotations

import click

from aftersend.cli.printing import emit, json_option, say, table
from aftersend.cli.verbs import NOTHING, Ended


@click.group()
def practice() -> None:
    """The practice world: receiving servers on this machine that behave as the address says."""


@practice.command()
@click.argument("part", required=False, default="")
@json_option
def addresses(part: str, as_json: bool) -> None:
    """List the local parts, how each behaves, and the words that it leads to; only those that contain PART, if given."""
    from aftersend.practice.behaviours import BEHAVIOURS, words_for

    found = [b for b in BEHAVIOURS.values() if part.lower() in b.name or part.lower() in b.line.lower()]
    if as_json:
        for one in found:
            later = [{"what": then.what.value, "after_s": then.after_s} for then in one.later]
            emit({"local_part": one.name, "behaviour": one.line, "words": words_for(one), "later": later})
    elif found:
        table(
            ["Local part", "Behaviour", "Delivery result", "Bounce"],
            [
                (b.name, b.line, ", ".join(words["delivery_results"]), ", ".join(words["bounces"]))
                for b, words in ((b, words_for(b)) for b in found)
            ],
        )
        say()
        say("Any other local part accepts. A number or a plus part may follow: unknown17@, unknown+shop@.")
        say("Domains: one.practice.test, two.practice.test and any other name under practice.test.")
    if not found:
        raise Ended(NOTHING)
