"""`aftersend config`: the settings."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import config_option
from aftersend.cli.printing import emit, json_option, say

SECRETS = ("secret",)


@click.group()
def config() -> None:
    """The settings: one TOML file, with AFTERSEND_* variables over it."""


@config.command()
@json_option
@config_option
def show(config: str | None, as_json: bool) -> None:
    """Print the settings as they count now, file and variables together; secrets are left out."""
    import msgspec

    from aftersend.config import docs, load

    tree = msgspec.to_builtins(load(config))
    for name, *_ in docs():
        value = _value(tree, name)
        shown = _veiled(name, value)
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
@json_option
def docs(as_json: bool) -> None:
    """Print every setting: its name in the file, its variable, its default, what it means."""
    from aftersend.config import docs as all_settings

    section = ""
    for name, variable, default, meaning in all_settings():
        if as_json:
            emit({"name": name, "variable": variable, "default": default, "meaning": meaning})
            continue
        head = name.rpartition(".")[0]
        if head != section:
            section = head
            click.echo(f"[{head}]\n")
        click.echo(f"{name.rpartition('.')[2]}    {variable}    default: {default}")
        click.echo(f"    {meaning}\n")


def _value(tree: dict[str, Any], name: str) -> Any:
    for part in name.split("."):
        tree = tree[part]
    return tree


def _veiled(name: str, value: Any) -> Any:
    """Leave out what must not be read over a shoulder: the secret, and passwords in addresses."""
    if name in SECRETS:
        return "(set)" if value else ""
    if isinstance(value, dict):
        return {key: _without_password(str(text)) for key, text in value.items()}
    return _without_password(value) if isinstance(value, str) else value


def _without_password(text: str) -> str:
    head, scheme, rest = text.partition("://")
    user, at, place = rest.rpartition("@")
    if not scheme or not at or ":" not in user:
        return text
    return f"{head}://{user.partition(':')[0]}:…@{place}"
