"""Laws of the server: how the octets are cut never matters, and nothing it is fed breaks it."""

from __future__ import annotations

import random
from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aftersend.smtp import server

from .talk import PROFILE, Listener

SMALL = replace(
    PROFILE, max_size=60, max_errors=4, max_idle_commands=9, max_recipients=3, max_text_line=40, starttls=True
)

LINES = [
    b"EHLO me\r\n", b"HELO me\r\n", b"MAIL FROM:<a@b.example>\r\n", b"MAIL FROM:<no@b.example>\r\n", b"MAIL FROM:<\xc3\xa4@b> SMTPUTF8\r\n",
    b"MAIL FROM:<> SIZE=61\r\n", b"RCPT TO:<c@d.example>\r\n", b"RCPT TO:<no@d.example>\r\n", b"RCPT TO:<x> NOTIFY=NEVER\r\n", b"DATA\r\n",
    b"BDAT 5\r\nab\r\nc", b"BDAT 0 LAST\r\n", b"BDAT 7 LAST\r\n\r\n.\r\nab", b"BDAT 70\r\n" + b"x" * 70, b"BDAT x\r\n", b".\r\n", b"..\r\n",
    b"text\r\n", b"text", b"\r\n.\r\n", b"\n.\r\n", b"\r", b"\n", b"\x00", b"\xff", b"x" * 50, b"RSET\r\n", b"NOOP\r\n", b"QUIT\r\n",
    b"STARTTLS\r\n", b"AUTH PLAIN\r\n", b"AUTH LOGIN bWU=\r\n", b64encode(b"\0me\0secret") + b"\r\n", b"*\r\n", b"GET / HTTP/1.1\r\n",
]  # fmt: skip

streams = st.lists(st.sampled_from(LINES) | st.binary(max_size=6), max_size=25).map(b"".join)
lawful = st.lists(
    st.sampled_from(
        [
            b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n",
            b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n",
            *LINES[10:25],
        ]
    ),
    max_size=14,
).map(lambda parts: b"EHLO me\r\n" + b"".join(parts))


def heard(stream: bytes, cuts: list[int], profile: server.Profile, *, tls: bool) -> tuple[list[server.Event], bytes]:
    """What a session tells and says when a stream comes cut at these places."""
    listener = Listener(profile, tls=tls)
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    said = b"".join(listener.hear(stream[a:b]) for a, b in zip(places, places[1:], strict=False))
    return listener.events, said


@given(
    streams | lawful, st.lists(st.integers(0, 2000), max_size=12), st.sampled_from(["refuse", "repair"]), st.booleans()
)
@example(b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n\r\n.\r\n", [52, 53, 54, 55, 56], "refuse", True)
def test_cutting_never_matters(stream: bytes, cuts: list[int], newlines: str, chunking: bool) -> None:
    """However the octets arrive, events and output are the same."""
    profile = replace(SMALL, bare_newlines=newlines, chunking=chunking)
    whole = heard(stream, [], profile, tls=True)
    assert heard(stream, cuts, profile, tls=True) == whole
    assert heard(stream, list(range(len(stream))), profile, tls=True) == whole


@given(streams | lawful, st.lists(st.integers(0, 2000), max_size=12))
def test_every_message_is_clean(stream: bytes, cuts: list[int]) -> None:
    """What is handed over has CR LF line ends, no NUL, at least one recipient and no more octets than allowed."""
    events, _ = heard(stream, cuts, SMALL, tls=False)
    for event in events:
        if isinstance(event, server.Message):
            assert event.recipients
            assert len(event.content) <= SMALL.max_size
            assert event.content.count(b"\r\n") == event.content.count(b"\r") == event.content.count(b"\n")
            assert b"\x00" not in event.content
            assert event.content == b"" or event.content.endswith(b"\r\n")


def noise(chance: random.Random) -> bytes:
    """Octets that are nearly SMTP."""
    stream = b"".join(chance.choice(LINES) for _ in range(chance.randrange(30)))
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(stream) + 1)
        stream = stream[:at] + chance.randbytes(chance.randrange(8)) + stream[at + chance.randrange(3) :]
    return stream


def test_ten_thousand_fuzzed_sessions() -> None:
    """Nothing a client sends raises an exception, and every session ends or waits for more."""
    chance = random.Random(5321)
    profiles = [SMALL, PROFILE, replace(SMALL, bare_newlines="repair"), replace(PROFILE, require_auth=True)]
    for number in range(10_000):
        listener = Listener(profiles[number % 4], tls=number % 8 < 4)
        stream = noise(chance)
        step = chance.choice([1, 7, 100, 10_000]) if len(stream) < 400 else 100
        for i in range(0, len(stream), step):
            listener.hear(stream[i : i + step])
        assert listener.session.output() == b""
        assert listener.session.next_event() is None


@pytest.mark.parametrize("line", [b"x", b"RCPT TO:<", b".", b"\r\n..", b"a\r\n"])
def test_hostile_cutting_costs_no_more_than_its_octets(line: bytes) -> None:
    """Two hundred thousand octets, one at a time, as text of a message: kept once, found once."""
    listener = Listener(replace(PROFILE, max_size=1_000_000, max_text_line=1_000_000))
    listener.hear(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n")
    text = b"a" + line * (200_000 // len(line)) + b"\r\n"
    session = listener.session
    for i in range(len(text)):
        session.feed(text[i : i + 1])
        assert session.next_event() is None
    listener.hear(b".\r\n")
    (message,) = listener.messages
    assert message.content == text.replace(b"\r\n.", b"\r\n")
