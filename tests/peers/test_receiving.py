"""Programs that people receive with take our mail, and say no as they do; we understand both."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from ledger_proofs import prove_conservation, prove_rebuild_changes_nothing, rows_by_message
from name_server import NameServer
from node_process import NodeProcess
from programs import KNOWN, UNKNOWN, Maildirs, aiosmtpd, exim, opensmtpd, postfix

from aftersend.ledger.facts import Fact

Start = Callable[[Path], AbstractContextManager[tuple[int, Maildirs]]]
HEAD = f"From: The shop <shop@sender.test>\r\nTo: {KNOWN}\r\nSubject: Number {{}}\r\n\r\n"
LINES = [".", "..", ". ", ".\tdot", "", "x" * 998, "From the beginning", "", ".", "the end"]


def facts_of(url: str) -> list[tuple[str, int]]:
    """The recipient and the facts of each delivery."""
    return [(row.recipient, row.facts) for found in rows_by_message(url).values() for row in found]


def all_told(url: str) -> bool:
    """Whether what the program answered is written down for every delivery."""
    ends = {KNOWN: Fact.DELIVERED.bit, UNKNOWN: Fact.BOUNCED_INVALID.bit}
    return all(facts & ends[recipient] for recipient, facts in facts_of(url))


@pytest.mark.peer
@pytest.mark.parametrize("start", [postfix, exim, opensmtpd, aiosmtpd], ids=lambda start: start.__name__)
def test_receives_from_us(tmp_path: Path, certificate: Path, start: Start) -> None:
    """The program gets every message, byte for byte; an address that it does not know is told apart from one that it does."""
    names = NameServer()
    with start(certificate) as (port, box):
        node = NodeProcess(tmp_path, delivery__port=port, dns__server=names.address)
        try:
            node.start()
            with smtplib.SMTP("127.0.0.1", node.smtp_port) as client:
                for number in range(20):
                    text = HEAD.format(number) + "\r\n".join(LINES) + "\r\n"
                    to = [KNOWN, UNKNOWN] if number == 0 else [KNOWN]
                    assert client.sendmail("shop@sender.test", to, text.encode()) == {}
            delivered = box.wait(20, seconds=60)
            end = time.monotonic() + 90
            while not all_told(node.store_url):
                assert time.monotonic() < end, f"{facts_of(node.store_url)}\n{node.log_text()[-3000:]}"
                time.sleep(0.2)
            node.stop()
        finally:
            node.end()
            names.stop()
        time.sleep(0.5)
        assert len(box.messages()) == 20, "a message was delivered twice"
    assert sorted(message["Subject"] for message in delivered) == sorted(f"Number {n}" for n in range(20))
    for message in delivered:
        text = str(message.get_payload())
        assert text.replace("\r\n", "\n").rstrip("\n").split("\n") == LINES
        assert message["Message-ID"]
        assert message["Date"]
    prove_conservation(node.store_url)
    prove_rebuild_changes_nothing(node.store_url)
