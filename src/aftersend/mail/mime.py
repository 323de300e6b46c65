"""Write messages from their pieces, and read the structure of those that come whole.

Owns MIME as far as submissions need it (RFC 2045 to 2047, RFC 2231, RFC 2387). Caps stand before any closer look,
reading is linear, and nothing here raises anything but errors that the sender can mend. Knows no clock and no
randomness: date, Message-ID and all that boundaries are made of come from the caller.
"""

from __future__ import annotations

import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

from aftersend.errors import BadField, SubmissionError
from aftersend.mail import address, headers, words
from aftersend.mail.address import Mailbox
from aftersend.mail.returned import decoded

DEPTH_MOST = 50
PARTS_MOST = 1000
ATTACHMENTS_MOST = 200
SUBJECT_MOST = 2000
FILENAME_MOST = 255
NO_RECIPIENTS_SHOWN = "undisclosed-recipients:;"

_MEDIA = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,80}")
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,120}(?:@[A-Za-z0-9.-]{1,120})?")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,400}@[!-;=?-~]{1,400}>")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 !#$&+.^_`|~(){},@-]{1,60}")
_PARAMETER = re.compile(rb';\s*([\w*.-]{1,60})\s*=\s*(?:"((?:[^"\\]|\\.){0,400})"|([^\s;"]{1,400}))', re.DOTALL)
_PIECE = 54
"""Characters of one piece of a parameter that is continued (RFC 2231 §3)."""


# ---- writing -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a message; one with a `content_id` is shown inside the HTML, as `cid:…`."""

    filename: str
    content: bytes = field(repr=False)
    content_type: str = "application/octet-stream"
    content_id: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message is made of."""

    sender: Mailbox
    to: Sequence[Mailbox] = ()
    cc: Sequence[Mailbox] = ()
    reply_to: Sequence[Mailbox] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: Sequence[Attachment] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def write(draft: Draft, *, message_id: str, date: str) -> bytes:
    """Write a message: CRLF, no line over 998 octets, ASCII but for addresses that need SMTPUTF8.

    The same arguments give the same bytes. A Message-ID among the draft's headers replaces the one given. Raise
    BadField, whose pointer names the piece, when one of them cannot be used.
    """
    if draft.text is None and draft.html is None and not draft.attachments:
        raise BadField("#/text", "The message has no content: give text, html or an attachment.", code="no-content")
    if len(draft.attachments) > ATTACHMENTS_MOST:
        raise BadField(
            "#/attachments", f"A message has {ATTACHMENTS_MOST} attachments at most.", code="too-many-attachments"
        )
    top = _top(draft, message_id, date)
    content = _content(draft.text, draft.html, draft.attachments)
    block = b"".join(top) + b"MIME-Version: 1.0\r\n" + content.head
    _check_written(block, len(top) + 1 + content.head.count(b"\r\nContent-") + 1)
    return block + b"\r\n" + content.body + (b"" if content.body.endswith(b"\r\n") else b"\r\n")


def write_content(text: str | None, html: str | None, attachments: Sequence[Attachment] = ()) -> tuple[bytes, bytes]:
    """Write only what stands below the top fields: (Content-* fields, body)."""
    return _content(text, html, attachments)


class _Entity(NamedTuple):
    head: bytes
    """Content-* fields, each with its CRLF."""
    body: bytes
    """Without a CRLF at its end, unless that is part of it."""

    @property
    def whole(self) -> bytes:
        return self.head + b"\r\n" + self.body + b"\r\n"


def _top(draft: Draft, message_id: str, date: str) -> list[bytes]:
    own = {name.lower(): name for name in draft.headers}
    if len(own) != len(draft.headers):
        raise BadField(
            "#/headers", "A header is given twice, in different spellings; leave one.", code="invalid-header"
        )
    if "message-id" in own:
        message_id = headers.check_value("Message-ID", draft.headers[own["message-id"]])
        if not _MESSAGE_ID.fullmatch(message_id):
            raise BadField(
                "#/headers/Message-ID", "A Message-ID has the form <something@your-domain>.", code="invalid-header"
            )
    written = [
        headers.fold("From", address.header_value((draft.sender,))),
        *([headers.fold("Reply-To", address.header_value(draft.reply_to))] if draft.reply_to else []),
        headers.fold("To", address.header_value(draft.to) if draft.to else NO_RECIPIENTS_SHOWN),
        *([headers.fold("Cc", address.header_value(draft.cc))] if draft.cc else []),
        _subject(draft.subject),
        headers.fold("Date", date),
        headers.fold("Message-ID", message_id),
    ]
    for lower, name in own.items():
        if lower != "message-id":
            value = headers.check_value(headers.check_name(name), draft.headers[name])
            written.append(headers.field(name, value))
    return written


def _subject(subject: str) -> bytes:
    hidden = words.trouble(subject)
    if hidden:
        raise BadField("#/subject", f"The subject contains {hidden}; remove it.", code="invalid-subject")
    if len(subject) > SUBJECT_MOST:
        raise BadField("#/subject", f"The subject has more than {SUBJECT_MOST} characters.", code="invalid-subject")
    subject = subject.strip()
    too_long = any(len(word) > headers.LINE_MOST // 2 for word in subject.split(" "))
    return headers.fold("Subject", words.encode(subject, used=9) if too_long or not subject.isascii() else subject)


def _content(text: str | None, html: str | None, attachments: Sequence[Attachment]) -> _Entity:
    inline: list[_Entity] = []
    files: list[_Entity] = []
    for place, attachment in enumerate(attachments):
        is_shown = attachment.content_id is not None and html is not None
        (inline if is_shown else files).append(_attached(attachment, place))
    shown: list[_Entity] = []
    if text is not None:
        shown.append(_text("plain", text, "#/text"))
    if html is not None:
        page = _text("html", html, "#/html")
        shown.append(_multipart("related", [page, *inline], ';\r\n type="text/html"') if inline else page)
    whole = shown[:1] if len(shown) < 2 else [_multipart("alternative", shown)]
    if files:
        return _multipart("mixed", [*whole, *files])
    return whole[0]


def _text(subtype: str, text: str, pointer: str) -> _Entity:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise BadField(
            pointer, "The text has half a character (a lone surrogate); send whole Unicode.", code="invalid-text"
        ) from None
    encoding, data = encode_text(headers.with_crlf(data))
    charset = "us-ascii" if text.isascii() else "utf-8"
    head = f"Content-Type: text/{subtype}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return _Entity(head.encode(), data)


def encode_text(data: bytes) -> tuple[str, bytes]:
    """Return the transfer encoding that suits lines of text, and the text in it: as it is, quoted-printable or base64.

    `data` has CRLF line ends. What comes out is ASCII, without NUL, lines not over 998 octets.
    """
    if data.isascii() and b"\0" not in data and not _has_long_line(data, headers.LINE_MOST):
        return "7bit", data
    beyond = len(data) - len(data.translate(None, _HIGH))
    if beyond * 5 < len(data):
        # The CRLF tells binascii which line ends to write; it goes again, so that the text comes back as it was.
        return "quoted-printable", binascii.b2a_qp(data + b"\r\n", istext=True)[:-2]
    return "base64", base64_lines(data)


_HIGH = bytes(range(128, 256))


def base64_lines(data: bytes) -> bytes:
    """Return base64 in lines of 76 characters, without a CRLF behind the last one."""
    written = binascii.b2a_base64(data, newline=False)
    return b"\r\n".join([written[at : at + 76] for at in range(0, len(written), 76)])


def _has_long_line(data: bytes, most: int) -> bool:
    if len(data) <= most:
        return False
    at = 0
    while at + most < len(data):
        stop = data.rfind(b"\n", at, at + most + 2)
        if stop < 0:
            return True
        at = stop + 1
    return False


def _attached(attachment: Attachment, place: int) -> _Entity:
    pointer = f"#/attachments/{place}"
    media = attachment.content_type.strip().lower()
    media, _, charset = media.partition(";")
    media = media.strip()
    if not _MEDIA.fullmatch(media) or media.startswith("multipart/"):
        raise BadField(
            f"{pointer}/content_type", "A content type has the form application/pdf.", code="invalid-attachment"
        )
    name = _checked_filename(attachment.filename, pointer)
    if media == "message/rfc822" and not _fits_7bit(attachment.content):
        media = "application/octet-stream"
    lines = [f"Content-Type: {media}" + (f";\r\n charset={_charset(charset)}" if _charset(charset) else "")]
    lines[0] += "".join([f";\r\n {piece}" for piece in parameter("name", name)]) if name.isascii() else ""
    disposition = "inline" if attachment.content_id is not None else "attachment"
    lines.append(f"Content-Disposition: {disposition}" + "".join([f";\r\n {p}" for p in parameter("filename", name)]))
    if attachment.content_id is not None:
        inside = attachment.content_id.strip().removeprefix("<").removesuffix(">")
        if not _CONTENT_ID.fullmatch(inside) or words.trouble(inside):
            raise BadField(
                f"{pointer}/content_id",
                "A content id has letters, digits and simple signs only, such as logo.",
                code="invalid-attachment",
            )
        lines.append(f"Content-ID: <{inside}>")
    if media == "message/rfc822":
        lines.append("Content-Transfer-Encoding: 7bit")
        data = attachment.content
    else:
        lines.append("Content-Transfer-Encoding: base64")
        data = base64_lines(attachment.content)
    return _Entity("\r\n".join(lines).encode() + b"\r\n", data)


def attached(attachment: Attachment, place: int) -> tuple[bytes, bytes]:
    """Write one file as a part: (Content-* fields, body). `place` is its number, for the pointer of an error."""
    return _attached(attachment, place)


def _fits_7bit(content: bytes) -> bool:
    clean = headers.with_crlf(content) is content
    return clean and content.isascii() and b"\0" not in content and not _has_long_line(content, headers.LINE_MOST)


def _charset(parameters: str) -> str:
    found = re.fullmatch(r"\s*charset\s*=\s*\"?([a-z0-9_.:-]{1,40})\"?\s*", parameters)
    return found[1] if found else ""


def _checked_filename(name: str, pointer: str) -> str:
    hidden = words.trouble(name)
    if hidden or not name.strip() or len(name) > FILENAME_MOST:
        what = (
            f"contains {hidden}"
            if hidden
            else "is empty"
            if not name.strip()
            else f"has more than {FILENAME_MOST} characters"
        )
        raise BadField(f"{pointer}/filename", f"The file name {what}; give another one.", code="invalid-attachment")
    return name.strip()


def parameter(name: str, value: str) -> list[str]:
    """Write a parameter of a MIME field, in as many pieces as it needs (RFC 2231)."""
    if _PLAIN_NAME.fullmatch(value) and "=?" not in value:
        return [f'{name}="{value}"']
    written = quote(value, safe="!#$&+-.^_`|~")
    pieces = _pieces("utf-8''" + written)
    if len(pieces) == 1:
        return [f"{name}*={pieces[0]}"]
    return [f"{name}*{number}*={piece}" for number, piece in enumerate(pieces)]


def _pieces(written: str) -> list[str]:
    """Cut percent-encoded text, never inside an escape."""
    pieces: list[str] = []
    while len(written) > _PIECE:
        end = _PIECE
        escape = written.rfind("%", end - 2, end)
        if escape >= 0:
            end = escape
        pieces.append(written[:end])
        written = written[end:]
    return [*pieces, written]


def _multipart(subtype: str, parts: Sequence[_Entity], more: str = "") -> _Entity:
    wholes = [part.whole for part in parts]
    boundary = _boundary(wholes)
    delimiter = f"--{boundary}\r\n".encode()
    data = b"".join([piece for whole in wholes for piece in (delimiter, whole)]) + f"--{boundary}--\r\n".encode()
    return _Entity(f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"{more}\r\n'.encode(), data)


def _boundary(wholes: Sequence[bytes]) -> str:
    """Return a boundary made of the content's own hash; it occurs in none of the parts, not even by design."""
    digest = hashlib.sha256()
    for whole in wholes:
        digest.update(len(whole).to_bytes(8, "big") + whole)
    boundary = "=_" + digest.hexdigest()[:32]
    while any(boundary.encode() in whole for whole in wholes):
        digest.update(b"again")
        boundary = "=_" + digest.hexdigest()[:32]
    return boundary


def multipart(subtype: str, parts: Sequence[tuple[bytes, bytes]], more: str = "") -> tuple[bytes, bytes]:
    """Put parts (head, body) together: (Content-Type field, body)."""
    return _multipart(subtype, [_Entity(*part) for part in parts], more)


def _check_written(block: bytes, expected: int) -> None:
    """Hold what was written against what was meant: as many fields as intended, and nothing that is no field."""
    names = [found.name for found in headers.fields(block)]
    if len(names) != expected or "" in names:
        raise SubmissionError("The message's header came out differently than intended; nothing was sent.")


# ---- reading -------------------------------------------------------------------------------------------------------


class Part(NamedTuple):
    """One entity of a message, by its offsets in the content, so that it can be changed and all else left alone."""

    depth: int
    """0 for the message itself."""
    head: int
    """Where its header block begins."""
    begin: int
    """Where its body begins."""
    end: int
    """Where its body ends; the CRLF before a boundary belongs to the boundary."""
    media: str
    """Lower-case media type."""
    parameters: Mapping[str, str]
    encoding: str
    """Lower-case transfer encoding."""
    is_attachment: bool
    filename: str


@dataclass(frozen=True, slots=True)
class Structure:
    """What a message consists of."""

    has_text: bool
    has_html: bool
    attachments: tuple[str, ...]
    """File names, empty where a file has none."""
    parts: int
    depth: int


def structure(content: bytes) -> Structure:
    """Say what a message consists of. Raise SubmissionError over 50 levels, 1,000 parts or the caps for headers."""
    found = list(parts(content))
    leaves = [part for part in found if not part.media.startswith("multipart/")]
    bodies = [part for part in leaves if not part.is_attachment]
    return Structure(
        any(part.media == "text/plain" and part.end > part.begin for part in bodies),
        any(part.media == "text/html" and part.end > part.begin for part in bodies),
        tuple(part.filename for part in leaves if part.is_attachment),
        len(found),
        max(part.depth for part in found),
    )


def parts(content: bytes) -> Iterator[Part]:
    """Give the message and all entities inside its multiparts, in order, outer first. Messages in messages stay shut.

    Linear in size and depth. Raise SubmissionError over the caps.
    """
    waiting = [(0, 0, len(content), "text/plain")]
    given = 0
    while waiting:
        depth, start, end, default = waiting.pop()
        given += 1
        if given > PARTS_MOST:
            raise SubmissionError(f"The message has more than {PARTS_MOST} parts.", code="too-many-parts")
        part = _part(content, depth, start, end, default)
        yield part
        boundary = part.parameters.get("boundary", "")
        if not part.media.startswith("multipart/") or not boundary:
            continue
        if depth >= DEPTH_MOST:
            raise SubmissionError(
                f"The message has parts inside parts, more than {DEPTH_MOST} deep.", code="too-many-parts"
            )
        inner = "message/rfc822" if part.media == "multipart/digest" else "text/plain"
        spans = _spans(content, part.begin, part.end, b"--" + boundary.rstrip().encode("utf-8", "replace"))
        waiting += [(depth + 1, first, last, inner) for first, last in reversed(spans)]


def _part(content: bytes, depth: int, start: int, end: int, default: str) -> Part:
    if content.startswith(b"\r\n", start, end):
        block, begin = b"", start + 2
    else:
        stop = content.find(b"\r\n\r\n", start, end)
        begin = end if stop < 0 else stop + 4
        block = content[start : end if stop < 0 else stop + 2]
    if len(block) > headers.BYTES_MOST:
        raise SubmissionError(f"A header in the message has more than {headers.BYTES_MOST} bytes.", code="too-large")
    kind = headers.get(block, "Content-Type")
    media, parameters = media_type(kind) if kind else (default, {})
    disposition, said = media_type(headers.get(block, "Content-Disposition") or b"")
    encoding = (headers.get(block, "Content-Transfer-Encoding") or b"7bit")[:40].decode("ascii", "replace").lower()
    filename = words.without_controls(words.decode(said.get("filename") or parameters.get("name", "")))[:FILENAME_MOST]
    attached = disposition == "attachment" or (bool(filename) and not media.startswith("multipart/"))
    attached = attached or not media.startswith(("text/", "multipart/"))
    return Part(depth, start, begin, end, media, parameters, encoding, attached, filename)


def media_type(value: bytes) -> tuple[str, dict[str, str]]:
    """Read a field like Content-Type: its type in lower case, its parameters (also RFC 2231). Bounded, never raises."""
    value = value[:4000]
    media, semicolon, rest = value.partition(b";")
    media_text = media.strip().lower().decode("ascii", "replace")
    if not semicolon:
        return media_text, {}
    found: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, str]]] = {}
    for name, quoted, plain in _PARAMETER.findall(b";" + rest):
        said = quoted.replace(b"\\", b"") if quoted else plain
        _add_parameter(found, pieces, name.lower().decode("ascii", "replace"), said.decode("utf-8", "replace"))
    for name, numbered in pieces.items():
        found.setdefault(name, _from_percent("".join([text for _, text in sorted(numbered)])))
    return media_text, found


def _add_parameter(found: dict[str, str], pieces: dict[str, list[tuple[int, str]]], name: str, said: str) -> None:
    bare, star, number = name.rstrip("*").partition("*")
    if star and number.isdigit():
        pieces.setdefault(bare, []).append((int(number[:6]), said))
    elif name.endswith("*"):
        found[bare] = _from_percent(said)
    else:
        found.setdefault(name, said)


def _from_percent(said: str) -> str:
    charset, first, rest = said.partition("'")
    _, second, value = rest.partition("'")
    if not first or not second:
        return said
    data = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes((int(found[1], 16),)), value.encode("utf-8", "replace"))
    return decoded(data, charset)


def _spans(content: bytes, start: int, end: int, delimiter: bytes) -> list[tuple[int, int]]:
    """Return where the parts between delimiter lines begin and end; an unclosed multipart ends where it ends."""
    spans: list[tuple[int, int]] = []
    at = start if content.startswith(delimiter, start, end) else _next_delimiter(content, delimiter, start, end)
    while at >= 0:
        after = at + len(delimiter)
        if content.startswith(b"--", after, end):
            break
        line = content.find(b"\r\n", after, end)
        if line < 0:
            break
        following = _next_delimiter(content, delimiter, line, end)
        spans.append((line + 2, end if following < 0 else max(line + 2, following - 2)))
        if len(spans) > PARTS_MOST:
            raise SubmissionError(f"The message has more than {PARTS_MOST} parts.", code="too-many-parts")
        at = following
    return spans


def _next_delimiter(content: bytes, delimiter: bytes, start: int, end: int) -> int:
    """Return where the next line begins that is this delimiter, and not a longer one of another multipart."""
    at = content.find(b"\r\n" + delimiter, start, end)
    while at >= 0:
        after = at + 2 + len(delimiter)
        if after >= end or content[after : after + 1] in (b"\r", b" ", b"\t") or content.startswith(b"--", after, end):
            return at + 2
        at = content.find(b"\r\n" + delimiter, after, end)
    return -1
