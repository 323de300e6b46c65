"""Own the form of content on the wire: where it ends, dots, line ends (RFC 5321 §2.3.8, §4.1.1.4, §4.5.2).

Line ends are CR LF and nothing else; a lone CR or LF read otherwise by the next server is how a second message is
smuggled inside a first.
"""

from __future__ import annotations

import re
from io import IncrementalNewlineDecoder

END = b"\r\n.\r\n"
LINE_MOST = 998
"""Octets of a text line without its CRLF (RFC 5322 §2.1.1)."""

_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


def has_bare_newline(content: bytes) -> bool:
    """Whether a CR or an LF stands alone. One pass, at memory speed."""
    seen = IncrementalNewlineDecoder(None, translate=False)
    seen.decode(content.decode("latin-1"), True)
    return seen.newlines not in ("\r\n", None)


def repaired(content: bytes) -> bytes:
    """Make every line end CR LF, a lone CR or LF included."""
    return _BARE.sub(b"\r\n", content)


def unstuffed(content: bytes) -> bytes:
    """Take the dot off each line that begins with one (RFC 5321 §4.5.2)."""
    if content[:1] == b".":
        content = content[1:]
    return content.replace(b"\r\n.", b"\r\n") if content.rfind(b"\r\n.") >= 0 else content


def stuffed(content: bytes) -> bytes:
    """Put a dot before each line that begins with one. The line ends must be clean."""
    if content.rfind(b"\r\n.") >= 0:
        content = content.replace(b"\r\n.", b"\r\n..")
    return b"." + content if content[:1] == b"." else content


def has_line_over(content: bytes, most: int) -> bool:
    """Whether a line has more than `most` octets. Costs a step for every `most` octets, not for every line."""
    at = 0
    length = len(content)
    while length - at > most:
        end = content.rfind(b"\n", at, at + most + 2)
        if end < 0:
            return True
        at = end + 1
    return False


def count_lines_over(content: bytes, most: int = LINE_MOST) -> int:
    """Count the lines with more than `most` octets before their CRLF."""
    count = 0
    at = 0
    length = len(content)
    while length - at > most:
        end = content.rfind(b"\n", at, at + most + 2)
        if end < 0:
            count += 1
            end = content.find(b"\n", at + most + 2)
            if end < 0:
                break
        at = end + 1
    return count
