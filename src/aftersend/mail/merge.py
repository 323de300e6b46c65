"""Compile what a customer wrote, with its merge tags, into a message that is made anew for each recipient.

The counterpart of `mime.write` for content with tags: the same checks, the same structure, pieces in place of bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aftersend.errors import BadField
from aftersend.mail import address, headers, mime, tags, words
from aftersend.mail.address import Mailbox
from aftersend.mail.compiled import (
    BASE64,
    FIELD,
    FOLDED,
    HTML,
    QUOTED,
    URL,
    Compiled,
    Insertion,
    Piece,
    Rendered,
    Rewrite,
    Slot,
    Whole,
    quoted_pieces,
    with_slots,
)
from aftersend.mail.tags import Tag

TO, DATE = "_to", "_date"
"""Slots of ours in the header."""
BEYOND_ASCII = 5
"""With more than one octet in so many beyond ASCII, text is shorter in base64."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a message is made of; subject, text, HTML and the values of headers may have merge tags."""

    sender: Mailbox
    subject: str
    message_id: str
    date: str
    reply_to: Sequence[Mailbox] = ()
    text: str | None = None
    html: str | None = None
    attachments: Sequence[mime.Attachment] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


class _Entity(NamedTuple):
    head: bytes
    pieces: list[Piece]


def compile_draft(draft: Draft, rewrite: Rewrite | None = None) -> Compiled:
    """Compile a draft, with slots where `rewrite` wants some.

    Raise BadField, whose pointer names the piece, when one of them cannot be used.
    """
    if draft.text is None and draft.html is None and not draft.attachments:
        raise BadField("#/text", "The message has no content: give text, html or an attachment.", code="no-content")
    for name, source in (("subject", draft.subject), ("text", draft.text), ("html", draft.html)):
        if source is not None:
            tags.check(source, f"#/{name}")
    content = _content(draft, rewrite)
    header = [*_top(draft), b"MIME-Version: 1.0\r\n" + content.head]
    last = content.pieces[-1] if content.pieces else b""
    ends = isinstance(last, bytes) and last.endswith(b"\r\n")
    return Compiled(header, [*content.pieces] if ends else [*content.pieces, b"\r\n"])


# ---- the header ----------------------------------------------------------------------------------------------------


def _top(draft: Draft) -> list[Piece]:
    pieces: list[Piece] = [headers.fold("From", address.header_value((draft.sender,)))]
    if draft.reply_to:
        pieces.append(headers.fold("Reply-To", address.header_value(draft.reply_to)))
    pieces.append(Whole((Slot(TO, otherwise=mime.NO_RECIPIENTS_SHOWN),), FOLDED, "To"))
    pieces.append(_field("Subject", draft.subject, "#/subject"))
    pieces.append(Whole((Slot(DATE, otherwise=draft.date),), FOLDED, "Date"))
    pieces.append(headers.fold("Message-ID", draft.message_id))
    seen: set[str] = set()
    for name, value in draft.headers.items():
        if name.lower() in seen:
            raise BadField("#/headers", "A header is given twice, in different spellings; leave one.", code="invalid-header")  # fmt: skip
        seen.add(name.lower())
        checked = headers.check_value(headers.check_name(name), value)
        pieces.append(_field(name, checked, f"#/headers/{name[:60]}"))
    return pieces


def _field(name: str, value: str, pointer: str) -> Piece:
    hidden = words.trouble(value)
    if hidden:
        raise BadField(pointer, f"The {name.lower()} contains {hidden}; remove it.", code="invalid-header")
    if len(value) > mime.SUBJECT_MOST:
        raise BadField(pointer, f"The {name.lower()} has more than {mime.SUBJECT_MOST} characters.", code="invalid-header")  # fmt: skip
    parts = tags.parse(value)
    if parts is None:
        return Rendered(value, False, FIELD, name)
    return Whole(tuple(part if isinstance(part, str) else _slot(part, is_html=False) for part in parts), FIELD, name)


def _slot(tag: Tag, *, is_html: bool) -> Slot:
    way = (HTML if is_html and not tag.is_safe else 0) | (URL if tag.is_url else 0)
    return Slot(tag.name, way, tag.otherwise)


# ---- the content ---------------------------------------------------------------------------------------------------


def _content(draft: Draft, rewrite: Rewrite | None) -> _Entity:
    inline: list[_Entity] = []
    files: list[_Entity] = []
    for place, attachment in enumerate(draft.attachments):
        is_shown = attachment.content_id is not None and draft.html is not None
        head, body = mime.attached(attachment, place)
        (inline if is_shown else files).append(_Entity(head, [body]))
    shown: list[_Entity] = []
    if draft.text is not None:
        shown.append(_text("plain", draft.text, rewrite))
    if draft.html is not None:
        page = _text("html", draft.html, rewrite)
        shown.append(_multipart("related", [page, *inline], ';\r\n type="text/html"') if inline else page)
    whole = shown[:1] if len(shown) < 2 else [_multipart("alternative", shown)]
    return _multipart("mixed", [*whole, *files]) if files or not whole else whole[0]


def _text(subtype: str, source: str, rewrite: Rewrite | None) -> _Entity:
    is_html = subtype == "html"
    try:
        data = source.encode()
    except UnicodeEncodeError:
        why = "The text has half a character (a lone surrogate); send whole Unicode."
        raise BadField("#/html" if is_html else "#/text", why, code="invalid-text") from None
    beyond = len(data) - len(data.translate(None, _HIGH))
    encoding = BASE64 if beyond * BEYOND_ASCII > len(data) else QUOTED
    insertions = () if rewrite is None else rewrite(data, is_html)
    parts = _parts(data, insertions, is_html=is_html)
    pieces: list[Piece]
    if parts is None:
        pieces = [_rendered(data, insertions, encoding, is_html=is_html)]
    else:
        if encoding == BASE64:
            pieces = [Whole(tuple(parts), BASE64)]
        else:
            pieces = quoted_pieces([part.encode() if isinstance(part, str) else part for part in parts])
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return _Entity(head.encode(), pieces)


_HIGH = bytes(range(128, 256))


def _parts(data: bytes, insertions: Sequence[Insertion], *, is_html: bool) -> list[str | Slot] | None:
    """Return literals and slots in order, those that `insertions` put in among them; None if the engine is needed."""
    whole: list[str | Slot] = []
    for part in with_slots(data, insertions):
        if isinstance(part, Slot):
            written = _slots_in("".join(each for each in part.instead if isinstance(each, str)), is_html=is_html)
            if written is None:
                return None
            whole.append(part if not written else Slot(part.name, part.way, part.otherwise, tuple(written)))
        else:
            found = _slots_in(part.decode(), is_html=is_html)
            if found is None:
                return None
            whole += found
    return whole


def _slots_in(text: str, *, is_html: bool) -> list[str | Slot] | None:
    found = tags.parse(text)
    if found is None:
        return None
    return [part if isinstance(part, str) else _slot(part, is_html=is_html) for part in found]


def _rendered(data: bytes, insertions: Sequence[Insertion], encoding: str, *, is_html: bool) -> Rendered:
    """A text for the engine: links with tags in them stay as they are, since a loop may give each many values."""
    kept = [each for each in insertions if not any(isinstance(one, str) and "{" in one for one in each.slot.instead)]
    source = "".join(
        f"{{{{ {part.name}|safe }}}}" if isinstance(part, Slot) else part.decode() for part in with_slots(data, kept)
    )
    return Rendered(source, is_html, encoding, slots=tuple(each.slot for each in kept))


def _multipart(subtype: str, parts: Sequence[_Entity], more: str = "") -> _Entity:
    """Put parts together. Neither quoted-printable nor base64 can contain the boundary, so nothing personal can either."""
    digest = hashlib.sha256(subtype.encode())
    for part in parts:
        for piece in part.pieces:
            digest.update(piece if isinstance(piece, bytes) else repr(piece).encode())
    boundary = "=_" + digest.hexdigest()[:32]
    while any(isinstance(piece, bytes) and boundary.encode() in piece for part in parts for piece in part.pieces):
        digest.update(b"again")
        boundary = "=_" + digest.hexdigest()[:32]
    pieces: list[Piece] = []
    for part in parts:
        pieces += [f"--{boundary}\r\n".encode() + part.head + b"\r\n", *part.pieces, b"\r\n"]
    pieces.append(f"--{boundary}--\r\n".encode())
    return _Entity(f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"{more}\r\n'.encode(), pieces)


# ---- for one recipient ---------------------------------------------------------------------------------------------

NAME = "_name"
"""Under which the name beside a recipient's address is kept with his data."""


def recipient_field(recipient: str, data: Mapping[str, object]) -> str:
    """Return the value of To for one recipient, with the name from his data if there is one."""
    name = data.get(NAME)
    if not isinstance(name, str) or not name:
        return recipient
    try:
        return address.header_value((Mailbox(name, address.parse(recipient)),))
    except address.BadAddress:
        return recipient
