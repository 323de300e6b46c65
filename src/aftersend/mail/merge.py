"""Compile what a customer wrote, with its merge tags, into a message that is made anew for each recipient.

The counterpart of `mime.write` for content with tags: the same checks, the same structure, pieces in place of bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
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
    Slot,
    Whole,
    quoted_pieces,
)
from aftersend.mail.tags import Tag

TO, DATE, MESSAGE_ID, UNSUBSCRIBE, RETURN, DELIVERY = (
    "_to",
    "_date",
    "_message_id",
    "_unsubscribe",
    "_return",
    "_delivery",
)
"""Slots of ours in the header: the recipient, the date, the ids, where to opt out, the return path."""
UNSUBSCRIBE_TAG, PREFERENCES_TAG = "unsubscribe_url", "preferences_url"
"""Merge tags that we fill ourselves."""
PREFERENCES = "_preferences"
OURS = {UNSUBSCRIBE_TAG: UNSUBSCRIBE, PREFERENCES_TAG: PREFERENCES}
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
    received: str = ""
    """A line of Received, without its name and line end."""
    list_id: str = ""
    feedback_id: str = ""
    offers_opt_out: bool = False
    """Whether List-Unsubscribe is put in, for one click (RFC 8058)."""
    takes_complaints: bool = False
    """Whether CFBL-Address names the return path (RFC 9477)."""
    has_tags: bool = True


class _Entity(NamedTuple):
    head: bytes
    pieces: list[Piece]


def compile_draft(draft: Draft, rewrite: Callable[[bytes], Sequence[Insertion]] | None = None) -> Compiled:
    """Compile a draft. Raise BadField, whose pointer names the piece, when one of them cannot be used."""
    if draft.text is None and draft.html is None and not draft.attachments:
        raise BadField("#/text", "The message has no content: give text, html or an attachment.", code="no-content")
    for name, source in (("subject", draft.subject), ("text", draft.text), ("html", draft.html)):
        if draft.has_tags and source is not None:
            tags.check(source, f"#/{name}")
    content = _content(draft, rewrite)
    header = [*_top(draft), b"MIME-Version: 1.0\r\n" + content.head]
    last = content.pieces[-1] if content.pieces else b""
    ends = isinstance(last, bytes) and last.endswith(b"\r\n")
    return Compiled(header, [*content.pieces] if ends else [*content.pieces, b"\r\n"])


# ---- the header ----------------------------------------------------------------------------------------------------


def _top(draft: Draft) -> list[Piece]:
    pieces: list[Piece] = []
    if draft.received:
        pieces.append(f"Received: {draft.received}\r\n".encode("ascii", "replace"))
    pieces.append(headers.fold("From", address.header_value((draft.sender,))))
    if draft.reply_to:
        pieces.append(headers.fold("Reply-To", address.header_value(draft.reply_to)))
    pieces.append(Whole((Slot(TO, otherwise=mime.NO_RECIPIENTS_SHOWN),), FOLDED, "To"))
    pieces.append(_field("Subject", draft.subject, "#/subject", draft.has_tags))
    pieces.append(Whole((Slot(DATE, otherwise=draft.date),), FOLDED, "Date"))
    pieces.append(headers.fold("Message-ID", draft.message_id))
    if draft.list_id:
        pieces.append(headers.fold("List-Id", draft.list_id))
    if draft.offers_opt_out:
        pieces.append(Whole(("<", Slot(UNSUBSCRIBE), ">"), FOLDED, "List-Unsubscribe"))
        pieces.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    if draft.feedback_id:
        pieces.append(headers.fold("Feedback-ID", draft.feedback_id))
    if draft.takes_complaints:
        pieces.append(Whole((Slot(RETURN), "; report=arf"), FOLDED, "CFBL-Address"))
    seen: set[str] = set()
    for name, value in draft.headers.items():
        if name.lower() in seen:
            raise BadField("#/headers", "A header is given twice, in different spellings; leave one.", code="invalid-header")  # fmt: skip
        seen.add(name.lower())
        checked = headers.check_value(headers.check_name(name), value)
        pieces.append(_field(name, checked, f"#/headers/{name[:60]}", draft.has_tags))
    return pieces


def _field(name: str, value: str, pointer: str, has_tags: bool) -> Piece:
    hidden = words.trouble(value)
    if hidden:
        raise BadField(pointer, f"The {name.lower()} contains {hidden}; remove it.", code="invalid-header")
    if len(value) > mime.SUBJECT_MOST:
        raise BadField(pointer, f"The {name.lower()} has more than {mime.SUBJECT_MOST} characters.", code="invalid-header")  # fmt: skip
    parts = tags.parse(value) if has_tags else [value]
    if parts is None:
        return Rendered(value, False, FIELD, name)
    return Whole(tuple(part if isinstance(part, str) else _slot(part, is_html=False) for part in parts), FIELD, name)


def _slot(tag: Tag, *, is_html: bool) -> Slot:
    ours = OURS.get(tag.name)
    if ours is not None:
        return Slot(ours, otherwise=tag.otherwise or "")
    way = (HTML if is_html and not tag.is_safe else 0) | (URL if tag.is_url else 0)
    return Slot(tag.name, way, tag.otherwise)


# ---- the content ---------------------------------------------------------------------------------------------------


def _content(draft: Draft, rewrite: Callable[[bytes], Sequence[Insertion]] | None) -> _Entity:
    inline: list[_Entity] = []
    files: list[_Entity] = []
    for place, attachment in enumerate(draft.attachments):
        is_shown = attachment.content_id is not None and draft.html is not None
        head, body = mime.attached(attachment, place)
        (inline if is_shown else files).append(_Entity(head, [body]))
    shown: list[_Entity] = []
    if draft.text is not None:
        shown.append(_text("plain", draft.text, (), draft.has_tags))
    if draft.html is not None:
        insertions = rewrite(draft.html.encode("utf-8", "replace")) if rewrite is not None else ()
        page = _text("html", draft.html, insertions, draft.has_tags)
        shown.append(_multipart("related", [page, *inline], ';\r\n type="text/html"') if inline else page)
    whole = shown[:1] if len(shown) < 2 else [_multipart("alternative", shown)]
    return _multipart("mixed", [*whole, *files]) if files or not whole else whole[0]


def _text(subtype: str, source: str, insertions: Sequence[Insertion], has_tags: bool) -> _Entity:
    is_html = subtype == "html"
    try:
        data = source.encode()
    except UnicodeEncodeError:
        why = "The text has half a character (a lone surrogate); send whole Unicode."
        raise BadField("#/html" if is_html else "#/text", why, code="invalid-text") from None
    beyond = len(data) - len(data.translate(None, _HIGH))
    encoding = BASE64 if beyond * BEYOND_ASCII > len(data) else QUOTED
    parts = _parts(data, insertions, is_html=is_html, has_tags=has_tags)
    pieces: list[Piece]
    if parts is None:
        pieces = [_rendered(data, insertions, is_html, encoding)]
    elif encoding == BASE64:
        pieces = [Whole(tuple(parts), BASE64)]
    else:
        pieces = quoted_pieces([part.encode() if isinstance(part, str) else part for part in parts])
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return _Entity(head.encode(), pieces)


_HIGH = bytes(range(128, 256))


def _parts(data: bytes, insertions: Sequence[Insertion], *, is_html: bool, has_tags: bool) -> list[str | Slot] | None:
    """Return literals and slots in order; None when the text needs the template engine."""
    parts: list[str | Slot] = []
    for piece in _cut(data, insertions):
        if isinstance(piece, Slot):
            parts.append(piece)
            continue
        found = tags.parse(piece.decode()) if has_tags else [piece.decode()]
        if found is None:
            return None
        parts += [part if isinstance(part, str) else _slot(part, is_html=is_html) for part in found]
    return parts


def _cut(data: bytes, insertions: Sequence[Insertion]) -> list[bytes | Slot]:
    pieces: list[bytes | Slot] = []
    at = 0
    for each in sorted(insertions, key=lambda i: (i.start, i.end)):
        if each.start >= at:
            pieces += [data[at : each.start], each.slot]
            at = each.end
    pieces.append(data[at:])
    return [piece for piece in pieces if piece]


def _rendered(data: bytes, insertions: Sequence[Insertion], is_html: bool, encoding: str) -> Rendered:
    """A text for the template engine; our slots are tags of their own in it."""
    source = ""
    slots: dict[str, Slot] = {}
    for piece in _cut(data, insertions):
        if isinstance(piece, Slot):
            slots[piece.name] = piece
            source += f"{{{{ {piece.name.replace(':', '_')}|safe }}}}"
        else:
            source += piece.decode()
    for tag, name in OURS.items():
        if tag in source:
            source = f"{{% set {tag} = {name} %}}" + source
            slots[name] = Slot(name)
    return Rendered(source, is_html, encoding, slots=tuple(slots.values()))


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
