"""Take a message apart for scoring, once for all checks: fields, texts, the page, files, and faults of its bytes.

What is read is what a reader would see: how parts are ordered, folded and encoded makes no difference.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from aftersend.errors import SubmissionError
from aftersend.mail import address, headers, mime, words
from aftersend.mail.returned import decoded
from aftersend.policy.score import page as pages
from aftersend.policy.score.page import Page

HTML_MOST, TEXT_MOST = 2 * 1024 * 1024, 256 * 1024
"""Characters of a page and of a text that are read; mail programs cut long before."""
ONCE = ("from", "sender", "reply-to", "to", "cc", "subject", "date", "message-id")
"""Fields that may occur once (RFC 5322 §3.6)."""
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


@dataclass(frozen=True, slots=True)
class File:
    """Something attached."""

    name: str
    media: str
    size: int
    """Bytes, decoded."""


@dataclass(slots=True)
class Sample:
    """A message, read."""

    size: int = 0
    fields: dict[str, list[bytes]] = field(default_factory=dict)
    """Raw values by lower-case name, unfolded."""
    subject: str = ""
    sender: str = ""
    """The address of From; empty if it cannot be read."""
    domain: str = ""
    """Its domain, as A-labels."""
    text: str | None = None
    html: str | None = None
    html_bytes: int = 0
    page: Page | None = None
    files: list[File] = field(default_factory=list)
    long_line: int = 0
    """Octets of the longest line, if it is over 998."""
    has_bare_newline: bool = False
    raw_fields: list[str] = field(default_factory=list)
    """Names of fields with bytes outside ASCII."""
    repeated: list[str] = field(default_factory=list)
    undecodable: list[str] = field(default_factory=list)
    """Places whose encoding does not decode."""
    trouble: str = ""
    """Why it could not be read any further."""

    def has(self, name: str) -> bool:
        """Whether a field is there (by its lower-case name) with some value."""
        return any(value.strip() for value in self.fields.get(name, ()))

    def value(self, name: str) -> str:
        """Return the first value of a field as text for showing; empty if there is none."""
        return headers.text(self.fields, name)

    @property
    def seen(self) -> str:
        """All words that a reader sees, from whichever part shows them best."""
        return self.page.text[:TEXT_MOST] if self.page is not None and self.page.text else self.text or ""


def read(raw: bytes) -> Sample:
    """Read a message, with CRLF line ends or with LF throughout, as files have it. Never raises."""
    sample = Sample(size=len(raw))
    if b"\r" in raw:
        sample.has_bare_newline = raw.count(b"\r\n") != raw.count(b"\n") or raw.count(b"\r\n") != raw.count(b"\r")
    content = headers.with_crlf(raw)
    longest = max(map(len, content.split(b"\r\n")))
    sample.long_line = longest if longest > headers.LINE_MOST else 0
    block, _ = headers.split(content)
    _read_fields(sample, block)
    try:
        for part in mime.parts(content):
            _read_part(sample, content, part)
    except SubmissionError as error:
        sample.trouble = error.detail
    if sample.html is not None:
        sample.html_bytes = len(sample.html.encode("utf-8", "replace"))
        sample.page = pages.read(sample.html[:HTML_MOST])
    return sample


def _read_fields(sample: Sample, block: bytes) -> None:
    for found in headers.fields(block):
        if found.name:
            sample.fields.setdefault(found.name, []).append(found.value)
            if not found.value.isascii() and found.name not in sample.raw_fields:
                sample.raw_fields.append(found.name)
    sample.repeated = [name for name in ONCE if len(sample.fields.get(name, ())) > 1]
    sample.subject = sample.value("subject")
    for name in ("subject", "from", "to", "reply-to"):
        shown = sample.value(name)
        if "=?" in shown or "\ufffd" in shown:
            sample.undecodable.append(name.title())
    try:
        senders = address.read_mailboxes(headers.text(sample.fields, "from"))
    except address.BadAddress:
        senders = []
    if senders:
        sample.sender = str(senders[0].address)
        sample.domain = address.first_domain(senders)


def _read_part(sample: Sample, content: bytes, part: mime.Part) -> None:
    if part.media.startswith("multipart/"):
        return
    if part.is_attachment:
        sample.files.append(File(part.filename, part.media, _decoded_size(content, part)))
        return
    data = _decoded(content[part.begin : part.end], part.encoding)
    text = decoded(data, part.parameters.get("charset", ""))
    if not _is_readable(data, part.parameters.get("charset", "")):
        sample.undecodable.append(f"the {part.media} part")
    text = text.replace("\r\n", "\n")
    if part.media == "text/html":
        sample.html = text if sample.html is None else sample.html + text
    else:
        sample.text = (text if sample.text is None else f"{sample.text}\n{text}")[:TEXT_MOST]


def _decoded(data: bytes, encoding: str) -> bytes:
    if encoding.startswith("quoted"):
        return binascii.a2b_qp(data)
    if encoding.startswith("base64"):
        data = _NOT_BASE64.sub(b"", data.partition(b"=")[0])
        return binascii.a2b_base64(data[: len(data) - (len(data) % 4 == 1)] + b"=" * (-len(data) % 4))
    return data


def _is_readable(data: bytes, charset: str) -> bool:
    """Whether bytes are text in the character set that they claim; only claims that can be wrong are doubted."""
    if data.isascii():
        return True
    if charset.lower() not in ("utf-8", "utf8", "us-ascii", "ascii", ""):
        return "\ufffd" not in decoded(data, charset)
    try:
        data.decode("ascii" if charset and "ascii" in charset.lower() else "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decoded_size(content: bytes, part: mime.Part) -> int:
    if part.encoding.startswith("base64"):
        return len(_NOT_BASE64.sub(b"", content[part.begin : part.end])) * 3 // 4
    return part.end - part.begin


def shown(text: str, most: int = 80) -> str:
    """Return hostile text as evidence: one line, bounded, without controls."""
    line = words.without_controls(" ".join(text.split()))
    return line if len(line) <= most else line[: most - 1] + "…"
