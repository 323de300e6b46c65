"""The email log over HTTP: search, pages, one delivery whole, and the verbs on what has not ended."""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pytest

from aftersend import clock, ids
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.store import queue
from aftersend.store.queue import Stage
from aftersend.web import shapes

HELLO: dict[str, Any] = {"from": "shop@example.com", "subject": "Hello", "text": "Hi"}


@pytest.fixture
def house(house_on_each_engine):
    """What is asked of the store is asked of both engines."""
    return house_on_each_engine


def send(client, *recipients: str, **more: Any) -> list[str]:
    """Send a message; return the ids of its deliveries."""
    answer = client.post("/v1/messages", json=HELLO | {"to": list(recipients)} | more)
    assert answer.status_code == 202, answer.text
    return [delivery["id"] for delivery in answer.json()["deliveries"]]


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """What happened, but for the passing of our own gates, which may come at once or a moment later."""
    return [kind for event in events if (kind := event["type"].removeprefix("delivery.")) != "treated"]


def found(client, **words: Any) -> list[str]:
    """Search; return the ids found."""
    answer = client.get("/v1/deliveries", params=words)
    assert answer.status_code == 200, answer.text
    page = msgspec.convert(answer.json(), shapes.DeliveryPage)
    return [row.id for row in page.data]


def test_each_recipient_has_a_row_newest_first(house):
    """One row for each recipient."""
    client = house.client()
    first = send(client, "ann@example.net", "bob@example.net")
    second = send(client, "carl@example.net")
    assert found(client) == [*second, *first[::-1]]


def test_pages_go_forth_and_back_and_show_each_row_once(house):
    """`next` and `previous` lead through the whole list, in the body and in the Link header."""
    client = house.client()
    sent = send(client, *(f"ann{i}@example.net" for i in range(7)))[::-1]
    seen: list[str] = []
    address, pages = "/v1/deliveries?limit=3&status=Unsent", []
    while address:
        answer = client.get(address)
        page = answer.json()
        pages.append(page)
        seen += [row["id"] for row in page["data"]]
        address = page["next"]
        assert page["has_more"] == bool(address)
        assert ('rel="next"' in answer.headers.get("link", "")) == bool(address)
    assert seen == sent
    back = client.get(pages[-1]["previous"]).json()
    assert [row["id"] for row in back["data"]] == [row["id"] for row in pages[1]["data"]]
    assert back["has_more"]
    start = client.get(back["previous"]).json()
    assert [row["id"] for row in start["data"]] == [row["id"] for row in pages[0]["data"]]
    assert not start["has_more"]
    assert start["previous"] is None


def test_the_number_of_rows_is_told_when_asked_for(house):
    """No totals unless `count` asks for them."""
    client = house.client()
    send(client, "ann@example.net", "bob@example.net")
    page = client.get("/v1/deliveries?limit=1&count=exact").json()
    assert (page["count"], page["count_is_exact"], len(page["data"])) == (2, True, 1)
    assert "count" not in client.get("/v1/deliveries").json()


def test_every_word_of_the_search_finds_its_rows(house):
    """Repeat means or, different words mean and."""
    client = house.client()
    (ann,) = send(client, "Ann@Example.net", subject="Receipt for you", tags=["receipt"], metadata={"order": "4711"})
    (bob,) = send(
        client, "bob@example.org", subject="News", tags=["news"], stream="broadcast", **{"from": "news@example.com"}
    )
    row = client.get(f"/v1/deliveries/{ann}").json()
    for words, expected in (
        ({"recipient": "ann@EXAMPLE.net"}, [ann]),
        ({"recipient": ["ann@example.net", "bob@example.org"]}, [bob, ann]),
        ({"domain": "example.org"}, [bob]),
        ({"provider": "EXAMPLE.org"}, [bob]),
        ({"provider": ["example.org", "example.net"]}, [bob, ann]),
        ({"provider": "Google"}, []),
        ({"sender": "news@example.com"}, [bob]),
        ({"subject": "receipt"}, [ann]),
        ({"tag": "news"}, [bob]),
        ({"tag": ["news", "receipt"]}, [bob, ann]),
        ({"metadata.order": "4711"}, [ann]),
        ({"metadata.order": "471"}, []),
        ({"stream": "broadcast"}, [bob]),
        ({"message_id": row["message_id"]}, [ann]),
        ({"message_id": row["rfc_message_id"]}, [ann]),
        ({"delivery_id": ann}, [ann]),
        ({"q": "example.org"}, [bob]),
        ({"q": "NEWS"}, [bob]),
        ({"since": "1h"}, [bob, ann]),
        ({"until": "1h"}, []),
        ({"since": "9999-12-31T23:59:59Z"}, []),
        ({"until": "9999-12-31T23:59:59Z"}, [bob, ann]),
        ({"live": "true"}, [bob, ann]),
        ({"fact": "received"}, [bob, ann]),
        ({"domain": "example.org", "tag": "receipt"}, []),
        ({"q": "100%_"}, []),
    ):
        assert found(client, **words) == expected, words


def test_a_status_of_any_vocabulary_finds_what_it_says(house):
    """Words in any case, a prefix chooses the vocabulary; a later fact is shown beside the headline."""
    client = house.client()
    (delivered,) = send(client, "ann@example.net")
    (returned,) = send(client, "bob@example.net")
    (opened,) = send(client, "carl@example.net")
    (unknown,) = send(client, "dora@example.net")
    (trying,) = send(client, "emil@example.net")
    for each in (delivered, returned, opened):
        house.happen(each, Fact.DELIVERED)
    house.happen(returned, Fact.BOUNCED, reason=Reason.MAILBOX_FULL)
    house.happen(opened, Fact.OPENED)
    house.happen(unknown, Fact.BOUNCED_INVALID, reason=Reason.INVALID_RECIPIENT)
    house.happen(trying, Fact.DEFERRED, reason=Reason.SERVER_BUSY, next_stage=Stage.DELIVERY)
    for status, expected in (
        ("Delivered", [returned, delivered]),
        ("delivered", [returned, delivered]),
        ("activity:Delivered", [opened, returned, delivered]),
        ("lifecycle:Delivered", [delivered]),
        ("opened", [opened]),
        ("unopened", [returned, delivered]),
        ("soft bounced", [trying]),
        ("hardbounce", [unknown]),
        ("Bounce (Hardbounce)", [unknown]),
        ("bounce", [trying, unknown, returned]),
        ("Failed", [unknown]),
        ("deferred", [trying]),
        ("activity:bounced", [unknown, returned]),
        ("hard", [unknown]),
        ("Soft/Mailbox is full", [returned]),
        ("icon:sent", [returned, delivered]),
        ("dropped", []),
    ):
        assert found(client, status=status) == expected, status
    assert found(client, status=["opened", "hardbounce"]) == [unknown, opened]
    assert found(client, status=["Failed", "Opened"]) == [unknown, opened]
    assert found(client, reason="mailbox_full") == [returned]
    assert found(client, reason="Invalid recipient") == [unknown]
    assert found(client, status="activity:delivered", reason="soft") == [returned]
    row = client.get(f"/v1/deliveries/{returned}").json()
    assert row["headline"] == "Delivered, later returned: mailbox full"
    assert row["later"][0]["fact"] == "bounced"
    assert client.get("/v1/deliveries", params={"status": "Delivered"}).json()["data"][0]["headline"] == row["headline"]


def test_a_provider_finds_all_its_domains(house):
    """By any case of its name; a domain that only looks like one of its own is not found."""
    client = house.client()
    sent = send(
        client, "a@gmail.com", "b@googlemail.com", "c@yahoo.co.uk", "d@ymail.com", "e@yahoo-x.com", "f@example.net"
    )
    assert found(client, provider="google") == sent[1::-1]
    assert found(client, provider=["Yahoo", "example.net"]) == [sent[5], sent[3], sent[2]]
    rows = client.get("/v1/deliveries").json()["data"]
    assert [row["provider"] for row in rows] == ["example.net", "yahoo-x.com", "Yahoo", "Yahoo", "Google", "Google"]


@pytest.mark.parametrize(
    ("words", "pointer", "code", "says"),
    [
        ({"status": "delivred"}, "#/status", "unknown-status", "Delivered"),
        ({"status": "results:Unopened"}, "#/status", "unknown-status", "Unsent"),
        ({"status": "nope:Sent"}, "#/status", "unknown-status", "lifecycle"),
        ({"fact": "x"}, "#/fact", "unknown-fact", "bounced_invalid"),
        ({"reason": "x"}, "#/reason", "unknown-reason", "mailbox_full"),
        ({"stream": ["broadcast", "brodcast"]}, "#/stream", "unknown-stream", "broadcast, general"),
        ({"since": "yesterday"}, "#/since", "invalid-time", "24h"),
        ({"until": "0001-01-01T00:00:00Z"}, "#/until", "invalid-time", "24h"),
        ({"since": "1h", "until": "2h"}, "#/until", "invalid-time", "an earlier since"),
        ({"recepient": "x"}, "#/recepient", "unknown-field", "recipient"),
        ({"limit": "0"}, "#/limit", "invalid-limit", "100"),
        ({"limit": "ten"}, "#/limit", "invalid-limit", "100"),
        ({"live": "maybe"}, "#/live", "invalid-field", "true"),
        ({"count": "all"}, "#/count", "invalid-field", "exact"),
        ({"q": ["a", "b"]}, "#/q", "invalid-field", "once"),
        ({"since": ["1h", "2h"]}, "#/since", "invalid-field", "once"),
        ({"subject": ""}, "#/subject", "invalid-field", "characters"),
        ({"broadcast": "x"}, "#/broadcast", "invalid-field", "brd_"),
    ],
)
def test_a_bad_search_names_the_word_and_what_is_allowed(house, words, pointer, code, says):
    """Every fault has a place, a code and a remedy."""
    answer = house.client().get("/v1/deliveries", params=words)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert says in error["detail"]


def test_all_faults_of_a_search_are_named_at_once(house):
    """One round of mending is enough."""
    answer = house.client().get("/v1/deliveries", params={"status": "x", "fact": "y", "since": "z"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/status", "#/fact", "#/since"]


def test_a_delivery_is_told_whole(house):
    """What became of it, why, who must act, what next, how we know, and every event with its evidence."""
    client = house.client()
    (delivery,) = send(client, "ann@example.net")
    proof = {
        "kind": "smtp",
        "code": 550,
        "status": "5.1.1",
        "text": "no such user",
        "host": "mx.example.net",
        "command": "RCPT",
    }
    house.happen(delivery, Fact.BOUNCED_INVALID, reason=Reason.INVALID_RECIPIENT, evidence=proof, status="5.1.1")
    told = client.get(f"/v1/deliveries/{delivery}").json()
    msgspec.convert(told, shapes.Delivery)
    assert told["status"] == {
        "result": "Failed",
        "lifecycle": "Bounce (Hardbounce)",
        "activity": ["Requests", "Bounced"],
        "category": "Hard",
        "reason": "Invalid recipient",
        "icon": "No icon",
    }
    assert (told["ended"], told["who_must_act"], told["next"]["at"]) == (True, "recipient_address", None)
    assert "mx.example.net answered 550 5.1.1" in told["known_by"][0]
    assert kinds(told["events"]) == ["received", "bounced_invalid"]
    assert told["events"][-1]["evidence"] == proof
    events = client.get(f"/v1/deliveries/{delivery}/events").json()
    assert events["data"] == told["events"]


def test_a_message_adds_up(house):
    """The audience of a message equals the sum over its outcomes."""
    client = house.client()
    answer = client.post(
        "/v1/messages", json=HELLO | {"to": ["ann@example.net", "bob@example.net", "carl@example.net"]}
    ).json()
    house.happen(answer["deliveries"][0]["id"], Fact.DELIVERED)
    told = client.get(f"/v1/messages/{answer['id']}").json()
    msgspec.convert(told, shapes.Message)
    assert told["outcomes"]["audience"] == 3
    assert told["outcomes"]["conserved"]
    assert (told["outcomes"]["by_outcome"]["reached"], told["outcomes"]["under_way"]) == (1, 2)
    rows = client.get(f"/v1/messages/{answer['id']}/deliveries").json()["data"]
    assert [row["recipient"] for row in rows] == ["ann@example.net", "bob@example.net", "carl@example.net"]


# ---- verbs ---------------------------------------------------------------------------------------------------------


def test_hold_release_retry_and_cancel_leave_an_event_each(house):
    """Who did it is in the ledger; a held delivery says so and when it ends."""
    client = house.client()
    (delivery,) = send(client, "ann@example.net")
    held = client.post(f"/v1/deliveries/{delivery}/hold").json()
    assert held["headline"] == "Unsent: on hold"
    assert held["next"]["at"] is not None
    assert client.post(f"/v1/deliveries/{delivery}/hold").status_code == 409
    assert client.post(f"/v1/deliveries/{delivery}/retry").status_code == 409
    assert client.post(f"/v1/deliveries/{delivery}/release").status_code == 200
    assert client.post(f"/v1/deliveries/{delivery}/release").status_code == 409
    assert client.post(f"/v1/deliveries/{delivery}/retry").status_code == 200
    told = client.post(f"/v1/deliveries/{delivery}/cancel").json()
    assert told["ended"]
    assert told["headline"] == "Unsent: cancelled"
    assert kinds(told["events"]) == ["received", "held", "released", "retried", "cancelled"]
    assert told["events"][-1]["evidence"] == {"kind": "person", "by": "key test"}
    refused = client.post(f"/v1/deliveries/{delivery}/cancel")
    assert refused.status_code == 409
    assert refused.json()["type"].endswith("/p/cannot-cancel")


def test_what_ended_or_was_handed_over_cannot_be_cancelled(house):
    """409 says why."""
    client = house.client()
    delivered, relayed = send(client, "ann@example.net", "bob@example.net")
    house.happen(delivered, Fact.DELIVERED)
    house.happen(relayed, Fact.RELAYED, next_stage=Stage.RELAYED)
    assert "ended" in client.post(f"/v1/deliveries/{delivered}/cancel").json()["detail"]
    assert "relay" in client.post(f"/v1/deliveries/{relayed}/cancel").json()["detail"]


def test_cancelling_a_message_stops_what_has_not_ended(house):
    """Deliveries that have ended stay as they are."""
    client = house.client()
    answer = client.post("/v1/messages", json=HELLO | {"to": ["ann@example.net", "bob@example.net"]}).json()
    house.happen(answer["deliveries"][0]["id"], Fact.DELIVERED)
    told = client.post(f"/v1/messages/{answer['id']}/cancel").json()
    assert (told["matched"], told["done"], told["skipped"]) == (2, 1, {"ended": 1})
    assert found(client, fact="cancelled") == [answer["deliveries"][1]["id"]]


def test_a_verb_acts_on_all_that_a_filter_finds(house):
    """First counted, then done; what has ended is not touched."""
    client = house.client()
    here = send(client, *(f"ann{i}@example.net" for i in range(4)))
    there = send(client, "bob@example.org")
    house.happen(here[0], Fact.DELIVERED)
    ask = {"action": "hold", "filter": {"domain": "example.net"}}
    preview = client.post("/v1/deliveries/actions", json=ask | {"preview": True}).json()
    assert (preview["matched"], preview["done"], preview["preview"]) == (3, 0, True)
    assert "held" not in [row["stage"] for row in client.get("/v1/queue").json()["data"]]
    done = client.post("/v1/deliveries/actions", json=ask | {"why": "their server is down"}).json()
    msgspec.convert(done, shapes.ActionDone)
    assert (done["matched"], done["done"], done["skipped"], done["more"]) == (3, 3, {}, False)
    stages = {row["stage"]: row["deliveries"] for row in client.get("/v1/queue").json()["data"]}
    assert stages.pop("held") == 3
    assert sum(stages.values()) == 1
    released = client.post(
        "/v1/deliveries/actions", json={"action": "release", "filter": {"status": ["unsent"]}}
    ).json()
    assert (released["done"], released["skipped"]) == (3, {"not_held": 1})
    assert found(client, live="true", domain="example.org") == there
    assert client.get("/v1/audit").json()["data"][0]["did"] == "release"


@pytest.mark.parametrize(
    ("ask", "pointer"),
    [
        ({"action": "hold", "filter": {}}, "#/filter"),
        ({"action": "delete", "filter": {"q": "x"}}, "#/action"),
        ({"action": "hold", "filter": {"status": "nope"}}, "#/filter/status"),
        ({"action": "hold", "filter": {"nope": "x"}}, "#/filter/nope"),
        ({"action": "hold"}, "#/filter"),
    ],
)
def test_a_verb_on_everything_by_mistake_is_refused(house, ask, pointer):
    """A filter is needed, and each fault in it is named."""
    answer = house.client().post("/v1/deliveries/actions", json=ask)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_time_stands_still_while_something_is_held(house):
    """A release gives back what was left of the lifetime."""
    from aftersend.store import deliveries

    client = house.client()
    (delivery,) = send(client, "ann@example.net")
    before = house.ask(deliveries.one, 1, ids.read("dlv", delivery))["expires_us"]
    client.post(f"/v1/deliveries/{delivery}/hold")
    real = house.now
    house.now = lambda: real() + 2 * clock.DAY
    client.post(f"/v1/deliveries/{delivery}/release")
    after = house.ask(deliveries.one, 1, ids.read("dlv", delivery))["expires_us"]
    assert abs(after - before - 2 * clock.DAY) < clock.MINUTE


@pytest.mark.parametrize(
    ("recipient", "fact", "meant"),
    [
        ("ann.müller@gmial.com", Fact.BOUNCED_INVALID, "ann.müller@gmail.com"),
        ("ann@gmial.com", Fact.GAVE_UP, None),
        ("ann@gmail.com", Fact.BOUNCED_INVALID, None),
        ("ann@example.net", Fact.BOUNCED_INVALID, None),
    ],
)
def test_a_misspelled_address_that_does_not_exist_comes_with_the_one_meant(house, recipient, fact, meant):
    """001 Failed: the data is to be updated, so the row says with what; only where the address is proven wrong."""
    client = house.client()
    sent = client.post("/v1/messages", json=HELLO | {"to": [recipient]}).json()["deliveries"][0]["id"]
    house.happen(sent, fact, reason=Reason.BAD_DOMAIN if fact is Fact.BOUNCED_INVALID else Reason.NETWORK_ERROR)
    assert client.get(f"/v1/deliveries/{sent}").json()["suggested_address"] == meant
    assert client.get("/v1/deliveries").json()["data"][0]["suggested_address"] == meant


def test_a_verb_goes_through_many_page_by_page(house):
    """`next` leads on until all were seen once; what came in meanwhile is left for another time."""
    client = house.client()
    here = send(client, *(f"ann{i}@example.net" for i in range(5)))
    ask = {"action": "retry", "filter": {"domain": "example.net"}, "limit": 2}
    done, after, seen = 0, None, 0
    while True:
        told = client.post("/v1/deliveries/actions", json=ask | {"after": after}).json()
        msgspec.convert(told, shapes.ActionDone)
        done += told["done"]
        seen += 1
        assert told["more"] == (told["next"] is not None)
        if seen == 1:
            (late,) = send(client, "late@example.net")
        after = told["next"]
        if after is None:
            break
    assert (done, seen) == (5, 3)
    for each in here:
        assert kinds(client.get(f"/v1/deliveries/{each}/events").json()["data"]) == ["received", "retried"]
    assert kinds(client.get(f"/v1/deliveries/{late}/events").json()["data"]) == ["received"]
    assert client.post("/v1/deliveries/actions", json=ask | {"after": "dlv_x"}).status_code == 404
    assert client.post("/v1/deliveries/actions", json=ask | {"limit": 0}).status_code == 422


def test_a_verb_waits_for_what_is_being_worked_on(house):
    """An attempt that ends within the moment is not in the way, of one or of many; one that does not is said."""
    client = house.client()
    first, second, third = send(client, *(f"ann{i}@example.net" for i in range(3)))
    (claimed,) = house.run(queue.claim, [queue.ClaimRequest(Stage.DELIVERY, house.now(), 7, 3)])
    assert len(claimed) == 3

    def free(*numbers):
        for item in claimed:
            if ids.show("dlv", item.delivery_id) in numbers:
                put_off = queue.PutOff(item.account_id, item.delivery_id, 7, house.now() + clock.HOUR, "", None)
                house.run(queue.put_off, [put_off])

    soon = threading.Timer(0.4, free, [first, second])
    soon.start()
    assert client.post(f"/v1/deliveries/{first}/hold").status_code == 200
    asked = {"action": "hold", "filter": {"domain": "example.net"}}
    told = client.post("/v1/deliveries/actions", json=asked).json()
    assert (told["done"], told["skipped"]) == (1, {"held": 1, "in_progress": 1})
    soon.join()
    answer = client.post(f"/v1/deliveries/{third}/cancel")
    assert answer.status_code == 409
    assert "being worked on" in answer.json()["detail"]


@pytest.mark.parametrize(
    "place",
    ["deliveries?broadcast=x", "deliveries?message_id=x", "bounces?broadcast=x", "reports/bounces/day?broadcast=x"],
)
def test_an_id_by_which_is_searched_is_named_if_it_is_none(house, place):
    """The list is there; it is the word of the search that is wrong, and the answer says which."""
    answer = house.client().get(f"/v1/{place}")
    word = place.partition("?")[2].partition("=")[0]
    assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (422, [f"#/{word}"])
