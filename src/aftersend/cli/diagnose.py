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
@click.option(
    "--reply",
    "replies",
    metavar="TEXT",
    multiple=True,
    help="Say what a server's reply means: “550 5.1.1 No such user”.",
)
@click.option("--words", is_flag=True, help="Print words for people instead of JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line; so it does anyway.")
def diagnose(paths: tuple[str, ...], jsonl: bool, replies: tuple[str, ...], words: bool, as_json: bool) -> None:
    """Say what returned mails (.eml files, “-” for standard input) mean: one JSON object a line, in the order given."""
    if jsonl == bool(paths or replies):
        raise click.UsageError(
            "Name .eml files (“-” for standard input), give --reply “550 5.1.1 No such user”, or give --jsonl and write one"
            " object a line to standard input."
        )
    asked = _batches() if jsonl else _named(paths, replies)
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


def _named(paths: Iterable[str], replies: Iterable[str]) -> Iterator[Iterable[dict[str, Any]]]:
    """Yield what the command line asks."""
    for path in paths:
        yield [{"id": path, "kind": "eml", "path": path}]
    for text in replies:
        yield [{"id": text, "kind": "smtp", "text": text}]


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
        if isinstance(error, FileNotFoundError) and _looks_like_a_reply(str(one.get("path"))):
            reason = f"{reason}. To learn what a server's reply means, give it as --reply “{one['path']}”"
        answer = {"id": one.get("id"), "error": f"{one.get('path') or one.get('kind')}: {reason}"}
        note(f"aftersend: {answer['error']}")
        return answer, True


def _looks_like_a_reply(path: str) -> bool:
    return path[:3].isdigit() and path[3:4] in (" ", "-")


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
    """Say it in words for people: what it is, why, what to do, who must act, and the words that it stands on."""
    from aftersend.ledger.reasons import Actor

    nobody = not told["per_recipient"]
    lines = [f"{told['id']}: {told['action']}, {told['reason']}", f"  {told['sentence']}"] if nobody else []
    for one in told["per_recipient"]:
        whom = f"{one['recipient']}: " if one["recipient"] else ""
        finer = f" ({one['detail']})" if one["detail"] else ""
        lines.append(f"{told['id']}: {whom}{one['action']}, {one['category']}, {one['reason']}{finer}")
        lines.append(f"  {one['sentence']} {one['advice']}".rstrip())
        lines.append(f"  Who must act: {Actor(one['who_must_act']).words}")
        lines += [f"  “{words}”" for words in one["evidence"]]
    return "".join(plain(line) + "\n" for line in lines).encode("utf-8", "replace")
