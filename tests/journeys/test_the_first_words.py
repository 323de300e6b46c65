"""The words of mail that is on its way, by every way in: Pending, Treated, and what a broadcast says of Scheduled and Error."""

from __future__ import annotations

import asyncio
import time
import urllib.error
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from test_every_hold_and_refusal_by_every_way import FATES, SUBMIT, WAYS, wait_for

from aftersend.engines import Absent, Opinion
from house import PATIENCE_S, SENDER, House, is_explained

SLOW_S = 2.0


class SlowEngine:
    """An anti-spam engine that takes its time, and then has nothing to say."""

    name = "slow"

    async def ask(self, message: bytes, **asked: Any) -> Opinion | Absent:
        """Say so, later."""
        await asyncio.sleep(SLOW_S)
        return Absent(self.name, "It was too slow.")

    async def teach(self, message: bytes, spam: bool) -> Absent:
        """Learn nothing."""
        return Absent(self.name, "It was too slow.")

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def _slow_engine(house: House) -> Iterator[None]:
    """The installation has such an engine."""
    panel = house.service.panel
    before = panel.engines
    panel.engines = (*before, SlowEngine())
    yield
    panel.engines = before


def seen(shop: House, to: str, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The only row of a recipient, as soon as it is what is looked for."""
    end = time.monotonic() + PATIENCE_S
    while True:
        rows = shop.api("GET", f"/v1/deliveries?q={to}")["data"]
        if rows and is_it(rows[0]):
            return dict(rows[0])
        assert time.monotonic() < end, [(row["headline"], row["facts"]) for row in rows]
        time.sleep(0.02)


@pytest.mark.usefixtures("_slow_engine")
@pytest.mark.parametrize("way", WAYS)
def test_pending_while_it_is_being_checked(house: House, way: str) -> None:
    """Taken in, and before the gates: a slow engine delays this message only, and only as long as it is given."""
    shop = house.tenant(f"pending by {way} {time.monotonic_ns()}")
    house.api("PUT", "/v1/moderation/policy", {"mode": "watch", "account": str(shop.account)})
    to = f"first-words-{way}-{shop.account}@one.practice.test"
    SUBMIT[way](shop, to, FATES["pending"])
    row = seen(shop, to, lambda row: bool(row["why"]))
    assert row["facts"] == ["received"]
    assert (row["status"]["lifecycle"], row["status"]["result"]) == ("Pending", "Unsent")
    whole = shop.api("GET", f"/v1/deliveries/{row['id']}")
    assert is_explained(whole)
    assert whole["status"] == row["status"]
    assert wait_for(shop, to, "moderation_pending")["status"]["lifecycle"] == "Pending moderation"


@pytest.mark.parametrize("way", WAYS)
def test_treated_while_nobody_answers_yet(house: House, way: str) -> None:
    """It has passed all gates, and its server has not said a word."""
    shop = house.tenant(f"treated by {way} {time.monotonic_ns()}")
    to = f"treated-{way}-{shop.account}@silent.practice.test"
    SUBMIT[way](shop, to, FATES["pending"])
    row = seen(shop, to, lambda row: "treated" in row["facts"])
    assert row["facts"] == ["received", "treated"]
    assert (row["status"]["lifecycle"], row["status"]["result"]) == ("Treated", "Unsent")
    assert is_explained(shop.api("GET", f"/v1/deliveries/{row['id']}"))
    events = shop.api("GET", f"/v1/deliveries/{row['id']}/events")["data"]
    assert [event["type"] for event in events] == ["delivery.received", "delivery.treated"]


def test_a_planned_broadcast_says_when(house: House) -> None:
    """Nobody is written down before its time, so the broadcast itself is what is Scheduled; it can be planned anew."""
    shop = house.tenant(f"planned broadcast {time.monotonic_ns()}")
    broadcast = letter(shop)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    shop.api("POST", f"/v1/broadcasts/{broadcast}/start", {"scheduled_at": at})
    told = shop.api("GET", f"/v1/broadcasts/{broadcast}")
    assert (told["state"], told["scheduled_at"][:19]) == ("scheduled", at[:19])
    assert shop.api("GET", "/v1/deliveries")["data"] == []
    shop.api("POST", f"/v1/broadcasts/{broadcast}/cancel", {})
    assert shop.api("GET", f"/v1/broadcasts/{broadcast}")["state"] == "cancelled"


def test_a_broadcast_that_cannot_be_is_refused_and_the_refusal_is_kept(house: House) -> None:
    """Error: the answer names the field and what to mend, and the list of refusals has it, as for single messages."""
    shop = house.tenant(f"refused broadcast {time.monotonic_ns()}")
    with pytest.raises(urllib.error.HTTPError) as refused:
        letter(shop, text="Dear {{ name")
    assert refused.value.code == 422
    said = refused.value.read().decode()
    refused.value.close()
    assert "#/message/text" in said
    end = time.monotonic() + PATIENCE_S
    while not (found := shop.api("GET", "/v1/refusals")["data"]):
        assert time.monotonic() < end
        time.sleep(0.05)
    (kept,) = found
    assert kept["via"] == "broadcast"
    assert kept["said"].removeprefix("422 ") in said


def letter(shop: House, **said: str) -> str:
    """A broadcast to one person."""
    shop.api("POST", "/v1/lists", {"name": "letter"})
    shop.api("POST", "/v1/contacts", {"addresses": [{"address": "ann@one.practice.test"}], "lists": ["letter"]})
    message = {"from": SENDER, "subject": "News", "text": "Hello"} | said
    return str(shop.api("POST", "/v1/broadcasts", {"name": "News", "lists": ["letter"], "message": message})["id"])
