"""Messages scored over HTTP."""

from __future__ import annotations

import msgspec

from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.web import score_shapes

MAIL = (
    b"From: Shop <shop@example.com>\nTo: ann@example.net\nSubject: What is new\nMIME-Version: 1.0\n"
    b"Content-Type: text/plain\n\nDear Ann, this is what is new in our shop this week.\n"
)
MIME = {"content-type": "message/rfc822"}


def _ids(answer) -> set[str]:
    assert answer.status_code == 200, answer.text
    told = msgspec.convert(answer.json(), score_shapes.ScoreOut)
    return {finding.id for finding in told.findings}


def test_a_whole_message_is_scored(house):
    """As a broadcast, with all its duties; whose domain it is counts."""
    client = house.client()
    found = client.post("/v1/score", content=MAIL, headers=MIME)
    assert {"domain-not-ours", "no-unsubscribe-header", "no-unsubscribe-link"} <= _ids(found)
    assert (found.json()["is_blocked"], found.json()["score"] <= 39) == (True, True)
    client.post("/v1/domains", json={"name": "example.com"})
    assert "domain-not-ours" not in _ids(client.post("/v1/score", content=MAIL, headers=MIME))
    other = house.client(account_id=2)
    assert "domain-not-ours" in _ids(other.post("/v1/score", content=MAIL, headers=MIME))


def test_transactional_mail_owes_less(house):
    """A receipt needs no way to unsubscribe."""
    client = house.client()
    client.post("/v1/domains", json={"name": "example.com"})
    found = client.post("/v1/score?kind=transactional&dns=false", content=MAIL, headers=MIME)
    assert _ids(found) == set()
    assert (found.json()["score"], found.json()["band"]) == (100, "excellent")
    why = {part["name"]: part["why_not"] for part in found.json()["components"] if not part["is_measured"]}
    assert set(why) == {"authentication", "duties", "filters"}


def test_json_is_scored_as_it_would_be_sent(house):
    """With templates and data filled in, for the first recipient; an HTML mail without text loses points for that."""
    client = house.client()
    wanted = {
        "from": "shop@example.com",
        "subject": "News for {{ name }}",
        "html": "<html lang='en'><title>News</title><p>Dear {{ name }}, here it is.</p>",
        "recipients": [{"to": "ann@example.net", "data": {"name": "Ann"}}],
    }
    found = client.post("/v1/score?kind=transactional&dns=false", json=wanted)
    assert _ids(found) == {"no-text"}
    wanted["recipients"][0]["data"]["name"] = "{{ oops }}"
    assert "unresolved-tag" in _ids(client.post("/v1/score?kind=transactional&dns=false", json=wanted))


def test_wrong_questions_are_told_what_is_wrong(house):
    """Each with its field."""
    client = house.client()
    for query, pointer in (("kind=spam", "#/kind"), ("dns=maybe", "#/dns"), ("depth=3", "#/depth")):
        answer = client.post(f"/v1/score?{query}", content=MAIL, headers=MIME)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert client.post("/v1/score", content=b" ", headers=MIME).status_code == 422
    assert house.client("read").post("/v1/score", content=MAIL, headers=MIME).status_code == 403


def test_recipients_are_looked_at(house):
    """What the account knows of them counts; in this DNS no domain is there."""
    client = house.client()
    sent = client.post(
        "/v1/messages", json={"from": "a@example.com", "to": ["ann@example.net"], "subject": "x", "text": "x"}
    )
    house.happen(sent.json()["deliveries"][0]["id"], Fact.BOUNCED_INVALID, reason=Reason.INVALID_RECIPIENT)
    addresses = ["ann@example.net", "ANN@example.net", "bob@gmial.com", "no address"]
    answer = client.post("/v1/score/recipients", json={"addresses": addresses})
    assert answer.status_code == 200, answer.text
    told = msgspec.convert(answer.json(), score_shapes.ForecastOut)
    assert (told.addresses, told.mailed, told.duplicates, told.without.removed) == (4, 3, 1, 3)
    assert {each.id for each in told.signals} == {"bounced-before", "unknown-domain", "typo", "malformed"}
    assert [(each.domain, each.meant, each.number) for each in told.suggestions] == [("gmial.com", "gmail.com", 1)]
    assert [each.address for each in told.doubtful][0] == "no address"
    few = client.post("/v1/score/recipients", json={"addresses": addresses, "most": 1}).json()
    assert (len(few["doubtful"]), few["has_more"]) == (1, True)
    assert client.post("/v1/score/recipients", json={}).status_code == 422


def test_a_list_is_cleaned(house):
    """Who would bounce leaves the list and stays a contact; another account has no such list."""
    client = house.client()
    client.post("/v1/lists", json={"name": "news"})
    for name in ("ann", "bob"):
        spot = {"address": f"{name}@example.net"}
        client.post("/v1/contacts", json={"name": name, "addresses": [spot], "lists": ["news"]})
    foreseen = client.post("/v1/score/recipients", json={"list": "news"}).json()
    assert (foreseen["addresses"], foreseen["score"]) == (2, 0)
    assert house.client(account_id=2).post("/v1/lists/news/clean").status_code == 404
    cleaned = client.post("/v1/lists/news/clean")
    assert cleaned.status_code == 200, cleaned.text
    assert msgspec.convert(cleaned.json(), score_shapes.ListCleaned).removed == 2
    assert client.get("/v1/lists").json()["data"][0]["members"] == 0
    assert len(client.get("/v1/contacts").json()["data"]) == 2
    assert client.post("/v1/lists/news/clean").json()["removed"] == 0
    assert client.post("/v1/score/recipients", json={"list": "nope"}).status_code == 404


def test_what_is_added_when_it_is_sent_is_not_missed(house):
    """Mail of streams for many gets a way to opt out with one click, where visits are answered."""
    wanted = {
        "from": "shop@example.com",
        "subject": "News",
        "text": "Here",
        "stream": "broadcast",
        "to": "a@example.net",
    }
    place = "/v1/score?kind=broadcast&dns=false"
    assert "no-unsubscribe-header" in _ids(house.client().post(place, json=wanted))
    house.intake.tracking.url = "https://t.example.com"
    assert not {"no-unsubscribe-header", "unsubscribe-not-one-click"} & _ids(house.client().post(place, json=wanted))
