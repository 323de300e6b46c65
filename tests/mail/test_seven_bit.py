"""Conversion for servers without 8BITMIME."""

from __future__ import annotations

import email
import email.policy

from hypothesis import given
from hypothesis import strategies as st

from aftersend.mail import seven_bit

TOP = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def payloads(content: bytes) -> list[bytes]:
    """What a reader finds in the leaves, by an independent parser."""
    message = email.message_from_bytes(content, policy=email.policy.compat32)
    return [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]


def test_eight_bit_text_becomes_quoted_printable_with_the_same_meaning() -> None:
    """The result is ASCII, and decodes to the very octets that were there."""
    body = "Grüße\r\n\r\n.Punkt vorn\r\nüber\r\n".encode()
    content = TOP + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + body
    converted = seven_bit.convert(content)
    assert converted.isascii()
    assert payloads(converted) == [body]
    assert converted.count(b"Content-Transfer-Encoding") == 1


def test_parts_that_are_ascii_keep_their_bytes() -> None:
    """Only what has to change is changed; binary becomes base64."""
    content = (
        TOP + b'Content-Type: multipart/mixed; boundary="b"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nplain = here\r\n"
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\xff\xfe\x80\r\n--b--\r\n"
    )
    converted = seven_bit.convert(content)
    assert converted.isascii()
    assert b"\r\n\r\nplain = here\r\n--b" in converted
    assert payloads(converted)[1] == b"\xff\xfe\x80"


def test_ascii_messages_are_left_alone() -> None:
    """What is 7-bit already comes back byte for byte."""
    content = TOP + b"\r\nHello\r\n"
    assert seven_bit.convert(content) == content


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=200), max_size=10)
)
def test_any_text_survives(lines: list[str]) -> None:
    """For every text the conversion is ASCII, in lines of at most 998 octets, and means the same."""
    body = "".join(line + "\r\n" for line in lines).encode()
    content = TOP + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + body
    converted = seven_bit.convert(content)
    if not body.isascii():
        assert converted.isascii()
        assert max(map(len, converted.split(b"\r\n"))) <= 998
    assert payloads(converted) == [body]
