"""The connection breaks after the final dot: it may have arrived."""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from house import House, facts, has_settled, kinds


def test_one_further_copy_is_tried_under_the_same_message_id(house: House) -> None:
    """It is said aloud that it is uncertain; the second copy is answered; both carry one Message-ID."""
    recipient = "drop-after-dot@cutting.practice.test"
    sent = house.send(recipient)
    waiting = house.wait(sent, lambda row: "uncertain" in row["facts"])[0]
    if not has_settled(waiting):
        assert waiting["status"]["result"] == "Sent"
        assert waiting["next"]["at"] is not None
    row = house.end_of(sent)
    assert kinds(row) == ["received", "treated", "uncertain", "delivered"]
    assert row["status"]["result"] == "Delivered"
    assert "uncertain" in [item["fact"] for item in row["later"]]
    copies = house.received(recipient)
    assert len(copies) == 2
    assert len({copy.header("Message-ID") for copy in copies}) == 1
    assert [copy.was_acknowledged for copy in copies] == [False, True]


def test_there_is_never_a_third_copy(house: House) -> None:
    """Lost twice: it rests as Sent, said to be uncertain, and nothing more is sent."""
    recipient = "drop-after-dot-always@cutting.practice.test"
    row = house.end_of(house.send(recipient))
    assert kinds(row) == ["received", "treated", "uncertain", "uncertain"]
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.UNCERTAIN}
    assert row["status"]["result"] == "Sent"
    assert row["next"]["at"] is None
    assert len(house.received(recipient)) == 2
