"""`aftersend key`: API keys, which are SMTP passwords too."""

from __future__ import annotations

from typing import Any

import click

from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table


@click.group()
def key() -> None:
    """API keys. The same key is the password for SMTP, with the user name “smtp”."""


@key.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="SCOPE",
    help="send, read, admin, operate or * (all). [default: send, read]",
)
@click.option("--network", "networks", multiple=True, metavar="NETWORK", help="Usable from this network only.")
@click.option("--test", "is_test", is_flag=True, help="A key that is told apart as one for tests.")
@json_option
@place_option
def create(
    place: Any, name: str, scopes: tuple[str, ...], networks: tuple[str, ...], is_test: bool, as_json: bool
) -> None:
    """Make a key named NAME and show it, once."""
    made = place.create_key(name, list(scopes or ("send", "read")), list(networks), "test" if is_test else "live")
    if as_json:
        emit(made)
        return
    say(made["key"])
    note(f"This is the key “{name}”, {made['id']}. It cannot be shown again.")


@key.command("list")
@json_option
@place_option
def list_(place: Any, as_json: bool) -> None:
    """List the keys, by the beginning of each."""
    rows = place.keys()
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Key", "Name", "Begins", "Scopes", "Networks", "Made", "Last used", "Revoked"],
        [
            (
                r["id"], r["name"], r["prefix"], " ".join(r["scopes"]), " ".join(r["networks"]),
                short_time(r["created_at"]), short_time(r["used_at"]), short_time(r["revoked_at"]),
            )
            for r in rows
        ],
    )  # fmt: skip


@key.command()
@click.argument("key_id", metavar="KEY")
@place_option
def revoke(place: Any, key_id: str) -> None:
    """Make a key (key_…) useless from now on."""
    place.revoke_key(key_id)
    say(f"{key_id} is revoked; within seconds it works nowhere.")
