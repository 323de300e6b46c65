"""The account has no credits: mail is kept for a day, goes on with a top-up, and costs nothing if it never left."""

from __future__ import annotations

import pytest

from aftersend.control import credits as purses
from house import House, is_explained, kinds


@pytest.mark.parametrize("way", ["smtp", "api"])
def test_it_waits_for_a_top_up_and_then_goes(house: House, way: str) -> None:
    """Unsent, Depleted, with the time until which it is kept and who must act; then Delivered, and charged."""
    shop = house.tenant(f"depleted {way}")
    shop.do(_top_up, shop, 1)
    shop.refresh()
    submit = shop.send if way == "smtp" else shop.post
    first = submit(f"first-{way}@one.practice.test")
    assert shop.end_of(first)["status"]["result"] == "Delivered"
    sent = submit(f"depleted-{way}@one.practice.test")
    (row,) = shop.wait(sent, lambda row: "depleted" in row["facts"])
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Unsent", "Depleted")
    assert is_explained(row)
    assert row["who_must_act"] == "your_account"
    assert "as soon as there are credits" in row["next"]["sentence"]
    assert "no credits left" in row["why"]
    shop.conserves(sent)
    shop.do(_top_up, shop, 5)
    row = shop.end_of(sent)
    assert kinds(row) == ["received", "depleted", "treated", "delivered"]
    found = shop.api("GET", "/v1/credits")
    assert (found["available"], found["reserved"], found["charged"]) == (4, 0, 2)


def test_what_cannot_be_delivered_to_is_charged_and_what_is_stopped_is_not(house: House) -> None:
    """A bounce costs its credit; a blocked address costs none."""
    shop = house.tenant("costs")
    shop.do(_top_up, shop, 10)
    shop.refresh()
    shop.block("blocked-cost@one.practice.test")
    sent = shop.send("unknown-cost@one.practice.test", "blocked-cost@one.practice.test", "unknown@one.practice.test")
    shop.wait(sent)
    found = shop.api("GET", "/v1/credits")
    assert (found["available"], found["reserved"], found["charged"]) == (8, 0, 2)


def _top_up(connection: object, shop: House, amount: int) -> None:
    service = shop.service
    purses.top_up(
        connection,
        shop.account,
        amount=amount,
        why="",
        who="ann",
        ids=service.ids,
        now=service.clock(),  # type: ignore[arg-type]
    )
