"""Programs that people send with hand their mail to us, over TLS and with a key as their password."""

from __future__ import annotations

import email
import shutil
import smtplib
import ssl
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from ledger_proofs import rows_by_message
from node_process import NodeProcess
from programs import installed, postfix
from receiver import Received, Receiver

from aftersend.ledger.facts import Fact

SENDER = "shop@sender.test"
RECIPIENTS = ("ann@one.test", "bob@two.test")
TEXT = "Grüße aus dem Süden\n.\n..dots\nThe end.\n"
SUBJECT = "An order, 4711"


def run(command: Sequence[str | Path], text: str | None = None, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; what it says is shown if it fails."""
    done = subprocess.run(
        [str(part) for part in command], input=text, capture_output=True, text=True, timeout=90, **more,  # type: ignore[call-overload]
    )  # fmt: skip
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done  # type: ignore[no-any-return]


def prove_both_got_it(node: NodeProcess, receiver: Receiver, *, messages: int = 1) -> list[Received]:
    """Both recipients got what was written, once, and the log says so."""
    assert receiver.wait_for(len(RECIPIENTS), 30), receiver.copies
    assert {r: len(moments) for r, moments in receiver.copies.items()} == dict.fromkeys(RECIPIENTS, 1)
    for received in receiver.messages:
        message = email.message_from_bytes(received.content)
        assert message["Subject"] == SUBJECT
        assert SENDER in message["From"]
        payload = message.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert payload.decode().replace("\r\n", "\n").rstrip("\n") == TEXT.rstrip("\n")
        assert received.sender != SENDER, "bounces would go to the sender, not to us"
    end = time.monotonic() + 90
    while True:
        rows = rows_by_message(node.store_url)
        told = sorted(row.recipient for found in rows.values() for row in found if row.facts & Fact.RELAYED.bit)
        if told == sorted(RECIPIENTS) or time.monotonic() > end:
            break
        time.sleep(0.1)
    assert told == sorted(RECIPIENTS)
    assert len(rows) == messages
    return receiver.messages


def mime() -> str:
    """A message as a program writes it."""
    return (
        f"From: The shop <{SENDER}>\nTo: {', '.join(RECIPIENTS)}\nSubject: {SUBJECT}\nMIME-Version: 1.0\n"
        f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{TEXT}"
    )


@pytest.mark.peer
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("tls", ["--tls", "--tls-on-connect"])
def test_swaks_submits(guarded: tuple[NodeProcess, str], receiver: Receiver, tmp_path: Path, mechanism: str, tls: str) -> None:  # fmt: skip
    """swaks submits with either mechanism, over STARTTLS and over TLS from the first byte."""
    node, key = guarded
    file = tmp_path / "message"
    file.write_text(mime())
    port = node.smtp_port if tls == "--tls" else node.smtps_port
    said = run(
        [installed("swaks"), "--server", "127.0.0.1", "--port", str(port), tls, "--auth", mechanism,
         "--auth-user", "smtp", "--auth-password", key, "--from", SENDER, "--to", ",".join(RECIPIENTS),
         "--data", f"@{file}"],
    ).stdout  # fmt: skip
    assert "queued as msg_" in said
    prove_both_got_it(node, receiver)


@pytest.mark.peer
@pytest.mark.parametrize("starttls", [True, False])
def test_msmtp_submits(guarded: tuple[NodeProcess, str], receiver: Receiver, tmp_path: Path, starttls: bool, certificate: Path) -> None:  # fmt: skip
    """msmtp submits over STARTTLS and over TLS from the first byte, with a certificate that it checks."""
    node, key = guarded
    port = node.smtp_port if starttls else node.smtps_port
    settings = tmp_path / "msmtprc"
    settings.write_text(
        f"account default\nhost 127.0.0.1\nport {port}\nfrom {SENDER}\nauth on\nuser smtp\npassword {key}\n"
        f"tls on\ntls_starttls {'on' if starttls else 'off'}\ntls_trust_file {certificate}\ntls_host_override peers.test\n"
    )
    settings.chmod(0o600)
    done = subprocess.run([installed("msmtp"), "--version"], capture_output=True, text=True)
    if "tls_host_override" not in done.stdout and "1.8" not in done.stdout:
        pytest.skip("msmtp is too old for tls_host_override")
    run([installed("msmtp"), "-C", settings, "--", *RECIPIENTS], mime())
    prove_both_got_it(node, receiver)


@pytest.mark.parametrize("implicit", [True, False])
def test_smtplib_submits(guarded: tuple[NodeProcess, str], receiver: Receiver, implicit: bool, certificate: Path) -> None:  # fmt: skip
    """Python's smtplib submits over STARTTLS and over TLS from the first byte."""
    node, key = guarded
    context = ssl.create_default_context(cafile=str(certificate))
    if implicit:
        client: smtplib.SMTP = smtplib.SMTP_SSL("localhost", node.smtps_port, context=context)
    else:
        client = smtplib.SMTP("localhost", node.smtp_port)
        client.starttls(context=context)
    with client:
        client.login("smtp", key)
        refused = client.sendmail(SENDER, list(RECIPIENTS), mime().replace("\n", "\r\n").encode(), ["BODY=8BITMIME"])
    assert refused == {}
    prove_both_got_it(node, receiver)


NODEMAILER = """
const transport = require('nodemailer').createTransport({
  host: '127.0.0.1', port: %d, secure: %s, requireTLS: true, auth: {user: 'smtp', pass: '%s'},
  tls: {rejectUnauthorized: false}, disableFileAccess: true});
transport.sendMail({from: 'The shop <%s>', to: %s, subject: '%s', text: %s})
  .then(done => {console.log(done.response); transport.close()})
  .catch(error => {console.error(error); process.exit(1)});
"""


@pytest.fixture(scope="module")
def nodemailer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with Nodemailer in it."""
    installed("node")
    npm = shutil.which("npm")
    folder = tmp_path_factory.mktemp("nodemailer")
    if npm is None:
        pytest.skip("nodemailer: npm is not installed")
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "nodemailer@6"],
        cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"nodemailer cannot be fetched: {done.stderr.strip()[-200:]}")
    return folder


@pytest.mark.peer
@pytest.mark.parametrize("implicit", [True, False])
def test_nodemailer_submits(guarded: tuple[NodeProcess, str], receiver: Receiver, nodemailer: Path, implicit: bool) -> None:  # fmt: skip
    """Nodemailer submits over STARTTLS and over TLS from the first byte."""
    import json

    node, key = guarded
    port = node.smtps_port if implicit else node.smtp_port
    script = NODEMAILER % (
        port, "true" if implicit else "false", key, SENDER, json.dumps(list(RECIPIENTS)), SUBJECT, json.dumps(TEXT),
    )  # fmt: skip
    said = run([installed("node"), "-e", script], cwd=nodemailer).stdout
    assert "queued as msg_" in said
    prove_both_got_it(node, receiver)


@pytest.mark.peer
def test_postfix_relays_to_us(open_node: NodeProcess, receiver: Receiver, certificate: Path) -> None:
    """A Postfix hands on to us what its own users send, over TLS."""
    with postfix(certificate, relay_to=open_node.smtp_port, relay_tls="encrypt") as (port, _), smtplib.SMTP("127.0.0.1", port) as client:  # fmt: skip
        client.sendmail(SENDER, list(RECIPIENTS), mime().replace("\n", "\r\n").encode(), ["BODY=8BITMIME"])
        messages = prove_both_got_it(open_node, receiver)
    assert all(
        b"by postfix.test" in message.content and b"by mail.example.org" in message.content for message in messages
    )
    assert all(b"with ESMTPS" in message.content for message in messages)
