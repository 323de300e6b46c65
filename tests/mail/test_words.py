"""Encoded words: written short, read leniently, searched for what they hide."""

from __future__ import annotations

from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.mail import words

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)


@given(TEXT, st.integers(0, 60))
def test_what_is_encoded_is_decoded(text: str, used: int) -> None:
    """Any text comes back, by us and by the standard library; each word has at most 75 characters of ASCII."""
    written = words.encode(text, used=used)
    assert written.isascii()
    assert all(len(word) <= 75 for word in written.split(" "))
    assert used + len(written.split(" ")[0]) <= max(76, used + 28)
    assert words.decode(written) == text
    if text:
        assert str(make_header(decode_header(written))) == text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("plain", "plain"),
        ("=?iso-8859-1?Q?Keld_J=F8rn?= Simonsen", "Keld Jørn Simonsen"),
        ("=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?= =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
         "If you can read this you understand the example."),
        ("=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?=  b", "a  b"),
        ("=?utf-8?B?w6Q?=", "ä"),
        ("=?utf-8?b?4oI=?= =?utf-8?b?rA==?=", "€"),
        ("=?utf-8*de?q?a?=", "a"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?a", "=?utf-8?q?a"),
        ("=?no-such-charset?q?=C3=A4?=", "ä"),
        ("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        ("=?utf-8?b?####?=", ""),
    ],
)  # fmt: skip
def test_what_others_write(written: str, shown: str) -> None:
    """Words of RFC 2047, split characters, missing padding and unknown character sets are read; what is no word stays."""
    assert words.decode(written) == shown


@given(st.text(st.sampled_from("=?utf-8qQbB_ A0D\r\n\0é"), max_size=200))
def test_decoding_never_fails(text: str) -> None:
    """No text, however broken, makes decoding or searching fail."""
    words.decode(text)
    words.trouble(text)
    assert words.trouble(words.without_controls(text)) is None or "=?" in text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_harmless_text_stays_harmless_when_encoded(text: str) -> None:
    """Encoding harmless text gives harmless text."""
    if words.trouble(text) is None:
        assert words.trouble(words.encode(text)) is None


def test_decoding_is_linear() -> None:
    """A megabyte of the beginnings of words is read in the time of a megabyte."""
    for hostile in ("=?" * 500_000, "=?utf-8?q?" * 100_000, "=?a?q?" + "x" * 1_000_000, "=?a?b?a?= " * 100_000):
        words.decode(hostile)
        words.trouble(hostile)
