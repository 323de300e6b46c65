"""`aftersend doctor`: what is wrong with this installation, and the exact remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aftersend.cli.places import config_option
from aftersend.cli.printing import emit, json_option, may_colour, plain
from aftersend.cli.verbs import FAILED, PARTLY, Ended

if TYPE_CHECKING:
    from aftersend.config import Settings
    from aftersend.control.doctor import Installation

_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option(
    "--network", is_flag=True, help="Ask other machines too: is port 25 open, is the clock right? Sends nothing."
)
@json_option
@config_option
def doctor(network: bool, config: str | None, as_json: bool) -> None:
    """Examine this installation. Ends with 0 if all is well, 4 with warnings only, 1 if something must be mended."""
    from aftersend import app, clock
    from aftersend.config import address, load
    from aftersend.control.doctor import examine
    from aftersend.delivery import Resolver

    settings = load(config)
    server = address(settings.dns.server) if settings.dns.server else None
    now = clock.now()
    found = app.run(examine(installation_of(settings), Resolver(clock.now, server), now=now, with_network=network))
    for finding in found:
        if as_json:
            emit(finding.as_dict())
            continue
        mark = click.style(f"{finding.state:<4}", fg=_COLOURS[finding.state]) if may_colour() else f"{finding.state:<4}"
        click.echo(f"{mark}  {finding.name:<17} {plain(finding.said)}")
        for line in finding.remedy.splitlines():
            click.echo(f"{'':25}→ {plain(line)}")
    states = {finding.state for finding in found}
    if "fail" in states:
        raise Ended(FAILED)
    if "warn" in states:
        raise Ended(PARTLY)


def installation_of(settings: Settings) -> Installation:
    """Return what is examined, in plain values. Raise SettingsError for an address that is none."""
    from aftersend.config import address
    from aftersend.control.doctor import Installation

    listed = {
        "smtp.listen": settings.smtp.listen,
        "smtp.listen_tls": settings.smtp.listen_tls,
        "returns.listen": settings.returns.listen,
        "web.listen": settings.web.listen,
    }
    return Installation(
        settings.data_dir,
        settings.store_url,
        settings.hostname,
        settings.return_domain,
        [(name, *address(text)) for name, texts in listed.items() for text in texts],
        settings.smtp.tls_certificate,
        settings.smtp.tls_key,
        settings.secret,
        settings.delivery.source_addresses,
        "*" in settings.delivery.routes,
    )
