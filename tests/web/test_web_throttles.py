"""Rates over HTTP: an account its own, the operator those for all; felt by what is sent next."""

from __future__ import annotations

import pytest

HELLO = {"from": "shop@example.com", "to": "ann@example.net", "subject": "Hello", "text": "Hi", "stream": "general"}


def test_they_are_set_listed_and_removed(house):
    """By their scope and name."""
    client, other = house.client(), house.client(account_id=2)
    asked = {"scope": "domain", "name": "Example.net", "rate": "600/hour"}
    made = client.put("/v1/throttles", json=asked).json()
    assert (made["name"], made["everywhere"]) == ("example.net", False)
    assert other.get("/v1/throttles").json()["data"] == []
    client.post("/v1/messages", json=HELLO)
    client.post("/v1/messages", json=HELLO | {"to": "bob@example.org"})
    assert sorted(row["stage"] for row in client.get("/v1/queue").json()["data"]) == ["delivery", "treatment"]
    assert other.put("/v1/throttles", json=asked | {"everywhere": True}).status_code == 403
    assert client.put("/v1/throttles", json=asked | {"everywhere": True}).status_code == 200
    assert [row["everywhere"] for row in other.get("/v1/throttles").json()["data"]] == [True]
    assert client.delete("/v1/throttles?scope=domain&name=example.net").status_code == 204
    assert client.delete("/v1/throttles?scope=domain&name=example.net").status_code == 404
    assert client.delete("/v1/throttles?scope=domain&name=example.net&everywhere=true").status_code == 204
    assert client.get("/v1/audit").json()["data"][0]["did"] == "removed a rate"


def test_what_mail_goes_from_is_the_operator_s(house):
    """Rates of a node or an address hold for everybody, also without that being said."""
    asked = {"scope": "address", "name": "192.0.2.1", "rate": "warm-up"}
    client = house.client()
    assert house.client(account_id=2).put("/v1/throttles", json=asked).status_code == 403
    assert client.put("/v1/throttles", json=asked).json()["everywhere"] is True
    assert client.put("/v1/throttles", json={"scope": "node", "name": "one", "rate": "5/day"}).status_code == 200
    assert client.delete("/v1/throttles?scope=address&name=192.0.2.1").status_code == 204
    assert [row["scope"] for row in client.get("/v1/throttles").json()["data"]] == ["node"]


@pytest.mark.parametrize(
    ("wrong", "pointer"), [({"scope": "stream"}, "#/scope"), ({"rate": "fast"}, "#/rate"), ({"name": "x y"}, "#/name")]
)
def test_what_is_wrong_is_named(house, wrong, pointer):
    """With its field."""
    asked = {"scope": "domain", "name": "example.net", "rate": "600/hour"} | wrong
    answer = house.client().put("/v1/throttles", json=asked)
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
