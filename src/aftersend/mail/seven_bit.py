"""Write a message so that a server without 8BITMIME can take it (RFC 6152 §3): the same content in 7-bit encodings.

Leaves every part alone that is 7-bit already. Must come before signing, since it changes what is signed.
"""

from __future__ import annotations

import binascii

from aftersend.mail import headers, mime

ENCODING = "content-transfer-encoding"


def convert(content: bytes) -> bytes:
    """Return the message with quoted-printable text and base64 for all else where it had 8-bit content.

    Header fields are not touched; a message with 8-bit header fields stays 8-bit. Raise SubmissionError for a structure
    over the caps of `mime`.
    """
    pieces: list[bytes] = []
    at = 0
    for part in mime.parts(content):
        head, body = content[part.head : part.begin], content[part.begin : part.end]
        if part.media.startswith(("multipart/", "message/")):
            if part.encoding in ("8bit", "binary"):
                pieces += [content[at : part.head], _with_encoding(head, "7bit")]
                at = part.begin
        elif not body.isascii() and part.encoding in ("", "7bit", "8bit", "binary"):
            is_text = part.media.startswith("text/") or not part.media
            pieces += [content[at : part.head], _with_encoding(head, "quoted-printable" if is_text else "base64")]
            pieces.append(_quoted(body) if is_text else mime.base64_lines(body))
            at = part.end
    return b"".join([*pieces, content[at:]])


def _with_encoding(head: bytes, encoding: str) -> bytes:
    """The part's header block, and the empty line behind it, with another transfer encoding."""
    ends_with_empty_line = head.endswith(b"\r\n\r\n") or head == b"\r\n"
    block = head[:-2] if ends_with_empty_line else head
    block = headers.remove(block, (ENCODING,)) if block else block
    return block + f"Content-Transfer-Encoding: {encoding}\r\n".encode() + (b"\r\n" if ends_with_empty_line else b"")


def _quoted(body: bytes) -> bytes:
    lines = body.split(b"\r\n")
    return b"\r\n".join(binascii.b2a_qp(line, istext=True).replace(b"=\n", b"=\r\n") for line in lines)
