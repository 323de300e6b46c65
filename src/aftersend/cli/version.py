"""`aftersend version`: what this is and what it stands on."""

from __future__ import annotations

import platform

import click

from aftersend import __version__
from aftersend.cli.printing import emit, json_option, say


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Print the versions of Aftersend, its schema, Python, SQLite and OpenSSL."""
    import ssl

    from aftersend.store.condition import sqlite_version
    from aftersend.store.upgrade import HEAD

    found = {
        "aftersend": __version__,
        "schema": HEAD,
        "python": platform.python_version(),
        "sqlite": sqlite_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "system": platform.platform(),
    }
    if as_json:
        emit(found)
        return
    for name, value in found.items():
        say(f"{name:<10} {value}")
