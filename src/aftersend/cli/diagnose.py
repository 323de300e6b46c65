"""`aftersend diagnose`: what bounces and SMTP replies mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from io import BufferedReader
from typing import Any, cast

import click

from aftersend.cli.printing import note, plain
from aftersend.cli.verbs import FAILED, PARTLY, Ended

SIZE_MOST = 64 * 1024 * 1024
AT_ONCE = 1 << 16
"""Bytes of standard input that are read, and whose answers are written, in one go; less, if there is no more yet."""
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
    asked = _batches() if jsonl else ([{"id": path, "kind": "eml", "path": path}] for path in paths)
    show = _told if words else _encoded
    done = failed = 0
    for batch in asked:
        answers = []
        for one in batch:
            answer, is_error = _answered(one)
            failed += is_error
            done += not is_error
            if not (is_error and words):
                answers.append(show(answer))
        sys.stdout.buffer.write(b"".join(answers))
        sys.stdout.buffer.flush()
    if failed:
        raise Ended(PARTLY if done else FAILED)


def _batches() -> Iterator[Iterable[dict[str, Any]]]:
    """Yield what standard input asks, as it comes in: a program that waits for each answer gets it."""
    number, rest = 0, b""
    source = cast(BufferedReader, sys.stdin.buffer)
    while chunk := source.read1(AT_ONCE):
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [_asked(line, number + place) for place, line in enumerate(lines, 1) if line.strip()]
            number += len(lines)
    if rest.strip():
        yield [_asked(rest, number + 1)]


def _asked(line: bytes, number: int) -> dict[str, Any]:
    import msgspec

    try:
        one = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        return {"id": None, "kind": f"line {number} is not JSON ({error})"}
    return one if isinstance(one, dict) else {"id": None, "kind": f"line {number} is not an object"}


def _answered(one: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the answer to a question, and whether it is that the question could not be read."""
    try:
        return _answer(one), False
    except (OSError, KeyError, ValueError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        answer = {"id": one.get("id"), "error": f"{one.get('path') or one.get('kind')}: {reason}"}
        note(f"aftersend: {answer['error']}")
        return answer, True


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
    with open(path, "rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        return handle.read(min(size, SIZE_MOST) or SIZE_MOST)


def _encoded(told: dict[str, Any]) -> bytes:
    import msgspec

    return msgspec.json.encode(told) + b"\n"


def _told(told: dict[str, Any]) -> bytes:
    """Say it in words for people."""
    lines = []
    for one in told["per_recipient"]:
        who = one["recipient"] or "no recipient named"
        lines.append(f"{told['id']}: {who}: {one['action']}, {one['category']}, {one['reason']}")
        lines.append(f"  {one['sentence']} {one['advice']}".rstrip())
        lines += [f"  “{words}”" for words in one["evidence"]]
    return "".join(plain(line) + "\n" for line in lines).encode("utf-8", "replace")
