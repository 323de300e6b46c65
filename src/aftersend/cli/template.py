"""`aftersend template`: saved templates, version by version."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from aftersend.cli.given import METAVAR, WORDS
from aftersend.cli.places import place_option
from aftersend.cli.printing import emit, json_option, note, say, short_time, table
from aftersend.cli.verbs import NOTHING, Ended

KINDS = {".html": "html", ".htm": "html", ".mjml": "mjml", ".txt": "text"}
VERSION = click.option("--version", type=click.IntRange(1), help="An older version.")


@click.group()
def template() -> None:
    """Templates: subject, HTML or MJML, and text, with merge tags. Each save is a version of its own."""


@template.command()
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--subject", default="", metavar="TEXT", help="The subject, with merge tags.")
@click.option("--kind", type=click.Choice(["html", "mjml", "text"]), help="What the file is; else its ending says it.")
@click.option(
    "--text", type=WORDS, metavar=METAVAR, help="The plain text, or @FILE with it; else it is made of the HTML."
)
@json_option
@place_option
def save(place: Any, name: str, file: str, subject: str, kind: str | None, text: str | None, as_json: bool) -> None:
    """Save FILE (“-”: standard input) as the next version of NAME; styles are put into the elements, a text is made of it."""
    wanted = {
        "kind": kind or KINDS.get(Path(file).suffix.lower(), "html"), "subject": subject,
        "source": sys.stdin.read() if file == "-" else _read(file), "text": text,
    }  # fmt: skip
    made = place.ask("PUT", _at(name), json={word: value for word, value in wanted.items() if value is not None})
    if as_json:
        emit(made)
        return
    say(f"{made['name']} is saved as version {made['version']}; it takes {', '.join(made['tags']) or 'no data'}.")


@template.command("list")
@json_option
@place_option
def list_(place: Any, as_json: bool) -> None:
    """List the templates, each in its latest version."""
    rows = place.ask("GET", "/v1/templates")["data"]
    if not rows:
        note("There is no template.")
        raise Ended(NOTHING)
    if as_json:
        for row in rows:
            emit(row)
        return
    table(
        ["Template", "Version", "Kind", "Subject", "Takes", "Saved"],
        [
            (r["name"], r["version"], r["kind"], r["subject"], ", ".join(r["tags"]), short_time(r["created_at"]))
            for r in rows
        ],
        right=("Version",),
    )


@template.command()
@click.argument("name")
@VERSION
@json_option
@place_option
def show(place: Any, name: str, version: int | None, as_json: bool) -> None:
    """Show a template: its source as it was saved."""
    found = place.ask("GET", _at(name), words=_version(version))
    if as_json:
        emit(found)
        return
    say(f"{found['name']}, version {found['version']} ({found['kind']}), saved by {found['who']}")
    say(f"Subject: {found['subject']}")
    say(f"Takes: {', '.join(found['tags']) or 'no data'}")
    say()
    say(found["source"])


@template.command()
@click.argument("name")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="The value of a merge tag.")
@click.option("--part", type=click.Choice(["subject", "text", "html"]), help="This part alone, as it is.")
@VERSION
@json_option
@place_option
def preview(
    place: Any, name: str, pairs: tuple[str, ...], part: str | None, version: int | None, as_json: bool
) -> None:
    """Show what somebody with these values would get; nothing is sent."""
    data = {}
    for pair in pairs:
        word, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--set {pair}: write NAME=VALUE.")
        data[word.strip()] = value
    made = place.ask("POST", _at(name) + "/preview", json={"data": data}, words=_version(version))
    if as_json:
        emit(made)
    elif part:
        say(made[part] or "")
    else:
        say(f"Subject: {made['subject']}")
        say()
        say(made["text"] or "")


@template.command()
@click.argument("name")
@place_option
def remove(place: Any, name: str) -> None:
    """Take a template away with all its versions."""
    place.ask("DELETE", _at(name))
    say(f"{name} is gone.")


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.UsageError(f"{file} is not UTF-8.") from None


def _version(version: int | None) -> list[tuple[str, Any]]:
    return [] if version is None else [("version", version)]


def _at(name: str) -> str:
    return f"/v1/templates/{quote(name, safe='')}"
