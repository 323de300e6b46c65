"""`aftersend diagnose`: what bounces and SMTP replies mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from io import BufferedReader
from pathlib import Path
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
    """Say what returned mails (.eml files, “-” for standard input) mean: one JSON object a line, in the order given.

    Of a directory (maildir or any other) and of an mbox each mail is answered, named as FILE or FILE#NUMBER.
    """
    if jsonl == bool(paths or replies):
        raise click.UsageError(
            "Name .eml files (“-” for standard input), give --reply “550 5.1.1 No such user”, or give --jsonl and write one"
            " object a line to standard input."
        )
    if not all(text.strip() for text in replies):
        raise click.UsageError("--reply: it is empty; write what the server said, such as “550 5.1.1 No such user”.")
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
        yield from _mails_at(path)
    for text in replies:
        yield [{"id": text, "kind": "smtp", "text": text}]


def _mails_at(path: str) -> Iterator[Iterable[dict[str, Any]]]:
    """Yield a question for each mail in a place: a file, an mbox, a maildir or any other directory."""
    from aftersend.cli.mailboxes import files_in, mails_in, name_of

    place = Path(path)
    if path == "-" or not (place.is_dir() or _is_mbox(place)):
        yield [{"id": name_of(place), "kind": "eml", "path": path}]
        return
    files = files_in([place])
    if not files:
        yield [{"id": path, "kind": "eml", "fault": "There is no file in this directory"}]
    for file in files:
        try:
            for mail in mails_in(file):
                yield [{"id": mail.name, "kind": "eml", "path": mail.name, "raw": mail.raw}]
        except OSError as error:
            yield [{"id": name_of(file), "kind": "eml", "path": name_of(file), "fault": error.strerror}]


def _is_mbox(file: Path) -> bool:
    try:
        with file.open("rb") as handle:
            return handle.read(5) == b"From "
    except (OSError, ValueError):
        return False


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
        # What servers say is not always UTF-8; one such line must not end all the others.
        one = msgspec.json.decode(line.decode("utf-8", "replace"))
    except msgspec.DecodeError as error:
        return {"id": None, "path": f"line {number}", "fault": f"This is not JSON ({error})"}
    if not isinstance(one, dict):
        return {"id": None, "path": f"line {number}", "fault": "This is not an object; write {“id”: …, “kind”: …, …}"}
    return {"id": one.get("id"), "kind": one.get("kind", "eml"), "line": number} | {
        name: one[name] for name in ("path", "text") if name in one
    }


def _answered(one: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the answer to a question, and whether it is that the question could not be read."""
    try:
        return _answer(one), False
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        if isinstance(error, FileNotFoundError) and _looks_like_a_reply(str(one.get("path"))):
            reason = f"{reason}. To learn what a server's reply means, give it as --reply “{one['path']}”"
        place = f"line {one['line']}" if "line" in one else one.get("id") or one.get("path")
        if isinstance(error, OSError) and "line" in one:
            place = f"{place}: {one['path']}"
        answer = {"id": one.get("id"), "error": f"{place}: {reason}"}
        note(f"aftersend: {answer['error']}")
        return answer, True


def _looks_like_a_reply(path: str) -> bool:
    return path[:3].isdigit() and path[3:4] in (" ", "-")


def _answer(one: dict[str, Any]) -> dict[str, Any]:
    from aftersend.policy.diagnosis import diagnose_mail, diagnose_text

    if "fault" in one:
        raise ValueError(one["fault"])
    kind = one["kind"]
    if kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    if kind == "eml":
        raw = one["raw"] if "raw" in one else _read(_field(one, "path"))
        return {"id": one.get("id"), **diagnose_mail(raw).to_json()}
    found = diagnose_text(_field(one, "text"))
    told = found.to_json()
    whole = {name: told[name] for name in ("action", "category", "reason", "detail", "status")}
    return {"id": one.get("id"), **whole, "recipients": list(found.recipients), "per_recipient": [told]}


def _field(one: dict[str, Any], name: str) -> str:
    """Return a field that must be there. Raise ValueError, which names it and says what belongs there."""
    value = one.get(name)
    if isinstance(value, str) and (value or name == "text"):
        return value
    if name == "text":
        raise ValueError("text must be what the server said, such as “550 5.1.1 No such user”")
    raise ValueError("path must name an .eml file; with kind smtp or diag, text takes its place")


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
