"""Client and server back to back: whatever content goes in comes out unchanged."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.smtp import client
from aftersend.smtp.parameters import MailParameters, RcptParameters

from .talk import PROFILE, Caller, Listener, envelope, join

contents = st.lists(
    st.sampled_from([b"\r\n", b".", b"..", b"a", b"\r\n.\r\n", b".\r\n", b"\xff", "ä".encode(), b"x" * 1200]),
    max_size=20,
).map(lambda parts: b"".join([*parts, b"\r\n"]))


@given(st.lists(contents, min_size=1, max_size=4), st.booleans(), st.integers(1, 40) | st.none())
def test_content_arrives_unchanged(sent: list[bytes], pipelining: bool, cut: int | None) -> None:
    """Dots, empty lines and 8-bit octets survive, with and without PIPELINING, however the octets are cut."""
    listener = Listener(replace(PROFILE, pipelining=pipelining), greet=False)
    caller = Caller()
    for number, content in enumerate(sent):
        caller.session.send(envelope("c@d.example", content=content, tag=number))
    join(listener, caller, cut=cut)
    assert [message.content for message in listener.messages] == sent
    assert [(o.tag, o.stage, o.reply and o.reply.code) for o in caller.outcomes] == [
        (i, "dot", 250) for i in range(len(sent))
    ]


@given(
    st.lists(st.lists(st.sampled_from(["yes", "no", "later"]), min_size=1, max_size=4), min_size=1, max_size=5),
    st.booleans(),
    st.integers(1, 40) | st.none(),
)
def test_every_recipient_has_its_own_end(wanted: list[list[str]], pipelining: bool, cut: int | None) -> None:
    """Some taken, some refused, some told to wait: each answer finds its recipient, message after message."""
    listener = Listener(replace(PROFILE, pipelining=pipelining, max_idle_commands=1000), greet=False)
    caller = Caller()
    for number, words in enumerate(wanted):
        caller.session.send(envelope(*(f"{word}{i}@d.example" for i, word in enumerate(words)), tag=number))
    join(listener, caller, cut=cut)
    said = {"yes": ("dot", 250), "no": ("rcpt", 550), "later": ("rcpt", 451)}
    for words, outcome in zip(wanted, caller.outcomes, strict=True):
        found = [outcome.of(i) for i in range(len(words))]
        assert [(stage, reply and reply.code) for stage, reply in found] == [said[word] for word in words]
    taken = [[f"yes{i}@d.example" for i, word in enumerate(words) if word == "yes"] for words in wanted]
    assert [[r.address for r in message.recipients] for message in listener.messages] == [
        names for names in taken if names
    ]


def test_parameters_arrive() -> None:
    """What was asked for a message and its recipients is what the other side hears."""
    listener = Listener(greet=False)
    caller = Caller()
    asked = RcptParameters(notify="SUCCESS,FAILURE", orcpt="rfc822;Old+2BName@d.example")
    caller.session.send(
        client.Envelope(
            "ä@b.example",
            [("c@d.example", asked)],
            ("Subject: ä\r\n\r\n".encode(), b"b"),
            1,
            MailParameters(ret="HDRS", envid="x"),
        )
    )
    join(listener, caller)
    (message,) = listener.messages
    assert message.sender.address == "ä@b.example"
    assert message.sender.parameters == MailParameters(size=16, body="8BITMIME", smtputf8=True, ret="HDRS", envid="x")
    assert message.recipients[0].parameters == asked
    assert message.content == "Subject: ä\r\n\r\nb\r\n".encode()


@pytest.mark.parametrize("mechanisms", [("PLAIN",), ("LOGIN",), ("LOGIN", "PLAIN")])
@pytest.mark.parametrize(("password", "good"), [("secret", True), ("wrong", False)])
def test_logging_in(mechanisms: tuple[str, ...], password: str, good: bool) -> None:
    """With either mechanism, with the right password and the wrong one."""
    listener = Listener(replace(PROFILE, require_auth=True, auth_mechanisms=mechanisms), greet=False)
    caller = Caller(start_tls="never", credentials=("me", password))
    caller.session.send(envelope("c@d.example"))
    join(listener, caller)
    assert len(listener.messages) == good
    assert [o.untried for o in caller.outcomes] == [not good]
    assert [f.reply and f.reply.code for f in caller.failures] == ([] if good else [535])


def test_a_server_that_has_had_enough() -> None:
    """When the server closes after some messages, the rest comes back untried and nothing is sent twice."""
    listener = Listener(replace(PROFILE, max_idle_commands=3), greet=False)
    caller = Caller()
    for number in range(10):
        caller.session.send(envelope("no@d.example", tag=number))
    join(listener, caller)
    tried = [o.tag for o in caller.outcomes if not o.untried]
    untried = [o.tag for o in caller.outcomes if o.untried]
    assert tried
    assert tried + untried == list(range(10))
