"""`aftersend serve`: run the service."""

from __future__ import annotations

import errno
import gc

import click

from aftersend.cli.places import config_option
from aftersend.cli.verbs import Ended
from aftersend.errors import SettingsError


@click.command()
@click.option(
    "--practice", is_flag=True, help="Add the practice world and route all mail to it: nothing leaves the machine."
)
@click.option(
    "--only",
    metavar="PART,…",
    default="",
    help="Run only these parts: smtp, web, treatment, delivery, returns, tracking, webhooks, upkeep.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 64),
    default=None,
    help="Processes that deliver beside this one; 0: it delivers itself. Else half as many as there are cores, 2 at most.",
)
@config_option
def serve(practice: bool, only: str, workers: int | None, config: str | None) -> None:
    """Run the service until it is interrupted: SMTP, HTTP and the loops beside one store, and processes that deliver."""
    gc.disable()  # reading all modules makes little garbage; `app` turns it on again
    from aftersend import app
    from aftersend.config import load

    parts = [part.strip() for part in only.split(",") if part.strip()]
    settings = load(config)
    try:
        status = app.serve(settings, practice=practice, only=parts, workers=workers)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES):
            raise
        from aftersend.cli.doctor import installation_of
        from aftersend.control.doctor import unavailable

        said = unavailable(installation_of(settings).listen) or f"An address cannot be opened: {error}."
        raise SettingsError(f"{said} Choose another, or end the program that has it.") from None
    raise Ended(status)
