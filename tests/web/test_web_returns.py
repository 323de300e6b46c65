"""Returned mail that nobody understood: looked at, taught, thrown away over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from aftersend.store import returned
from aftersend.store.returned import Returned

HELLO = {"from": "shop@example.com", "to": "ann@example.net", "subject": "Hello", "text": "Hi"}
ODD = b"From: jemand@example.net\r\nSubject: Zustellung\r\n\r\nDas ging nicht. \xff<script>\r\n"


def came(house: Any, delivery_id: int | None = None) -> str:
    """Something came back that no rule knows; return its id."""
    kept = Returned(house.ids(), "b+x@mx.example.org", "", "192.0.2.1", ODD, house.now())
    house.run(returned.put_aside, 1, kept, why="No rule knows it.", subject="Zustellung", delivery_id=delivery_id)
    return str(house.client().get("/v1/returns?limit=1").json()["data"][0]["id"])


def test_they_are_listed_newest_first_and_the_original_is_kept_byte_for_byte(house):
    """Pages, the report of the rules as they are now, and a download that no browser shows."""
    client = house.client()
    first, second, third = (came(house) for _ in range(3))
    page = client.get("/v1/returns", params={"limit": 2}).json()
    assert [row["id"] for row in page["data"]] == [third, second]
    assert page["has_more"]
    rest = client.get(page["next"]).json()
    assert ([row["id"] for row in rest["data"]], rest["has_more"], rest["next"]) == ([first], False, None)
    one = client.get(f"/v1/returns/{second}").json()
    assert (one["why"], one["size"], "\\xff<script>" in one["original"]) == ("No rule knows it.", len(ODD), True)
    assert one["report"]["action"] == "not_a_bounce"
    original = client.get(f"/v1/returns/{second}/original")
    assert original.content == ODD
    assert original.headers["content-type"] == "message/rfc822"
    assert original.headers["content-disposition"].startswith("attachment;")


def test_who_wrote_it_is_told_as_one_line_of_text(house_on_each_engine):
    """By its From, folded and encoded as it may be, with line ends of any kind; hostile words stay words, and none is no fault."""
    heads = {
        b"From: =?utf-8?q?J=C3=B6rg?=\n <joerg@example.net>\nSubject: x\n\nno": "Jörg <joerg@example.net>",
        b"From: =?utf-8?q?a=0Db=1B=5B2J?= <x@example.net>\r\n\r\n": None,
        b"Subject: x\r\n\r\nFrom: body@example.net\r\n": "",
        b"\x00\xff" * 20_000: "",
    }
    house = house_on_each_engine
    for raw in heads:
        kept = Returned(house.ids(), "b-x@mx.example.org", "", "192.0.2.1", raw, house.now())
        house.run(returned.put_aside, 1, kept, why="No rule knows it.", subject="x")
    listed = house.client().get("/v1/returns").json()["data"][::-1]
    for row, expected in zip(listed, heads.values(), strict=True):
        assert row["from"].isprintable()
        assert expected is None or row["from"] == expected
        assert house.client().get(f"/v1/returns/{row['id']}").json()["from"] == row["from"]


def test_what_is_taught_is_a_fact_of_its_delivery(house):
    """It leaves the list, stands in the delivery's history, and in the audit with who said so."""
    client = house.client()
    delivery = client.post("/v1/messages", json=HELLO).json()["deliveries"][0]["id"]
    unread = came(house)
    answer = client.post(f"/v1/returns/{unread}/teach", json={"reason": "complaint", "delivery_id": delivery})
    assert answer.status_code == 200, answer.text
    assert answer.json()["delivery_id"] == delivery
    assert client.get("/v1/returns").json()["data"] == []
    assert "complained" in [each["fact"] for each in client.get(f"/v1/deliveries/{delivery}/events").json()["data"]]
    assert any(unread in each["what"] for each in client.get("/v1/audit").json()["data"])


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"reason": "mailbox_full"}, 422, "#/delivery_id"),
        ({"reason": "nonsense", "delivery_id": "its"}, 422, "#/reason"),
        ({"reason": "mailbox_full", "delivery_id": "dlv_0000000000001"}, 404, None),
        ({"reason": "mailbox_full", "delivery_id": "ann"}, 404, None),
        ({}, 422, "#/reason"),
    ],
)
def test_what_cannot_be_taught_changes_nothing(house, body, status, pointer):
    """The field is named, and the mail stays on the list."""
    client = house.client()
    delivery = client.post("/v1/messages", json=HELLO).json()["deliveries"][0]["id"]
    unread = came(house)
    if body.get("delivery_id") == "its":
        body = body | {"delivery_id": delivery}
    answer = client.post(f"/v1/returns/{unread}/teach", json=body)
    assert answer.status_code == status, answer.text
    if pointer:
        assert pointer in [each["pointer"] for each in answer.json()["errors"]]
    assert [row["id"] for row in client.get("/v1/returns").json()["data"]] == [unread]


def test_one_is_thrown_away_once(house):
    """204, then 404; a key that only reads may not."""
    unread = came(house)
    client = house.client()
    assert client.delete(f"/v1/returns/{unread}").status_code == 204
    assert client.delete(f"/v1/returns/{unread}").status_code == 404
