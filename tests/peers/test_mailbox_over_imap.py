"""A mailbox on a real IMAP server is looked into: what came back is applied once, and the mailbox stays as it was."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ledger_proofs import rows_by_message
from node_process import NodeProcess, free_port, greeting
from programs import installed, need_root, need_user
from receiver import Receiver

from aftersend.ledger.facts import Fact

pytestmark = pytest.mark.peer

SETTINGS = """
base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{folder}/Maildir
first_valid_uid = 1
passdb {{
  driver = static
  args = password=sesame
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


class Maildir:
    """The mailbox, as it lies on the disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("cur", "new", "tmp"):
            (folder / name).mkdir(parents=True)
        self._own(folder)

    def add(self, name: str, content: bytes) -> None:
        """Deliver a mail."""
        file = self._folder / "tmp" / name
        file.write_bytes(content)
        file.rename(self._folder / "new" / name)
        self._own(self._folder)

    def _own(self, folder: Path) -> None:
        for place in (folder, *folder.rglob("*")):
            shutil.chown(place, "nobody", "nogroup")

    def mails(self) -> dict[str, bytes]:
        """Every mail by its name, without the flags; a mail that was marked has a letter behind the comma."""
        found = {}
        for file in [*self._folder.glob("new/*"), *self._folder.glob("cur/*")]:
            name, _, flags = file.name.partition(":2,")
            assert flags == "", f"{file.name} was marked"
            found[name.partition(",")[0]] = file.read_bytes()
        return found


@pytest.fixture
def dovecot() -> Iterator[tuple[int, Maildir]]:
    """Dovecot with one mailbox, and its port."""
    program = installed("dovecot")
    need_root("dovecot")
    need_user("dovecot", "dovenull", "nobody")
    if not subprocess.run([program, "--version"], capture_output=True, text=True).stdout.startswith("2.3"):
        pytest.skip("this dovecot is configured in another way")
    folder, port = Path(tempfile.mkdtemp(prefix="aftersend-dovecot-")), free_port()
    folder.chmod(0o755)
    maildir = Maildir(folder / "Maildir")
    shutil.chown(folder, "nobody", "nogroup")
    (folder / "dovecot.conf").write_text(SETTINGS.format(folder=folder, port=port))
    process = subprocess.Popen(
        [program, "-F", "-c", str(folder / "dovecot.conf")], stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        wait(lambda: greeting(port).startswith(b"* OK"), lambda: "dovecot does not answer")
        yield port, maildir
    finally:
        process.terminate()
        process.wait(20)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def wait(until: Callable[[], bool], why: Callable[[], str]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + 90
    while not until():
        assert time.monotonic() < end, why()
        time.sleep(0.1)


def facts_of(node: NodeProcess) -> dict[str, int]:
    """The facts of each recipient's delivery."""
    return {row.recipient: row.facts for rows in rows_by_message(node.store_url).values() for row in rows}


def bounce(return_path: str, recipient: str, number: int) -> bytes:
    """A bounce that quotes the message with its return path."""
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: <returns@example.org>\nSubject: failure notice\n"
        f"Message-ID: <{number}@mx.example.net>\n\nHi. This is the qmail-send program at mx.example.net.\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
        f"This is a permanent error; I've given up. Sorry it didn't work out.\n\n<{recipient}>:\n"
        "Sorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n"
        f"Return-Path: <{return_path}>\nFrom: shop@sender.test\nTo: {recipient}\nSubject: News\n\nHello\n"
    ).encode()


def test_what_came_back_is_read_once_and_nothing_is_deleted(
    tmp_path: Path, receiver: Receiver, dovecot: tuple[int, Maildir]
) -> None:
    """Poll, apply, restart: a second life reads only what is new, and every mail is where it was, unmarked."""
    port, maildir = dovecot
    node = NodeProcess(
        tmp_path,
        delivery__routes=f"*=127.0.0.1:{receiver.port}",
        returns__imap=f"imap://ann:sesame@127.0.0.1:{port}/INBOX",
    )
    people = ["ann@example.net", "bob@example.net"]
    maildir.add("1.lunch", b"From: eve@example.com\nSubject: Lunch?\n\nSee you.\n")
    try:
        node.start()
        with smtplib.SMTP("127.0.0.1", node.smtp_port) as client:
            for person in people:
                client.sendmail(
                    "shop@sender.test", [person], b"From: shop@sender.test\r\nSubject: News\r\n\r\nHello\r\n"
                )
        wait(lambda: len(receiver.messages) == 2, node.log_text)
        wait(lambda: bool(node.events("mailbox_read")), node.log_text)
        node.stop()
        paths = {message.recipients[0]: message.sender for message in receiver.messages}
        for number, person in enumerate(people):
            maildir.add(f"{number + 2}.bounce", bounce(paths[person], person, number))
            before = maildir.mails()
            node.start()
            wait(lambda person=person: bool(facts_of(node)[person] & Fact.BOUNCED_INVALID.bit), node.log_text)  # type: ignore[misc]
            node.stop()
            assert maildir.mails() == before
        node.start()
        time.sleep(1.5)
        node.stop()
    finally:
        node.end()
    assert [event["mails"] for event in node.events("mailbox_read")] == [1, 1, 1]
    assert node.events("mailbox_not_read") == []
    assert len(maildir.mails()) == 3
