"""A person has to look at the mail first: pending, then accepted and delivered, or quarantined and kept."""

from __future__ import annotations

import time

import pytest

from house import PATIENCE_S, SENDER, House, is_explained, kinds


@pytest.fixture(params=["smtp", "api"])
def shop(house: House, request: pytest.FixtureRequest) -> House:
    """A customer whose mail is looked at by a person, all of it."""
    shop = house.tenant(f"moderated {request.param} {request.node.name}")
    house.api("PUT", "/v1/moderation/policy", {"mode": "all", "account": str(shop.account)})
    shop.submit = shop.send if request.param == "smtp" else shop.post  # type: ignore[attr-defined]
    return shop


def decide(house: House, shop: House, action: str, reason: str = "") -> None:
    """Decide about what waits of a customer, as a moderator does."""
    told = house.api(
        "POST", "/v1/moderation", {"action": action, "state": "pending", "reason": reason, "account": str(shop.account)}
    )
    assert told["done"] == 1


def test_accepted_and_delivered(house: House, shop: House) -> None:
    """Unsent, Pending moderation, with what happens next; then Accepted stays in the history, and it is Delivered."""
    sent = shop.submit("accepted@one.practice.test", "accepted@two.practice.test")  # type: ignore[attr-defined]
    for row in shop.wait(sent, lambda row: "moderation_pending" in row["facts"]):
        assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Unsent", "Pending moderation")
        assert is_explained(row)
        assert "A moderator decides about it" in row["next"]["sentence"]
    decide(house, shop, "accept")
    for row in shop.wait(sent):
        assert kinds(row) == ["received", "moderation_pending", "moderation_accepted", "treated", "delivered"]
        assert row["status"]["result"] == "Delivered"
    shop.conserves(sent)


def test_quarantined_with_the_reason(house: House, shop: House) -> None:
    """Unsent, Quarantine; the sender reads why, and what to do; nothing went out."""
    sent = shop.submit("quarantined@one.practice.test")  # type: ignore[attr-defined]
    shop.wait(sent, lambda row: "moderation_pending" in row["facts"])
    decide(house, shop, "quarantine", "Name the list that people joined.")
    (row,) = shop.wait(sent, lambda row: "quarantined" in row["facts"])
    assert (row["status"]["result"], row["status"]["lifecycle"]) == ("Unsent", "Quarantine")
    assert is_explained(row)
    assert "Name the list that people joined" in row["why"]
    assert row["who_must_act"] == "your_content"
    (case,) = shop.api("GET", "/v1/moderation")["data"]
    assert (case["state"], case["reason"]) == ("quarantined", "Name the list that people joined.")
    shop.conserves(sent)


def test_a_leap_in_volume(house: House) -> None:
    """A broadcast is judged by all to whom it goes, also before they are written down."""
    shop = house.tenant("leap")
    house.api("PUT", "/v1/moderation/policy", {"mode": "watch", "account": str(shop.account)})
    message = {"from": SENDER, "subject": "News", "text": "Hello"}
    made = shop.api("POST", "/v1/broadcasts", {"name": "News", "message": message})
    people = [{"to": f"leap{i}@one.practice.test"} for i in range(1200)]
    shop.api("POST", f"/v1/broadcasts/{made['id']}/recipients", {"recipients": people})
    shop.api("POST", f"/v1/broadcasts/{made['id']}/start", {})
    end = time.monotonic() + PATIENCE_S
    while not (found := shop.api("GET", "/v1/moderation?state=pending")["data"]):
        assert time.monotonic() < end
        time.sleep(0.05)
    (case,) = found
    assert [finding["rule"] for finding in case["findings"]] == ["volume"]
    assert case["recipients"] == 1200
    assert shop.api("POST", f"/v1/broadcasts/{made['id']}/cancel", {})["state"] in ("cancelling", "cancelled", "ended")
