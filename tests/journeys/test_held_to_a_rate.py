"""Rates that know where mail goes and from where it leaves: to the servers of a site, and from this node."""

from __future__ import annotations

import time

from house import PATIENCE_S, House, is_explained


def letters(shop: House, domain: str) -> list[str]:
    """Three letters in a stream that may wait."""
    recipients = [f"rated{number}-{shop.account}@{domain}" for number in range(3)]
    for recipient in recipients:
        shop.post(recipient, stream="general")
    return recipients


def waiting(shop: House) -> list[str]:
    """Why two of three wait, once the first has arrived."""
    end = time.monotonic() + PATIENCE_S
    while True:
        rows = shop.api("GET", "/v1/deliveries?live=true")["data"]
        why = [row["why"] for row in rows if "No more than" in row["why"]]
        if len(why) == len(rows) == 2:
            return why
        assert time.monotonic() < end, [(row["headline"], row["why"], row["next"]) for row in rows]
        time.sleep(0.05)


def test_to_a_site(house: House) -> None:
    """The rate is to the servers, so it holds for a domain that nobody named."""
    shop = house.tenant(f"sited {time.monotonic_ns()}")
    shop.api("PUT", "/v1/throttles", {"scope": "site", "name": "busy-mail.test", "rate": "1/hour"})
    letters(shop, "busy.practice.test")
    assert set(waiting(shop)) == {"No more than 1 an hour go out to the servers of busy-mail.test."}
    shop.api("DELETE", "/v1/throttles?scope=site&name=busy-mail.test")
    all_ended(shop)


def test_to_a_site_for_all(house: House) -> None:
    """All accounts have the rate together, and one with a larger rate of its own does not get round it."""
    shops = [house.tenant(f"{name} {time.monotonic_ns()}") for name in ("one of two", "two of two")]
    house.api("PUT", "/v1/throttles", {"scope": "site", "name": "busy-mail.test", "rate": "1/hour", "everywhere": True})
    shops[1].api("PUT", "/v1/throttles", {"scope": "site", "name": "busy-mail.test", "rate": "900/hour"})
    letters(shops[0], "busy.practice.test")
    waiting(shops[0])
    letters(shops[1], "busy.practice.test")
    end, why = time.monotonic() + PATIENCE_S, "No more than 1 an hour go out to the servers of busy-mail.test."
    while len(shops[1].api("GET", "/v1/deliveries?status=lifecycle:Deferred")["data"]) < 3:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert {row["why"] for row in shops[1].api("GET", "/v1/deliveries")["data"]} == {why}
    house.api("DELETE", "/v1/throttles?scope=site&name=busy-mail.test&everywhere=true")
    for shop in shops:
        all_ended(shop)


def test_hours_and_rate_of_a_stream_that_change(house: House) -> None:
    """What waited for the old ones goes by the new ones at once."""
    shop = house.tenant(f"changed {time.monotonic_ns()}")
    day = time.strftime("%a", time.gmtime(time.time() + 3 * 86_400)).lower()
    stream = {"name": "general", "kind": "general", "hours": f"{day} 09:00-17:00 UTC"}
    shop.api("POST", "/v1/streams", stream)
    letters(shop, "one.practice.test")
    end = time.monotonic() + PATIENCE_S
    while not all("throttled" in row["facts"] for row in shop.api("GET", "/v1/deliveries")["data"]):
        assert time.monotonic() < end
        time.sleep(0.05)
    shop.api("POST", "/v1/streams", stream | {"hours": "", "rate": "1/hour"})
    assert set(waiting(shop)) == {"No more than 1 an hour go out in the stream general."}
    shop.api("POST", "/v1/streams", stream | {"hours": "", "rate": ""})
    all_ended(shop)


def all_ended(shop: House) -> None:
    """Wait until nothing waits any more."""
    end = time.monotonic() + PATIENCE_S
    while rows := shop.api("GET", "/v1/deliveries?live=true")["data"]:
        assert time.monotonic() < end, [(row["headline"], row["why"], row["next"]) for row in rows]
        time.sleep(0.05)


def test_from_a_node(house: House) -> None:
    """The rate is the node's; what waits says so, and goes when the rate is gone."""
    shop = house.tenant(f"from a node {time.monotonic_ns()}")
    house.api("PUT", "/v1/throttles", {"scope": "node", "name": "journeys", "rate": "1/hour"})
    letters(shop, "one.practice.test")
    assert set(waiting(shop)) == {"No more than 1 an hour go out from the node journeys."}
    held = shop.api("GET", "/v1/deliveries?live=true")["data"]
    for row in held:
        assert row["headline"] == "Unsent: held back for a while"
        assert row["facts"] == ["received", "treated", "held_at_sending"]
        assert row["next"]["at"] is not None
        assert is_explained(shop.api("GET", f"/v1/deliveries/{row['id']}"))
    said = {(row["status"]["lifecycle"], row["status"]["result"], row["status"]["icon"]) for row in held}
    assert said == {("Deferred", "Unsent", "No icon")}
    assert all(row["status"]["activity"] == ["Requests"] and not row["status"]["category"] for row in held)
    assert len(shop.api("GET", "/v1/deliveries?status=lifecycle:Deferred")["data"]) == 2
    house.api("PUT", "/v1/throttles", {"scope": "node", "name": "journeys", "rate": "2/day"})
    end, changed = time.monotonic() + PATIENCE_S, "No more than 2 a day go out from the node journeys."
    while any(row["why"] != changed for row in shop.api("GET", "/v1/deliveries?live=true")["data"]):
        assert time.monotonic() < end
        time.sleep(0.05)
    house.api("DELETE", "/v1/throttles?scope=node&name=journeys")
    all_ended(shop)
    for row in held:
        events = shop.api("GET", f"/v1/deliveries/{row['id']}/events")["data"]
        kinds = [event["type"].removeprefix("delivery.") for event in events]
        assert kinds == ["received", "treated", "held_at_sending", "delivered"]
        told = shop.api("GET", f"/v1/deliveries/{row['id']}")
        assert (told["status"]["lifecycle"], told["status"]["result"]) == ("Delivered", "Delivered")
