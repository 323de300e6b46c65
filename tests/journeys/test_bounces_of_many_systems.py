"""A bounce comes a day later, in the words of the system that wrote it; each travels the whole way."""

from __future__ import annotations

import pytest

from aftersend.ledger.facts import Fact
from aftersend.reports import bounces
from house import ACCOUNT, House, facts, is_explained, kinds

SYSTEMS = [
    ("exim", Fact.BOUNCED_INVALID, "Hard/Invalid recipient", "no such mailbox", True),
    ("qmail", Fact.BOUNCED_INVALID, "Hard/Invalid recipient", "no such mailbox", True),
    ("sendmail", Fact.BOUNCED, "Soft/Mailbox is full", "mailbox full", False),
    ("exchange", Fact.BOUNCED_INVALID, "Hard/Invalid recipient", "no such mailbox", True),
    ("gmail", Fact.BOUNCED, "Soft/Mailbox is full", "mailbox full", False),
    ("filter", Fact.REJECTED_AS_SPAM, "Soft/Other receiver error", "taken for spam", False),
    ("domino", Fact.BOUNCED_INVALID, "Hard/Invalid recipient", "no such mailbox", True),
    ("german", Fact.BOUNCED, "Soft/Mailbox is full", "mailbox full", False),
    ("japanese", Fact.BOUNCED_INVALID, "Hard/Invalid recipient", "no such mailbox", True),
]


@pytest.mark.parametrize(("system", "fact", "pair", "short", "suppresses"), SYSTEMS, ids=[row[0] for row in SYSTEMS])
def test_it_is_understood_and_can_be_undone(
    house: House, system: str, fact: Fact, pair: str, short: str, suppresses: bool
) -> None:
    """The fact beside *Delivered*, the log line, the sentence, the numbers; the address only where it is at fault; undo."""
    recipient = f"late-{system}-7@one.practice.test"
    row = house.wait(house.send(recipient), lambda row: fact.word in row["facts"])[0]
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED, fact}
    assert kinds(row) == ["received", "treated", "delivered", fact.word]
    later = "turned away as spam" if fact is Fact.REJECTED_AS_SPAM else "returned"
    assert row["headline"] == f"Delivered, later {later}: {short}"
    assert "/".join((row["status"]["category"], row["status"]["reason"])) == pair
    assert is_explained(row)
    assert row["events"][-1]["evidence"]["raw"]
    rows, _ = house.ask(bounces.page, ACCOUNT, [("since", "1h")], now=house.service.clock(), limit=50)
    (listed,) = [each for each in rows if each["recipient"] == recipient]
    assert f"{listed['category']}/{listed['reason']}" == pair
    assert bool(house.suppressed(recipient)) == suppresses
    if suppresses:
        assert facts(house.end_of(house.send(recipient))) == {Fact.RECEIVED, Fact.SUPPRESSED}
        house.unsuppress(recipient)
    again = house.wait(house.send(recipient), lambda row: fact.word in row["facts"])[0]
    assert Fact.DELIVERED in facts(again)
