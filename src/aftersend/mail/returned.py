"""Read the structure of untrusted mail that came back: headers and parts, bounded and in linear time.

Owns a reader that never raises, whatever the bytes. It does not look into the message that was returned, beyond its
headers, and knows nothing of what a report means.
"""

from __future__ import annotations

import binascii
import html
import re
from base64 import b64decode
from functools import lru_cache
from typing import NamedTuple

HEAD_LIMIT, TAIL_LIMIT = 1 << 20, 1 << 18
"""Of a longer mail only the beginning and the end are read: a report precedes what it returns, or follows it."""
PART_LIMIT = 200
DEPTH_LIMIT = 12
TEXT_LIMIT, FIELDS_LIMIT = 1 << 16, 1 << 19
"""Bytes of one part that are decoded: of words for people, and of fields for machines (a thousand recipients and more)."""
HEADER_LIMIT, HEAD_OF_RETURNED, TYPE_LIMIT = 1 << 18, 1 << 14, 1_000

_CHARSETS = {
    name: codec
    for codec, names in {
        "utf-8": "utf-8 utf8 unicode-1-1-utf-8 us-ascii ascii ansi_x3.4-1968 646",
        "cp1252": "iso-8859-1 latin1 latin-1 iso8859-1 windows-1252 cp1252 x-unknown unknown-8bit default",
        "iso-8859-2": "iso-8859-2 latin2",
        "cp1250": "windows-1250 cp1250",
        "cp1251": "windows-1251 cp1251",
        "iso-8859-5": "iso-8859-5",
        "iso-8859-7": "iso-8859-7 windows-1253",
        "cp1254": "iso-8859-9 windows-1254",
        "cp1255": "iso-8859-8 iso-8859-8-i windows-1255",
        "cp1256": "iso-8859-6 windows-1256",
        "iso-8859-15": "iso-8859-15 latin9",
        "koi8-r": "koi8-r koi8r",
        "koi8-u": "koi8-u",
        "iso2022_jp_ext": "iso-2022-jp iso-2022-jp-1 iso-2022-jp-3 csiso2022jp iso2022jp cp50220 cp50221",
        "cp932": "shift_jis shift-jis sjis x-sjis cp932 windows-31j ms_kanji",
        "euc_jp": "euc-jp eucjp x-euc-jp",
        "gb18030": "gb2312 gbk gb18030 x-gbk cp936 hz-gb-2312",
        "big5hkscs": "big5 big5-hkscs cp950",
        "cp949": "euc-kr ks_c_5601-1987 ksc5601 cp949",
        "utf-16": "utf-16 utf16",
    }.items()
    for name in names.split()
} | {"": "utf-8"}
"""Character sets that are decoded, a closed list: some codecs take time out of proportion, some do not yield text."""

_PARAMETER = re.compile(r';\s*([\w*-]{1,60})\s*=\s*(?:"([^"]{0,400})"?|([^\s;]{1,400}))')
_TAG = re.compile(r"<[^<>]{0,2000}>")
_BREAK = re.compile(r"<\s*(?:br|/?p|/?div|/?tr|/?li|/h\d)\b[^<>]{0,500}>", re.IGNORECASE)
_INVISIBLE = re.compile(r"<(style|script|head)\b.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_FIELD = re.compile(r"\n([!-9;-~]{1,80})[ \t]*:[ \t]*(.*(?:\n[ \t].*)*)")
_OF_PART = frozenset({"content-type", "content-transfer-encoding"})
_REMEMBERED = 500
"""Bytes up to which the head of a part is remembered, because mail systems write few different ones."""
_ENCODED = re.compile(r"=\?([^?\s]{1,40})\?([BbQq])\?([^?]{0,400})\?=")
_BETWEEN = re.compile(r"\?=\s{1,20}=\?")
_DELIMITER_LINE = re.compile(rb"^--([^\n]{1,100})\n(?=Content-)", re.MULTILINE | re.IGNORECASE)
_FOLD = re.compile(r"\n[ \t]+")


class Part(NamedTuple):
    """One leaf of a mail: its fields about its content, its media type in lower case, and its undecoded content."""

    headers: dict[str, str]
    media: str
    parameters: dict[str, str]
    content: bytes

    def text(self) -> str:
        """Return the content as text, decoded, HTML without its tags; bounded."""
        is_fields = self.media.startswith("message/") and self.media != "message/rfc822"
        data = self.content[: FIELDS_LIMIT if is_fields else TEXT_LIMIT]
        encoding = self.headers.get("content-transfer-encoding", "").lower()
        if encoding.startswith("base64"):
            data = _base64(data)
        elif encoding.startswith("quoted"):
            data = binascii.a2b_qp(data)
        text = decoded(data, self.parameters.get("charset", ""))
        return without_tags(text) if self.media == "text/html" else text

    def head(self) -> str:
        """Return the beginning of the content, not decoded: the header fields of a message returned."""
        content = self.content[:HEAD_OF_RETURNED].lstrip(b"\n")
        end = content.find(b"\n\n")
        return (content if end < 0 else content[:end]).decode("utf-8", "replace")


class Mail:
    """A mail taken apart: the top media type, its leaves in order, and its own header fields, read when first asked for."""

    __slots__ = ("_block", "_headers", "_names", "media", "parameters", "parts")

    def __init__(
        self,
        block: bytes,
        names: frozenset[str] | None,
        media: str,
        parameters: dict[str, str],
        parts: tuple[Part, ...],
    ) -> None:
        self._block = block
        self._names = names
        self._headers: dict[str, str] | None = None
        self.media = media
        self.parameters = parameters
        self.parts = parts

    @property
    def headers(self) -> dict[str, str]:
        """The header fields by lower-case name, unfolded; of a repeated field the first. Many reports answer without them."""
        if self._headers is None:
            block, names = self._block, self._names
            self._headers = (
                read_fields(block.decode("utf-8", "replace")) if names is None else _fields_named(block, names)
            )
        return self._headers


def read_mail(raw: bytes, names: frozenset[str] | None = None) -> Mail:
    """Take a mail apart. Never raises; linear in the size up to a limit, constant beyond it.

    `names`, in lower case, are the only header fields of the mail itself that are read, which saves a good deal of time.
    """
    if len(raw) > HEAD_LIMIT + TAIL_LIMIT:
        raw = raw[:HEAD_LIMIT] + b"\n" + raw[-TAIL_LIMIT:]
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if raw[:5] in (b"From ", b">From"):
        raw = raw[raw.find(b"\n") + 1 :]
    block, content = _parted(raw.lstrip(b"\n"))
    at = (b"\n" + block).lower().find(b"\ncontent-")
    of_content = _fields_named(block[at:], _OF_PART) if at >= 0 else {}
    media, parameters = _content_type(of_content.get("content-type", "text/plain")[:TYPE_LIMIT])
    parts: list[Part] = []
    _collect(content, of_content, media, parameters, parts, frozenset())
    return Mail(block, names, media, parameters, tuple(parts))


def read_fields(block: str) -> dict[str, str]:
    """Return the fields of a header block by lower-case name, unfolded; of a repeated field the first."""
    found = {name.lower(): value for name, value in reversed(_FIELD.findall("\n" + block))}
    if "\n " in block or "\n\t" in block:
        for name, value in found.items():
            if "\n" in value:
                found[name] = _FOLD.sub(" ", value)
    return found


@lru_cache(maxsize=64)
def _any_field(names: frozenset[str]) -> re.Pattern[str]:
    """Return a pattern for fields with these names, parted by their first letters: by them most lines are passed over."""
    rests: dict[str, list[str]] = {}
    for name in sorted(names):
        rests.setdefault(name[0], []).append(re.escape(name[1:]))
    choice = "|".join(f"[{first}{first.upper()}](?i:{'|'.join(rest)})" for first, rest in rests.items())
    firsts = "".join(first + first.upper() for first in rests)
    return re.compile(rf"\n(?=[{firsts}])({choice})[ \t]*:[ \t]*(.*(?:\n[ \t].*)*)")


def _fields_named(block: bytes, names: frozenset[str]) -> dict[str, str]:
    """Return the fields with these names by lower-case name, unfolded; of a repeated field the first."""
    fields: dict[str, str] = {}
    for name, value in reversed(_any_field(names).findall("\n" + block.decode("utf-8", "replace"))):
        fields[name.lower()] = _FOLD.sub(" ", value) if "\n" in value else value
    return fields


@lru_cache(maxsize=1024)
def _part_head(block: bytes, default: str) -> tuple[dict[str, str], str, dict[str, str]]:
    """Return the fields of a part's head that are read, its media type, and the parameters of that."""
    fields = _fields_named(block, _OF_PART)
    return (fields, *_content_type(fields.get("content-type", default)[:TYPE_LIMIT]))


def forget_heads() -> None:
    """Forget the heads of parts already read."""
    _part_head.cache_clear()
    _content_type.cache_clear()


def _collect(
    content: bytes,
    headers: dict[str, str],
    media: str,
    parameters: dict[str, str],
    parts: list[Part],
    outer: frozenset[bytes],
) -> None:
    """Append the leaves of a content. A boundary that an outer multipart uses opens nothing, so work stays linear."""
    if media.startswith("multipart/") and len(outer) < DEPTH_LIMIT:
        boundary = parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
        pieces = _pieces(content, boundary) if boundary and boundary not in outer else []
        if not pieces and boundary not in outer and (boundary := _guess(content)) not in outer:
            pieces = _pieces(content, boundary) if boundary else []
        within = outer | {boundary}
        default = "message/rfc822" if media == "multipart/digest" else "text/plain"
        for piece in pieces:
            if len(parts) >= PART_LIMIT:
                return
            block, inner = _parted(piece)
            read = _part_head if len(block) <= _REMEMBERED else _part_head.__wrapped__
            fields, kind, own = read(block, default)
            if kind.startswith("multipart/"):
                _collect(inner, fields, kind, own, parts, within)
            else:
                parts.append(Part(fields, kind, own, inner[:FIELDS_LIMIT]))
        if pieces:
            return
        media = "text/plain"
    if len(parts) < PART_LIMIT:
        parts.append(Part(headers, media, parameters, content[:FIELDS_LIMIT]))


def _pieces(content: bytes, boundary: bytes) -> list[bytes]:
    """Return the parts between delimiter lines, up to the one that closes."""
    pieces: list[bytes] = []
    between = (b"\n" + content).split(b"\n--" + boundary, PART_LIMIT + 1)
    last = len(between) - 1
    for index in range(1, min(last, PART_LIMIT) + 1):
        line, end, piece = between[index].partition(b"\n")
        if line.startswith(b"--") or not (end or index < last):
            break
        pieces.append(piece)
    return pieces


def _guess(content: bytes) -> bytes:
    """Return what stands behind the first line of the content that begins with two hyphens: a boundary not announced."""
    found = _DELIMITER_LINE.search(content, 0, 4000)
    return found[1].rstrip() if found else b""


def _parted(raw: bytes) -> tuple[bytes, bytes]:
    """Return the block of header fields and the content behind it."""
    if raw.startswith(b"\n"):
        return b"", raw[1:]
    block, _, content = raw.partition(b"\n\n")
    return block[:HEADER_LIMIT], content


@lru_cache(maxsize=256)
def _content_type(value: str) -> tuple[str, dict[str, str]]:
    media, _, rest = value.partition(";")
    media = media.strip().lower()
    if not rest:
        return media or "text/plain", {}
    found = _PARAMETER.findall(";" + rest)
    return media or "text/plain", {name.lower(): quoted or plain for name, quoted, plain in found}


def decoded(data: bytes, charset: str) -> str:
    """Return bytes as text in the character set named, or in the likeliest; never raises."""
    codec = _CHARSETS.get(charset) or _CHARSETS.get(charset.strip().lower().strip("\"'"), "utf-8")
    if b"\x1b$" in data and codec == "utf-8":
        codec = "iso2022_jp_ext"
    elif codec == "cp1252" and data.isascii():
        return data.decode("ascii")  # Python's own tables take ten times as long
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return data.decode("cp1252" if codec == "utf-8" else codec, "replace")


def _base64(data: bytes) -> bytes:
    data = re.sub(rb"[^A-Za-z0-9+/]", b"", data)
    try:
        return b64decode(data[: len(data) // 4 * 4] if len(data) % 4 == 1 else data + b"=" * (-len(data) % 4))
    except binascii.Error:
        return b""


def without_tags(text: str) -> str:
    """Return the visible words of HTML, one line a block."""
    text = _INVISIBLE.sub(" ", text)
    text = _BREAK.sub("\n", text)
    return html.unescape(_TAG.sub(" ", text))


def decoded_header(value: str) -> str:
    """Return a header value with its encoded words (RFC 2047) decoded; what cannot be decoded stays as it is."""
    if "=?" not in value:
        return value
    return _ENCODED.sub(_encoded_word, _BETWEEN.sub("?==?", value[:4000]))


def _encoded_word(found: re.Match[str]) -> str:
    charset, kind, text = found[1], found[2], found[3].encode("ascii", "replace")
    data = _base64(text) if kind in "Bb" else binascii.a2b_qp(text, header=True)
    return decoded(data, charset.partition("*")[0])
