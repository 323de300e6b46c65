"""Directories of mail and mailboxes over IMAP are read, and left as they are."""

from __future__ import annotations

import imaplib
from pathlib import Path

import pytest
from comeback import NO_SUCH_USER, PLACE, Post, dsn
from imap_server import Mailbox, serving

from aftersend.cli.mailboxes import files_in, mails_in
from aftersend.errors import SettingsError
from aftersend.ledger.facts import Fact
from aftersend.returns import Returns
from aftersend.returns.imap import Poller, Position, account, fetched
from aftersend.store import Store, returned

ANN = "ann@example.net"


def test_maildir_mbox_and_eml(tmp_path: Path) -> None:
    """Of a maildir cur and new, of an mbox each mail, of a directory everything; in order, hidden files left out."""
    maildir = tmp_path / "Maildir"
    for name in ("cur", "new", "tmp"):
        (maildir / name).mkdir(parents=True)
        (maildir / name / f"1.{name}").write_bytes(b"Subject: " + name.encode() + b"\n\nx\n")
    mbox = tmp_path / "mbox"
    mbox.write_bytes(b"From a@b Mon\nSubject: one\n\nNot here\n>From the start\n\nFrom c@d Tue\nSubject: two\n\nbye\n")
    folder = tmp_path / "eml"
    folder.mkdir()
    (folder / "a.eml").write_bytes(b"Subject: three\r\n\r\nx\r\n")
    (folder / ".hidden").write_bytes(b"no")
    files = files_in([maildir, mbox, folder])
    assert [file.name for file in files] == ["1.cur", "1.new", "mbox", "a.eml"]
    mails = [found.raw for file in files for found in mails_in(file)]
    assert mails == [
        b"Subject: cur\n\nx\n",
        b"Subject: new\n\nx\n",
        b"Subject: one\n\nNot here\nFrom the start\n\n",
        b"Subject: two\n\nbye\n",
        b"Subject: three\r\n\r\nx\r\n",
    ]


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(FileNotFoundError):
        files_in([tmp_path / "nowhere"])


def url(address: tuple[str, int], password: str = "sesame") -> str:
    """How the mailbox is named in the settings."""
    return f"imap://returns%40example.com:{password}@{address[0]}:{address[1]}/INBOX/Bounces"


async def test_a_mailbox_is_read_once_and_left_as_it_is(post: Post, store: Store) -> None:
    """What is new is kept and applied; the position is kept with it; nothing is deleted, marked or fetched twice."""
    (delivery,) = post.sent(ANN)
    box = Mailbox()
    box.add(b"Subject: Lunch?\n\nSee you.\n")
    box.add(dsn((ANN, *NO_SUCH_USER), quotes=f"Return-Path: <{post.path(delivery)}>\n"))
    with serving(box) as address:
        poller = Poller(account(url(address)), store, post.clock, post.ids)
        assert await poller.look() == 2
        assert await poller.look() == 0
        box.add(b"Subject: More\n\nx\n")
        assert await Poller(account(url(address)), store, post.clock, post.ids).look() == 1
    returns = Returns(store, post.clock, PLACE, post.desk.rules)
    while await returns.read_waiting():
        pass
    assert Fact.BOUNCED_INVALID in post.facts(delivery)
    assert await store.ask(returned.unread, 1, limit=10) == []
    verbs = " ".join(box.commands).upper()
    assert "STORE" not in verbs
    assert "EXPUNGE" not in verbs
    assert "SELECT" not in verbs
    assert "PEEK" in verbs


async def test_when_its_numbers_begin_anew_it_is_read_anew(post: Post, store: Store) -> None:
    """RFC 3501: another UIDVALIDITY, other UIDs. What was applied before is known by what it says."""
    (delivery,) = post.sent(ANN)
    box = Mailbox()
    box.add(dsn((ANN, *NO_SUCH_USER), quotes=f"Return-Path: <{post.path(delivery)}>\n"))
    returns = Returns(store, post.clock, PLACE, post.desk.rules)
    with serving(box) as address:
        for validity in (7, 8):
            box.validity = validity
            assert await Poller(account(url(address)), store, post.clock, post.ids).look() == 1
            while await returns.read_waiting():
                pass
    assert [event["kind"] for event in post.events(delivery)].count("bounced_invalid") == 1


def test_a_wrong_password_is_an_error_and_not_shown() -> None:
    """Told without the password."""
    with serving(Mailbox()) as address, pytest.raises(imaplib.IMAP4.error) as error:
        list(fetched(account(url(address, "wrong")), Position()))
    assert "wrong:" not in str(error.value)
    assert "sesame" not in account(url(("h", 1))).name


@pytest.mark.parametrize("text", ["https://x", "imap://host", "imaps://u:p@host:port/", "imaps:///INBOX"])
def test_what_is_no_mailbox(text: str) -> None:
    """The setting says how it is written."""
    with pytest.raises(SettingsError, match="imaps://user"):
        account(text)


def test_the_usual_port_and_folder() -> None:
    """993 and INBOX."""
    found = account("imaps://u:p%40ss@mail.example.com")
    assert (found.port, found.folder, found.password, found.tls) == (993, "INBOX", "p@ss", "at_once")
