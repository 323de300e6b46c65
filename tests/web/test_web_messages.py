"""Messages over HTTP: the list of them, and another time for one that waits for its own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aftersend import clock, ids
from aftersend.clock import DAY, HOUR
from aftersend.ledger.facts import Fact
from aftersend.store import queue
from aftersend.store.queue import ClaimRequest, Stage
from aftersend.web import shapes

HELLO: dict[str, Any] = {"from": "Shop <shop@example.com>", "to": "ann@example.net", "subject": "Hello", "text": "Hi"}


@pytest.fixture
def house(house_on_each_engine):
    """What is asked of the store is asked of both engines."""
    return house_on_each_engine


def send(client, **more: Any) -> dict[str, Any]:
    """Send a message; return its receipt."""
    answer = client.post("/v1/messages", json=HELLO | more)
    assert answer.status_code == 202, answer.text
    return answer.json()


def found(client, **words: Any) -> list[str]:
    """Ask for messages; return the ids found."""
    answer = client.get("/v1/messages", params=words)
    assert answer.status_code == 200, answer.text
    return [each.id for each in msgspec.convert(answer.json(), shapes.MessagePage).data]


def soon(house, after_us: int) -> str:
    """A time from now on."""
    return clock.iso(house.now() + after_us)


# ---- the list ------------------------------------------------------------------------------------------------------


def test_each_message_is_listed_once_newest_first(house):
    """However many recipients it has; other accounts see nothing of it."""
    client = house.client()
    first = send(client, to=["ann@example.net", "bob@example.net"])["id"]
    second = send(client)["id"]
    assert found(client) == [second, first]
    (row,) = client.get("/v1/messages?limit=1").json()["data"]
    assert row | {"outcomes": None} == client.get(f"/v1/messages/{second}").json() | {"outcomes": None}
    assert found(house.client(account_id=2)) == []


def test_pages_go_forth_and_back(house):
    """`next` and `previous` lead through the whole list."""
    client = house.client()
    sent = [send(client)["id"] for _ in range(5)][::-1]
    first = client.get("/v1/messages?limit=2").json()
    second = client.get(first["next"]).json()
    third = client.get(second["next"]).json()
    assert [row["id"] for page in (first, second, third) for row in page["data"]] == sent
    assert [first["has_more"], second["has_more"], third["has_more"]] == [True, True, False]
    assert (first["previous"], third["next"]) == (None, None)
    back = client.get(third["previous"]).json()
    assert [row["id"] for row in back["data"]] == sent[2:4]


def test_words_find_messages(house):
    """The words of the search that speak of messages, and those of recipients."""
    client = house.client()
    receipt = send(client, subject="Your receipt", tags=["receipt"], metadata={"order": "4711"})
    news = send(client, to=["bob@example.org", "eve@example.org"], subject="News", stream="broadcast")
    house.happen(receipt["deliveries"][0]["id"], Fact.DELIVERED)
    whole = client.get(f"/v1/messages/{receipt['id']}").json()
    for words, expected in (
        ({"subject": "RECEIPT"}, [receipt]),
        ({"tag": ["receipt", "x"]}, [receipt]),
        ({"metadata.order": "4711"}, [receipt]),
        ({"metadata.order": "471"}, []),
        ({"stream": "broadcast"}, [news]),
        ({"recipient": "EVE@example.org"}, [news]),
        ({"sender": "shop@example.com"}, [news, receipt]),
        ({"message_id": receipt["id"]}, [receipt]),
        ({"message_id": whole["rfc_message_id"]}, [receipt]),
        ({"live": "true"}, [news]),
        ({"live": "false"}, [receipt]),
        ({"since": "1h"}, [news, receipt]),
        ({"until": "1h"}, []),
    ):
        assert found(client, **words) == [each["id"] for each in expected], words


def test_a_word_that_cannot_be_asked_of_messages_is_refused(house):
    """422 names the word and what can be asked."""
    answer = house.client().get("/v1/messages?status=Delivered")
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("#/status", "unknown-field")
    assert "recipient" in error["detail"]
    assert house.client().get("/v1/messages?limit=101").status_code == 422


# ---- another time --------------------------------------------------------------------------------------------------


def claim(house, now: int) -> list[Any]:
    """Claim what is due for treatment at a moment."""
    return house.run(
        lambda connection: queue.claim_for_treatment(connection, [ClaimRequest(Stage.TREATMENT, now, 1, 10)])[0]
    )


def test_a_planned_message_is_given_another_time(house):
    """The new time is what the gates go by; who changed it, from when to when, is in the ledger."""
    client = house.client()
    sent = send(client, to=["ann@example.net", "bob@example.net"], scheduled_at=soon(house, HOUR))
    before = client.get(f"/v1/messages/{sent['id']}").json()
    later = soon(house, 2 * DAY)
    answer = client.post(f"/v1/messages/{sent['id']}/reschedule", json={"scheduled_at": later, "why": "not ready"})
    assert answer.status_code == 200, answer.text
    assert msgspec.convert(answer.json(), shapes.Message).scheduled_at == later
    for delivery in sent["deliveries"]:
        told = client.get(f"/v1/deliveries/{delivery['id']}").json()
        (event,) = [each for each in told["events"] if each["type"] == "delivery.rescheduled"]
        assert event["evidence"] == {
            "kind": "person", "by": "key test", "from": before["scheduled_at"], "to": later, "why": "not ready",
        }  # fmt: skip
        assert not told["ended"]
    taken = claim(house, house.now())
    assert {item.scheduled_us for item in taken} == {clock.from_iso(later)}
    assert all(item.expires_us > clock.from_iso(later) for item in taken)


def test_a_time_that_has_passed_means_at_once(house):
    """Nothing holds it any more."""
    client = house.client()
    sent = send(client, scheduled_at=soon(house, HOUR))
    told = client.post(f"/v1/messages/{sent['id']}/reschedule", json={"scheduled_at": "2001-01-01T00:00:00Z"}).json()
    (item,) = claim(house, house.now())
    assert item.scheduled_us <= house.now()
    assert clock.from_iso(told["scheduled_at"]) == item.scheduled_us


def test_what_is_held_stays_on_hold(house):
    """A new time lets nothing go that a person stopped."""
    client = house.client()
    sent = send(client, scheduled_at=soon(house, HOUR))
    delivery = sent["deliveries"][0]["id"]
    held = client.post(f"/v1/deliveries/{delivery}/hold").json()
    assert (
        client.post(f"/v1/messages/{sent['id']}/reschedule", json={"scheduled_at": soon(house, DAY)}).status_code == 200
    )
    told = client.get(f"/v1/deliveries/{delivery}").json()
    assert (told["headline"], told["next"]["at"]) == (held["headline"], held["next"]["at"])
    assert claim(house, house.now()) == []


@pytest.mark.parametrize(("plan", "says"), [(None, "not planned"), (HOUR, "ended")])
def test_what_does_not_wait_for_its_time_cannot_be_planned_anew(house, plan, says):
    """409 says why, and nothing is changed."""
    client = house.client()
    sent = send(client, **({} if plan is None else {"scheduled_at": soon(house, plan)}))
    client.post(f"/v1/messages/{sent['id']}/cancel")
    answer = client.post(f"/v1/messages/{sent['id']}/reschedule", json={"scheduled_at": soon(house, DAY)})
    assert answer.status_code == 409
    assert answer.json()["type"].endswith("/p/cannot-reschedule")
    assert says in answer.json()["detail"]


def test_what_is_being_worked_on_is_left_alone(house):
    """A moment later it can be done."""
    client = house.client()
    sent = send(client, scheduled_at=soon(house, HOUR))
    claim(house, house.now())
    answer = client.post(f"/v1/messages/{sent['id']}/reschedule", json={"scheduled_at": soon(house, DAY)})
    assert answer.status_code == 409
    assert "worked on" in answer.json()["detail"]
    events = client.get(f"/v1/deliveries/{sent['deliveries'][0]['id']}/events").json()["data"]
    assert "delivery.rescheduled" not in [each["type"] for each in events]


def test_a_plan_whose_time_has_come_is_not_changed(house):
    """What is on its way is on its way."""
    client = house.client()
    sent = send(client, scheduled_at=soon(house, HOUR))
    real = house.now
    house.now = lambda: real() + 2 * HOUR
    answer = client.post(f"/v1/messages/{sent['id']}/reschedule", json={"scheduled_at": soon(house, DAY)})
    assert answer.status_code == 409
    assert "time has come" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "#/scheduled_at", "missing-field"),
        ({"scheduled_at": "soon"}, "#/scheduled_at", "invalid-time"),
        ({"scheduled_at": "2099-01-01T00:00:00Z"}, "#/scheduled_at", "schedule-too-far"),
        ({"scheduled_at": "2026-12-01T09:00:00Z", "when": 1}, "#/when", "unknown-field"),
    ],
)
def test_a_bad_plan_is_refused_by_name(house, body, pointer, code):
    """Every fault has a place and a code."""
    client = house.client()
    sent = send(client, scheduled_at=soon(house, HOUR))
    answer = client.post(f"/v1/messages/{sent['id']}/reschedule", json=body)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


def test_a_message_that_is_not_there_cannot_be_planned(house):
    """404."""
    nobody = ids.show("msg", house.ids())
    assert (
        house.client().post(f"/v1/messages/{nobody}/reschedule", json={"scheduled_at": soon(house, DAY)}).status_code
        == 404
    )
