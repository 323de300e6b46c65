"""Smuggling: what ends a message for one server and not for another (CVE-2023-51764, -51765, -51766)."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.smtp import client, server

from .talk import PROFILE, Caller, Listener, codes, envelope, ready

ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n"]
BEHIND = b"MAIL FROM:<evil@b.example>\r\nRCPT TO:<victim@d.example>\r\nDATA\r\nhidden"


def start(profile: server.Profile = PROFILE) -> Listener:
    """A session that reads the text of a message."""
    listener = Listener(profile)
    listener.hear(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n")
    return listener


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("step", [1, 10**9])
def test_nothing_else_ends_a_message(end: bytes, step: int) -> None:
    """Only CR LF . CR LF does; a message with anything like it is refused whole, with what was hidden in it."""
    listener = start()
    stream = b"DATA\r\nS: x\r\n\r\ntext" + end + BEHIND + b"\r\n.\r\n"
    said = b"".join(listener.hear(stream[i : i + step]) for i in range(0, len(stream), step))
    status = "550 5.6.0" if b"\x00" in end else "550 5.5.2"
    assert codes(said) == ["354", status]
    assert listener.messages == []
    assert listener.refused == [("message", 550, status[4:])]


@pytest.mark.parametrize("end", ENDS)
def test_chunks_are_no_way_round(end: bytes) -> None:
    """The same by BDAT."""
    listener = start()
    text = b"S: x\r\n\r\ntext" + end + BEHIND + b"\r\n"
    said = listener.hear(b"BDAT %d LAST\r\n%b" % (len(text), text))
    assert codes(said) == ["550 5.6.0" if b"\x00" in end else "550 5.5.2"]
    assert listener.messages == []


@pytest.mark.parametrize("end", [end for end in ENDS if b"\x00" not in end])
def test_repair_keeps_it_one_message(end: bytes) -> None:
    """Where the profile repairs, it is one message with clean line ends, and stays one on the way out."""
    listener = start(replace(PROFILE, bare_newlines="repair"))
    said = listener.hear(b"DATA\r\nS: x\r\n\r\ntext" + end + BEHIND + b"\r\n.\r\n")
    assert codes(said) == ["354", "250 2.0.0"]
    content = listener.messages[0].content
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    assert b"hidden" in content
    onward = ready()
    onward.send(envelope(content=content))
    sent = onward.hear(b"250 a\r\n250 a\r\n354 a\r\n")
    assert sent.count(b"\r\n.\r\n") == 1
    assert sent.endswith(b"\r\n.\r\n")


@pytest.mark.parametrize("end", [*ENDS, b"\n", b"\r", b"\x00"])
def test_the_client_never_sends_it(end: bytes) -> None:
    """Content that is not clean is refused before a word is said."""
    caller = ready()
    assert caller.send(envelope(content=b"S: x\r\n\r\ntext" + end + BEHIND + b"\r\n")) == b""
    (outcome,) = caller.outcomes
    assert outcome.stage == "local"
    assert outcome.reply is not None
    assert (outcome.reply.code, outcome.reply.status) == (554, "5.6.0")


@given(st.lists(st.sampled_from([b"\r\n", b".", b"..", b"a", b".\r\n", b"\r\n.\r\n"]), max_size=12).map(b"".join))
def test_what_the_client_sends_has_one_end(content: bytes) -> None:
    """However many dots there are, the end of data comes once, at the end."""
    caller = ready()
    caller.send(envelope(content=content))
    sent = caller.hear(b"250 a\r\n250 a\r\n354 a\r\n")
    assert (b"\r\n" + sent).count(b"\r\n.\r\n") == 1
    assert (b"\r\n" + sent).endswith(b"\r\n.\r\n")
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", sent)


@pytest.mark.parametrize(
    "line", [b"NOOP\n", b"NOOP\r\r\n", b"NO\rOP\r\n", b"EHLO me\n", b"MAIL FROM:<a@b.example>\n", b"\n"]
)
def test_bare_newlines_in_commands(line: bytes) -> None:
    """A command with a lone CR or LF is refused, and does nothing."""
    listener = Listener()
    listener.hear(b"EHLO me\r\n")
    assert codes(listener.hear(line))[0] in ("500 5.5.2", "500 5.5.1")
    assert not any(isinstance(event, server.Sender) for event in listener.events)


HOSTILE = [
    "a@b\r\nRCPT TO:<x@y>",
    "a@b>\r\nDATA",
    "a@b\x00",
    "a@b\n",
    "a b@c.example",
    "a@b> SIZE=1",
    "<a@b>",
    "a@b\u2028c",
    "a@b\x85c",
    "",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_no_address_breaks_the_command_line(address: str) -> None:
    """An address that would end its line or its brackets is refused before a word is said."""
    caller = ready()
    assert caller.send(envelope(address)) == b""
    assert [outcome.stage for outcome in caller.outcomes] == ["local"]
    if address:
        caller = ready()
        assert caller.send(envelope(sender=address)) == b""
        assert [outcome.stage for outcome in caller.outcomes] == ["local"]


def test_a_quoted_local_part_may_hold_brackets() -> None:
    """What looks dangerous and is lawful is sent."""
    said = ready().send(envelope('"a>b c"@example.com'))
    assert b'RCPT TO:<"a>b c"@example.com>\r\n' in said


@pytest.mark.parametrize("name", ["", "a b", "a\r\nNOOP", "a\x00"])
def test_no_name_breaks_ehlo(name: str) -> None:
    """The name for EHLO is ours; one that cannot be said is a mistake of the caller."""
    with pytest.raises(ValueError):
        client.ClientSession(name)


def test_credentials_are_coded() -> None:
    """User and password go out in base64, whatever is in them."""
    caller = Caller([b"220 mx\r\n"], credentials=("me\r\n", "p\r\nQUIT"), start_tls="never")
    said = caller.hear(b"250-mx\r\n250 AUTH PLAIN\r\n")
    assert said.startswith(b"AUTH PLAIN ")
    assert said.count(b"\n") == 1
