"""Keys, domains, streams and suppressions over HTTP."""

from __future__ import annotations

import time

import msgspec
import pytest

from aftersend import clock
from aftersend.control.keys import looks_like_key
from aftersend.ledger.standing import Change, Counter, Streak
from aftersend.store import standings, suppressions
from aftersend.web import shapes

HELLO = {"from": "shop@example.com", "to": "ann@example.net", "subject": "Hello", "text": "Hi"}


def test_a_new_key_is_shown_once_and_works(house):
    """The list never has the secret."""
    client = house.client()
    made = client.post("/v1/keys", json={"name": "web shop", "scopes": ["send"], "networks": ["127.0.0.1"]})
    assert made.status_code == 201
    msgspec.convert(made.json(), shapes.NewKey)
    secret = made.json()["key"]
    assert looks_like_key(secret)
    assert secret.startswith(made.json()["prefix"])
    assert house.client(key=secret).post("/v1/messages", json=HELLO).status_code == 202
    listed = client.get("/v1/keys")
    msgspec.convert(listed.json(), shapes.KeyPage)
    assert secret not in listed.text
    assert listed.json()["data"][-1]["networks"] == ["127.0.0.1/32"]


def test_a_key_cannot_give_more_than_it_has(house):
    """A key for administration makes none for sending unless it may send."""
    answer = house.client("admin").post("/v1/keys", json={"name": "x", "scopes": ["admin", "send", "*"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "scope-missing"


@pytest.mark.parametrize(
    ("ask", "pointer"),
    [
        ({}, "#/name"),
        ({"name": ""}, "#/name"),
        ({"name": "\n"}, "#/name"),
        ({"name": "x", "scopes": []}, "#/scopes"),
        ({"name": "x", "scopes": ["fly"]}, "#/scopes/0"),
        ({"name": "x", "networks": ["here"]}, "#/networks/0"),
        ({"name": "x", "kind": "dead"}, "#/kind"),
    ],
)
def test_a_bad_key_is_refused(house, ask, pointer):
    """Named, with what is allowed."""
    answer = house.client().post("/v1/keys", json=ask)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_a_stream_is_used_as_soon_as_it_is_made(house):
    """Its lifetime counts for what is sent in it."""
    client = house.client()
    body = {"name": "receipts", "kind": "transactional", "lifetime_hours": 1.5, "hours": "", "rate": ""}
    made = client.post("/v1/streams", json=body)
    assert made.status_code == 201
    assert made.json() == body
    assert body in client.get("/v1/streams").json()["data"]
    assert client.post("/v1/messages", json=HELLO | {"stream": "receipts"}).status_code == 202
    assert house.client(account_id=2).post("/v1/messages", json=HELLO | {"stream": "receipts"}).status_code == 422


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Two Words"},
        {"kind": "odd"},
        {"lifetime_hours": 0},
        {"lifetime_hours": 1e300},
        {"hours": "by day"},
        {"rate": "fast"},
    ],
)
def test_a_bad_stream_is_refused(house, change):
    """Named by its field."""
    answer = house.client().post("/v1/streams", json={"name": "receipts"} | change)
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"#/{next(iter(change))}"]


def test_mail_of_a_stream_with_hours_waits_for_them(house):
    """Outside its hours it is taken in, and held with the reason; a stream without hours sends at once."""
    client = house.client()
    day = time.strftime("%a", time.gmtime(house.now() / 1e6 + 3 * 86400)).lower()
    hours = f"{day} 09:00-17:00 Europe/Berlin"
    made = client.post("/v1/streams", json={"name": "news", "kind": "broadcast", "hours": hours})
    assert made.json()["hours"] == hours
    assert house.intake.hours(1, "news").zone == "Europe/Berlin"
    assert client.post("/v1/messages", json=HELLO | {"stream": "news"}).status_code == 202
    assert client.post("/v1/messages", json=HELLO).status_code == 202
    stages = {row["stage"]: row["deliveries"] for row in client.get("/v1/queue").json()["data"]}
    assert stages == {"treatment": 1, "delivery": 1}


def test_a_suppressed_address_says_why(house_on_each_engine):
    """Put on the list, looked up, listed, taken off; each change is in the audit."""
    client = house_on_each_engine.client()
    put = client.put("/v1/suppressions/Ann%40Example.net", json={"why": "asked by phone"})
    assert put.status_code == 200
    told = msgspec.convert(put.json(), shapes.SuppressionPut)
    assert (told.recipient, told.origin, told.cause) == ("ann@example.net", "configured", "manual")
    assert told.evidence == {"by": "key test", "why": "asked by phone"}
    (entry,) = client.get("/v1/suppressions/ann@example.net").json()["data"]
    assert put.json() == {**entry, "kept": False, "says": "ann@example.net is not mailed any more."}
    assert client.put("/v1/suppressions/ann@example.net").status_code == 200
    assert house_on_each_engine.client(account_id=2).get("/v1/suppressions/ann@example.net").status_code == 404
    assert client.delete("/v1/suppressions/ann@example.net").status_code == 204
    assert client.delete("/v1/suppressions/ann@example.net").status_code == 404
    assert [row["did"] for row in client.get("/v1/audit").json()["data"]] == [
        "took an address off the list",
        "suppressed an address",
        "suppressed an address",
    ]


def test_a_suppression_may_be_for_one_stream_and_for_a_time(house):
    """Lists of streams stand beside the list for all."""
    client = house.client()
    until = clock.iso(clock.now() + clock.DAY)
    client.put("/v1/suppressions/ann@example.net", json={"stream": "broadcast", "expires_at": until})
    client.put("/v1/suppressions/ann@example.net")
    rows = client.get("/v1/suppressions/ann@example.net").json()["data"]
    assert [(row["stream"], row["expires_at"]) for row in rows] == [("", None), ("broadcast", until)]
    assert client.delete("/v1/suppressions/ann@example.net?stream=broadcast").status_code == 204
    assert len(client.get("/v1/suppressions/ann@example.net").json()["data"]) == 1


@pytest.mark.parametrize("cause", ["complained", "unsubscribed"])
def test_what_a_recipient_asked_for_is_not_weakened_by_adding(house_on_each_engine, cause):
    """Whoever adds the address keeps the entry with its evidence, and is told which stands; taking it off undoes it."""
    client, place = house_on_each_engine.client(), "/v1/suppressions/ann@example.net"
    house_on_each_engine.run(
        suppressions.put,
        1,
        "ann@example.net",
        cause=cause,
        origin="learned",
        now=clock.now(),
        evidence={"rule": "asked"},
    )
    (before,) = client.get(place).json()["data"]
    soon = clock.iso(clock.now() + clock.DAY)
    for body in ({}, {"why": "by phone"}, {"expires_at": soon}, {"cause": "complained", "expires_at": soon}):
        put = client.put(place, json=body).json()
        assert {name: put[name] for name in before} == before
        assert put["kept"]
        assert before["created_at"][:10] in put["says"]
    assert client.get(place).json()["data"] == [before]
    assert client.delete(place).status_code == 204
    assert client.put(place, json={"expires_at": soon}).json()["expires_at"] == soon


def test_a_complaint_with_an_end_gives_way_to_what_lasts_longer(house_on_each_engine):
    """What was brought from elsewhere may end; an entry that lasts longer takes its place, one that ends sooner does not."""
    client, place = house_on_each_engine.client(), "/v1/suppressions/ann@example.net"
    day, week = (clock.iso(clock.now() + days * clock.DAY) for days in (1, 7))
    client.put(place, json={"cause": "complained", "expires_at": day})
    assert client.put(place, json={"expires_at": week}).json()["kept"] is False
    client.put(place, json={"cause": "complained", "expires_at": week})
    assert client.put(place, json={"expires_at": day}).json()["kept"]
    assert client.put(place).json()["expires_at"] is None


def test_how_far_a_count_has_come_is_told_where_nothing_is_listed(house_on_each_engine):
    """So many of so many, and when; not what a delivery in between has ended."""
    now, client = clock.now(), house_on_each_engine.client()
    counts = (Streak(Counter.SOFT, 1, now, now, 7), Streak(Counter.HARD, 1, now, now, 7, reset_by=8, reset_last=8))
    heard = standings.Heard(1, "ann@example.net", 7, now, lambda _: Change(streaks=counts), False, 9)
    house_on_each_engine.run(lambda connection: list(standings.follow(connection, [heard])))
    answer = client.get("/v1/suppressions/ann@example.net")
    assert answer.status_code == 404
    said = f"mail to it is not stopped. 1 of 3 soft bounces counted, the last on {clock.iso(now)[:10]}."
    assert answer.json()["detail"] == f"ann@example.net is on no list of this account; {said}"
    client.put("/v1/suppressions/ann@example.net")
    assert client.get("/v1/suppressions/ann@example.net").status_code == 200


def test_an_address_with_a_slash_can_be_suppressed(house):
    """Local parts may have a slash (RFC 5322 atext)."""
    client = house.client()
    assert client.put("/v1/suppressions/a%2Fb%40example.net").json()["recipient"] == "a/b@example.net"
    assert client.get("/v1/suppressions/a/b@example.net").status_code == 200


@pytest.mark.parametrize(
    ("address", "body", "pointer"),
    [
        ("ann", {}, "#/address"),
        ("ann@example.net", {"stream": "nope"}, "#/stream"),
        ("ann@example.net", {"expires_at": "2001-01-01T00:00:00Z"}, "#/expires_at"),
        ("ann@example.net", {"expires_at": "soon"}, "#/expires_at"),
        ("ann@example.net", {"reason": "x"}, "#/reason"),
    ],
)
def test_a_bad_suppression_is_refused(house, address, body, pointer):
    """Named by its field."""
    answer = house.client().put(f"/v1/suppressions/{address}", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_suppressions_go_by_pages_and_by_filters(house_on_each_engine):
    """By address, each once."""
    client = house_on_each_engine.client()
    for name in "edcba":
        client.put(f"/v1/suppressions/{name}@example.net")
    client.put("/v1/suppressions/c@example.net", json={"stream": "general"})
    seen, address = [], "/v1/suppressions?limit=2"
    while address:
        page = client.get(address).json()
        msgspec.convert(page, shapes.SuppressionPage)
        seen += [(row["recipient"][0], row["stream"]) for row in page["data"]]
        address = page["next"]
    assert seen == [("a", ""), ("b", ""), ("c", ""), ("c", "general"), ("d", ""), ("e", "")]
    assert len(client.get("/v1/suppressions?q=C@&stream=general").json()["data"]) == 1
    assert client.get("/v1/suppressions?origin=learned").json()["data"] == []
    assert client.get("/v1/suppressions?colour=red").status_code == 422


def test_a_domain_is_added_and_says_what_to_publish(house):
    """Signing keys are made, the records are told; the keys of others are out of reach."""
    client = house.client()
    made = client.post("/v1/domains", json={"name": "Example.COM"})
    assert made.status_code == 201, made.text
    assert msgspec.convert(made.json(), shapes.DomainOut).name == "example.com"
    assert client.post("/v1/domains", json={"name": "example.com"}).status_code == 409
    records = client.get("/v1/domains/example.com/records").json()
    msgspec.convert(records, shapes.RecordPage)
    assert {record["purpose"] for record in records["data"]} >= {"dkim"}
    assert "PRIVATE" not in str(records)
    other = house.client(account_id=2)
    assert other.get("/v1/domains/example.com").status_code == 404
    assert other.get("/v1/domains/example.com/records").status_code == 404
    assert other.delete("/v1/domains/example.com").status_code == 404
    checked = client.post("/v1/domains/example.com/check")
    assert checked.status_code == 200, checked.text
    assert msgspec.convert(checked.json(), shapes.DomainOut).verified_at is None
    assert "missing" in {finding["state"] for finding in checked.json()["findings"]}
    assert len(client.post("/v1/domains/example.com/keys/rotate").json()["selectors"]) == 2
    assert client.delete("/v1/domains/example.com").status_code == 204
    assert client.get("/v1/domains").json()["data"] == []


def test_a_domain_says_whether_it_signs(make_house):
    """Its keys wait for their records, unless that is not wished, or all mail goes to the practice world."""
    client = make_house().client()
    assert client.post("/v1/domains", json={"name": "waits.example"}).json()["signs"] is False
    assert client.post("/v1/domains/waits.example/check").json()["signs"] is False
    assert client.post("/v1/domains", json={"name": "now.example", "sign_now": True}).json()["signs"] is True
    practising = make_house(is_practice=True).client()
    assert practising.post("/v1/domains", json={"name": "practice.example"}).json()["signs"] is True


@pytest.mark.parametrize("name", ["", "localhost", "exa mple.com", "192.0.2.1", "a" * 256])
def test_a_bad_domain_is_refused(house, name):
    """Named by its field."""
    answer = house.client().post("/v1/domains", json={"name": name})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/name"]


def test_the_account_says_whose_key_this_is(house):
    """Without the secret."""
    told = house.client("read", account_id=2).get("/v1/account").json()
    account = msgspec.convert(told, shapes.Account)
    assert (account.name, account.key.scopes) == ("other", ["read"])
