"""Servers that lack an extension, or offer TLS."""

from __future__ import annotations

import pytest

from house import House, kinds


@pytest.mark.parametrize("domain", ["no-pipelining", "no-size", "helo-only", "tls", "tls-only"])
def test_every_server_is_spoken_to_as_it_can(house: House, domain: str) -> None:
    """Nothing is used that was not offered; the message arrives."""
    recipient = f"less@{domain}.practice.test"
    row = house.end_of(house.send(recipient))
    assert kinds(row) == ["received", "treated", "delivered"]
    assert len(house.received(recipient)) == 1
    assert house.call(lambda: [what for what in house.world.breaches if "pipelining" in what]) == []


@pytest.mark.parametrize("domain", ["tls", "tls-only"])
def test_tls_is_used_where_it_is_offered(house: House, domain: str) -> None:
    """The evidence names the version, and so does the receiving side."""
    recipient = f"encrypted@{domain}.practice.test"
    row = house.end_of(house.send(recipient))
    assert row["events"][-1]["evidence"]["tls"].startswith("TLSv1.")
    assert house.received(recipient)[0].tls.startswith("TLSv1.")


def test_a_message_too_large_for_them_is_not_tried_again(house: House) -> None:
    """The size they announce is heeded: a data format error, and the content is at fault."""
    content = b"From: shop@shop.practice.test\r\nSubject: x\r\n\r\n" + (b"y" * 70 + b"\r\n") * 400
    row = house.end_of(house.send("ann@small.practice.test", content=content))
    assert kinds(row) == ["received", "treated", "bounced"]
    assert (row["status"]["category"], row["status"]["reason"]) == ("Soft", "Data format error")
    assert row["who_must_act"] == "your_content"


def test_a_server_that_refuses_our_connection_is_given_up(house: House) -> None:
    """It refused before it knew for whom, so the address is not at fault."""
    row = house.end_of(house.send("ann@blocking.practice.test"))
    assert row["status"]["result"] == "Bounced"
    assert row["status"]["category"] != "Hard"
