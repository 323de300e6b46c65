"""Header blocks as bytes: nothing is changed that need not be, and nothing unreadable gets past the caps."""

from __future__ import annotations

import email
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.errors import SubmissionError, TooLarge
from aftersend.mail import headers
from aftersend.mail.headers import BadHeader

NAME = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=20)
VALUE = st.lists(st.binary(max_size=12), max_size=3).map(
    lambda parts: b"\r\n\t".join(part.translate(None, b"\r\n\0") for part in parts)
)
FIELD = st.tuples(NAME, VALUE).map(lambda pair: pair[0].encode() + b":" + pair[1] + b"\r\n")
BLOCK = st.lists(FIELD, max_size=12).map(b"".join)
ONCE = tuple(headers.ONCE)

BLOCK_OF_TWELVE = b"""Received: from client ([192.0.2.1])
\tby mx.example.com with ESMTP id msg_01j9z3k8m4q2w;
\tTue, 01 Dec 2026 09:00:00 +0000
From: Shop <shop@example.com>
To: Ann <ann@example.net>,
 Bob <bob@example.net>
SUBJECT: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
 and more
Date: Tue, 01 Dec 2026 09:00:00 +0000
Message-ID: <1@example.com>
X-Aftersend-Tag: receipt
x-aftersend-tag: order
Content-Type: text/plain
""".replace(b"\n", b"\r\n")


@given(BLOCK.filter(bool), st.binary(max_size=50))
def test_split_and_join(block: bytes, body: bytes) -> None:
    """A message cut at its empty line and joined again is the same message."""
    assert headers.split(block + b"\r\n" + body) == (block, body)


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"", (b"", b"")),
        (b"\r\nbody", (b"", b"body")),
        (b"\r\n\r\nbody", (b"", b"\r\nbody")),
        (b"A: b", (b"A: b\r\n", b"")),
        (b"A: b\r\n", (b"A: b\r\n", b"")),
        (b"A: b\r\n\r\n", (b"A: b\r\n", b"")),
        (b"A: b\r\n\r\n\r\nx", (b"A: b\r\n", b"\r\nx")),
    ],
)
def test_split_at_the_edges(content: bytes, parts: tuple[bytes, bytes]) -> None:
    """Messages without header, without body and without an empty line are cut where a reader would cut them."""
    assert headers.split(content) == parts


def test_scan_finds_names_in_any_case_and_unfolds() -> None:
    """Names are compared without case; values are unfolded, repeated ones kept in order."""
    found = headers.scan(BLOCK_OF_TWELVE)
    assert list(found) == ["received", "from", "to", "subject", "date", "message-id", "x-aftersend-tag", "content-type"]
    assert found["x-aftersend-tag"] == [b" receipt", b" order"]
    assert found["to"] == [b" Ann <ann@example.net>, Bob <bob@example.net>"]
    assert headers.text(found, "subject") == "Grüße and more"
    assert headers.text(found, "from") == "Shop <shop@example.com>"
    assert headers.text(found, "message-id") == "<1@example.com>"
    assert headers.text(found, "cc") == ""
    assert headers.count(found, "received") == 1
    assert headers.count(found, "cc") == 0
    assert headers.from_domain(found) == "example.com"


@given(BLOCK)
def test_scan_agrees_with_the_standard_library(block: bytes) -> None:
    """The same names in the same number as the compat32 parser sees them, or a refusal."""
    theirs = [name.lower() for name in email.message_from_bytes(block).keys()]  # noqa: SIM118 - not a dict
    try:
        found = headers.scan(block)
    except SubmissionError:
        assert any(theirs.count(name) > 1 for name in ONCE)
        return
    assert sorted(theirs) == sorted(name for name, values in found.items() for _ in values)


@given(BLOCK)
def test_fields_are_the_block(block: bytes) -> None:
    """The fields' bytes joined are the block; each value is what scan found."""
    found = list(headers.fields(block))
    assert block == b"".join(field.raw for field in found)
    assert all(headers.get(block, field.name) is not None for field in found)


@given(BLOCK, st.sets(NAME.map(str.lower), max_size=3))
def test_remove_takes_whole_fields_and_leaves_the_rest(block: bytes, names: set[str]) -> None:
    """The fields that stay keep their very bytes and their order; those named are gone with their folds."""
    names |= {field.name for field in list(headers.fields(block))[::2]}
    kept = b"".join(field.raw for field in headers.fields(block) if field.name not in names)
    assert kept == headers.remove(block, names)
    assert block == headers.remove(block, ())


def test_get() -> None:
    """The first field of a name, unfolded; None where there is none, also if the word occurs elsewhere."""
    assert headers.get(BLOCK_OF_TWELVE, "To") == b"Ann <ann@example.net>, Bob <bob@example.net>"
    assert headers.get(BLOCK_OF_TWELVE, "x-aftersend-tag") == b"receipt"
    assert headers.get(BLOCK_OF_TWELVE, "Client") is None
    assert headers.get(BLOCK_OF_TWELVE, "Cc") is None


@pytest.mark.parametrize(
    ("block", "says"),
    [
        (b"From: a\r\nHello, this is text\r\n", "empty line between header and text"),
        (b"Hello\r\n", "at the top"),
        (b" folded: before anything\r\n", "no field"),
        (b"From someone Tue Dec  1 09:00:00 2026\r\nTo: x\r\n", "no field"),
        (b"X A: b\r\n", "no field"),
        (b": b\r\n", "no field"),
        (b"A : b\r\n", "no field"),
        (b"X\xc3\xa4: b\r\n", "no field"),
        (b"A: b\nC: d\r\n", "CR LF"),
        (b"A: b\rC: d\r\n", "CR LF"),
        (b"A: b\0\r\n", "NUL"),
        (b"From: a@x.example\r\nFrom: b@x.example\r\n", "more than one From"),
        (b"Subject: a\r\nA: b\r\nSUBJECT: b\r\n", "more than one Subject"),
        (b"Message-ID: <a@b>\r\nMessage-Id: <c@d>\r\n", "more than one Message-ID"),
    ],
)
def test_scan_refuses(block: bytes, says: str) -> None:
    """What two readers could read differently is refused, in words that name the place."""
    with pytest.raises(SubmissionError, match=says):
        headers.scan(block)


def test_caps() -> None:
    """1,000 lines and 256 KiB are taken, one more of either is refused."""
    headers.scan(b"A: b\r\n" * 1000)
    with pytest.raises(TooLarge, match="1001 lines"):
        headers.scan(b"A: b\r\n" * 1001)
    headers.scan(b"A: " + b"b" * (headers.BYTES_MOST - 5) + b"\r\n")
    with pytest.raises(TooLarge, match="262145 bytes"):
        headers.scan(b"A: " + b"b" * (headers.BYTES_MOST - 4) + b"\r\n")


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n", b"b c"]), max_size=30).map(b"".join))
def test_line_ends_become_crlf(content: bytes) -> None:
    """Afterwards there is no bare CR or LF, doing it again changes nothing, and the lines are the same."""
    clean = headers.with_crlf(content)
    assert clean == headers.with_crlf(clean)
    assert clean.count(b"\r") == clean.count(b"\n") == clean.count(b"\r\n")
    assert clean.splitlines() == content.splitlines()


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b" plain ", "plain"),
        (b" =?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("  Grüße".encode(), "Grüße"),
        (b" Gr\xfc\xdfe", "Grüße"),
        (b" a\x07b", "a b"),
        (b" =?utf-8?q?a=0D=0ABcc:_x?=", "a  Bcc: x"),
        (b" " + b"x" * 5000, "x" * 999 + "…"),
        (b"caf\xe9", "café"),
        (b"x" * 999 + "ä".encode() * 2000, "x" * 999 + "…"),
        (b"", ""),
    ],
)
def test_values_for_showing(raw: bytes, shown: str) -> None:
    """A value for showing is decoded, printable enough and bounded, whatever it was."""
    assert shown == headers.shown(raw)


@given(st.binary(max_size=300))
def test_showing_never_fails(raw: bytes) -> None:
    """No bytes make showing fail, in a field of addresses or in another one."""
    for of_addresses in (True, False):
        shown = headers.shown(raw, of_addresses=of_addresses)
        assert len(shown) <= headers.SHOWN_MOST
        assert not set(shown) & set("\r\n\0")


@pytest.mark.parametrize(
    ("written", "domain"),
    [
        ("Ann <ann@Example.NET>", "example.net"),
        ("ann@example.net", "example.net"),
        ('"a@evil.example" <ann@example.net>', "example.net"),
        ("ann@example.net <ann@example.net>", "example.net"),
        ("ann@bücher.example", "xn--bcher-kva.example"),
        ("a@one.example, b@two.example", "one.example"),
        ("=?utf-8?q?=3Ca=40evil.example=3E?= <ann@example.net>", "example.net"),
        ("<a@one.example> <b@two.example>", ""),
        ("", ""),
        ("nobody", ""),
    ],
)
def test_the_domain_of_a_from_field(written: str, domain: str) -> None:
    """The domain is that of the address in brackets, never one in a name; the text for showing has the same domain."""
    assert domain == headers.domain_of(written)
    found = {"from": [b" " + written.encode()]}
    assert domain == headers.from_domain(found)
    assert domain == headers.domain_of(headers.text(found, "from"))


UNSTRUCTURED = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=300).map(str.strip)


@given(NAME, UNSTRUCTURED)
def test_a_written_field_is_read_back(name: str, value: str) -> None:
    """One field, ASCII, lines not over 998 octets and none of spaces only; the value comes back."""
    raw = headers.field(name, value)
    assert raw.isascii()
    lines = raw.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= 998 and (line.strip() or not value) for line in lines)
    (found,) = headers.fields(raw)
    assert found.name == name.lower()
    if "=?" not in value:
        assert headers.words.decode(found.value.decode()) == value


def test_folding() -> None:
    """Long values are folded at spaces; a word that no line can hold is refused by name."""
    raw = headers.fold("X-Long", " ".join(["word"] * 100))
    assert all(len(line) <= 78 for line in raw.split(b"\r\n"))
    assert raw.replace(b"\r\n ", b" ") == b"X-Long: " + b" ".join([b"word"] * 100) + b"\r\n"
    assert headers.prepend(b"A: b\r\n", "X-Foo", "bär") == b"X-Foo: =?utf-8?q?b=C3=A4r?=\r\nA: b\r\n"
    with pytest.raises(BadHeader, match="X-Long"):
        headers.fold("X-Long", "x" * 1000)
