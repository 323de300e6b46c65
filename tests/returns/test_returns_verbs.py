"""`aftersend returns`: a directory of mail, what nobody understands, and saying what it means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from comeback import NO_SUCH_USER, dsn

from aftersend import cli, clock, config
from aftersend.control.secret import installation_secret
from aftersend.ids import IdSource, show
from aftersend.ledger.facts import Fact
from aftersend.mail import verp
from aftersend.store import Engine, accounts, record, upgrade
from given import delivery_ids, step, submission

ANN = "ann@example.net"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, int, str]:
    """An installation with one delivery that has arrived: a place for mail, the delivery, its return path."""
    monkeypatch.setenv("AFTERSEND_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("AFTERSEND_SMTP_HOSTNAME", "mail.example.com")
    monkeypatch.delenv("AFTERSEND_URL", raising=False)
    settings = config.load()
    engine = Engine(settings.store_url)
    upgrade.upgrade(engine)
    now = clock.now()
    ids = IdSource(clock.now, 5)
    with engine.writing() as connection:
        secret = installation_secret(settings, connection)
        accounts.ensure_first(connection, now=now)
        (receipt,) = record.accepted(connection, [submission(ids, now, ANN)])
        (delivery,) = delivery_ids(receipt)
        record.steps(connection, [step(delivery, now, Fact.DELIVERED, keys=[ids()])])
    engine.close()
    mails = tmp_path / "mails"
    mails.mkdir()
    path = f"{verp.make(secret.derive('verp'), delivery, now // clock.DAY)}@mail.example.com"
    return mails, delivery, path


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run a verb; return its status and what it printed."""
    capsys.readouterr()
    status = cli.run(["returns", *words])
    return status, capsys.readouterr().out


def test_a_directory_is_read_and_a_second_time_changes_nothing(
    home: tuple[Path, int, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers of what was understood, refused and left alone; the delivery and the list tell what followed."""
    mails, delivery, path = home
    (mails / "1.eml").write_bytes(dsn((ANN, *NO_SUCH_USER), quotes=f"Return-Path: <{path}>\n"))
    (mails / "2.eml").write_bytes(b"Subject: Lunch?\n\nSee you.\n")
    forged = f"{verp.make(b'no', delivery, 20_000)}@mail.example.com"
    (mails / "3.eml").write_bytes(dsn((ANN, *NO_SUCH_USER), quotes=f"Return-Path: <{forged}>\n"))
    for _ in range(2):
        status, text = said(capsys, "read", str(mails), "--json")
        assert (status, json.loads(text)) == (
            0, {"applied": 1, "unread": 0, "refused": 1, "not_ours": 1, "mails": 3, "files": 3, "unreadable": 0},
        )  # fmt: skip
    capsys.readouterr()
    assert cli.run(["show", show("dlv", delivery), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert [event["type"] for event in row["events"]].count("delivery.bounced_invalid") == 1
    assert cli.run(["suppress", "why", ANN]) == 0
    assert "bounced" in capsys.readouterr().out
    status, text = said(capsys, "list")
    assert status == 3


def test_nothing_of_ours(home: tuple[Path, int, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Ends with 3; a place that is not there with 2."""
    mails, *_ = home
    (mails / "2.eml").write_bytes(b"Subject: Lunch?\n\nSee you.\n")
    assert said(capsys, "read", str(mails))[0] == 3
    assert said(capsys, "read", str(mails / "nowhere"))[0] == 2


def test_see_teach_and_forget(home: tuple[Path, int, str], capsys: pytest.CaptureFixture[str]) -> None:
    """What is not understood is listed with the original; teaching writes it down and takes it off; so does forgetting."""
    mails, delivery, path = home
    raw = dsn((ANN, "failed", "5.0.0", ""), quotes=f"Return-Path: <{path}>\n").replace(b"5.0.0", b"")
    (mails / "1.eml").write_bytes(raw)
    (mails / "2.eml").write_bytes(raw.replace(b"Undelivered Mail", b"Undelivered again"))
    said(capsys, "read", str(mails))
    status, text = said(capsys, "list", "--json")
    rows = [json.loads(line) for line in text.splitlines()]
    assert (status, len(rows)) == (0, 2)
    assert {row["delivery_id"] for row in rows} == {show("dlv", delivery)}
    status, text = said(capsys, "show", rows[0]["id"])
    assert status == 0
    assert "Return-Path" in text
    assert said(capsys, "teach", rows[0]["id"], "nonsense")[0] == 2
    assert said(capsys, "teach", rows[0]["id"], "mailbox_full")[0] == 0
    assert said(capsys, "teach", rows[0]["id"], "mailbox_full")[0] == 3
    assert said(capsys, "forget", rows[0]["id"], rows[1]["id"])[0] == 4
    assert said(capsys, "list")[0] == 3
    capsys.readouterr()
    cli.run(["show", show("dlv", delivery), "--json"])
    events = json.loads(capsys.readouterr().out)["events"]
    assert any(event["reason"] == "mailbox_full" and event["evidence"]["kind"] == "person" for event in events)
