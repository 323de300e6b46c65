"""Own what makes a message unfit for sending, whatever its recipients: found once for each message, said in plain words."""

from __future__ import annotations

import re

from aftersend.errors import SubmissionError
from aftersend.mail import headers, mime
from aftersend.policy.gates.candidate import Fault

LOOKED_AT = 1024 * 1024
"""So many bytes of a part are looked at."""
SHORT = 2000
"""A body that is shorter may have nothing in it."""
ENCODINGS = frozenset({"7bit", "8bit", "binary", "quoted-printable", "base64"})
"""RFC 2045 §6."""
PLAIN = frozenset({b"", b"7bit", b"8bit", b"binary"})
"""Encodings that change nothing, or none."""
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]")
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*(?:\r\n|\Z))")
_MARKUP = re.compile(rb"<!--.*?-->|<(?!img|video|svg|object)[^>]*>", re.DOTALL | re.IGNORECASE)


def is_suspicious(found: headers.Found, block: bytes, body: bytes) -> bool:
    """Say quickly whether a message has to be looked at before it goes: when it is so short that there may be nothing in it
    and there is not, or when it says something odd of itself."""
    kind = _value(found, "content-type")
    encoding = _value(found, "content-transfer-encoding")
    is_multipart = kind.startswith(b"multipart/")
    if len(body) < SHORT and (is_multipart or encoding not in PLAIN):
        return fault(block, body) is not None
    if len(body) < SHORT:
        return not _has_words(body)
    return (is_multipart and b"boundary" not in kind) or (
        bool(encoding) and encoding.decode("latin-1") not in ENCODINGS
    )


def _value(found: headers.Found, name: str) -> bytes:
    """The first value as it was written; what is encoded in it is not looked into here."""
    values = found.get(name)
    return values[0].strip().lower() if values else b""


def fault(block: bytes, body: bytes, *, is_template: bool = False) -> Fault | None:
    """Return the first thing that is wrong with a message; None when it can be sent as it is. In a template what is encoded
    may hold places for what is personal, and is not looked into.
    """
    try:
        found = headers.scan(block)
        if not headers.from_domain(found):
            return Fault(
                "from", "The From header names no address that answers could go to; write From: Ann <ann@example.com>."
            )
        return _fault_of_parts(block + b"\r\n" + body, is_template=is_template)
    except SubmissionError as error:
        return Fault("structure", error.detail)


def _fault_of_parts(content: bytes, *, is_template: bool) -> Fault | None:
    has_content = False
    for part in mime.parts(content):
        if part.encoding not in ENCODINGS:
            return Fault(
                "encoding", f"A part says that it is encoded as “{part.encoding}”, which no mail program can read."
            )
        if part.media.startswith("multipart/"):
            if not part.parameters.get("boundary"):
                return Fault(
                    "boundary", "The message says that it has parts, but not by what they are divided (boundary)."
                )
            continue
        inner = content[part.begin : min(part.end, part.begin + LOOKED_AT)]
        has_content = has_content or part.is_attachment or _has_words(inner)
        if is_template:
            continue
        if part.encoding == "base64" and _NOT_BASE64.search(inner):
            return Fault("encoding", "A part says that it is base64, and is not; encode it anew (RFC 2045 §6.8).")
        if part.encoding == "quoted-printable" and _BAD_ESCAPE.search(inner):
            return Fault(
                "encoding", "A part says that it is quoted-printable, and is not; encode it anew (RFC 2045 §6.7)."
            )
    if not has_content:
        return Fault(
            "no_content", "The message is empty: it has neither text nor HTML nor a file. Add some, then send it again."
        )
    return None


def _has_words(content: bytes) -> bool:
    """Whether there is anything for a reader: tags alone are nothing, a picture is."""
    if len(content) > SHORT:
        return True
    return bool(_MARKUP.sub(b"", content).replace(b"&nbsp;", b"").strip())
