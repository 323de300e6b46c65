"""STARTTLS (RFC 3207): what was said in the clear is worth nothing, in either direction (CVE-2011-0411)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aftersend.smtp import client, server

from .talk import FULL, PROFILE, Caller, Listener, codes, envelope, join

OFFER = FULL.replace(b"250 DSN", b"250-STARTTLS\r\n250 DSN")
NO_OFFER = FULL


@pytest.mark.parametrize("together", [True, False])
def test_the_server_drops_what_came_in_the_clear(together: bool) -> None:
    """Commands injected behind STARTTLS are neither answered nor carried out, in the same packet or the next."""
    session = server.ServerSession(replace(PROFILE, starttls=True), peer="192.0.2.1", tls=False)
    session.feed(b"EHLO me\r\n")
    assert isinstance(session.next_event(), server.Hello)
    session.output()
    session.feed(b"STARTTLS\r\n" + (b"NOOP\r\nEHLO evil\r\n" if together else b""))
    assert isinstance(session.next_event(), server.TlsWanted)
    if not together:
        session.feed(b"NOOP\r\nEHLO evil\r\n")
    assert session.next_event() is None
    assert codes(session.output()) == ["220 2.0.0"]
    session.tls_started()
    assert session.is_tls
    assert session.next_event() is None
    assert session.output() == b""
    session.feed(b"NOOP\r\n")
    assert session.next_event() is None
    assert codes(session.output()) == ["250 2.0.0"]


def test_the_server_forgets_what_was_said_in_the_clear() -> None:
    """Name, authentication and transaction begin anew inside TLS."""
    listener = Listener(replace(PROFILE, starttls=True), tls=False)
    listener.hear(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nSTARTTLS\r\n")
    assert not listener.session.is_authenticated
    assert codes(listener.hear(b"DATA\r\n")) == ["503 5.5.1"]
    assert codes(listener.hear(b"MAIL FROM:<a@b.example>\r\n")) == ["503 5.5.1"]
    listener.hear(b"EHLO me\r\n")
    assert codes(listener.hear(b"MAIL FROM:<a@b.example>\r\n")) == ["250 2.1.0"]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("injected", [b"250 mx\r\n", b"2", b"\x16\x03\x01"])
def test_the_client_gives_up_when_something_follows_the_220(together: bool, injected: bytes) -> None:
    """Whatever comes between the answer to STARTTLS and the handshake was put there by somebody else."""
    session = client.ClientSession("me.example.net", start_tls="may")
    session.feed(b"220 mx\r\n")
    session.feed(OFFER)
    session.send(envelope(tag=1))
    assert session.output().endswith(b"STARTTLS\r\n")
    session.feed(b"220 go" + b"\r\n" + (injected if together else b""))
    events = []
    if not together:
        assert isinstance(session.next_event(), client.StartTls)
        session.feed(injected)
    while (event := session.next_event()) is not None:
        events.append(event)
    assert [type(event) for event in events] == [client.Outcome, client.Failed]
    assert events[0].untried
    assert events[1].stage == "starttls"
    assert session.output() == b""


def test_the_client_begins_anew_inside_tls() -> None:
    """EHLO is said again, and only its second answer counts."""
    caller = Caller([b"220 mx\r\n"])
    assert caller.hear(OFFER) == b"STARTTLS\r\n"
    assert caller.hear(b"220 go\r\n") == b"EHLO me.example.net\r\n"
    assert caller.hear(b"250-mx\r\n250 SIZE 10\r\n") == b""
    ready = caller.events[-1]
    assert isinstance(ready, client.Ready)
    assert ready.extensions.size == 10
    assert not ready.extensions.pipelining
    assert caller.session.is_tls


@pytest.mark.parametrize("answer", [NO_OFFER, b"500 what?\r\n"])
def test_never_in_the_clear_where_tls_is_demanded(answer: bytes) -> None:
    """With `must`, no message and no password goes out before TLS."""
    caller = Caller([b"220 mx\r\n"], start_tls="must", credentials=("me", "secret"))
    said = caller.hear(answer)
    if said == b"HELO me.example.net\r\n":
        said = caller.hear(b"250 mx\r\n")
    assert said == b""
    assert [failure.stage for failure in caller.failures] == ["starttls"]


@pytest.mark.parametrize(("demand", "ready"), [("may", True), ("must", False)])
def test_when_the_server_refuses_starttls(demand: str, ready: bool) -> None:
    """`may` goes on in the clear, `must` does not."""
    caller = Caller([b"220 mx\r\n", OFFER, b"454 4.7.0 not now\r\n"], start_tls=demand)
    assert any(isinstance(event, client.Ready) for event in caller.events) == ready
    assert bool(caller.failures) != ready


def test_no_password_in_the_clear() -> None:
    """With `may` and no TLS on offer, the password stays here."""
    caller = Caller([b"220 mx\r\n"], credentials=("me", "secret"))
    assert caller.hear(b"250-mx\r\n250 AUTH PLAIN LOGIN\r\n") == b""
    assert [failure.stage for failure in caller.failures] == ["auth"]


def test_both_together() -> None:
    """Our client upgrades with our server, logs in, and delivers."""
    listener = Listener(replace(PROFILE, starttls=True, require_auth=True), tls=False)
    caller = Caller(start_tls="must", credentials=("me", "secret"))
    caller.send(envelope("c@d.example"))
    join(listener, caller)
    assert len(listener.messages) == 1
    assert [outcome.stage for outcome in caller.outcomes] == ["dot"]
