"""`aftersend results`: what has become of the mail, or of one broadcast, counted in all five vocabularies."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.broadcast import tell_results
from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, say, table, title
from aftersend.cli.verbs import FAILED, Ended

REPORTS = ("results", "lifecycle", "activity", "bounces", "icons")


@click.command()
@click.argument("report", metavar="[REPORT|BROADCAST]", required=False)
@click.option("--since", metavar="TIME", help="Created at this time or later: RFC 3339, or how long ago, such as 24h.")
@click.option("--until", metavar="TIME", help="Created before this time.")
@click.option("--stream", metavar="NAME", help="In one stream only.")
@json_option
@place_option
def results(
    place: Any, report: str | None, since: str | None, until: str | None, stream: str | None, as_json: bool
) -> None:
    """Count deliveries by the words of one vocabulary, or of all five, and check that everybody is accounted for.

    REPORT is results, lifecycle, activity, bounces or icons. Counts go by whole hours of creation. BROADCAST is the id of
    one, brd_…: then its audience is counted.
    """
    if report is not None and report.startswith("brd_"):
        if since or until or stream:
            raise click.UsageError("A broadcast is counted as a whole: leave --since, --until and --stream out.")
        tell_results(place, report, as_json=as_json)
        return
    if report is not None and report not in REPORTS:
        raise click.UsageError(f"{report} is no report; there are {', '.join(REPORTS)}, and broadcasts, brd_….")
    words = [(name, value) for name, value in (("since", since), ("until", until), ("stream", stream)) if value]
    for name in (report,) if report else REPORTS:
        found = place.report(name, words)
        if as_json:
            emit(found)
            continue
        title(f"{found['title']} – {found['question']}")
        table(
            ["", "Number", "Meaning"],
            [(c["word"], c["count"], c["meaning"]) for c in found["counts"]],
            right=["Number"],
        )
        say()
    law = place.conservation(words)
    if as_json:
        emit({"report": "conservation", **law})
    else:
        outcomes = ", ".join(
            f"{number} {word.replace('_', ' ')}" for word, number in law["by_outcome"].items() if number
        )
        say(f"{law['audience']} recipients: {outcomes or 'none yet'}.")
        say(
            "Everybody is accounted for."
            if law["conserved"]
            else "NOT everybody is accounted for. Run: aftersend db check"
        )
    if not law["conserved"]:
        raise Ended(FAILED)
