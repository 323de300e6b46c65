"""The event stream over HTTP: in pages, in lines, and pushed as it comes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.web.events_shapes import StreamPage

HELLO = {"from": "shop@example.com", "to": ["ann@example.net", "bob@example.net"], "subject": "Hi", "text": "Hi"}


def send(client: Any, **more: Any) -> list[str]:
    """Send a mail; return its deliveries."""
    return [each["id"] for each in client.post("/v1/messages", json=HELLO | more).json()["deliveries"]]


def walked(client: Any, address: str) -> list[dict[str, Any]]:
    """All pages from an address on."""
    found: list[dict[str, Any]] = []
    while address:
        page = client.get(address).json()
        msgspec.convert(page, StreamPage)
        found += page["data"]
        address = page["next"]
    return found


def lines(client: Any, address: str = "/v1/events") -> list[dict[str, Any]]:
    """The same as lines."""
    answer = client.get(address, headers={"accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_pages_and_lines_are_the_same_stream(house_on_each_engine):
    """Every event once, in order, whatever the size of the pages; a cursor goes on where it was."""
    client = house_on_each_engine.client()
    first = send(client)
    page = client.get("/v1/events").json()
    house_on_each_engine.happen(first[0], Fact.DELIVERED)
    house_on_each_engine.happen(first[1], Fact.DEFERRED, reason=Reason.MAILBOX_FULL)
    every = walked(client, "/v1/events?limit=1")
    assert every == lines(client)
    assert [event["sequence"] for event in every] == sorted({event["sequence"] for event in every})
    assert sorted(event["fact"] for event in every[:4]) == ["received", "received", "treated", "treated"]
    assert [event["fact"] for event in every[4:]] == ["delivered", "deferred"]
    assert client.get("/v1/events", params={"after": page["cursor"]}).json()["data"] == every[4:]
    assert client.get("/v1/events", params={"after": page["cursor"], "limit": 2}).json()["data"] == every[4:]


def test_an_event_says_what_was_so_by_then(house):
    """The words are those of the moment; what comes after the end is late, and stands beside the headline."""
    client = house.client()
    first, _ = send(client, tags=["receipt"], metadata={"order": "7"})
    house.happen(first, Fact.DELIVERED, evidence={"kind": "smtp"})
    house.happen(first, Fact.BOUNCED, reason=Reason.MAILBOX_FULL)
    events = [event for event in walked(client, "/v1/events") if event["delivery_id"] == first]
    by_fact = {event["fact"]: event for event in events}
    assert by_fact["delivered"]["status"]["result"] == "Delivered"
    assert by_fact["delivered"]["headline"] == "Delivered"
    assert (by_fact["delivered"]["late"], by_fact["bounced"]["late"]) == (False, True)
    assert by_fact["received"]["status"]["result"] == "Unsent"
    bounced = by_fact["bounced"]
    assert bounced["type"] == "delivery.bounced"
    assert bounced["status"]["result"] == "Delivered"
    assert "later returned" in bounced["headline"]
    assert bounced["later"][0]["fact"] == "bounced"
    assert bounced["who_must_act"] and bounced["why"] and bounced["next"] is not None
    assert (bounced["tags"], bounced["metadata"], bounced["recipient"]) == (
        ["receipt"],
        {"order": "7"},
        "ann@example.net",
    )
    assert by_fact["delivered"]["evidence"] == {"kind": "smtp"}


def test_filters(house):
    """By type (with or without its prefix), stream and tag; the cursor passes what was not wanted."""
    client = house.client()
    client.post("/v1/streams", json={"name": "offers"})
    house.call(house.desk.refresh())
    tagged, _ = send(client, tags=["a"])
    other, _ = send(client, stream="offers")
    house.happen(tagged, Fact.DELIVERED)
    house.happen(other, Fact.DELIVERED)
    assert len(walked(client, "/v1/events?type=delivered")) == 2
    assert {e["delivery_id"] for e in walked(client, "/v1/events?type=delivery.delivered&tag=a")} == {tagged}
    assert {e["stream"] for e in walked(client, "/v1/events?stream=offers")} == {"offers"}
    assert len(lines(client, "/v1/events?stream=offers&stream=transactional")) == 10
    assert client.get("/v1/events?tag=none").json()["cursor"] == client.get("/v1/events").json()["cursor"]


@pytest.mark.parametrize(("query", "pointer"), [
    ("type=nonsense", "#/type"),
    ("after=x", "#/after"),
    ("after=1&after=2", "#/after"),
    ("after=1&since=24h", "#/since"),
    ("since=soon", "#/since"),
    ("limit=0", "#/limit"),
    ("nope=1", "#/nope"),
])  # fmt: skip
def test_wrong_words_are_named(house, query, pointer):
    """What is wrong is said, with what is allowed."""
    answer = house.client().get(f"/v1/events?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_since_begins_at_a_time(house):
    """Only what was written down at that time or later."""
    client = house.client()
    send(client)
    assert len(walked(client, "/v1/events?since=1h")) == 4
    assert walked(client, "/v1/events?since=0s") == []


class Follower:
    """A client that takes pushed events in a thread of its own."""

    def __init__(self, client: Any, headers: dict[str, str] | None = None, query: str = "") -> None:
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.ended = threading.Event()
        self.began = threading.Event()
        self._enough = threading.Event()
        self._client, self._headers, self._query = client, headers or {}, query
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        assert self.began.wait(10)

    def _read(self) -> None:
        headers = {"accept": "text/event-stream", **self._headers}
        with self._client.stream("GET", f"/v1/events{self._query}", headers=headers) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            for line in answer.iter_lines():
                self.began.set()
                self._take(line)
                if self._enough.is_set():
                    break
        self.ended.set()

    def _take(self, line: str) -> None:
        if line.startswith("id: "):
            self.ids.append(line[4:])
        if line.startswith("data: "):
            self.events.append(json.loads(line[6:]))

    def wait(self, number: int) -> list[dict[str, Any]]:
        """Wait until so many have come."""
        end = time.monotonic() + 90
        while len(self.events) < number and time.monotonic() < end:
            time.sleep(0.01)
        return self.events

    def leave(self) -> None:
        """Go away at the next line."""
        self._enough.set()


@pytest.fixture
def clients(house) -> Iterator[Any]:
    """Two clients of the same account."""
    key = house.key()
    yield house.client(key=key), house.client(key=key)


def test_events_are_pushed_as_they_come_and_resumed(house, clients):
    """Who was cut off goes on behind the last id that was seen, and misses nothing."""
    client, other = clients
    send(client)
    follower = Follower(other)
    send(client)
    pushed = follower.wait(4)
    every = walked(client, "/v1/events")
    assert pushed == every[4:], "it begins with what comes from now on"
    follower.leave()
    send(client)
    assert follower.ended.wait(60)
    again = Follower(other, {"last-event-id": follower.ids[3]})
    assert again.wait(4) == walked(client, "/v1/events")[8:]
    again.leave()
    send(client)
    assert again.ended.wait(60)


def test_followers_are_let_go_when_the_service_stops(house, clients):
    """Nobody holds up a stop."""
    _, other = clients
    follower = Follower(other)
    house.call(_set(house.desk.stopping))
    assert follower.ended.wait(60)


async def _set(event: Any) -> None:
    event.set()


def test_who_has_gone_is_forgotten(house, clients):
    """A follower that left is no longer counted."""
    client, other = clients
    follower = Follower(other)
    assert house.desk.followers[1] == 1
    follower.leave()
    send(client)
    assert follower.ended.wait(60)
    end = time.monotonic() + 90
    while house.desk.followers[1] and time.monotonic() < end:
        time.sleep(0.01)
    assert house.desk.followers[1] == 0


def test_what_was_taken_in_is_told_before_what_became_of_it(house):
    """Both are written in one transaction, and read in the order in which they happened."""
    client = house.client()
    client.post("/v1/messages", json={"from": "a@example.com", "to": "bob@example.net", "subject": "x", "text": "Hi"})
    told = [event["type"] for event in client.get("/v1/events").json()["data"]]
    assert told[:2] == ["delivery.received", "delivery.treated"]
