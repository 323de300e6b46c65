"""Somebody makes up a bounce, or alters the return path of one."""

from __future__ import annotations

import time

import pytest

from aftersend.mail import verp
from aftersend.store import deliveries
from house import ACCOUNT, House, report


def delivered(house: House, recipient: str) -> tuple[object, str, bytes]:
    """A message that has arrived, the way back, and a report that it does not exist."""
    sent = house.send(recipient)
    house.end_of(sent)
    bounce = report(house, recipient, (recipient, "failed", "5.1.1", "550 5.1.1 no such user"))
    return sent, house.return_path(recipient), bounce


@pytest.mark.parametrize("what", ["altered", "expired", "another delivery", "made up", "elsewhere"])
def test_it_is_refused_at_rcpt(house: House, what: str) -> None:
    """Altered, forged and expired return paths get 550 at RCPT: nothing changes, and no bounce of ours goes out."""
    recipient = f"forged-{what.replace(' ', '-')}@one.practice.test"
    sent, path, bounce = delivered(house, recipient)
    token, _, domain = path.partition("@")
    secret = house.service.secret.derive("verp")
    today = house.service.clock() // 86_400_000_000
    forged = {
        "altered": token[:-1] + ("0" if token[-1] != "0" else "1"),
        "expired": verp.make(secret, 4711, today - 31),
        "another delivery": verp.make(b"somebody else's secret", 4711, today),
        "made up": "b-0123456789abcdefghijklmnopqrstuv",
        "elsewhere": token,
    }[what]
    to = f"{forged}@{domain if what != 'elsewhere' else 'elsewhere.test'}"
    code, said = house.come_back(to, bounce)
    assert (code, said[:3]) == (550, "5.7" if what == "elsewhere" else "5.1")
    house.settle_returns()
    row = house.row(sent)
    assert row["headline"] == "Delivered"
    assert house.suppressed(recipient) == []
    if what in ("altered", "expired"):
        assert is_logged(house, to)


def is_logged(house: House, to: str) -> bool:
    """Whether the refusal is written down; nobody waits for that."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        refusals = house.ask(deliveries.refusals_of, ACCOUNT, limit=50)
        if any(each["via"] == "returns" and each["recipient"] == to for each in refusals):
            return True
        time.sleep(0.05)
    return False


def test_a_report_that_fits_neither_message_nor_recipient_changes_nothing(house: House) -> None:
    """The way back is real, what came there is about something else: kept for a person."""
    recipient = "cross-check@one.practice.test"
    sent, path, _ = delivered(house, recipient)
    other = ("bob@elsewhere.test", "failed", "5.1.1", "550 5.1.1 no such user")
    assert house.come_back(path, report(house, recipient, other, message_id="<other@elsewhere.test>"))[0] == 250
    house.settle_returns()
    assert house.row(sent)["headline"] == "Delivered"
    assert house.suppressed(recipient) == house.suppressed("bob@elsewhere.test") == []


def test_anybody_may_write_to_postmaster(house: House) -> None:
    """RFC 5321: postmaster takes mail; nothing follows from it."""
    domain = "mail.practice.test"
    assert (
        house.come_back(f"postmaster@{domain}", b"Subject: Hello\r\n\r\nIs anybody there?\r\n", sender="a@b.test")[0]
        == 250
    )
    assert house.come_back(f"abuse@{domain}", b"Subject: Hello\r\n\r\nStop it\r\n", sender="a@b.test")[0] == 250
    assert house.come_back(f"shop@{domain}", b"Subject: Hello\r\n\r\nHello\r\n", sender="a@b.test")[0] == 550
