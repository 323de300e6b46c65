"""What failed is sent again by a filter: as a new message with the same content, once, and never to who must not be mailed."""

from __future__ import annotations

import json
import time

import pytest
from test_console_entering import browser, csrf, person

from aftersend import ids
from aftersend.control import resending
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.store import content, personal

HELLO = {"from": "shop@example.com", "subject": "Hello", "text": "Dear {{ name }}"}


@pytest.fixture
def house(house_on_each_engine):
    """What is asked of the store is asked of both engines."""
    return house_on_each_engine


def send(client, *recipients, **fields):
    """Send one message; return its deliveries' ids."""
    told = client.post("/v1/messages", json=HELLO | {"to": list(recipients)} | fields)
    assert told.status_code == 202, told.text
    return [each["id"] for each in told.json()["deliveries"]]


def again(client, **said):
    """Ask for it."""
    asked = {"action": "resend", "filter": {"domain": "example.net"}} | said
    told = client.post("/v1/deliveries/actions", json=asked)
    assert told.status_code == 200, told.text
    return told.json()


def fail(house, *deliveries, fact=Fact.GAVE_UP):
    """Let them come to nothing."""
    for each in deliveries:
        house.happen(each, fact, reason=Reason.MAILBOX_FULL if fact is Fact.GAVE_UP else None)


def test_only_what_failed_and_only_once(house):
    """The preview says the same numbers as the run; what it leaves alone is counted by reason."""
    client = house.client()
    failed = send(client, "a@example.net", "b@example.net", text="Hi")
    arrived, stopped, waiting, listed = send(client, *(f"{n}@example.net" for n in ("c", "d", "e", "f")), text="Hi")
    fail(house, *failed, listed)
    house.happen(arrived, Fact.DELIVERED)
    client.post(f"/v1/deliveries/{stopped}/cancel")
    client.put("/v1/suppressions/f@example.net", json={})
    expected = {"done": 2, "skipped": {"listed": 1, "not_failed": 2}}
    told = again(client, preview=True)
    assert {name: told[name] for name in expected} == expected
    assert len(client.get("/v1/deliveries").json()["data"]) == 6
    told = again(client, why="their server is back")
    assert {name: told[name] for name in expected} == expected
    assert again(client)["skipped"] == {"listed": 1, "not_failed": 2, "sent_again": 2}
    rows = client.get("/v1/deliveries?live=true").json()["data"]
    assert sorted(row["recipient"] for row in rows) == ["a@example.net", "b@example.net", "e@example.net"]
    assert waiting in {row["id"] for row in rows}
    assert {row["via"] for row in rows} == {"http", "resend"}
    noted = client.get("/v1/audit").json()["data"]
    assert "resend" in {row["did"] for row in noted}


def test_both_histories_name_each_other(house):
    """What failed stays failed, under its own number."""
    client = house.client()
    (old,) = send(client, "a@example.net", text="Hi")
    fail(house, old)
    again(client, filter={"delivery_id": old}, why="once more")
    (new,) = [row["id"] for row in client.get("/v1/deliveries?live=true").json()["data"]]
    for number, side, other in ((old, "as", new), (new, "of", old)):
        events = client.get(f"/v1/deliveries/{number}/events").json()["data"]
        (note,) = [event for event in events if event["type"] == "delivery.sent_again"]
        assert (note["evidence"][side], note["evidence"]["why"]) == (other, "once more")
    assert client.get(f"/v1/deliveries/{old}").json()["status"]["result"] == "Bounced"
    fail(house, new)
    assert again(client, filter={"delivery_id": new})["done"] == 1


def test_the_content_is_the_same_also_what_is_personal(house):
    """Words of each recipient's own go with it."""
    client = house.client()
    people = [{"to": f"{name}@example.net", "data": {"name": name}} for name in ("ann", "bob")]
    old = [each["id"] for each in client.post("/v1/messages", json=HELLO | {"recipients": people}).json()["deliveries"]]
    fail(house, *old)
    assert again(client)["done"] == 2
    rows = client.get("/v1/deliveries?live=true").json()["data"]
    assert len({row["message_id"] for row in rows}) == 1
    numbers = [ids.read("dlv", row["id"]) for row in rows]
    (said,) = house.ask(personal.load, [(1, numbers)])
    assert sorted(json.loads(each)["name"] for each in said.values()) == ["ann", "bob"]
    before, after = (
        house.ask(content.raw, 1, ids.read("msg", client.get(f"/v1/deliveries/{each}").json()["message_id"]))
        for each in (old[0], rows[0]["id"])
    )
    assert before == after


def test_what_is_no_longer_kept_and_what_is_another_s_is_left_alone(house):
    """The first is said, the second is not there."""
    client = house.client()
    (old,) = send(client, "a@example.net", text="Hi")
    fail(house, old)
    assert again(house.client(account_id=2))["matched"] == 0
    house.run(lambda connection: connection.exec_driver_sql("DELETE FROM bodies"))
    assert again(client)["skipped"] == {"content_gone": 1}
    assert set(resending.SKIPPED_BECAUSE) >= {"content_gone"}


def test_page_by_page(house):
    """`next` leads on; what was sent again is not found by the same run."""
    client = house.client()
    fail(house, *send(client, *(f"{n}@example.net" for n in range(5)), text="Hi"))
    done, after, requests = 0, None, 0
    while True:
        told = again(client, limit=2, after=after)
        done, after, requests = done + told["done"], told["next"], requests + 1
        if after is None:
            break
    assert (done, requests) == (5, 3)


def test_in_the_console_after_having_seen_how_many(house):
    """The first press counts, the second does it."""
    person(house)
    owner = browser(house, "ann@example.com")
    client = house.client()
    fail(house, *send(client, "a@example.net", "b@example.net", text="Hi"))
    form = {"action": "resend", "find": "domain:example.net", "csrf": csrf(owner.get("/console/log"))}
    counted = owner.post("/console/queue", data=form)
    assert "Send again: 2 deliveries" in counted.text
    assert client.get("/v1/deliveries?live=true").json()["data"] == []
    assert owner.post("/console/queue", data=form | {"sure": "yes"}).status_code == 303
    assert len(client.get("/v1/deliveries?live=true").json()["data"]) == 2
    assert "0 deliveries" in owner.post("/console/queue", data=form).text


@pytest.mark.slow
def test_ten_thousand_take_seconds(house):
    """A page is one transaction."""
    client = house.client()
    for page in range(10):
        fail(house, *send(client, *(f"{page}-{n}@example.net" for n in range(1000)), text="Hi"))
    began = time.monotonic()
    assert again(client)["done"] == 10_000
    assert time.monotonic() - began < 60
