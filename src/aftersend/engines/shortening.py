"""Make a message small enough for an engine: without the content of its files, then without its end."""

from __future__ import annotations

from aftersend.errors import SubmissionError
from aftersend.mail import mime

SIZE_MOST = 512 * 1024
"""Bytes; both engines pass larger mail unread, or take seconds for it."""


def short_enough(message: bytes, most: int = SIZE_MOST) -> bytes:
    """Return the message if it is small enough; else without the content of its files; else cut at the end of a line."""
    if len(message) <= most:
        return message
    try:
        files = [
            part for part in mime.parts(message) if part.is_attachment and part.depth > 0 and part.end > part.begin
        ]
    except SubmissionError:
        files = []
    kept: list[bytes] = []
    at = 0
    for part in files:
        kept.append(message[at : part.begin])
        at = part.end
    shorter = b"".join([*kept, message[at:]])
    if len(shorter) <= most:
        return shorter
    end = shorter.rfind(b"\r\n", 0, most - 2)
    return shorter[: end + 2 if end >= 0 else most]
