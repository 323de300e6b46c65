"""`aftersend score`: how good a message is before it is sent, and what to mend."""

from __future__ import annotations

from typing import IO, Any

import click

from aftersend.cli import recipient_files
from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, title
from aftersend.cli.quality import print_calibration
from aftersend.cli.score_report import print_forecast, print_message
from aftersend.cli.verbs import FAILED, Ended
from aftersend.policy.score.finding import band_of
from aftersend.policy.score.forecast import together

GOOD_ENOUGH = 60


@click.command()
@click.argument("message", metavar="[FILE]", type=click.File("rb"), required=False)
@click.option("--transactional", is_flag=True, help="It is mail for one person, such as a receipt; else a broadcast.")
@click.option("--to", "recipients", multiple=True, metavar="ADDRESS", help="A recipient, for the spam filters.")
@click.option("--recipients", "file", type=click.File("rb"), metavar="CSV", help="Forecast what will bounce of these.")
@click.option("--list", "list_name", metavar="NAME", help="Forecast what will bounce of a list.")
@click.option(
    "--clean", type=click.Path(dir_okay=False), metavar="CSV", help="Write the recipients without the doubtful."
)
@click.option("--remove", is_flag=True, help="Take the doubtful off the list; they stay contacts.")
@click.option(
    "--calibration", is_flag=True, help="Show how well forecasts of broadcasts were met, and what was learned."
)
@click.option("--no-dns", is_flag=True, help="Ask nothing of the DNS.")
@click.option(
    "--links", is_flag=True, help="Follow the links to see that they lead somewhere; never those to unsubscribe."
)
@click.option("--no-engines", is_flag=True, help="Ask no spam filter.")
@click.option(
    "--least", type=click.IntRange(0, 100), default=GOOD_ENOUGH, show_default=True,
    help="End with 0 from this score on, with 1 below it.",
)  # fmt: skip
@json_option
@place_option
def score(
    place: Any, message: IO[bytes] | None, transactional: bool, recipients: tuple[str, ...], file: IO[bytes] | None,
    list_name: str | None, clean: str | None, remove: bool, calibration: bool, no_dns: bool, no_engines: bool, links: bool,
    least: int, as_json: bool,
) -> None:  # fmt: skip
    """Score a message (.eml, “-” for standard input) and its recipients before it is sent: what to mend, and how.

    Nothing is sent. Ends with 0 if the score is good enough and nothing blocks, with 1 otherwise.
    """
    if calibration:
        found = place.ask("GET", "/v1/score/calibration")
        emit(found) if as_json else print_calibration(found)
        return
    if message is None and file is None and list_name is None:
        raise click.UsageError("Name a message to be scored, or --recipients, or --list.")
    if (clean and file is None) or (remove and list_name is None) or (file is not None and list_name is not None):
        raise click.UsageError("--clean goes with --recipients, --remove with --list; give one of the two.")
    told = None
    if message is not None:
        told = place.score(
            message.read(), is_broadcast=not transactional, with_dns=not no_dns, with_engines=not no_engines,
            recipients=recipients, with_links=links,
        )  # fmt: skip
        emit(told) if as_json else print_message(told)
    foreseen = None
    if file is not None or list_name is not None:
        rows = recipient_files.read(file.read()) if file is not None else recipient_files.Rows()
        if remove:
            cleaned = place.clean_list(list_name)
            foreseen = cleaned["forecast"]
        else:
            foreseen = place.forecast(rows.addresses, list_name, with_dns=not no_dns)
        if told is not None and not as_json:
            say()
        emit(foreseen) if as_json else print_forecast(foreseen)
        if remove:
            note(f"{cleaned['removed']} people were taken off the list {list_name}; they are still contacts.")
        if clean:
            kept = recipient_files.write(clean, rows, foreseen["doubtful"])
            note(f"{clean} has {kept} of {len(rows.addresses)} recipients.")
    value, is_blocked = _together(told, foreseen)
    if told is not None and foreseen is not None and not as_json:
        say()
        title(f"Message and recipients together: {value} of 100, {band_of(value)}.")
    if is_blocked or value < least:
        raise Ended(FAILED)


def _together(told: dict[str, Any] | None, foreseen: dict[str, Any] | None) -> tuple[int, bool]:
    is_blocked = told is not None and told["is_blocked"]
    value = together(
        None if told is None else told["score"],
        None if foreseen is None else foreseen["score"],
        None,
        is_blocked=is_blocked,
    )
    return value or 0, is_blocked
