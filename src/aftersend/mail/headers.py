"""Read, check and change header blocks as bytes.

A block is everything before the empty line: whole lines, the last one with its CRLF. What is not touched stays byte for
byte as it was. Owns the caps that stand before any closer look; knows nothing of what a field means to delivery.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from aftersend.errors import BadField, SubmissionError, TooLarge
from aftersend.mail import address, words

LINES_MOST = 1000
BYTES_MOST = 256 * 1024
LINE_MOST = 998
"""Octets of a line without its CRLF (RFC 5322 §2.1.1)."""
LINE_WISHED = 78
NAME_MOST = 60
VALUE_MOST = 8000
"""Characters of a header value that the API takes."""
SHOWN_MOST = 1000
"""Characters of a value that is kept for showing and searching."""

Found = dict[str, list[bytes]]
"""What `scan` finds: lower-case names, and their values in order, unfolded, otherwise raw."""

ONCE = frozenset({"from", "sender", "reply-to", "subject", "date", "message-id"})
"""Fields of which a second one is refused: receivers would sign, show and judge different ones (RFC 5322 §3.6)."""
OF_ADDRESSES = frozenset({"from", "sender", "reply-to", "to", "cc", "bcc"})
RESERVED = OF_ADDRESSES | {
    "subject",
    "date",
    "return-path",
    "feedback-id",
    "mime-version",
    "delivered-to",
    "x-original-to",
}
"""Fields that have a place of their own in a request, or that only we may write."""
RESERVED_BEGINNINGS = (
    "received",
    "dkim-",
    "arc-",
    "cfbl-",
    "authentication-results",
    "content-",
    "resent-",
    "domainkey-",
)
STRUCTURED = frozenset({"message-id", "in-reply-to", "references", "precedence", "auto-submitted"})
STRUCTURED_BEGINNINGS = ("list-unsubscribe", "list-help", "list-post", "list-subscribe", "list-archive", "list-owner")
"""Fields (with the above) whose syntax has no room for encoded words."""

_NAME = re.compile(rb"[!-9;-~]+")
_SETTABLE = re.compile(r"[A-Za-z0-9-]{1,60}")


class BadHeader(BadField):
    """A header field that cannot be used; the text names it and how to mend it."""

    code = "invalid-header"


class Field(NamedTuple):
    """One field as it stands in a block."""

    name: str
    """In lower case."""
    raw: bytes
    """The whole field: name, value, folds and the CRLF at its end."""

    @property
    def value(self) -> bytes:
        """The value, unfolded, without the space around it."""
        return unfold(self.raw.partition(b":")[2]).strip()


# ---- taking apart --------------------------------------------------------------------------------------------------


def split(content: bytes) -> tuple[bytes, bytes]:
    """Cut a message at its first empty line: (header block, body). Joined by that CRLF they are the message again.

    Without an empty line everything is header, and a CRLF that is missing at its end is put on.
    """
    end = content.find(b"\r\n\r\n")
    if content.startswith(b"\r\n"):
        return b"", content[2:]
    if end < 0:
        return content if not content or content.endswith(b"\r\n") else content + b"\r\n", b""
    return content[: end + 2], content[end + 4 :]


def scan(block: bytes) -> Found:
    """Return all fields of a submitted block in one pass. Raise SubmissionError that says what to mend.

    Refused: more lines or bytes than the caps, lines that are no fields, line ends other than CRLF, NUL, and a second
    From, Sender, Reply-To, Subject, Date or Message-ID.
    """
    size = block.count(b"\n")
    if size > LINES_MOST or len(block) > BYTES_MOST:
        raise TooLarge(
            f"The header has {size} lines and {len(block)} bytes; {LINES_MOST} lines and {BYTES_MOST} bytes are taken."
        )
    if block.count(b"\r\n") != size or block.count(b"\r") != size or b"\0" in block:
        raise SubmissionError(
            "The header has a NUL, or a line that does not end in CR LF: write every line end as CR LF."
        )
    found: Found = {}
    name = ""
    try:
        for line in unfold(block).split(b"\r\n"):
            raw, colon, value = line.partition(b":")
            if not colon:
                if not line:
                    continue
                raise _NotAName
            name = _lower(raw)
            if name in found:
                found[name].append(value)
                if name in ONCE:
                    raise _repeated(name)
            else:
                found[name] = [value]
    except _NotAName:
        raise _no_field(line, name) from None
    return found


def fields(block: bytes) -> Iterator[Field]:
    """Give the fields of a block in order, each with the very bytes it has there; what is no field has an empty name."""
    at, end = 0, len(block)
    while at < end:
        stop = block.find(b"\r\n", at)
        while stop >= 0 and block[stop + 2 : stop + 3] in (b" ", b"\t"):
            stop = block.find(b"\r\n", stop + 2)
        following = end if stop < 0 else stop + 2
        raw = block[at:following]
        yield Field(_lower_or_nothing(raw), raw)
        at = following


def unfold(raw: bytes) -> bytes:
    """Take the CRLF out of every fold; the space behind it stays (RFC 5322 §2.2.3)."""
    if b"\r\n " in raw:
        raw = raw.replace(b"\r\n ", b" ")
    if b"\r\n\t" in raw:
        raw = raw.replace(b"\r\n\t", b"\t")
    return raw


def with_crlf(content: bytes) -> bytes:
    """Write every line end as CRLF, also bare CR and bare LF; free when nothing has to be changed."""
    lines = content.count(b"\n")
    if content.count(b"\r") == lines and content.count(b"\r\n") == lines:
        return content
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


# ---- asking --------------------------------------------------------------------------------------------------------


def text(found: Mapping[str, list[bytes]], name: str) -> str:
    """Return the first value of a field as text for showing; nothing if there is none. Never raises."""
    values = found.get(name)
    if not values:
        return ""
    return shown(values[0], of_addresses=name in OF_ADDRESSES)


def count(found: Mapping[str, list[bytes]], name: str) -> int:
    """Return how often a field occurs."""
    return len(found.get(name, ()))


def from_domain(found: Mapping[str, list[bytes]]) -> str:
    """Return the domain of the From field, as A-labels in lower case; nothing if it cannot be read."""
    values = found.get("from")
    return domain_of(_text(values[0]).strip()) if values else ""


@lru_cache(maxsize=1024)
def domain_of(header_from: str) -> str:
    """Return the domain of the first address in the text of a From field; nothing if it cannot be read."""
    try:
        return address.first_domain(address.read_mailboxes(header_from))
    except address.BadAddress:
        return ""


def get(block: bytes, name: str) -> bytes | None:
    """Return the value of the first field of that name, unfolded, without the space around it; None if there is none."""
    wanted = name.lower()
    if wanted.encode() not in block.lower():
        return None
    return next((field.value for field in fields(block) if field.name == wanted), None)


def shown(value: bytes, *, of_addresses: bool = False) -> str:
    """Return a raw value as text for showing: decoded, without controls, bounded. Never raises.

    In a field of addresses a decoded name is quoted when it needs to be, so that it cannot pass for an address.
    """
    if len(value) > 4 * SHOWN_MOST:
        value = _beginning(value, 4 * SHOWN_MOST)
    written = _text(value).strip()
    if "=?" in written:
        written = _decoded_addresses(written) if of_addresses else words.decode(written)
    written = words.without_controls(written)
    return written if len(written) <= SHOWN_MOST else written[: SHOWN_MOST - 1] + "…"


# ---- changing ------------------------------------------------------------------------------------------------------


def remove(block: bytes, names: Collection[str]) -> bytes:
    """Return the block without the fields of these (lower-case) names; the others keep their bytes."""
    kept: list[bytes] = []
    keeps = True
    for line in block.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            keeps = _lower_or_nothing(line) not in names
        if keeps:
            kept.append(line)
    return b"\r\n".join(kept)


def prepend(block: bytes, name: str, value: str) -> bytes:
    """Return the block with one more field on top, encoded and folded."""
    return field(name, value) + block


def field(name: str, value: str) -> bytes:
    """Write one field whose name and value are checked: encoded where it is not ASCII, folded, with its CRLF."""
    return fold(name, value if value.isascii() else words.encode(value, used=len(name) + 2))


def fold(name: str, value: str) -> bytes:
    """Write one field, folded at its spaces to 78 characters where that is possible; raise BadHeader over 998."""
    line = f"{name}: {value}"
    if len(line) <= LINE_WISHED and line.isascii():
        return line.encode("ascii") + b"\r\n"
    first, *rest = value.split(" ")
    line = f"{name}: {first}"
    lines: list[str] = []
    for word in rest:
        if word and len(line) + len(word) >= LINE_WISHED:
            lines.append(line)
            line = " " + word
        else:
            line += " " + word
    written = [part.encode() for part in (*lines, line)]
    if max(map(len, written)) > LINE_MOST:
        raise BadHeader(
            _pointer(name), f"The header {name} has a word of more than {LINE_MOST} octets; put spaces into it."
        )
    return b"\r\n".join(written) + b"\r\n"


# ---- checking ------------------------------------------------------------------------------------------------------


def check_name(name: str) -> str:
    """Return the name of a header that a customer may set. Raise BadHeader for any other."""
    if not _SETTABLE.fullmatch(name):
        shown_name = words.without_controls(name[:NAME_MOST])
        raise BadHeader(
            _pointer(name),
            f"The header name “{shown_name}” cannot be used: 1 to {NAME_MOST} letters, digits and hyphens.",
        )
    lower = name.lower()
    if lower in RESERVED or lower.startswith(RESERVED_BEGINNINGS):
        raise BadHeader(
            _pointer(name),
            f"The header {name} is written by this service; leave it out, or use the field that is for it.",
        )
    return name


def check_value(name: str, value: str) -> str:
    """Return a header value that is harmless. Raise BadHeader if it holds a line break or another control, even encoded."""
    hidden = words.trouble(value)
    if hidden:
        raise BadHeader(
            _pointer(name),
            f"The value of the header {words.without_controls(name[:NAME_MOST])} contains {hidden}; remove it.",
        )
    if len(value) > VALUE_MOST:
        raise BadHeader(_pointer(name), f"The value of the header {name} has more than {VALUE_MOST} characters.")
    if not value.strip():
        raise BadHeader(_pointer(name), f"The header {name} has no value; leave it out.")
    lower = name.lower()
    if not value.isascii() and (lower in STRUCTURED or lower.startswith(STRUCTURED_BEGINNINGS)):
        raise BadHeader(_pointer(name), f"The header {name} takes ASCII only.")
    return value.strip()


# ---- inside --------------------------------------------------------------------------------------------------------


class _NotAName(Exception):
    pass


@lru_cache(maxsize=4096)
def _lower(raw: bytes) -> str:
    """Return a field's name in lower case. The obsolete space before the colon is none: readers differ on it."""
    if not _NAME.fullmatch(raw):
        raise _NotAName
    return raw.lower().decode("ascii")


def _lower_or_nothing(raw: bytes) -> str:
    name, colon, _ = raw.partition(b":")
    try:
        return _lower(name) if colon else ""
    except _NotAName:
        return ""


def _text(value: bytes) -> str:
    if value.isascii():
        return value.decode("ascii")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")


def _beginning(value: bytes, size: int) -> bytes:
    """Cut a value, not inside a character of UTF-8."""
    for _ in range(3):
        if value[size] & 0xC0 == 0x80:
            size -= 1
    return value[:size]


def _decoded_addresses(written: str) -> str:
    try:
        return ", ".join([_shown_mailbox(mailbox) for mailbox in address.read_mailboxes(written)])
    except address.BadAddress:
        return written


def _shown_mailbox(mailbox: address.Mailbox) -> str:
    if mailbox.name.isascii():
        return str(mailbox)
    name = mailbox.name
    if not all(c.isalnum() or c in " '-._" for c in name):
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{mailbox.address}>"


def _pointer(name: str) -> str:
    return "#/headers/" + words.without_controls(name[:NAME_MOST]).replace("~", "~0").replace("/", "~1")


def _repeated(name: str) -> BadHeader:
    title = name.title().replace("Id", "ID")
    return BadHeader(_pointer(title), f"The message has more than one {title} header; leave one.", smtp=(550, "5.6.0"))


def _no_field(line: bytes, after: str) -> SubmissionError:
    where = f"behind {after}" if after else "at the top"
    begins = words.without_controls(line[:40].decode("ascii", "replace"))
    return SubmissionError(
        f"The header has a line {where} that is no field (“{begins}”): put an empty line between header and text."
    )
