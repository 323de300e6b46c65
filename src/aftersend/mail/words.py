"""Write and read encoded words (RFC 2047), and find what they hide.

Owns the way text gets into header fields that take ASCII only. Knows nothing of fields and addresses.
"""

from __future__ import annotations

import binascii
import re

from aftersend.mail.returned import decoded

WORD_MOST = 75
"""Characters of one encoded word (RFC 2047 §2)."""
LAYERS_MOST = 4
"""So often an encoded word may hide another one before we call it hostile."""

_WORD = re.compile(r"=\?([^?\s*]{1,40})(?:\*[^?\s]{0,40})?\?([BbQq])\?([^?]*)\?=")
_HIDING = re.compile(r"=\?([^?]*)\?([BbQq])\?([^?]*)")
"""As a careless reader would find them: cut off, with a strange character set, with spaces inside."""
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_READABLE = re.compile(
    r"(?:utf-?8|(?:us-)?ascii|iso-?8859-\d{1,2}(?:-[ie])?|latin-?[19]|windows-\d{3,4}|cp\d{3,4}|koi8-[ru]|gb2312|gbk|gb18030"
    r"|big5(?:-hkscs)?|shift[_-]jis|sjis|euc-(?:jp|kr)|iso-2022-(?:jp|kr)|ks_c_5601-1987|tis-620)(?:\*.*)?",
    re.IGNORECASE,
)
"""Character sets in which a line break is a line break; UTF-7 and UTF-16, for instance, are not among them."""
_LATIN = re.compile(r"\s*(?:iso-?8859|latin|(?:us-)?ascii)", re.IGNORECASE)
"""Character sets that have controls where Windows has signs; who writes signs there says so by naming Windows'."""
_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
"""What may stand in an encoded word in every place, phrases included (RFC 2047 §5)."""
_Q = {byte: chr(byte) if byte in _SAFE else "_" if byte == 0x20 else f"={byte:02X}" for byte in range(256)}
_NAMED = {"\r": "a line break", "\n": "a line break", "\t": "a tab", "\0": "a NUL"}


def decode(text: str) -> str:
    """Return text with its encoded words decoded, neighbours joined; never raises, and leaves alone what is none."""
    if "=?" not in text:
        return text
    out: list[str] = []
    data: list[bytes] = []
    charset, at = "", 0
    for found in _WORD.finditer(text):
        between = text[at : found.start()]
        apart = bool(between.strip()) or not charset
        if data and (apart or charset != found[1].lower()):
            out.append(decoded(b"".join(data), charset))
            data = []
        if apart:
            out.append(between)
        charset, at = found[1].lower(), found.end()
        data.append(_content(found[2], found[3]))
    if data:
        out.append(decoded(b"".join(data), charset))
    out.append(text[at:])
    return "".join(out)


def encode(text: str, *, used: int = 0) -> str:
    """Return text as encoded words of at most 75 characters, in UTF-8, Q or B, with a space between them.

    So many characters are `used` on the line already; the first word leaves room for them.
    """
    data = text.encode()
    quoted = sum(1 if byte in _SAFE or byte == 0x20 else 3 for byte in data)
    room = WORD_MOST - len("=?utf-8?q??=")
    first = max(room - used, 16)
    if quoted <= (len(data) + 2) // 3 * 4:
        return " ".join(f"=?utf-8?q?{chunk}?=" for chunk in _quoted_chunks(text, first, room))
    chunks = _byte_chunks(text, first // 4 * 3, room // 4 * 3)
    return " ".join(f"=?utf-8?b?{binascii.b2a_base64(chunk, newline=False).decode()}?=" for chunk in chunks)


def needs_encoding(text: str) -> bool:
    """Whether text cannot stand in a header field as it is: not ASCII, or it would be taken for an encoded word."""
    return not text.isascii() or "=?" in text


def trouble(text: str) -> str | None:
    """Name the first character that no header field may contain, also inside encoded words; None if there is none.

    Refused are C0 and C1 controls, NUL, U+2028, U+2029 and lone surrogates, at every layer of encoding that a careless
    reader might undo; and encoded words in character sets that make line breaks of other characters.
    """
    for _ in range(LAYERS_MOST):
        if not text.isprintable():
            found = _FORBIDDEN.search(text)
            if found is not None:
                return _NAMED.get(found[0], f"the character U+{ord(found[0]):04X}")
        if "=?" not in text:
            return None
        for charset, kind, content in _HIDING.findall(text):
            if not _READABLE.fullmatch(charset.strip()):
                return f"an encoded word in the character set “{_short(charset)}”"
            hidden = _content(kind, content)
            text_of_it = hidden.decode("latin-1") if _LATIN.match(charset) else decoded(hidden, charset)
            found = _FORBIDDEN.search(text_of_it)
            if found is not None:
                return f"an encoded word that hides {_NAMED.get(found[0], f'the character U+{ord(found[0]):04X}')}"
        plainer = decode(text)
        if plainer == text:
            return None
        text = plainer
    return "encoded words inside encoded words"


def without_controls(text: str) -> str:
    """Return text with a space for every character that no header field may contain, for showing."""
    return text if text.isprintable() else _FORBIDDEN.sub(" ", text)


def _short(text: str) -> str:
    return without_controls(text[:40])


def _content(kind: str, content: str) -> bytes:
    data = content.encode("utf-8", "replace")
    if kind in "Qq":
        return binascii.a2b_qp(data, header=True)
    data = _BASE64.sub(b"", data)
    if len(data) % 4 == 1:
        data = data[:-1]
    try:
        return binascii.a2b_base64(data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return b""


def _quoted_chunks(text: str, room: int, then: int) -> list[str]:
    chunks: list[str] = []
    chunk = ""
    for character in text:
        written = "".join(_Q[byte] for byte in character.encode())
        if len(chunk) + len(written) > room:
            chunks.append(chunk)
            chunk, room = "", then
        chunk += written
    chunks.append(chunk)
    return chunks


def _byte_chunks(text: str, room: int, then: int) -> list[bytes]:
    chunks: list[bytes] = []
    chunk = b""
    for character in text:
        written = character.encode()
        if len(chunk) + len(written) > room:
            chunks.append(chunk)
            chunk, room = b"", then
        chunk += written
    chunks.append(chunk)
    return chunks
