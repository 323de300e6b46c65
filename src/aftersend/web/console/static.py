"""Own the files that pages are made with: each has an address with its own hash in it, so browsers keep it for ever."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = "/console/static"
_FOLDER = Path(__file__).parent / "static"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".woff2": "font/woff2",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class File:
    """A file as it is sent."""

    name: str
    media_type: str
    content: bytes
    compressed: bytes | None
    address: str


@cache
def _files() -> dict[str, File]:
    font = _FOLDER / "inter.woff2"
    made: dict[str, File] = {}
    for path in sorted(_FOLDER.iterdir(), key=lambda each: each.suffix == ".css"):
        if path.suffix not in _KINDS:
            continue
        content = path.read_bytes()
        if path.suffix == ".css":
            content = content.replace(b"url(inter.woff2)", f"url({made[font.name].address})".encode())
        digest = hashlib.sha256(content).hexdigest()[:16]
        is_text = path.suffix != ".woff2"
        made[path.name] = File(
            path.name,
            _KINDS[path.suffix],
            content,
            gzip.compress(content, 9, mtime=0) if is_text else None,
            f"{ROOT}/{digest}/{path.name}",
        )
    return made


@cache
def _by_address() -> dict[str, File]:
    return {file.address: file for file in _files().values()}


def address(name: str) -> str:
    """Return the address of a file by its name."""
    return _files()[name].address


def found(path: str) -> File | None:
    """Return the file at an address, or None."""
    return _by_address().get(path) if path.startswith(ROOT) else None
