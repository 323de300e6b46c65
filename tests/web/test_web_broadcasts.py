"""Broadcasts over HTTP: drafts, their audience, what is wrong, and what can be done in which state."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aftersend import clock
from aftersend.web import broadcasts_shapes as shapes

MESSAGE: dict[str, Any] = {"from": "Shop <shop@example.com>", "subject": "For {{ name }}", "text": "Dear {{ name }}"}
CSV = {"content-type": "text/csv"}


@pytest.fixture
def client(house):
    """A client of an account with a list and somebody on it."""
    found = house.client()
    found.post("/v1/lists", json={"name": "letter"})
    person = {"name": "Ann", "addresses": [{"address": "ann@example.net"}], "lists": ["letter"]}
    assert found.post("/v1/contacts", json=person).status_code == 201
    return found


def drafted(client: Any, **more: Any) -> str:
    """A draft."""
    answer = client.post("/v1/broadcasts", json={"name": "News", "message": MESSAGE, **more})
    assert answer.status_code == 201, answer.text
    msgspec.convert(answer.json(), shapes.BroadcastWhole)
    return str(answer.json()["id"])


def test_a_draft_is_changed_listed_and_removed(client):
    """Until it is started."""
    shown = drafted(client, lists=["letter"])
    changed = {"name": "Other", "message": MESSAGE | {"subject": "Else"}, "type": "news"}
    told = client.put(f"/v1/broadcasts/{shown}", json=changed).json()
    assert (told["name"], told["message"]["subject"], told["stream"], told["lists"]) == (
        "Other",
        "Else",
        "broadcast",
        [],
    )
    assert [each["id"] for each in client.get("/v1/broadcasts").json()["data"]] == [shown]
    assert client.delete(f"/v1/broadcasts/{shown}").status_code == 204
    assert client.get(f"/v1/broadcasts/{shown}").status_code == 404


def test_the_audience_is_counted_before_it_starts(client):
    """Lists as they are now, and recipients that were handed over."""
    shown = drafted(client, lists=["letter"])
    csv = "email,name\nbob@example.net,Bob\n,Nobody\n"
    assert client.post(f"/v1/broadcasts/{shown}/recipients", content=csv, headers=CSV).json() == {"recipients": 2}
    more = {"recipients": [{"to": "Cat <cat@example.net>", "data": {"name": "Cat"}}]}
    assert client.post(f"/v1/broadcasts/{shown}/recipients", json=more).json() == {"recipients": 3}
    progress = client.get(f"/v1/broadcasts/{shown}").json()["progress"]
    assert (progress["expected"], progress["written"], progress["is_whole"]) == (4, 0, False)
    assert client.delete(f"/v1/broadcasts/{shown}/recipients").status_code == 204
    assert client.get(f"/v1/broadcasts/{shown}").json()["progress"]["expected"] == 1


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"message": MESSAGE | {"to": ["ann@example.net"]}}, "#/message/to"),
        ({"message": MESSAGE | {"from": "nobody"}}, "#/message/from"),
        ({"message": MESSAGE | {"stream": "nope"}}, "#/message/stream"),
        ({"message": MESSAGE | {"text": "{{ name"}}, "#/message/text"),
        ({"message": MESSAGE | {"headers": {"Feedback-ID": "x"}}}, "#/message/headers/Feedback-ID"),
        ({"message": MESSAGE | {"template": "nope"}}, "#/message/template"),
        ({"message": MESSAGE | {"scheduled_at": "2030-01-01T00:00:00Z"}}, "#/message/scheduled_at"),
        ({"lists": ["nope"]}, "#/lists"),
        ({"name": " "}, "#/name"),
        ({"nonsense": 1}, "#/nonsense"),
    ],
)
def test_what_is_wrong_is_named_at_once(client, change, pointer):
    """When it is written down, not when it is to go out."""
    answer = client.post("/v1/broadcasts", json={"name": "News", "message": MESSAGE, **change})
    assert answer.status_code == 422, answer.text
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]
    assert client.get("/v1/broadcasts").json()["data"] == []


def test_a_file_that_cannot_be_used_adds_nobody(client):
    """All of it or none; the lines are named."""
    shown = drafted(client)
    answer = client.post(f"/v1/broadcasts/{shown}/recipients", content="email\na@example.net\nb,c\n", headers=CSV)
    assert answer.status_code == 422
    assert "Line 3" in answer.text
    assert client.get(f"/v1/broadcasts/{shown}").json()["recipients"] == 0
    assert client.post(f"/v1/broadcasts/{shown}/recipients", content="name\nAnn\n", headers=CSV).status_code == 422


def test_what_can_be_done_depends_on_the_state(client):
    """A broadcast without an audience does not start; one that has started is not changed; nothing starts twice."""
    shown = drafted(client)
    place = f"/v1/broadcasts/{shown}"
    assert client.post(f"{place}/start").status_code == 422
    for verb in ("pause", "resume", "cancel"):
        assert client.post(f"{place}/{verb}").json()["type"].endswith("/p/broadcast-state")
    client.put(place, json={"name": "News", "lists": ["letter"], "message": MESSAGE})
    told = client.post(f"{place}/start", json={"scheduled_at": "2026-01-01T00:00:00Z"}).json()
    assert (told["state"], told["scheduled_at"]) == ("sending", None)
    msgspec.convert(told, shapes.BroadcastWhole)
    for method, path in (
        ("PUT", ""),
        ("DELETE", ""),
        ("POST", "/start"),
        ("POST", "/resume"),
        ("DELETE", "/recipients"),
    ):
        body = {"json": {"name": "x", "message": MESSAGE}} if method == "PUT" else {}
        assert client.request(method, place + path, **body).status_code == 409, (method, path)
    assert client.post(f"{place}/pause").json()["state"] == "paused"
    assert client.post(f"{place}/resume").json()["state"] == "sending"
    results = client.get(f"{place}/results").json()
    msgspec.convert(results, shapes.Results)
    assert (results["conserved"], results["is_whole"]) == (True, False)
    assert client.get("/v1/audit").json()["data"][0]["did"] == "resumed a broadcast"


def test_one_that_was_cancelled_before_its_time_never_was(house, client):
    """Nobody was written to, so nobody is counted."""
    shown = drafted(client, lists=["letter"])
    place = f"/v1/broadcasts/{shown}"
    tomorrow = clock.iso(house.now() + clock.DAY)
    assert client.post(f"{place}/start", json={"scheduled_at": tomorrow}).json()["state"] == "scheduled"
    assert client.post(f"{place}/pause").json()["state"] == "paused"
    assert client.post(f"{place}/resume").json()["state"] == "scheduled"
    told = client.post(f"{place}/cancel").json()
    assert (told["state"], told["progress"]["audience"]) == ("cancelled", 0)
    assert told["ended_at"]
    assert client.post(f"{place}/cancel").status_code == 409


def test_an_audience_is_chosen_by_what_is_known_of_people(client):
    """Of those on its lists, or of all; counted when it is kept."""
    for i, city in enumerate(("Wien", "Graz", "Wien")):
        person = {"name": f"P{i}", "addresses": [{"address": f"p{i}@example.net"}], "attributes": {"city": city}}
        client.post("/v1/contacts", json=person)
    shown = drafted(client, where="city = wien")
    told = client.get(f"/v1/broadcasts/{shown}").json()
    assert (told["where"], told["progress"]["expected"]) == ("city = wien", 2)
    told = client.put(
        f"/v1/broadcasts/{shown}", json={"name": "N", "message": MESSAGE, "lists": ["letter"], "where": "has city"}
    ).json()
    assert (told["lists"], told["progress"]["expected"]) == (["letter"], 0)
    wrong = client.post("/v1/broadcasts", json={"name": "N", "message": MESSAGE, "where": "city Wien"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "#/where")
    assert client.get("/v1/contacts/count", params={"where": "city = Wien"}).json() == {"people": 2}
    assert client.get("/v1/contacts/count", params={"list": "letter"}).json() == {"people": 1}
    rows = client.get("/v1/contacts", params={"where": "city = Wien", "limit": 1}).json()
    assert ([row["name"] for row in rows["data"]], rows["has_more"]) == (["P0"], True)
    assert client.get(rows["next"]).json()["data"][0]["name"] == "P2"
