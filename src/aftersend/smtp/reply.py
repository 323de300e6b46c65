"""Own the reply: how it is read from hostile bytes and how it is written."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

LINE_MOST = 512
"""Octets of a reply line with its CRLF (RFC 5321 §4.5.3.1.5)."""

_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_TYPED = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "…": "...", "–": "-", "—": "-", "→": "->"})
"""Our texts are typeset; a reply is ASCII, as it is typed."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Reply(NamedTuple):
    """An RFC 5321 code, an RFC 3463 enhanced status or "", and the text without either; lines are joined by `\\n`."""

    code: int
    status: str
    text: str

    def to_bytes(self) -> bytes:
        """Write it for the wire: long texts wrapped into several lines, nothing but printable ASCII in them."""
        text = self.text
        lead = f"{self.code} {self.status} " if self.status else f"{self.code} "
        if text.isascii() and text.isprintable() and len(text) < LINE_MOST - 20:
            return f"{lead}{text}\r\n".encode()
        lines = _wrapped(text, LINE_MOST - 2 - len(lead))
        last = len(lines) - 1
        tail = lead[4:]
        return "".join(
            f"{self.code}{' ' if i == last else '-'}{tail}{line}\r\n" for i, line in enumerate(lines)
        ).encode()

    def __str__(self) -> str:
        """Show it on one line, as a log does."""
        return " ".join(filter(None, (str(self.code), self.status, self.text.replace("\n", " "))))


def parse(raw: bytes) -> Reply:
    """Read a whole reply, of one line or several. Any encoding is borne; raise ValueError if it is no reply at all.

    The code is the last line's (the lines agree, RFC 5321 §4.2.1, or the sender is broken). Control characters in the
    text become U+FFFD; its length is the caller's to bound.
    """
    if b"\n" in raw:
        return _parse_lines(raw)
    digits = raw[:3]
    code = int(digits) if digits.isdigit() else 0
    if not 200 <= code <= 599 or raw[3:4] not in b" ":
        raise ValueError("not an SMTP reply")
    text = raw[4:].decode("utf-8", "replace")
    if not text.isprintable():
        text = _UNPRINTABLE.sub("\ufffd", text.rstrip("\r\n"))
    if text[1:2] == ".":
        status, _, rest = text.partition(" ")
        if _is_status(status):
            return Reply(code, status, rest.lstrip(" "))
    return Reply(code, "", text)


@lru_cache(maxsize=512)
def _is_status(word: str) -> bool:
    return _STATUS.fullmatch(word) is not None


def _parse_lines(raw: bytes) -> Reply:
    lines = raw.removesuffix(b"\n").removesuffix(b"\r").split(b"\n")
    *others, last = lines
    final = parse(last.removesuffix(b"\r"))
    texts = []
    status = ""
    for line in others:
        if not line[:3].isdigit() or line[3:4] != b"-":
            raise ValueError("not an SMTP reply")
        one = parse(line[:3] + b" " + line[4:].removesuffix(b"\r"))
        status = status or one.status
        texts.append(one.text)
    texts.append(final.text)
    return Reply(final.code, status or final.status, "\n".join(texts))


def _wrapped(text: str, width: int) -> list[str]:
    """Cut a text into lines of at most `width` characters, at a space where there is one."""
    lines = []
    for line in text.translate(_TYPED).encode("ascii", "replace").decode().split("\n"):
        line = _UNPRINTABLE.sub("?", line.rstrip("\r"))
        while len(line) > width:
            at = line.rfind(" ", 1, width + 1)
            at = width if at < 0 else at
            lines.append(line[:at])
            line = line[at:].lstrip(" ")
        lines.append(line)
    return lines
