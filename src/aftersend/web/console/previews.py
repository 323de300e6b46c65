"""Own how the content of a message is shown: its parts read with bounds, its HTML in a frame in which nothing can run, load,
send or leave, whatever it contains."""

from __future__ import annotations

import base64
import binascii
import quopri
from dataclasses import dataclass

from aftersend.errors import AftersendError
from aftersend.mail import headers, mime, words

HEADERS = {
    "content-security-policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'self'"
    ),
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
}
"""The sandbox has no rights at all: no script, no form, no window, an origin of its own. Styles may be written in the page,
since mail has them there; they can load nothing, for nothing but data: may be loaded."""
SHOWN_MOST = 400_000
_SOURCE_MOST = 60_000
_FIELDS_MOST = 60


@dataclass(frozen=True, slots=True)
class File:
    """An attachment."""

    name: str
    media: str
    size: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a message consists of, for people to look at."""

    html: str | None
    text: str | None
    fields: list[tuple[str, str]]
    source: str
    is_cut: bool
    """Whether the source goes on."""
    files: list[File]
    trouble: str = ""


def read(raw: bytes) -> Preview:
    """Read a message. What cannot be read is named, and shown as source."""
    html = text = None
    files: list[File] = []
    trouble = ""
    try:
        for part in mime.parts(raw):
            if part.media.startswith("multipart/"):
                continue
            if part.is_attachment:
                files.append(File(part.filename or "unnamed", part.media, part.end - part.begin))
            elif part.media == "text/html" and html is None:
                html = _text(raw, part)
            elif part.media.startswith("text/") and text is None:
                text = _text(raw, part)
    except AftersendError as error:
        trouble = error.detail
    block, _ = headers.split(raw)
    return Preview(
        html, text, _fields(block), _visible(raw[:_SOURCE_MOST].decode("utf-8", "replace")), len(raw) > _SOURCE_MOST,
        files, trouble,
    )  # fmt: skip


def _fields(block: bytes) -> list[tuple[str, str]]:
    shown: list[tuple[str, str]] = []
    for field in headers.fields(block):
        if len(shown) == _FIELDS_MOST:
            break
        name = field.raw.partition(b":")[0].decode("latin-1").strip()
        shown.append((name[:80], _visible(headers.shown(field.value))[:2000]))
    return shown


def _text(raw: bytes, part: mime.Part) -> str:
    body = raw[part.begin : part.end]
    if part.encoding == "base64":
        body = _from_base64(body)
    elif part.encoding == "quoted-printable":
        body = quopri.decodestring(body)
    charset = part.parameters.get("charset", "utf-8")
    try:
        return body[:SHOWN_MOST].decode(charset, "replace")
    except (LookupError, ValueError):
        return body[:SHOWN_MOST].decode("utf-8", "replace")


def _from_base64(body: bytes) -> bytes:
    kept = b"".join(body.split())
    try:
        return base64.b64decode(kept[: len(kept) // 4 * 4])
    except binascii.Error:
        return b""


def _visible(text: str) -> str:
    """Return text without the controls that could hide or turn round what stands there."""
    return words.without_controls(text) if "\n" not in text else "\n".join(
        words.without_controls(line) for line in text.replace("\r", "").split("\n")
    )  # fmt: skip
