"""Contacts and lists over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from aftersend import clock
from aftersend.broadcasts import files
from aftersend.web import contacts_shapes

ANN = {"name": "Ann", "addresses": [{"address": "ann@example.net", "types": ["news"]}], "attributes": {"city": "Wien"}}
CSV = {"content-type": "text/csv; charset=utf-8"}


def test_contacts_are_made_changed_listed_and_forgotten(house):
    """What is given comes back, in the described form."""
    client = house.client()
    assert client.post("/v1/lists", json={"name": "news"}).status_code == 201
    assert client.post("/v1/lists", json={"name": "news"}).status_code == 409
    made = client.post("/v1/contacts", json=ANN | {"lists": ["news"]})
    assert made.status_code == 201
    msgspec.convert(made.json(), contacts_shapes.Contact)
    place = f"/v1/contacts/{made.json()['id']}"
    assert client.get(place).json() == made.json()
    assert client.get("/v1/contacts?list=news&q=ANN").json()["data"] == [made.json()]
    assert client.get("/v1/contacts?list=nope").status_code == 404
    assert client.post("/v1/contacts", json=ANN).status_code == 409
    changed = client.put(place, json=ANN | {"name": "Anna"})
    assert (changed.status_code, changed.json()["name"], changed.json()["lists"]) == (200, "Anna", [])
    assert client.delete(place).status_code == 204
    assert client.get(place).status_code == 404
    assert client.delete("/v1/lists/news").status_code == 204
    assert client.get("/v1/lists").json()["data"] == []
    assert "removed a contact" in client.get("/v1/audit").text


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"addresses": []}, "#/addresses"),
        ({"addresses": [{"address": "nobody"}]}, "#/addresses/0/address"),
        ({"addresses": [{"address": "a@example.net"}, {"address": "A@example.net"}]}, "#/addresses/1/address"),
        ({"attributes": {"first name": "x"}}, "#/attributes/first name"),
        ({"attributes": {"x": "\0"}}, "#/attributes"),
        ({"name": "a\nb"}, "#/name"),
        ({"lists": ["nope"]}, "#/lists"),
    ],
)
def test_what_cannot_be_kept_is_named(house, wrong, pointer):
    """By its field."""
    answer = house.client().post("/v1/contacts", json=ANN | wrong)
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_a_file_is_imported(house):
    """Previewed, refused whole if that is asked, and taken in with the rows left out named."""
    client = house.client()
    client.post("/v1/lists", json={"name": "news"})
    content = b"Kontakt,name\nann@example.net,Ann\nnobody,N\nbob@example.net,Bob\n"
    address = "/v1/contacts/import?column=Kontakt%3Demail&list=news"
    for more in ("&preview=true", "&strict=true"):
        told = client.post(address + more, content=content, headers=CSV).json()
        assert (told["created"], told["wrong"], told["is_kept"]) == (2, 1, False)
        assert client.get("/v1/contacts").json()["data"] == []
    told = client.post(address, content=content, headers=CSV).json()
    msgspec.convert(told, contacts_shapes.Imported)
    assert (told["rows"], told["created"], told["changed"], told["is_kept"]) == (3, 2, 0, True)
    assert [fault["line"] for fault in told["faults"]] == [3]
    assert client.post(address, content=content, headers=CSV).json()["changed"] == 2
    assert client.get("/v1/lists").json()["data"][0]["members"] == 2


@pytest.mark.parametrize(
    ("query", "content", "status"),
    [
        ("", b"name\nAnn\n", 422),
        ("?list=nope", b"email\nann@example.net\n", 422),
        ("?nope=1", b"email\nann@example.net\n", 422),
        ("?column=x", b"email\nann@example.net\n", 422),
        ("?strict=maybe", b"email\nann@example.net\n", 422),
        ("", b"", 400),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(house, query, content, status):
    """With nothing kept."""
    client = house.client()
    answer = client.post(f"/v1/contacts/import{query}", content=content, headers=CSV)
    assert answer.status_code == status, answer.text
    assert client.get("/v1/contacts").json()["data"] == []


def taken_in(house: Any) -> None:
    """Let files that wait be taken in."""
    taker = files.Taker(house.store, clock.now, node=1, new_id=house.ids)

    async def work() -> None:
        for _ in range(20):
            await taker.run_due()

    house.call(work())


def test_a_long_file_is_taken_in_beside_everything_else(house):
    """The answer comes at once; it says how far it has come, and names every row that was left out."""
    client = house.client()
    rows = "".join(f"p{i}@example.net,Wien\n" if i else "nobody,\n" for i in range(3000))
    place = "/v1/imports?preview=true&column=Stadt%3Dcity"
    asked = client.post(place, content=f"email,Stadt\n{rows}".encode(), headers=CSV)
    told = asked.json()
    assert (asked.status_code, told["state"], told["total"], told["is_over"]) == (202, "waiting", 3000, False)
    place = asked.headers["location"]
    assert client.post(f"{place}/keep").json()["type"].endswith("/p/import-state")
    taken_in(house)
    told = client.get(place).json()
    assert (told["state"], told["rows"], told["created"], told["wrong"]) == ("ready", 3000, 2999, 1)
    assert client.get("/v1/contacts").json()["data"] == []
    assert client.post(f"{place}/keep").status_code == 202
    taken_in(house)
    told = client.get(place).json()
    assert (told["state"], told["is_over"], client.get("/v1/imports").json()["data"]) == ("done", True, [told])
    assert client.get("/v1/contacts/count", params={"where": "city = wien"}).json() == {"people": 2999}
    faults = client.get(f"{place}/faults").json()
    assert [(each["line"], each["row"]) for each in faults["data"]] == [(2, "nobody, ")]
    assert client.delete(place).status_code == 204
    assert client.get(f"{place}/faults").status_code == 404


def test_a_long_file_that_cannot_be_used_is_refused_at_once(house):
    """Where that shows in its first line, or in what is asked."""
    client = house.client()
    for query, content in (
        ("", b"name\nAnn\n"),
        ("?list=none", b"email\na@b.cc\n"),
        ("?column=x%3Dy", b"email\na@b.cc\n"),
    ):
        assert client.post(f"/v1/imports{query}", content=content, headers=CSV).status_code == 422
    assert client.get("/v1/imports").json()["data"] == []
