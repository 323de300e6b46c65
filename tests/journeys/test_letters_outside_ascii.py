"""Addresses and contents that not every server can take."""

from __future__ import annotations

import pytest

from aftersend.ledger.facts import Fact
from house import House, facts, kinds


def test_a_server_with_smtputf8_takes_such_an_address(house: House) -> None:
    """The address goes over as it is written."""
    row = house.end_of(house.send("zoë@smtputf8.practice.test", options=["SMTPUTF8", "BODY=8BITMIME"]))
    assert kinds(row) == ["received", "treated", "delivered"]
    assert len(house.received("zoë@smtputf8.practice.test")) == 1


def test_a_server_without_smtputf8_cannot_be_reached_with_it(house: House) -> None:
    """It is not sent; the reason names the letters, and nobody is suppressed or blamed for it."""
    row = house.end_of(house.send("zoë@no-smtputf8.practice.test", options=["SMTPUTF8", "BODY=8BITMIME"]))
    assert Fact.BOUNCED in facts(row) or Fact.BOUNCED_INVALID in facts(row)
    assert row["status"]["reason"] == "Data format error"
    assert house.received("zoë@no-smtputf8.practice.test") == []


def test_a_domain_outside_ascii_is_reached_by_its_a_label(house: House) -> None:
    """The local part is plain, so no extension is needed."""
    row = house.end_of(house.send("ann@xn--bcher-kva.practice.test"))
    assert kinds(row)[-1] == "delivered"


@pytest.mark.parametrize("domain", ["no-8bit", "one"])
def test_8_bit_content_reaches_every_server(house: House, domain: str) -> None:
    """A server without 8BITMIME gets the content encoded, or the sender is told why not; it is never damaged."""
    recipient = f"eight-bits@{domain}.practice.test"
    content = (
        "From: shop@shop.practice.test\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n"
    ).encode()
    row = house.end_of(house.send(recipient, content=content, options=["BODY=8BITMIME"]))
    copies = house.received(recipient)
    if Fact.DELIVERED in facts(row):
        assert len(copies) == 1
        assert domain != "no-8bit" or copies[0].content.isascii()
    else:
        assert copies == []
        assert row["status"]["reason"] == "Data format error"
        assert row["who_must_act"] == "your_content"
