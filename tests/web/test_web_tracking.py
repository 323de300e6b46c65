"""Opens and clicks over HTTP: reports, links, visits, and how much is tracked."""

from __future__ import annotations

import pytest

from aftersend import ids
from aftersend.ledger.facts import Fact
from aftersend.store import judged, record

HELLO = {
    "from": "shop@example.com", "subject": "News", "text": "Hi", "stream": "broadcast",
    "html": '<p><a href="https://shop.example/a">A</a> <a href="https://shop.example/b?x=1&amp;y=2">B</a></p>',
}  # fmt: skip


@pytest.fixture
def house(house_on_each_engine):
    """What is asked of the store is asked of both engines."""
    house_on_each_engine.intake.tracking.url = "https://t.example.com"
    return house_on_each_engine


def delivered(house, number):
    """Write down that a delivery has arrived."""
    now = house.now()
    event = record.event_row(1, number, house.ids(), "delivered", int(Fact.DELIVERED), now, now)
    house.run(record.steps, [record.Step(1, number, [event], Fact.DELIVERED.bit, now)])


def looked(house, message, number, *, opened, clicked="none", read="unsupported", links=()):
    """Write down what was thought of the visits to a delivery."""
    row = (1, message, number, "broadcast", "example.net", opened, clicked, read, house.now(), None, house.now())
    followed = [(1, message, link, number, clicked, house.now()) for link in links]
    house.run(judged.looked, [judged.Looked(1, number, 0, [], row, followed, None)])


def sent(house, client, people):
    """Send to so many; return the message and its deliveries, all delivered."""
    to = [f"ann{i}@example.net" for i in range(people)]
    told = client.post("/v1/messages", json=HELLO | {"to": to}).json()
    numbers = [ids.read("dlv", each["id"]) for each in told["deliveries"]]
    for number in numbers:
        delivered(house, number)
    return told["id"], numbers


def test_how_it_was_read(house):
    """People, proxies, unknown and machines are counted apart; the share of readers is an interval."""
    client = house.client()
    shown, numbers = sent(house, client, 10)
    message = ids.read("msg", shown)
    looked(house, message, numbers[0], opened="human", clicked="human", read="yes", links=(1, 2))
    looked(house, message, numbers[1], opened="human", read="no")
    looked(house, message, numbers[2], opened="privacy_proxy")
    looked(house, message, numbers[3], opened="unknown")
    looked(house, message, numbers[4], opened="machine", clicked="machine", read="no", links=(1, 2))
    looked(house, message, numbers[5], opened="none", clicked="human", links=(2,))
    found = client.get("/v1/reports/reading", params={"message": shown}).json()
    assert found["delivered"] == 10
    assert found["opens"] == {"human": 3, "privacy_proxy": 1, "unknown": 1, "machine": 1}
    assert found["clicks"] == {"human": 2, "privacy_proxy": 0, "unknown": 0, "machine": 1}
    assert found["open_rate"] == {"least": 0.3, "most": 0.5}
    assert found["read"] == {"yes": 1, "no": 1, "unsupported": 1, "rate": 0.5}
    assert client.get("/v1/reports/reading").json()["opens"] == found["opens"]
    assert client.get("/v1/reports/reading", params={"stream": "general"}).json()["delivered"] == 0
    for by, word in (("stream", "broadcast"), ("domain", "example.net"), ("message", shown)):
        (row,) = client.get(f"/v1/reports/reading/{by}").json()["data"]
        assert (row["word"], row["opens"]["human"], row["delivered"]) == (word, 3, 10)
    hours = client.get("/v1/reports/reading/hour").json()["data"]
    assert len(hours) == 24
    assert sum(row["opened"] for row in hours) == 3
    links = client.get(f"/v1/messages/{shown}/links").json()["data"]
    assert [(row["url"], row["clicks"]["human"], row["clicks"]["machine"]) for row in links] == [
        ("https://shop.example/a", 1, 1),
        ("https://shop.example/b?x=1&y=2", 2, 1),
    ]


def test_what_is_asked_wrongly_is_said(house):
    """Each fault is named."""
    client = house.client()
    for path, status in (
        ("/v1/reports/reading?message=msg_0000000000001", 404), ("/v1/reports/reading/colour", 404),
        ("/v1/reports/reading?since=never", 422), ("/v1/messages/msg_0000000000001/links", 404),
        ("/v1/deliveries/dlv_0000000000001/hits", 404), ("/v1/reports/reading?broadcast=brd_0000000000001", 404),
    ):  # fmt: skip
        assert client.get(path).status_code == status, path


def test_how_much_is_tracked_can_be_chosen(house):
    """For the account, a stream, a recipient; a message's own word comes before the stream's, and choices can be taken back."""
    client = house.client()

    def is_tracked(**more):
        shown = client.post("/v1/messages", json=HELLO | {"to": "ann@example.net"} | more).json()["id"]
        return len(client.get(f"/v1/messages/{shown}/links").json()["data"]) == 2

    assert is_tracked()
    assert client.post("/v1/tracking", json={"mode": "off", "stream": "broadcast"}).status_code == 200
    assert not is_tracked()
    assert is_tracked(stream="general")
    assert is_tracked(track={"mode": "full"})
    assert client.post("/v1/tracking", json={"mode": "deliverability"}).status_code == 200
    assert not is_tracked(stream="general")
    assert is_tracked(stream="general", track={"clicks": True})
    chosen = client.post("/v1/tracking", json={"mode": "off", "recipient": "Bob@Example.net", "source": "by letter"})
    assert chosen.json()["name"] == "bob@example.net"
    listed = client.get("/v1/tracking").json()["data"]
    assert [(row["scope"], row["name"], row["mode"]) for row in listed] == [
        ("account", "", "deliverability"), ("recipient", "bob@example.net", "off"), ("stream", "broadcast", "off"),
    ]  # fmt: skip
    assert client.post("/v1/tracking", json={"mode": None, "stream": "broadcast"}).json()["mode"] is None
    assert client.post("/v1/tracking", json={"mode": None}).status_code == 200
    assert is_tracked()
    assert client.post("/v1/tracking", json={"mode": None}).status_code == 404
    assert client.post("/v1/tracking", json={"mode": "off", "stream": "nope"}).status_code == 422
    assert client.post("/v1/tracking", json={"mode": "some"}).status_code == 422


def test_merge_tags_and_tracking_go_together(house):
    """Own words for each recipient, with links whose destinations have them too, and a template with conditions."""
    client = house.client()
    html = (
        '<a href="https://shop.example/{{ code }}">A</a>{% if vip %}<a href="https://shop.example/vip">B</a>{% endif %}'
    )
    listed = [{"to": "ann@example.net", "data": {"code": "1", "vip": True}}]
    told = client.post("/v1/messages", json={**HELLO, "html": html, "recipients": listed}).json()
    assert [row["url"] for row in client.get(f"/v1/messages/{told['id']}/links").json()["data"]] == [
        "https://shop.example/vip"
    ]
    plain = html.partition("{%")[0] + '<a href="{{ unsubscribe_url }}">C</a>'
    told = client.post("/v1/messages", json={**HELLO, "html": plain, "recipients": listed}).json()
    assert len(client.get(f"/v1/messages/{told['id']}/links").json()["data"]) == 1


def test_losses_are_shown(make_house):
    """What was answered and could not be written down is a number to watch; without visits it is zero."""
    house = make_house(metrics_token="let-me-see")
    client = house.client(key="let-me-see")
    assert 'aftersend_hits_total{state="lost"} 0.0' in client.get("/metrics").text
    object.__setattr__(house.desk, "visits", lambda: {"kept": 5, "lost": 2})
    assert 'aftersend_hits_total{state="lost"} 2.0' in client.get("/metrics").text
