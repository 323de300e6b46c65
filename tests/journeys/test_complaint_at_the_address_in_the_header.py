"""A provider that knows no feedback loop of ours reports a complaint to the address in the header (RFC 9477)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dkim as dkimpy
import pytest

from aftersend.control import domains
from aftersend.mail import headers as mail_headers
from aftersend.practice.behaviours import Then
from aftersend.practice.reports import answer_to
from aftersend.store import accounts
from house import ACCOUNT, House, facts, mail, report

RETURNS = "mail.practice.test"
FROM = "letters.practice.test"


@pytest.fixture
def signed(house: House) -> Iterator[House]:
    """The From domain has keys, and so has the domain of return paths."""
    for name in (FROM, RETURNS):
        house.do(
            domains.add,
            ACCOUNT,
            name,
            fresh=domains.fresh_keys(),
            sign_now=True,
            secret=house.service.secret,
            now=house.service.clock(),
        )
    refresh(house)
    yield house
    for name in (FROM, RETURNS):
        house.do(domains.remove, ACCOUNT, name)
    refresh(house)


def refresh(house: House) -> None:
    """Let the service see new keys at once."""
    import asyncio

    asyncio.run_coroutine_threadsafe(house.service.refresh(), house._loop).result(30)


def letter(recipient: str) -> bytes:
    """A message from the domain with keys."""
    return mail(recipient).replace(b"shop@shop.practice.test", b"shop@" + FROM.encode())


def feedback_address(content: bytes) -> str:
    """The address in the header."""
    (found,) = (
        field.value.decode()
        for field in mail_headers.fields(mail_headers.split(content)[0])
        if field.name == "cfbl-address"
    )
    address, _, more = found.partition(";")
    assert more.strip() == "report=arf"
    return address.strip()


def signers(house: House, content: bytes) -> list[str]:
    """The domains whose signatures verify and cover the address."""
    records = {
        f"{row.selector}._domainkey.{row.domain}.": row.record for row in house.ask(accounts.dkim_keys_of, ACCOUNT)
    }
    verifier = dkimpy.DKIM(content)
    found = []
    for at in range(content.count(b"DKIM-Signature:")):
        assert verifier.verify(idx=at, dnsfunc=lambda name, timeout=5: records[name.decode()].encode())
        if b"cfbl-address" in [each.lower() for each in verifier.include_headers]:
            found.append(verifier.domain.decode())
    return found


def complaint(house: House, recipient: str) -> tuple[str, Any]:
    """The address for complaints about the latest mail, and a complaint."""
    got = house.received(recipient)[-1]
    return feedback_address(got.content), answer_to(got, Then.REDACTED_COMPLAINT, house.service.clock())


def test_it_counts_once_and_for_its_recipient(signed: House) -> None:
    """Each recipient of a message has an address of its own; both domains sign it; a complaint there is one, however often."""
    ann, bob = "cfbl-ann@one.practice.test", "cfbl-bob@one.practice.test"
    sent = signed.send(ann, bob, content=letter(ann))
    signed.wait(sent)
    for recipient in (ann, bob):
        content = signed.received(recipient)[-1].content
        assert sorted(set(signers(signed, content))) == [FROM, RETURNS]
    to, content = complaint(signed, bob)
    assert to != complaint(signed, ann)[0]
    for _ in range(2):
        assert signed.come_back(to, content, sender="fbl@elsewhere.test")[0] == 250
    signed.settle_returns()
    rows = {row["recipient"]: row for row in signed.rows(sent)}
    assert ("complained" in rows[bob]["facts"], "complained" in rows[ann]["facts"]) == (True, False)
    whole = signed.wait(sent, lambda row: True)
    assert sum(event["fact"] == "complained" for row in whole for event in row["events"]) == 1
    assert signed.suppressed(bob)[0]["cause"] == "complained"
    assert signed.suppressed(ann) == []


def test_many_are_signed_with_their_own_addresses(signed: House) -> None:
    """Also where many are signed at once, beside the service, and where the message is rewritten for a server with less."""
    many = [f"cfbl-many{at}@one.practice.test" for at in range(12)]
    less = [f"cfbl-less{at}@no-8bit.practice.test" for at in range(2)]
    content = letter("ann@one.practice.test").replace(b"Hello", "Grüße".encode()).replace(b"7bit", b"8bit")
    signed.wait(signed.send(*many, *less, content=content, options=("BODY=8BITMIME",)))
    addresses = set()
    for recipient in (*many, *less):
        got = signed.received(recipient)[-1].content
        assert sorted(set(signers(signed, got))) == [FROM, RETURNS], recipient
        addresses.add(feedback_address(got))
    assert len(addresses) == 14


def test_nothing_but_complaints_counts_there(signed: House) -> None:
    """Everybody who has the mail can read this address: a bounce that comes to it is put aside for a person."""
    recipient = "cfbl-forged@one.practice.test"
    sent = signed.send(recipient, content=letter(recipient))
    signed.end_of(sent)
    to = feedback_address(signed.received(recipient)[-1].content)
    bounce = report(signed, recipient, (recipient, "failed", "5.1.1", "550 5.1.1 no such user"))
    assert signed.come_back(to, bounce)[0] == 250
    altered = to.replace("@", "0@", 1) if to[33] == "1" else to[:33] + "1" + to[34:]
    assert signed.come_back(altered, complaint(signed, recipient)[1])[0] == 550
    signed.settle_returns()
    assert "bounced_invalid" not in {fact.word for fact in facts(signed.row(sent))}
    assert signed.suppressed(recipient) == []


def test_mail_that_nobody_would_believe_has_no_address(house: House) -> None:
    """Without keys for both domains, receivers would have to ignore it."""
    recipient = "cfbl-none@one.practice.test"
    house.end_of(house.send(recipient))
    assert b"cfbl-address" not in house.received(recipient)[-1].content.lower()
