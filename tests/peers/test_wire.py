"""What bad or hostile clients and servers get, over real sockets: a clear refusal, and nothing half stored."""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_proofs import counts, rows_by_message
from node_process import NodeProcess
from programs import exchange
from receiver import Receiver

from aftersend.ledger.facts import Fact

SMUGGLING = {
    "lf dot lf": b"\n.\n",
    "lf dot crlf": b"\n.\r\n",
    "crlf dot lf": b"\r\n.\n",
    "cr dot cr": b"\r.\r",
    "cr dot crlf": b"\r.\r\n",
    "crlf dot cr": b"\r\n.\r",
    "nul": b"\r\n\0.\r\n",
}
"""Ends of data that some servers take for one and others do not."""
HELLO = b"EHLO client.test\r\n"
ENVELOPE = b"MAIL FROM:<ann@sender.test>\r\nRCPT TO:<bob@one.test>\r\n"
HEAD = b"From: Ann <ann@sender.test>\r\nTo: bob@one.test\r\nSubject: Hi\r\n"
INSIDE = b"MAIL FROM:<evil@sender.test>\r\nRCPT TO:<victim@one.test>\r\nDATA\r\n" + HEAD + b"\r\nforged\r\n.\r\n"


def codes(said: bytes) -> list[str]:
    """The codes of the last lines of all replies."""
    return [line[:3].decode() for line in said.split(b"\r\n") if line[3:4] == b" "]


def secure(port: int, before: bytes = b"STARTTLS\r\n") -> ssl.SSLSocket:
    """Connect, say EHLO and what is to be said before the handshake, and return the encrypted connection."""
    plain = socket.create_connection(("127.0.0.1", port), 10)
    plain.settimeout(10)
    plain.recv(1000)
    plain.sendall(HELLO)
    plain.recv(4000)
    plain.sendall(before)
    assert plain.recv(1000).startswith(b"220")
    return ssl._create_unverified_context().wrap_socket(plain)


# ---- smuggling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", SMUGGLING)
def test_smuggling_into_us_is_refused(open_node: NodeProcess, receiver: Receiver, variant: str) -> None:
    """Only CRLF . CRLF ends a message; what looks nearly like it spoils the whole, and nothing of it is kept."""
    before = counts(open_node.store_url)
    said = exchange(
        open_node.smtp_port, HELLO, ENVELOPE, b"DATA\r\n",
        HEAD + b"\r\nfirst" + SMUGGLING[variant] + INSIDE,
    )  # fmt: skip
    assert codes(said) == ["220", "250", "250", "250", "354", "550"], said
    assert b"550 5.5.2" in said or b"550 5.6.0" in said
    after = counts(open_node.store_url)
    assert {**after, "refusals": 0} == {**before, "refusals": 0}
    assert after["refusals"] > before["refusals"]
    assert not receiver.messages


def test_smuggling_out_of_us_is_impossible(tmp_path: Path, receiver: Receiver, certificate: Path) -> None:
    """Where we mend lone line ends, what goes out has none, ends once, and carries nobody else's message."""
    node = NodeProcess(
        tmp_path, smtp__bare_newlines="repair", smtp__tls_certificate=certificate,
        delivery__routes=f"*=127.0.0.1:{receiver.port}",
    )  # fmt: skip
    try:
        node.start()
        variants = [name for name in SMUGGLING if name != "nul"]
        for name in variants:
            said = exchange(
                node.smtp_port, HELLO, b"MAIL FROM:<ann@sender.test>\r\nRCPT TO:<%s@one.test>\r\nDATA\r\n" % name.replace(" ", "-").encode(),
                HEAD + b"\r\nfirst" + SMUGGLING[name] + INSIDE,
            )  # fmt: skip
            assert codes(said)[-1] == "250", said
        assert receiver.wait_for(len(variants), 30)
        time.sleep(0.3)
    finally:
        node.end()
    assert set(receiver.copies) == {f"{name.replace(' ', '-')}@one.test" for name in variants}
    wire = b"".join(receiver.wire)
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", wire)
    for message in receiver.messages:
        if not message.recipients[0].startswith("crlf"):  # there the dot stood for itself: RFC 5321 §4.5.2 takes it off
            assert b"\r\n.\r\n" in message.content, "the dot of the sender is gone"
        assert b"RCPT TO:<victim@one.test>" in message.content, "the text that was sent is gone"


# ---- TLS and AUTH --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("injected", [ENVELOPE, b"NOOP\r\n", b"EHLO injected.test\r\nNOOP\r\n", b"QUIT\r\n"])
def test_nothing_said_before_tls_counts_after_it(guarded: tuple[NodeProcess, str], injected: bytes) -> None:
    """Commands that come in the clear behind STARTTLS are dropped unread (CVE-2011-0411)."""
    node, _ = guarded
    with secure(node.smtp_port, b"STARTTLS\r\n" + injected) as connection:
        connection.sendall(b"NOOP\r\nEHLO client.test\r\nRCPT TO:<bob@one.test>\r\n")
        said = b""
        while b"503" not in said:
            said += connection.recv(4000)
    assert codes(said) == ["250", "250", "503"], said


def test_no_password_without_encryption(guarded: tuple[NodeProcess, str]) -> None:
    """AUTH is neither offered nor taken in the clear, and mail is not taken without it; each reply says what to do."""
    node, key = guarded
    token = base64.b64encode(f"\0smtp\0{key}".encode())
    before = counts(node.store_url)
    said = exchange(node.smtp_port, HELLO, b"AUTH PLAIN " + token + b"\r\n", b"AUTH LOGIN\r\n", ENVELOPE)
    assert b"AUTH" not in said.split(b"\r\n538")[0].replace(b"AUTHENT", b"")
    assert codes(said) == ["220", "250", "538", "538", "530", "503"], said
    assert said.count(b"STARTTLS first") == 3
    after = counts(node.store_url)
    assert {**after, "refusals": 0} == {**before, "refusals": 0}


@pytest.mark.parametrize("implicit", [True, False])
def test_a_wrong_password_is_refused_and_a_right_one_taken(guarded: tuple[NodeProcess, str], receiver: Receiver, implicit: bool) -> None:  # fmt: skip
    """Over STARTTLS and implicit TLS alike: a wrong key gets 535 and the remedy, and after it a right one is taken."""
    node, key = guarded
    context = ssl._create_unverified_context()
    if implicit:
        client: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", node.smtps_port, context=context)
    else:
        client = smtplib.SMTP("127.0.0.1", node.smtp_port)
        client.ehlo()
        assert "auth" not in client.esmtp_features
        client.starttls(context=context)
    with client:
        client.ehlo()
        assert set(client.esmtp_features["auth"].split()) == {"PLAIN", "LOGIN"}
        for wrong in ("secret", key[:-1] + ("x" if key[-1] != "x" else "y")):
            with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
                client.login("smtp", wrong)
            assert refused.value.smtp_code == 535
            assert b"aftersend key create" in refused.value.smtp_error
        assert client.mail("ann@sender.test")[0] == 530
        client.login("smtp", key)
        assert client.sendmail("ann@sender.test", ["bob@one.test"], HEAD + b"\r\nHi\r\n") == {}
    assert receiver.wait_for(1, 20)
    assert key not in node.log_text()


# ---- a server that injects -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def speaking(answers: dict[bytes, bytes], certificate: Path | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """A server that says what it is told to say after each command; with what it heard."""
    heard: list[bytes] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def converse(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            connection.sendall(b"220 hostile.test ESMTP\r\n")
            while data := connection.recv(65536):
                heard.append(data)
                for verb, answer in answers.items():
                    if data.upper().startswith(verb):
                        connection.sendall(answer)

    def run() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=converse, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()
    try:
        yield listening.getsockname()[1], heard
    finally:
        listening.close()


def wait_for_facts(node: NodeProcess, bits: int, seconds: float = 20.0) -> int:
    """Wait until the only delivery has one of these facts, and return all it has."""
    end = time.monotonic() + seconds
    while True:
        (row,) = [row for rows in rows_by_message(node.store_url).values() for row in rows] or [None]
        if row is not None and row.facts & bits:
            return row.facts
        assert time.monotonic() < end, f"{row}\n{node.log_text()[-2000:]}"
        time.sleep(0.1)


def submit(node: NodeProcess) -> None:
    """Hand one message in."""
    with smtplib.SMTP("127.0.0.1", node.smtp_port) as client:
        assert client.sendmail("ann@sender.test", ["bob@one.test"], HEAD + b"\r\nsecret text\r\n") == {}


def test_replies_injected_before_tls_are_an_attack(tmp_path: Path) -> None:
    """Replies that come in the clear behind the 220 of STARTTLS end the connection; no mail is sent into it."""
    answers = {
        b"EHLO": b"250-hostile.test\r\n250-PIPELINING\r\n250 STARTTLS\r\n",
        b"STARTTLS": b"220 Go ahead\r\n250-hostile.test\r\n250 AUTH PLAIN\r\n250 Ok\r\n250 Ok\r\n354 Go\r\n250 Ok\r\n",
    }
    with speaking(answers) as (port, heard):
        node = NodeProcess(tmp_path, delivery__routes=f"*=smtp+tls://127.0.0.1:{port}")
        try:
            node.start()
            submit(node)
            facts = wait_for_facts(node, Fact.DEFERRED.bit | Fact.RELAYED.bit | Fact.DELIVERED.bit)
        finally:
            node.end()
    assert facts & Fact.DEFERRED.bit
    assert not facts & (Fact.RELAYED.bit | Fact.DELIVERED.bit | Fact.UNCERTAIN.bit)
    assert not [data for data in heard if b"secret text" in data or b"MAIL FROM" in data]


def test_no_plaintext_where_tls_is_demanded(tmp_path: Path) -> None:
    """A route that demands TLS never falls back, whether STARTTLS is not offered, refused, or fails."""
    plain = {b"EHLO": b"250-hostile.test\r\n250 PIPELINING\r\n", b"MAIL": b"250 Ok\r\n250 Ok\r\n354 Go\r\n"}
    for answers in (plain, {**plain, b"EHLO": b"250-x\r\n250 STARTTLS\r\n", b"STARTTLS": b"454 Not now\r\n"}):
        folder = tmp_path / str(len(answers))
        folder.mkdir()
        with speaking(answers) as (port, heard):
            node = NodeProcess(folder, delivery__routes=f"*=smtp+tls://127.0.0.1:{port}")
            try:
                node.start()
                submit(node)
                facts = wait_for_facts(node, Fact.DEFERRED.bit | Fact.RELAYED.bit | Fact.BOUNCED.bit)
            finally:
                node.end()
        assert facts & Fact.DEFERRED.bit
        assert not facts & (Fact.RELAYED.bit | Fact.BOUNCED.bit)
        assert not [data for data in heard if b"secret text" in data or b"MAIL FROM" in data]


def test_broken_tls_does_not_hold_mail_back_where_it_is_not_demanded(tmp_path: Path) -> None:
    """A server whose TLS is broken still gets its mail: no policy says that it may not come in the clear (RFC 7435)."""
    answers = {
        b"EHLO": b"250-broken.test\r\n250 STARTTLS\r\n",
        b"STARTTLS": b"220 Go ahead\r\n",
        b"\x16": b"\x15\x03\x01\x00\x02\x02\x50",  # a TLS alert: internal error
        b"MAIL": b"250 Ok\r\n",
        b"RCPT": b"250 Ok\r\n",
        b"DATA": b"354 Go\r\n",
        b"RECEIVED": b"250 Kept\r\n",
    }
    with speaking(answers) as (port, heard):
        node = NodeProcess(tmp_path, delivery__routes=f"*=127.0.0.1:{port}")
        try:
            node.start()
            submit(node)
            wait_for_facts(node, Fact.RELAYED.bit)
        finally:
            node.end()
    assert [data for data in heard if b"secret text" in data]


# ---- bad input -----------------------------------------------------------------------------------------------------

M = b"MAIL FROM:<ann@sender.test>\r\n"
R = b"RCPT TO:<bob@one.test>\r\n"
D = b"DATA\r\n"
END = b"\r\nHi\r\n.\r\n"
BAD_INPUT: dict[str, tuple[list[bytes], str, str]] = {
    "mail before hello": ([M], "503 5.5.1", "EHLO"),
    "hello without a name": ([b"EHLO\r\n"], "501 5.5.4", "EHLO name"),
    "recipient before sender": ([HELLO, R], "503 5.5.1", "MAIL first"),
    "content before recipients": ([HELLO, M, D], "554 5.5.1", "recipient"),
    "a word that is no command": ([HELLO, b"SEND FROM:<a@b.test>\r\n"], "500 5.5.1", "unknown"),
    "a line that ends in LF": ([b"EHLO client.test\n"], "500 5.5.2", "CR LF"),
    "control characters": ([HELLO, b"MAIL FROM:<a\x07b@sender.test>\r\n"], "50", "control"),
    "no angle brackets": ([HELLO, b"MAIL FROM:ann@sender.test extra\r\n"], "501", "angle brackets"),
    "sender without a domain": ([HELLO, b"MAIL FROM:<ann>\r\n"], "553 5.1.7", "sender"),
    "sender of two dots": ([HELLO, b"MAIL FROM:<ann@sender..test>\r\n"], "553 5.1.7", "sender"),
    "utf-8 without SMTPUTF8": ([HELLO, "MAIL FROM:<änn@sender.test>\r\n".encode()], "553 5.6.7", "SMTPUTF8"),
    "unknown parameter": ([HELLO, M[:-2] + b" COLOUR=red\r\n"], "555", "COLOUR"),
    "wrong value of a parameter": ([HELLO, M[:-2] + b" BODY=9BIT\r\n"], "501", "BODY"),
    "size that is no number": ([HELLO, M[:-2] + b" SIZE=big\r\n"], "501", "SIZE"),
    "announced too large": ([HELLO, M[:-2] + b" SIZE=2000000\r\n"], "552 5.3.4", "1000000"),
    "sender twice": ([HELLO, M, M], "503 5.5.1", "RSET"),
    "empty recipient": ([HELLO, M, b"RCPT TO:<>\r\n"], "501", "RCPT TO:<"),
    "recipient without a domain": ([HELLO, M, b"RCPT TO:<bob>\r\n"], "553 5.1.3", "recipient"),
    "recipient with a space": ([HELLO, M, b"RCPT TO:<bob @one.test>\r\n"], "5", ""),
    "recipient with a bad literal": ([HELLO, M, b"RCPT TO:<bob@[1.2.3.4.5]>\r\n"], "553 5.1.3", "address"),
    "wrong NOTIFY": ([HELLO, M, R[:-2] + b" NOTIFY=SOMETIMES\r\n"], "501", "NOTIFY"),
    "too many recipients": ([HELLO, M, R * 6], "452 4.5.3", "again"),
    "really too large": ([HELLO, M, R, D, HEAD + b"\r\n" + b"y" * 76 + b"\r\n" + (b"x" * 76 + b"\r\n") * 13_000 + b".\r\n"], "552 5.3.4", "1000000"),
    "NUL in the text": ([HELLO, M, R, D, HEAD + b"\r\nH\0i\r\n.\r\n"], "550 5.6.0", "base64"),
    "a lone LF in the text": ([HELLO, M, R, D, HEAD + b"\r\nH\ni\r\n.\r\n"], "550 5.5.2", "CR LF"),
    "an endless line": ([HELLO, M, R, D, HEAD + b"\r\n" + b"x" * 70_000 + b"\r\n.\r\n"], "550 5.6.0", "base64"),
    "no From": ([HELLO, M, R, D, b"Subject: Hi\r\n" + END], "550 5.6.0", "From"),
    "going in circles": ([HELLO, M, R, D, b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n" * 101 + HEAD + END], "554 5.4.6", "loop"),
    "unknown stream": ([HELLO, M, R, D, b"X-Aftersend-Stream: nope\r\n" + HEAD + END], "554 5.6.0", "transactional"),
    "unknown instruction": ([HELLO, M, R, D, b"X-Aftersend-Steam: x\r\n" + HEAD + END], "554 5.6.0", "X-Aftersend-Stream"),
    "a time that is none": ([HELLO, M, R, D, b"X-Aftersend-Send-At: teatime\r\n" + HEAD + END], "554 5.6.0", "2026-"),
    "a time too far": ([HELLO, M, R, D, b"X-Aftersend-Send-At: 2099-01-01T00:00:00Z\r\n" + HEAD + END], "554 5.6.0", "year"),
    "metadata that is none": ([HELLO, M, R, D, b"X-Aftersend-Metadata: [1]\r\n" + HEAD + END], "554 5.6.0", "X-Aftersend-Metadata"),
    "tags without end": ([HELLO, M, R, D, b"X-Aftersend-Tag: " + b",".join(b"t%d" % n for n in range(30)) + b"\r\n" + HEAD + END], "554 5.6.0", "20"),
    "a chunk without a size": ([HELLO, M, R, b"BDAT many\r\n"], "421", "BDAT"),
    "chunks, then DATA": ([HELLO, M, R, b"BDAT 4\r\nabcd", D], "503 5.5.1", "BDAT"),
    "credentials that are no base64": ([HELLO, b"AUTH PLAIN !!!\r\n"], "501 5.5.2", "base64"),
    "a mechanism that is not offered": ([HELLO, b"AUTH CRAM-MD5\r\n"], "504 5.5.4", "mechanism"),
    "a browser": ([b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], "421", "SMTP"),
    "a line without end": ([HELLO, b"NOOP " + b"x" * 13_000, b"x\r\n"], "500 5.5.2", "long"),
    "many errors": ([HELLO, b"NONSENSE\r\n" * 12], "421 4.7.0", "errors"),
}  # fmt: skip


def test_bad_input_gets_a_reply_that_helps_and_leaves_nothing(open_node: NodeProcess, receiver: Receiver) -> None:
    """Whatever is wrong, the reply names it and the remedy, has an enhanced status, and nothing is stored but the refusal."""
    wrong = []
    for name, (said, code, remedy) in BAD_INPUT.items():
        before = counts(open_node.store_url)
        heard = exchange(open_node.smtp_port, *said, read_s=2.0).decode("utf-8", "replace")
        refusals = [line for line in heard.split("\r\n") if line[:1] in ("4", "5")]
        last = refusals[-1] if refusals else heard.split("\r\n")[-2]
        if not last.startswith(code) or remedy not in last:
            wrong.append(f"{name}: wanted {code!r} with {remedy!r}, got {last!r}")
        elif not re.match(r"\d{3} [245]\.\d{1,3}\.\d{1,3} \S", last):
            wrong.append(f"{name}: no enhanced status in {last!r}")
        after = counts(open_node.store_url)
        if {**after, "refusals": 0} != {**before, "refusals": 0}:
            wrong.append(f"{name}: stored {after} after {before}")
        elif name in RECORDED and after["refusals"] <= before["refusals"]:
            wrong.append(f"{name}: the refusal was not written down")
    assert not wrong, "\n".join(wrong)
    assert not receiver.messages
    assert "Traceback" not in open_node.log_text()


RECORDED = {
    name for name in BAD_INPUT if any(w in name for w in ("sender", "recipient", "From", "text", "stream", "large"))
}


def test_one_key_for_two_messages_is_refused(open_node: NodeProcess, receiver: Receiver) -> None:
    """The same idempotency key takes the same message once, and refuses another one in words."""
    first = b"Idempotency-Key: order-4711\r\n" + HEAD
    replies = [
        exchange(open_node.smtp_port, HELLO, M + R + D, head + END).decode().split("\r\n")[-2]
        for head in (first, first, first.replace(b"Hi", b"Other"))
    ]
    assert replies[0].startswith("250 2.0.0 queued as msg_")
    assert replies[1].startswith(replies[0])
    assert "taken before" in replies[1]
    assert replies[2].startswith("554 5.5.0")
    assert "new key" in replies[2]
    assert counts(open_node.store_url)["messages"] == 1
