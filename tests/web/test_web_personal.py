"""One request, many recipients, each with his own data."""

from __future__ import annotations

from typing import Any

import pytest

NEWS: dict[str, Any] = {
    "from": "Shop <shop@example.com>",
    "subject": "For {{ name }}",
    "text": "Dear {{ name }}, your number is {{ order.number }}. {{ shop }}",
    "data": {"shop": "Shoes"},
    "recipients": [
        {"to": "Ann <ann@example.net>", "data": {"name": "Ann", "order": {"number": 1}}},
        {"to": "bob@example.net", "data": {"name": "Bob", "order": {"number": 2}, "shop": "Hats"}},
    ],
}


def faults(answer: Any) -> dict[str, str]:
    """Pointer and code of each fault."""
    return {each["pointer"]: each["code"] for each in answer.json()["errors"]}


def test_each_recipient_has_a_delivery_and_the_content_is_kept_once(house):
    """202; what is shown as the content has its tags."""
    client = house.client()
    answer = client.post("/v1/messages", json=NEWS)
    assert answer.status_code == 202
    told = answer.json()
    assert [each["recipient"] for each in told["deliveries"]] == ["ann@example.net", "bob@example.net"]
    content = client.get(f"/v1/messages/{told['id']}/content").content
    assert b"Subject: For {{ name }}\r\n" in content
    assert b"undisclosed-recipients" in content
    assert client.get(f"/v1/messages/{told['id']}").json()["subject"] == "For {{ name }}"


def test_all_that_is_missing_is_named_at_once(house):
    """422, with the recipient and the tag; nothing is kept."""
    wrong = NEWS | {
        "recipients": [*NEWS["recipients"], {"to": "carl@example.net", "data": {"name": "C"}}, {"to": "nobody"}]
    }
    client = house.client()
    answer = client.post("/v1/messages", json=wrong)
    assert (answer.status_code, faults(answer)) == (422, {"#/recipients/3/to": "invalid-address"})
    del wrong["recipients"][3]
    answer = client.post("/v1/messages", json=wrong)
    assert faults(answer) == {"#/recipients/2/data/order.number": "undefined-tag"}
    assert client.get("/v1/deliveries").json()["data"] == []


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"to": "x@example.net"}, "#/to", "invalid-field"),
        (
            {"recipients": [{"to": "a@example.net"}, {"to": "A@Example.net"}]},
            "#/recipients/1/to",
            "duplicate-recipient",
        ),
        ({"subject": "{% if %}"}, "#/subject", "template-failed"),
        ({"data": {"_to": "x"}}, "#/data", "invalid-field"),
        ({"recipients": [{"to": "a@example.net", "dat": {}}]}, "#/recipients/0/dat", "unknown-field"),
        (
            {"recipients": [{"to": "a@example.net", "data": {"x": "y" * 20_000}}]},
            "#/recipients/0/data",
            "invalid-field",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(house, change, pointer, code):
    """Field and remedy."""
    answer = house.client().post("/v1/messages", json=NEWS | change)
    assert answer.status_code == 422
    assert faults(answer).get(pointer) == code


def test_a_recipient_that_cannot_be_read_is_the_only_fault(house):
    """Nobody is told to name a recipient who has named some."""
    change = {"recipients": [{"to": "ann@example.net", "data": [1]}]}
    assert faults(house.client().post("/v1/messages", json=NEWS | change)) == {"#/recipients/0/data": "invalid-field"}


def test_the_same_request_again_sends_nothing_twice(house):
    """The whole request counts: other data under the same key is a conflict."""
    client = house.client()
    headers = {"idempotency-key": "news-1"}
    first = client.post("/v1/messages", json=NEWS, headers=headers)
    again = client.post("/v1/messages", json=NEWS, headers=headers)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert first.json() == again.json()
    other = client.post("/v1/messages", json=NEWS | {"data": {"shop": "Gloves"}}, headers=headers)
    assert other.status_code == 409


def test_data_for_all_fills_an_ordinary_message(house):
    """With to, the message is filled once."""
    client = house.client()
    body = {"from": "shop@example.com", "to": "ann@example.net", "subject": "Hi {{ a }}", "html": "<p>{{ a }}</p>", "data": {"a": "<b>"}}  # fmt: skip
    told = client.post("/v1/messages", json=body).json()
    content = client.get(f"/v1/messages/{told['id']}/content").content
    assert b"Subject: Hi <b>\r\n" in content
    assert b"<p>&lt;b&gt;</p>" in content
    answer = client.post("/v1/messages", json=body | {"data": {}})
    assert faults(answer) == {"#/subject": "undefined-tag", "#/html": "undefined-tag"}


def test_without_data_braces_are_only_braces(house):
    """Who asks for no merge gets none."""
    client = house.client()
    told = client.post("/v1/messages", json={"from": "a@example.com", "to": "b@example.net", "text": "{{ x }}"}).json()
    assert b"{{ x }}" in client.get(f"/v1/messages/{told['id']}/content").content


def test_a_template_does_not_grow_beyond_what_is_taken(make_house):
    """A small request could make gigabytes of mail: each copy has a size, and what all get as well."""
    client = make_house(max_size=100_000).client()
    large = {"to": "ann@example.net", "data": {"name": "x" * 1000, "order": {"number": 1}}}
    answer = client.post("/v1/messages", json=NEWS | {"text": "{{ name }}" * 200, "recipients": [large]})
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (413, "too-large")
    assert (
        client.post("/v1/messages", json=NEWS | {"text": "{{ name }}" * 20, "recipients": [large]}).status_code == 202
    )
    filled = {"from": "a@example.com", "to": "ann@example.net", "text": "{{ x }}" * 1000, "data": {"x": "y" * 5000}}
    answer = client.post("/v1/messages", json=filled)
    assert faults(answer) == {"#/text": "template-failed"}
