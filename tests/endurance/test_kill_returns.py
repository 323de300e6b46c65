"""The process is killed again and again while returns pour in: each that was acknowledged is applied, and exactly once."""

from __future__ import annotations

import random
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from node_process import NodeProcess, free_port, greeting
from sqlalchemy import func, select

from aftersend import clock, config
from aftersend.control.secret import installation_secret
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.mail import verp
from aftersend.store import Engine, accounts, counting, rebuild, record, upgrade
from aftersend.store.schema import events, returned, suppressions
from given import ACCOUNT, delivery_ids, step, submission

pytestmark = pytest.mark.slow

DELIVERIES = 400
COPIES = 3
KILLS = 5
SENDERS = 4
SETTLE_S = 60.0


def report(recipient: str, number: int) -> bytes:
    """A report that a recipient does not exist; the copies of it differ in their headers."""
    return (
        f"From: <mailer-daemon@mx.example.net>\nMessage-ID: <{number}@mx.example.net>\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 No such user here\n\n--b--\n"
    ).encode()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    """A node that takes returns."""
    made = NodeProcess(tmp_path, returns__listen=f"127.0.0.1:{free_port()}")
    yield made
    made.end()


def prepared(node: NodeProcess) -> dict[str, str]:
    """Write down deliveries that have arrived; return each recipient's return path."""
    settings = config.load(None, node.environment)
    engine = Engine(settings.store_url)
    upgrade.upgrade(engine)
    now, ids = clock.now(), IdSource(clock.now, 9)
    recipients = [f"r{n}@example.net" for n in range(DELIVERIES)]
    with engine.writing() as connection:
        secret = installation_secret(settings, connection).derive("verp")
        accounts.ensure_first(connection, now=now)
        receipts = record.accepted(connection, [submission(ids, now, name) for name in recipients])
        found = [delivery_ids(receipt)[0] for receipt in receipts]
        record.steps(connection, [step(i, now, Fact.DELIVERED, keys=[ids()]) for i in found])
    engine.close()
    return {
        name: f"{verp.make(secret, i, now // clock.DAY)}@mail.example.org"
        for name, i in zip(recipients, found, strict=True)
    }


def pour(port: int, work: list[tuple[str, str]], acknowledged: Counter[str]) -> None:
    """Hand in what there is to hand in, over and over, until every piece was taken."""
    number = 0
    while work:
        try:
            with smtplib.SMTP("127.0.0.1", port, local_hostname="mx.example.net", timeout=10) as client:
                while work:
                    recipient, path = work[-1]
                    number += 1
                    client.sendmail("", [path], report(recipient, number))
                    acknowledged[recipient] += 1
                    work.pop()
        except (OSError, smtplib.SMTPException):
            time.sleep(0.05)


def test_each_return_counts_once(node: NodeProcess) -> None:
    """Killed in the middle: every acknowledged report is applied; no event, number or entry is there twice."""
    paths = prepared(node)
    chance = random.Random(4711)
    work: list[list[tuple[str, str]]] = [[] for _ in range(SENDERS)]
    for piece in chance.sample([*paths.items()] * COPIES, DELIVERIES * COPIES):
        chance.choice(work).append(piece)
    port = int(node.environment["AFTERSEND_RETURNS_LISTEN"].rpartition(":")[2])
    acknowledged: Counter[str] = Counter()
    node.start()
    senders = [threading.Thread(target=pour, args=(port, share, acknowledged), daemon=True) for share in work]
    for sender in senders:
        sender.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 0.6))
        node.kill()
        node.start()
    for sender in senders:
        sender.join(SETTLE_S)
        assert not sender.is_alive()
    assert greeting(port).startswith(b"220")
    settle(node)
    node.stop()
    assert set(acknowledged) == set(paths)
    prove(node)


def settle(node: NodeProcess) -> None:
    """Wait until nothing waits to be read."""
    engine = Engine(node.store_url)
    end = time.monotonic() + SETTLE_S
    waiting = 1
    while waiting:
        with engine.reading() as connection:
            waiting = connection.execute(select(func.count()).select_from(returned)).scalar_one()
        assert time.monotonic() < end, f"{waiting} returned mails are not read"
        time.sleep(0.1)
    engine.close()


def prove(node: NodeProcess) -> None:
    """One event and one entry for each delivery, the numbers equal to the events, and nothing that a rebuild would change."""
    engine = Engine(node.store_url)
    with engine.writing() as connection:
        found = connection.execute(
            select(events.c.delivery_id, func.count())
            .where(events.c.kind == "bounced_invalid")
            .group_by(events.c.delivery_id)
        ).all()
        assert len(found) == DELIVERIES
        assert {number for _, number in found} == {1}
        assert counting.counted(connection, ACCOUNT, kind="bounce") == {"Hard/Invalid recipient": DELIVERIES}
        entries = connection.execute(select(func.count()).select_from(suppressions)).scalar_one()
        assert entries == DELIVERIES
        assert not rebuild.rebuild(connection, write=False)
    engine.close()
