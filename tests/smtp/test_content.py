"""Line ends, dots and long lines."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.smtp import content

hostile = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\x00", b"\xff", b"\x85"]), max_size=14).map(
    b"".join
)
clean = st.lists(st.sampled_from([b"\r\n", b".", b"a", b"..", b"\xc3\xa4"]), max_size=14).map(b"".join)


@given(hostile)
def test_a_lone_cr_or_lf_is_seen(text: bytes) -> None:
    """Exactly where a CR has no LF behind it or an LF no CR before it."""
    assert content.has_bare_newline(text) == bool(re.search(rb"\r(?!\n)|(?<!\r)\n", text))


@given(hostile)
def test_repair_leaves_no_lone_newline(text: bytes) -> None:
    """After repair every line ends with CR LF; there are as many line ends as before."""
    repaired = content.repaired(text)
    assert not content.has_bare_newline(repaired)
    assert repaired.splitlines() == text.splitlines()


@given(clean)
def test_dots_go_on_and_come_off(text: bytes) -> None:
    """Stuffed content never holds the end of data, and comes back unchanged."""
    stuffed = content.stuffed(text)
    assert content.END not in b"\r\n" + stuffed
    assert not re.search(rb"(^|\r\n)\.($|\r\n)", stuffed)
    assert content.unstuffed(stuffed) == text


@given(st.lists(st.integers(0, 12), max_size=8), st.integers(0, 4), st.integers(1, 9))
def test_long_lines_are_counted(lengths: list[int], rest: int, most: int) -> None:
    """A line is too long by its octets before the CR LF."""
    text = b"".join(b"x" * n + b"\r\n" for n in lengths) + b"x" * rest
    expected = sum(n > most for n in [*lengths, rest])
    assert content.count_lines_over(text, most) == expected
    assert content.has_line_over(text, most) == (expected > 0)


@pytest.mark.parametrize(("length", "expected"), [(998, 0), (999, 1)])
def test_the_limit_of_a_text_line(length: int, expected: int) -> None:
    """998 octets are allowed (RFC 5322 §2.1.1)."""
    assert content.count_lines_over(b"x" * length + b"\r\n") == expected
