"""`aftersend config`: the settings."""

from __future__ import annotations

import click

from aftersend.cli.places import config_option
from aftersend.cli.printing import emit, json_option, say


@click.group()
def config() -> None:
    """The settings: one TOML file, with AFTERSEND_* variables over it."""


@config.command()
@json_option
@config_option
def show(config: str | None, as_json: bool) -> None:
    """Print the settings as they count now, file and variables together; secrets are left out."""
    import msgspec

    from aftersend.app.shown import value_of, veiled
    from aftersend.config import docs, load

    tree = msgspec.to_builtins(load(config))
    for name, *_ in docs():
        shown = veiled(name, value_of(tree, name))
        if as_json:
            emit({"name": name, "value": shown})
        else:
            say(f"{name} = {msgspec.json.encode(shown).decode()}")


@config.command()
@config_option
def check(config: str | None) -> None:
    """Say whether the settings can be used; nothing is started."""
    from aftersend.config import address, load
    from aftersend.delivery.routes import Routes

    settings = load(config)
    for place in (*settings.smtp.listen, *settings.smtp.listen_tls, *settings.returns.listen, *settings.web.listen):
        address(place)
    if settings.dns.server:
        address(settings.dns.server)
    Routes(settings.delivery.routes, port=settings.delivery.port)
    say("The settings can be used.")


@config.command()
@click.option("--markdown", is_flag=True, help="Print a page of documentation, as docs/settings.md is.")
@json_option
def docs(markdown: bool, as_json: bool) -> None:
    """Print every setting: its name in the file, its variable, its default, what it means."""
    from aftersend.config import docs as all_settings

    if markdown:
        click.echo(_PAGE)
    section = None
    for name, variable, default, meaning in all_settings():
        if as_json:
            emit({"name": name, "variable": variable, "default": default, "meaning": meaning})
            continue
        head = name.rpartition(".")[0]
        if head != section:
            section = head
            if markdown:
                click.echo(f"\n## {head or 'Everything'}\n\n| setting | default | meaning |\n|---|---|---|")
            elif head:
                click.echo(f"\n[{head}]")
        if markdown:
            click.echo(f"| `{name}` | `{default}` | {meaning.replace('|', chr(92) + '|')} |")
        else:
            click.echo(f"\n{name}\n    {meaning}\n    default {default}, variable {variable}")


_PAGE = """# Settings

One TOML file, named by `--config` or `AFTERSEND_CONFIG`; every setting also has a variable, which counts more: `AFTERSEND_`, then
the name in capitals with `_` for `.`, so `smtp.listen` is `AFTERSEND_SMTP_LISTEN`. Lists are written with commas there, tables as
`name=value,name=value`. Every setting has a default that works; `aftersend config show` prints what counts now.

This page is made by `aftersend config docs --markdown`.
"""
