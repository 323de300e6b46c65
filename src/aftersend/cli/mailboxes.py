"""Walk through directories and files of mail: maildir, mbox, `.eml`. Reads only; moves and deletes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MAIL_MOST = 32 * 1024 * 1024
LINE_MOST = 1 << 20
_FOLDERS = ("cur", "new")


@dataclass(frozen=True, slots=True)
class Found:
    """One mail, and where it was found."""

    name: str
    raw: bytes


def files_in(paths: Sequence[Path]) -> list[Path]:
    """List the files of mail in these places, in order: files as they are, of a maildir what is in cur and new, of any other
    directory everything below it that is not hidden. Raise FileNotFoundError for a place that is not there.
    """
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(2, "There is no such file or directory", str(path))
        if path.is_file():
            found.append(path)
            continue
        places = [path / name for name in _FOLDERS if (path / name).is_dir()] or [path]
        for place in places:
            found += sorted(file for file in place.rglob("*") if file.is_file() and not file.name.startswith("."))
    return found


def mails_in(file: Path) -> Iterator[Found]:
    """Yield the mails in a file: one, or those of an mbox, which begins with a line “From ”."""
    with file.open("rb") as handle:
        if handle.read(5) != b"From ":
            handle.seek(0)
            yield Found(name_of(file), handle.read(MAIL_MOST))
            return
        handle.seek(0)
        for number, raw in enumerate(_parted(handle), 1):
            yield Found(f"{name_of(file)}#{number}", raw)


def name_of(file: Path) -> str:
    """Return a file's name as text that can be printed and kept, also if its bytes are no UTF-8."""
    return str(file).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _parted(handle: IO[bytes]) -> Iterator[bytes]:
    """Part an mbox at lines that begin with “From ” after an empty one; of a mail that is too long the rest is left out."""
    lines: list[bytes] = []
    size = 0
    is_after_blank = True
    while line := handle.readline(LINE_MOST):
        if is_after_blank and line.startswith(b"From "):
            if lines:
                yield b"".join(lines)
            lines, size = [], 0
        elif size < MAIL_MOST:
            lines.append(line[1:] if line.startswith(b">From ") else line)
            size += len(line)
        is_after_blank = not line.strip(b"\r\n")
    if lines:
        yield b"".join(lines)
