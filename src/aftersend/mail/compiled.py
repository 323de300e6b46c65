"""Own messages that are made anew for each recipient: compiled once, then joined from pieces.

What is the same for everybody lies ready in its transfer encoding; what differs is a slot. A slot in a text part stands
at the beginning of a line of quoted-printable and ends with a soft line break, so whatever is put in can break neither a
line nor an escape (RFC 2045 §6.7). Parts that are mostly beyond ASCII, parts that need the template engine, and header
fields are written whole for each recipient. A slot of ours (`_…`) that is not filled shows what stood there before.
"""

from __future__ import annotations

import binascii
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from aftersend.mail import headers, mime, tags, words
from aftersend.mail.tags import Undefined

FLAG_COMPILED = 16
"""In `messages.flags`: the body is a `Compiled` in its written form."""
HTML, URL = 1, 2
"""How a value is written: escaped for HTML, percent-encoded; both may be."""
QUOTED, BASE64, FIELD, FOLDED = "quoted-printable", "base64", "field", "folded"
LINE = 75
"""Characters of a line of quoted-printable before its soft break (RFC 2045 §6.7)."""
_BREAK = b"=\r\n"
_PLAIN = re.compile(r"[ -<>-~]*")


class Slot(Struct, frozen=True, array_like=True, tag="s"):
    """A place that is filled for each recipient."""

    name: str
    """A dotted name of the recipient's data, or one of ours that begins with an underscore."""
    way: int = 0
    otherwise: str | None = None
    """What is written when there is no value; None: it is an error, unless `instead` says more."""
    instead: tuple[str | Slot, ...] = ()
    """What stood here before, with its own slots; for names of ours."""


class Whole(Struct, frozen=True, array_like=True, tag="w"):
    """Text that is put together first, then encoded: a part in base64, a header field."""

    pieces: tuple[str | Slot, ...]
    encoding: str
    name: str = ""
    """Of a header field."""


class Rendered(Struct, frozen=True, array_like=True, tag="r"):
    """Text that the template engine writes for each recipient."""

    source: str
    is_html: bool
    encoding: str
    name: str = ""
    slots: tuple[Slot, ...] = ()
    """Slots of ours that stand in the source as `{{ _name }}`."""


Piece = bytes | Slot | Whole | Rendered


class _Written(Struct, frozen=True, array_like=True):
    header: tuple[Piece, ...]
    body: tuple[Piece, ...]
    size: int


Write = Callable[[Mapping[str, Any], Mapping[str, str]], bytes]


class Compiled:
    """A message ready to be made for anybody. Immutable; kept in memory for as long as it is sent."""

    __slots__ = ("_body", "_header", "_uses", "_written", "is_rendered", "needs", "ours", "size")

    def __init__(self, header: Sequence[Piece], body: Sequence[Piece], size: int | None = None) -> None:
        self._header = _Plan(header)
        self._body = _Plan(body)
        if size is None:
            size = sum(len(piece) if isinstance(piece, bytes) else _guess(piece) for piece in (*header, *body))
        self._written = _Written(tuple(header), tuple(body), size)
        self.size = size
        """Octets of a message, about."""
        self.is_rendered = any(isinstance(piece, Rendered) for piece in (*header, *body))
        """Whether the template engine writes some of it, which may take seconds."""
        found = [slot for piece in (*header, *body) for slot in _slots_of(piece)]
        self.needs = tuple(
            sorted({slot.name for slot in found if not slot.name.startswith("_") and slot.otherwise is None})
        )
        """Names that every recipient's data must have; a template that is rendered may want more."""
        self._uses = Counter(slot.name for slot in found if not slot.name.startswith("_"))
        self.ours = tuple(dict.fromkeys(slot.name for slot in found if slot.name.startswith("_")))
        """Names of ours that can be filled."""

    def render(self, data: Mapping[str, Any], slots: Mapping[str, str] = {}) -> tuple[bytes, bytes]:
        """Return (header block, body) for one recipient, in some microseconds where nothing has to be rendered.

        Raise Undefined or CannotRender, which say what is missing.
        """
        return self._header.write(data, slots), self._body.write(data, slots)

    def shown(self) -> tuple[bytes, bytes]:
        """Return (header block, body) as it was written, tags and all, for showing and for looking into it."""
        return self.render(_AsWritten())

    def prefixed(self, *pieces: Piece) -> Compiled:
        """Return the same message with some header fields on top."""
        more = sum(len(piece) if isinstance(piece, bytes) else _guess(piece) for piece in pieces)
        return Compiled((*pieces, *self._written.header), self._written.body, self.size + more)

    def missing(self, data: Mapping[str, Any]) -> str | None:
        """Return the first name that this recipient's data lacks, or None."""
        for name in self.needs:
            if tags.value_of(data, name) is None:
                return name
        return None

    def size_for(self, data: Mapping[str, Any]) -> int:
        """Say how many octets it has for this recipient, about, without making it. What the template engine writes has a
        bound of its own."""
        size = self.size
        for name, number in self._uses.items():
            value = tags.value_of(data, name)
            if value is not None:
                size += number * len(tags.written(value))
        return size

    def sized(self, size: int) -> Compiled:
        """Return the same message with another size."""
        return Compiled(self._written.header, self._written.body, size)

    def encode(self) -> bytes:
        """Write it as the store keeps it."""
        return _ENCODER.encode(self._written)


def decode(content: bytes) -> Compiled:
    """Read what `encode` wrote."""
    found = _DECODER.decode(content)
    return Compiled(found.header, found.body, found.size)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Written)


class _AsWritten(dict[str, Any]):
    """Data in which every name stands for its own tag."""

    def get(self, name: str, default: Any = None) -> Any:
        """Return the tag."""
        return f"{{{{ {name} }}}}"


class _Plan:
    """Pieces in order, the fixed ones joined, with the writers of the others."""

    __slots__ = ("_fixed", "_open")

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._fixed: list[bytes] = []
        self._open: list[tuple[int, Write]] = []
        was_fixed = False
        for piece in pieces:
            if isinstance(piece, bytes):
                if was_fixed:
                    self._fixed[-1] += piece
                else:
                    self._fixed.append(piece)
            else:
                self._open.append((len(self._fixed), _writer(piece)))
                self._fixed.append(b"")
            was_fixed = isinstance(piece, bytes)

    def write(self, data: Mapping[str, Any], slots: Mapping[str, str]) -> bytes:
        if not self._open:
            return self._fixed[0] if self._fixed else b""
        pieces = self._fixed[:]
        for at, writer in self._open:
            pieces[at] = writer(data, slots)
        return b"".join(pieces)


def _writer(piece: Slot | Whole | Rendered) -> Write:
    if isinstance(piece, Slot):
        return lambda data, slots: quoted(_text(piece, data, slots))
    if isinstance(piece, Rendered):
        return lambda data, slots: _rendered(piece, data, slots)
    encode = _ENCODINGS[piece.encoding]
    pieces = [_as_text(each) for each in piece.pieces]
    return lambda data, slots: encode(piece.name, "".join([each(data, slots) for each in pieces]))


def _as_text(piece: str | Slot) -> Callable[[Mapping[str, Any], Mapping[str, str]], str]:
    if isinstance(piece, str):
        return lambda data, slots: piece
    return lambda data, slots: _text(piece, data, slots)


def _text(slot: Slot, data: Mapping[str, Any], slots: Mapping[str, str]) -> str:
    """Return what a slot is filled with. Raise Undefined."""
    name = slot.name
    if name[0] == "_":
        found = slots.get(name)
        if found is not None:
            return found
        if slot.instead:
            return "".join([each if isinstance(each, str) else _text(each, data, slots) for each in slot.instead])
        return slot.otherwise or ""
    value = data.get(name) if "." not in name or type(data) is _AsWritten else tags.value_of(data, name)
    if value is None:
        value = slot.otherwise
        if value is None:
            raise Undefined(name)
    text = value if type(value) is str else tags.written(value)
    if slot.way & URL:
        text = quote(text, safe="~")
    return escape(text) if slot.way & HTML else text


def _rendered(piece: Rendered, data: Mapping[str, Any], slots: Mapping[str, str]) -> bytes:
    filled = {slot.name: _text(slot, data, slots) for slot in piece.slots}
    if type(data) is _AsWritten:
        text = piece.source
        for name, value in filled.items():
            text = text.replace(f"{{{{ {name}|safe }}}}", value)
        return _ENCODINGS[piece.encoding](piece.name, text)
    given = {name: value for name, value in data.items() if not name.startswith("_")} | filled
    return _ENCODINGS[piece.encoding](piece.name, tags.render(piece.source, given, is_html=piece.is_html))


# ---- encodings -----------------------------------------------------------------------------------------------------


def quoted(text: str) -> bytes:
    """Return text as quoted-printable that begins at the beginning of a line and leaves room for a soft break."""
    if len(text) <= LINE and _PLAIN.fullmatch(text):
        return text.encode("ascii") if text[:1] != "." else b"=2E" + text[1:].encode("ascii")
    if _PLAIN.fullmatch(text):
        data = text.encode("ascii")
        return _BREAK.join([data[at : at + LINE] for at in range(0, len(data), LINE)])
    return quoted_lines(text.encode("utf-8", "replace"))


def quoted_lines(data: bytes) -> bytes:
    """Return lines of text as quoted-printable, the last line short enough for a soft break behind it."""
    # The CRLF tells binascii which line ends to write, and is taken away again.
    written = binascii.b2a_qp(headers.with_crlf(data) + b"\r\n", istext=True)[:-2]
    start = written.rfind(b"\n") + 1
    if len(written) - start > LINE:
        cut = len(written) - 6
        escape_at = written.find(b"=", cut - 2, cut)
        cut = escape_at if escape_at >= 0 else cut
        written = written[:cut] + _BREAK + written[cut:]
    return written


def _field(name: str, text: str) -> bytes:
    """Write a header field of free text; whatever is in it, it stays one field."""
    if len(text) < 60 and text.isascii() and text.isprintable() and "=?" not in text:
        return f"{name}: {text.strip()}\r\n".encode("ascii")
    text = words.without_controls(text).strip()
    if words.needs_encoding(text) or any(len(word) > headers.LINE_MOST // 2 for word in text.split(" ")):
        text = words.encode(text.encode("utf-8", "replace").decode(), used=len(name) + 2)
    return headers.fold(name, text)


def _folded(name: str, text: str) -> bytes:
    return headers.fold(name, words.without_controls(text))


_ENCODINGS: dict[str, Callable[[str, str], bytes]] = {
    QUOTED: lambda name, text: quoted_lines(text.encode("utf-8", "replace")),
    BASE64: lambda name, text: mime.base64_lines(headers.with_crlf(text.encode("utf-8", "replace"))),
    FIELD: _field,
    FOLDED: _folded,
}


def quoted_pieces(parts: Sequence[bytes | Slot]) -> list[Piece]:
    """Return text with slots in it as pieces of quoted-printable. `parts` are in UTF-8, line ends as they may be."""
    pieces: list[Piece] = []
    at_beginning = True
    for part in parts:
        if isinstance(part, bytes):
            if part:
                written = quoted_lines(part)
                pieces.append(written)
                at_beginning = written.endswith(b"\r\n")
            continue
        if not at_beginning:
            pieces.append(_BREAK)
        pieces += [part, _BREAK]
        at_beginning = True
    return pieces


def _slots_of(piece: Piece | str) -> list[Slot]:
    if isinstance(piece, Slot):
        return [piece, *(slot for each in piece.instead for slot in _slots_of(each))]
    if isinstance(piece, Whole):
        return [slot for each in piece.pieces for slot in _slots_of(each)]
    if isinstance(piece, Rendered):
        return [slot for each in piece.slots for slot in _slots_of(each)]
    return []


def _guess(piece: Slot | Whole | Rendered) -> int:
    if isinstance(piece, Slot):
        return 100 if piece.name.startswith("_") else 12
    if isinstance(piece, Rendered):
        return len(piece.source)
    size = sum(len(each.encode()) if isinstance(each, str) else _guess(each) for each in piece.pieces)
    return size * 4 // 3 if piece.encoding == BASE64 else size + len(piece.name) + 4


# ---- whole messages ------------------------------------------------------------------------------------------------


class Insertion(Struct, frozen=True):
    """A span of HTML that a slot takes the place of; an empty span is where something is put in."""

    start: int
    end: int
    slot: Slot


Rewrite = Callable[[bytes, bool], Sequence[Insertion]]
"""Says what is to be replaced in a text, and is told whether it is HTML."""


def from_mime(block: bytes, body: bytes, rewrite: Rewrite) -> Compiled | None:
    """Compile an ordinary message whose texts get slots; None where `rewrite` wants none. All else keeps its bytes.

    Without values for its slots it renders to the message that it was made of, but for transfer encodings. Raise
    SubmissionError for a structure over the caps of `mime`.
    """
    content = block + b"\r\n" + body
    begins = len(block) + 2
    header: list[Piece] = [block]
    pieces: list[Piece] = []
    at = begins
    found = False
    for part in mime.parts(content):
        if part.media not in ("text/html", "text/plain") or part.is_attachment:
            continue
        html = _decoded(content[part.begin : part.end], part.encoding)
        insertions = rewrite(html, part.media == "text/html") if html is not None and _is_ascii_based(part) else ()
        if html is None or not insertions:
            continue
        found = True
        parts = with_slots(html, insertions)
        encoding = BASE64 if part.encoding == BASE64 and _is_utf8(html) else QUOTED
        head = content[part.head : part.begin]
        if part.depth == 0:
            header = [with_encoding(head[:-2], encoding)]
        else:
            pieces += [
                content[at : part.head],
                with_encoding(head[:-2] if head != b"\r\n" else b"", encoding) + b"\r\n",
            ]
        if encoding == QUOTED:
            pieces += quoted_pieces(parts)
        else:
            pieces.append(Whole(tuple(each if isinstance(each, Slot) else each.decode() for each in parts), BASE64))
        at = part.end
    if not found:
        return None
    pieces.append(content[at:])
    return Compiled(header, pieces)


def with_encoding(block: bytes, encoding: str) -> bytes:
    """Return a header block that names another transfer encoding."""
    block = headers.remove(block, ("content-transfer-encoding",)) if block else block
    return block + f"Content-Transfer-Encoding: {encoding}\r\n".encode()


def with_slots(html: bytes, insertions: Sequence[Insertion]) -> list[bytes | Slot]:
    """Return a text in pieces, with the slots in the places of what they replace; of two that overlap the first counts."""
    parts: list[bytes | Slot] = []
    at = 0
    for each in sorted(insertions, key=lambda i: (i.start, i.end)):
        if each.start < at:
            continue
        parts += [html[at : each.start], each.slot]
        at = each.end
    parts.append(html[at:])
    return parts


def _is_utf8(html: bytes) -> bool:
    try:
        html.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_ascii_based(part: mime.Part) -> bool:
    return not part.parameters.get("charset", "").lower().startswith(("utf-16", "utf-32", "utf-7", "iso-2022"))


def _decoded(data: bytes, encoding: str) -> bytes | None:
    if encoding in ("", "7bit", "8bit", "binary"):
        return data
    try:
        if encoding == QUOTED:
            return binascii.a2b_qp(data)
        if encoding == BASE64:
            return binascii.a2b_base64(data)
    except binascii.Error:
        return None
    return None
