"""`aftersend diagnose`: what bounces and SMTP replies mean."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from aftersend.cli.printing import emit, note, plain
from aftersend.cli.verbs import FAILED, PARTLY, Ended

SIZE_MOST = 64 * 1024 * 1024
KINDS = ("eml", "smtp", "diag")


@click.command()
@click.argument("paths", metavar="[PATH …]", nargs=-1)
@click.option(
    "--jsonl",
    is_flag=True,
    help="Read one object a line from standard input: id, kind (eml, smtp, diag), path or text.",
)
@click.option("--words", is_flag=True, help="Print words for people instead of JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line; so it does anyway.")
def diagnose(paths: tuple[str, ...], jsonl: bool, words: bool, as_json: bool) -> None:
    """Say what returned mails (.eml files, “-” for standard input) mean: one JSON object a line, in the order given."""
    if jsonl == bool(paths):
        raise click.UsageError("Name .eml files, or give --jsonl and write one object a line to standard input.")
    done = failed = 0
    asked = _lines() if jsonl else ({"id": path, "kind": "eml", "path": path} for path in paths)
    for one in asked:
        try:
            told = _answer(one)
        except (OSError, KeyError, ValueError, TypeError) as error:
            failed += 1
            reason = error.strerror if isinstance(error, OSError) else str(error)
            told = {"id": one.get("id"), "error": f"{one.get('path') or one.get('kind')}: {reason}"}
            note(f"aftersend: {told['error']}")
            if words:
                continue
        else:
            done += 1
        _tell(told) if words else emit(told)
    if failed:
        raise Ended(PARTLY if done else FAILED)


def _lines() -> Any:
    import msgspec

    for number, line in enumerate(sys.stdin.buffer, 1):
        if not line.strip():
            continue
        try:
            one = msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            yield {"id": None, "kind": f"line {number} is not JSON ({error})"}
            continue
        yield one if isinstance(one, dict) else {"id": None, "kind": f"line {number} is not an object"}


def _answer(one: dict[str, Any]) -> dict[str, Any]:
    from aftersend.policy.diagnosis import diagnose_mail, diagnose_text

    kind = one.get("kind", "eml")
    if kind == "eml":
        return {"id": one.get("id"), **diagnose_mail(_read(str(one["path"]))).to_json()}
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    found = diagnose_text(str(one["text"]))
    told = found.to_json()
    whole = {name: told[name] for name in ("action", "category", "reason", "detail", "status")}
    return {"id": one.get("id"), **whole, "recipients": list(found.recipients), "per_recipient": [told]}


def _read(path: str) -> bytes:
    if path == "-":
        return sys.stdin.buffer.read(SIZE_MOST)
    with Path(path).open("rb") as handle:
        return handle.read(SIZE_MOST)


def _tell(told: dict[str, Any]) -> None:
    for one in told["per_recipient"]:
        click.echo(
            plain(
                f"{told['id']}: {one['recipient'] or 'no recipient named'}: {one['action']}, {one['category']}, {one['reason']}"
            )
        )
        click.echo(plain(f"  {one['sentence']} {one['advice']}".rstrip()))
        for words in one["evidence"]:
            click.echo(plain(f"  “{words}”"))
