"""One message to everybody on a list."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aftersend.web import contacts_shapes

NEWS: dict[str, Any] = {
    "from": "Shop <shop@example.com>",
    "subject": "News for {{ name }}",
    "text": "Dear {{ name }} in {{ city }}",
    "stream": "news",
}


@pytest.fixture
def client(house):
    """A client of an account with a stream, a list and three people on it."""
    found = house.client()
    found.post("/v1/streams", json={"name": "news"})
    found.post("/v1/lists", json={"name": "letter"})
    for name, types in (("Ann", []), ("Bob", ["offers"]), ("Cat", ["letter"])):
        spots = [{"address": f"{name}@example.net", "types": types}]
        person = {"name": name, "addresses": spots, "attributes": {"city": "Wien"}, "lists": ["letter"]}
        assert found.post("/v1/contacts", json=person).status_code == 201
    return found


def test_everybody_on_the_list_is_accounted_for(client):
    """A delivery each for those with an address chosen for it; the others are counted; together they are the list."""
    answer = client.post("/v1/lists/letter/messages?type=letter", json=NEWS)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    msgspec.convert(told, contacts_shapes.ListAccepted)
    assert [each["recipient"] for each in told["deliveries"]] == ["Ann@example.net", "Cat@example.net"]
    assert (told["members"], told["no_email_selected"]) == (3, 1)
    assert client.get(f"/v1/messages/{told['id']}").json()["subject"] == "News for {{ name }}"
    told = client.post("/v1/lists/letter/messages", json=NEWS).json()
    assert (len(told["deliveries"]), told["no_email_selected"]) == (1, 2)


def test_the_same_request_again_sends_nothing_twice(client):
    """With an idempotency key."""
    key = {"idempotency-key": "letter-1"}
    first, again = (client.post("/v1/lists/letter/messages", json=NEWS, headers=key) for _ in range(2))
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"


def test_more_than_a_thousand_get_it(client):
    """The list is not bound by what fits into one request."""
    content = "email,city,name\n" + "".join(f"n{i}@example.net,Graz,N{i}\n" for i in range(1500))
    client.post("/v1/contacts/import?list=letter", content=content.encode(), headers={"content-type": "text/csv"})
    told = client.post("/v1/lists/letter/messages?type=letter", json=NEWS).json()
    assert (len(told["deliveries"]), told["members"]) == (1502, 1503)


@pytest.mark.parametrize(
    ("change", "pointer", "word"),
    [
        ({"stream": None}, "#/stream", "stream"),
        ({"to": ["ann@example.net"]}, "#/to", "list"),
        ({"text": "{{ country }}"}, "#/list", "Ann@example.net"),
        ({"stream": "nope"}, "#/stream", "nope"),
    ],
)
def test_what_is_wrong_is_named(client, change, pointer, word):
    """A member by his address; nothing is kept."""
    answer = client.post("/v1/lists/letter/messages", json=NEWS | change)
    assert answer.status_code == 422, answer.text
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]
    assert word in answer.text
    assert client.get("/v1/deliveries").json()["data"] == []


def test_a_list_with_nobody_is_refused(client):
    """And one that is not there."""
    client.post("/v1/lists", json={"name": "empty"})
    assert client.post("/v1/lists/empty/messages", json=NEWS).status_code == 422
    assert client.post("/v1/lists/nope/messages", json=NEWS).status_code == 404
