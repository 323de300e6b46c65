"""Replies: what is read from hostile octets, what is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.smtp.reply import Reply, parse

READ = [
    (b"250 2.1.0 Good", Reply(250, "2.1.0", "Good")),
    (b"250 Good", Reply(250, "", "Good")),
    (b"250", Reply(250, "", "")),
    (b"250 ", Reply(250, "", "")),
    (b"550 5.1.1", Reply(550, "5.1.1", "")),
    (b"550 5.1.1 <a@b>: no", Reply(550, "5.1.1", "<a@b>: no")),
    (b"550 #5.1.1 no", Reply(550, "", "#5.1.1 no")),
    (b"550 5.1.1234 no", Reply(550, "", "5.1.1234 no")),
    (b"550 5.1.1no", Reply(550, "", "5.1.1no")),
    (b"550-5.7.1 one\n550 5.7.1 two", Reply(550, "5.7.1", "one\ntwo")),
    (b"550-one\n550 5.7.1 two", Reply(550, "5.7.1", "one\ntwo")),
    (b"550-5.7.1 one\r\n550-two\r\n550 three\r\n", Reply(550, "5.7.1", "one\ntwo\nthree")),
    (b"450-a\n550 b", Reply(550, "", "a\nb")),
    ("550 Gr\u00fc\u00dfe".encode(), Reply(550, "", "Gr\u00fc\u00dfe")),
    (b"550 \xff\xfe", Reply(550, "", "\ufffd\ufffd")),
    (b"550 a\x1b[31mb\x00c\td", Reply(550, "", "a\ufffd[31mb\ufffdc\ufffdd")),
]


@pytest.mark.parametrize(("raw", "expected"), READ)
def test_a_reply_is_read_whatever_its_text(raw: bytes, expected: Reply) -> None:
    """Code and enhanced status are told from the text; strange octets become U+FFFD and nothing is lost."""
    assert parse(raw) == expected


@pytest.mark.parametrize(
    "raw", [b"", b"25", b"25x a", b"250x", b"199 a", b"600 a", b"250-a\nx", b"250-a\n25", b"\n", b"250 a\n250 b"]
)
def test_what_is_no_reply_is_not_read_as_one(raw: bytes) -> None:
    """Whatever has no code of three digits is an error of protocol."""
    with pytest.raises(ValueError):
        parse(raw)


@given(st.binary(max_size=300))
def test_no_octets_break_the_reader(raw: bytes) -> None:
    """The reader returns a reply or raises ValueError, and the text is safe to show."""
    try:
        reply = parse(raw)
    except ValueError:
        return
    assert all(c.isprintable() or c in "\n\ufffd" for c in reply.text)


@given(st.integers(200, 599), st.sampled_from(["", "2.0.0", "5.123.7"]), st.text(max_size=1500))
def test_what_is_written_is_always_lawful(code: int, status: str, text: str) -> None:
    """Lines end with CR LF, are printable ASCII of at most 512 octets, and all carry the code and the status."""
    raw = Reply(code, status, text).to_bytes()
    assert raw.endswith(b"\r\n")
    *others, last = raw[:-2].split(b"\r\n")
    for line in (*others, last):
        assert len(line) <= 510
        assert line.isascii()
        assert line.decode().isprintable()
        assert line[4:].startswith(status.encode())
    assert all(line.startswith(b"%d-" % code) for line in others)
    assert last.startswith(b"%d " % code)
    assert parse(raw).code == code


@given(st.lists(st.text("abc <>.,", max_size=80), min_size=1, max_size=5))
def test_a_reply_survives_the_way_there_and_back(lines: list[str]) -> None:
    """What is written is what is read."""
    reply = Reply(250, "2.0.0", "\n".join(line.strip() for line in lines))
    assert parse(reply.to_bytes()) == reply or len(lines) == 1


def test_a_reply_is_shown_on_one_line() -> None:
    """A log shows code, status and text on one line."""
    assert str(Reply(550, "5.1.1", "a\nb")) == "550 5.1.1 a b"
    assert str(Reply(250, "", "a")) == "250 a"
