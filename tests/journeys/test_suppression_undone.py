"""An address was put on the list, and a person takes it off again."""

from __future__ import annotations

from aftersend.clock import DAY
from aftersend.ledger.facts import Fact
from aftersend.store import suppressions
from house import ACCOUNT, House, facts


def test_it_is_written_to_again_with_a_clean_slate(house: House) -> None:
    """Undo takes away the entry and what was counted: one soft bounce afterwards is the first again."""
    recipient = "full-61@one.practice.test"
    for _ in range(3):
        house.end_of(house.send(recipient))
    assert house.suppressed(recipient)
    house.unsuppress(recipient)
    row = house.end_of(house.send(recipient))
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.BOUNCED}
    assert house.suppressed(recipient) == []


def ended(house: House, recipient: str) -> None:
    """Let the time of an entry be over."""
    now = house.service.clock()
    house.do(
        suppressions.put, ACCOUNT, recipient, cause="bounced", origin="learned", now=now - 181 * DAY, expires_us=now - DAY,
        reason="invalid_recipient",
    )  # fmt: skip


def test_when_its_time_is_over_one_message_is_tried(house: House) -> None:
    """The first message after 180 days goes out; it comes back, and the address is left alone for twice as long."""
    recipient = "unknown-62@one.practice.test"
    ended(house, recipient)
    row = house.end_of(house.send(recipient))
    assert facts(row) == {Fact.RECEIVED, Fact.TREATED, Fact.BOUNCED_INVALID}
    (entry,) = house.suppressed(recipient)
    assert (entry["tier"], round((entry["expires_us"] - entry["created_us"]) / DAY)) == (1, 360)
    assert facts(house.end_of(house.send(recipient))) == {Fact.RECEIVED, Fact.SUPPRESSED}


def test_only_one_is_let_through(house: House) -> None:
    """While the fate of the first is open, others are stopped."""
    recipient = "never-63@one.practice.test"
    ended(house, recipient)
    first = house.send(recipient)
    house.wait(first, lambda row: "deferred" in row["facts"])
    assert facts(house.end_of(house.send(recipient))) == {Fact.RECEIVED, Fact.SUPPRESSED}
    house.end_of(first)


def test_an_address_that_came_back_to_life(house: House) -> None:
    """The one message arrives: the entry goes, and all is as it was."""
    recipient = "alive-64@one.practice.test"
    ended(house, recipient)
    # The list is looked at only for addresses of which something was heard: as after a bounce of our own.
    house.do(_heard_before, recipient)
    assert "delivered" in house.end_of(house.send(recipient))["facts"]
    assert house.suppressed(recipient) == []
    assert "delivered" in house.end_of(house.send(recipient))["facts"]


def _heard_before(connection: object, recipient: str) -> None:
    from sqlalchemy import insert

    from aftersend.store.schema import streaks

    connection.execute(  # type: ignore[attr-defined]
        insert(streaks).values(
            account_id=ACCOUNT, folded=recipient, counter="hard", number=0, first_us=0, last_us=0, last_delivery=0
        )
    )
