"""Whatever stops mail before it is sent is said in the same words, whichever way it came: SMTP, API or broadcast."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aftersend.control import credits as purses
from aftersend.mail.dates import rfc5322
from aftersend.store import suppressions
from house import PATIENCE_S, SENDER, House, is_explained, mail

WAYS = ("smtp", "api", "broadcast")


@dataclass(frozen=True)
class Fate:
    """What is done to a customer's mail, and what it is called then."""

    lifecycle: str
    result: str
    fact: str
    prepare: Callable[[House, House, str], None] = lambda house, shop, to: None
    domain: str = "one.practice.test"
    stream: str | None = None
    is_dropped: bool = False
    is_planned: bool = False


def listed(origin: str) -> Callable[[House, House, str], None]:
    """Put the recipient on a list."""

    def prepare(house: House, shop: House, to: str) -> None:
        now = house.service.clock()
        house.do(suppressions.put, shop.account, to, cause="complained", origin=origin, now=now)

    return prepare


def closed(house: House, shop: House, to: str) -> None:
    """Give the customer a stream that is closed now."""
    day = time.strftime("%a", time.gmtime(time.time() + 3 * 86_400)).lower()
    shop.api("POST", "/v1/streams", {"name": "closed", "kind": "broadcast", "hours": f"{day} 09:00-17:00 UTC"})


def poor(house: House, shop: House, to: str) -> None:
    """Let the customer have no credits."""
    service = house.service
    for amount in (1, -1):
        house.do(purses.top_up, shop.account, amount=amount, why="", who="ann", ids=service.ids, now=service.clock())
    house.refresh()


def watched(house: House, shop: House, to: str) -> None:
    """Let a person look at all of the customer's mail."""
    house.api("PUT", "/v1/moderation/policy", {"mode": "all", "account": str(shop.account)})


def refused(house: House, shop: House, to: str) -> None:
    """And say no to whatever waits, in a moment."""
    watched(house, shop, to)


FATES = {
    "rejected": Fate("Rejected", "Blocked", "suppressed", listed("learned"), is_dropped=True),
    "filtered": Fate("Filtered", "Blocked", "blocklisted", listed("configured"), is_dropped=True),
    "failed": Fate("Error", "Failed", "invalid_address", domain="gmial.con", is_dropped=True),
    "deferred": Fate("Deferred", "Unsent", "throttled", closed, stream="closed"),
    "depleted": Fate("Depleted", "Unsent", "depleted", poor),
    "pending": Fate("Pending moderation", "Unsent", "moderation_pending", watched),
    "quarantine": Fate("Quarantine", "Unsent", "quarantined", refused),
    "scheduled": Fate("Scheduled", "Unsent", "scheduled", is_planned=True),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", FATES)
def test_it_is_said_in_the_same_words(house: House, name: str, way: str) -> None:
    """The log, the delivery's own page and the API agree: the word, why, who must act, what is next, how we know."""
    fate = FATES[name]
    if way == "broadcast" and fate.is_planned:
        pytest.skip("a planned broadcast writes nobody down before its time")
    shop = house.tenant(f"{name} by {way} {time.monotonic_ns()}")
    to = f"{name}-{way}@{fate.domain}"
    fate.prepare(house, shop, to)
    SUBMIT[way](shop, to, fate)
    if name == "quarantine":
        wait_for(shop, to, "moderation_pending")
        said = {"action": "quarantine", "state": "pending", "reason": "Not like this.", "account": str(shop.account)}
        assert house.api("POST", "/v1/moderation", said)["done"] == 1
    row = wait_for(shop, to, fate.fact)
    assert (row["status"]["lifecycle"], row["status"]["result"]) == (fate.lifecycle, fate.result)
    assert ("Dropped" in row["status"]["activity"]) is fate.is_dropped
    whole = shop.api("GET", f"/v1/deliveries/{row['id']}")
    assert whole["status"] == row["status"]
    assert is_explained(whole)
    assert row["ended"] is fate.is_dropped
    assert house.received(to) == []


@pytest.mark.parametrize("way", WAYS)
def test_accepted_treated_and_delivered(house: House, way: str) -> None:
    """What a moderator lets go passes through the words in their order."""
    shop = house.tenant(f"accepted by {way} {time.monotonic_ns()}")
    watched(house, shop, "")
    to = f"accepted-{way}-{shop.account}@one.practice.test"
    SUBMIT[way](shop, to, FATES["pending"])
    wait_for(shop, to, "moderation_pending")
    house.api("POST", "/v1/moderation", {"action": "accept", "state": "pending", "account": str(shop.account)})
    row = wait_for(shop, to, "delivered")
    events = shop.api("GET", f"/v1/deliveries/{row['id']}/events")["data"]
    kinds = [event["type"].removeprefix("delivery.") for event in events]
    assert kinds == ["received", "moderation_pending", "moderation_accepted", "treated", "delivered"]
    assert row["status"]["result"] == "Delivered"


def wait_for(shop: House, to: str, fact: str) -> dict[str, Any]:
    """The only row of the log, once a fact is known of it."""
    end = time.monotonic() + PATIENCE_S
    while True:
        rows = shop.api("GET", f"/v1/deliveries?q={to}")["data"]
        if len(rows) == 1 and fact in rows[0]["facts"] and "being worked on" not in rows[0]["next"]["sentence"]:
            return dict(rows[0])
        assert time.monotonic() < end, [(row["headline"], row["facts"]) for row in rows]
        time.sleep(0.03)


def by_smtp(shop: House, to: str, fate: Fate) -> None:
    """Submit by SMTP."""
    headers = [("X-Aftersend-Stream", fate.stream)] if fate.stream else []
    if fate.is_planned:
        headers.append(("X-Aftersend-Send-At", rfc5322(int((time.time() + 3600) * 1e6))))
    shop.send(to, content=mail(to, headers))


def by_api(shop: House, to: str, fate: Fate) -> None:
    """Submit by the API."""
    said = {"stream": fate.stream} if fate.stream else {}
    if fate.is_planned:
        said["scheduled_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    shop.post(to, **said)


def by_broadcast(shop: House, to: str, fate: Fate) -> None:
    """Put the recipient on a list, and send a broadcast to it."""
    shop.api("POST", "/v1/lists", {"name": "letter"})
    shop.api("POST", "/v1/contacts", {"addresses": [{"address": to}], "name": "Ann", "lists": ["letter"]})
    message = {"from": SENDER, "subject": "News", "text": "Dear {{ name }}"}
    message |= {"stream": fate.stream} if fate.stream else {}
    made = shop.api("POST", "/v1/broadcasts", {"name": "News", "lists": ["letter"], "message": message})
    shop.api("POST", f"/v1/broadcasts/{made['id']}/start", {})


SUBMIT: dict[str, Callable[[House, str, Fate], None]] = {"smtp": by_smtp, "api": by_api, "broadcast": by_broadcast}
