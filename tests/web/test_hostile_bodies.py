"""Whatever the body is, whoever sent it is told what is wrong with it; it is never a fault of ours."""

from __future__ import annotations

import gzip
import re
from typing import Any

import pytest

from aftersend.web.calls import JSON
from aftersend.web.console import templated
from aftersend.web.routes import ROUTES

BODIES: dict[str, bytes] = {
    "no UTF-8 in a name": b'{"\xffname": "x", "message": {}}',
    "no UTF-8 in a value": b'{"name": "\xff"}',
    "half a character": b'{"name": "\\ud800", "message": {"from": "\\ud800", "to": ["\\udfff@x.example"], "text": "\\ud800"}}',
    "NUL": b'{"name": "\\u0000", "from": "\\u0000", "to": "a\\u0000@x.example", "subject": "\\u0000", "text": "\\u0000"}',
    "too deep": b"[" * 100_000,
    "objects too deep": b'{"a":' * 50_000,
    "a number beyond all": b'{"name": 1e99999, "credits": ' + b"9" * 5000 + b"}",
    "not an object": b'"' + b"x" * 100_000 + b'"',
    "only spaces": b" " * 1000,
    "another encoding": '{"name": "x"}'.encode("utf-16"),
    "compressed": gzip.compress(b"{}" * 1000),
}


@pytest.mark.parametrize("body", sorted(BODIES))
def test_no_body_is_a_fault_of_ours(house: Any, body: str) -> None:
    """Each route that takes JSON answers with 4xx to what is none, or cannot be kept."""
    client = house.client()
    taking = [route for route in ROUTES if route.takes is not None]
    assert len(taking) > 20
    for route in taking:
        path = re.sub(r"\{(\w+)(:path)?\}", "x", route.path)
        answer = client.request(route.method, path, content=BODIES[body], headers={"content-type": JSON})
        assert 400 <= answer.status_code < 500, (route.name, answer.text)
        assert answer.json()["detail"], route.name


BREAK = "a\r\nBcc: evil@example.net"


@pytest.mark.parametrize(
    "field", ["from", "to", "cc", "reply_to", "subject", "header name", "header", "filename", "type", "stream", "tag"]
)
def test_no_field_of_a_message_makes_a_header_of_its_own(house: Any, field: str) -> None:
    """A line break in a field is refused, and the field is named."""
    message: dict[str, Any] = {"from": "a@example.com", "to": ["b@example.net"], "subject": "x", "text": "x"}
    part = {"filename": "a.txt", "content": "eA==", "content_type": "text/plain"}
    message |= {
        "from": {"from": f"{BREAK} <a@example.com>"},
        "to": {"to": [f"{BREAK} <b@example.net>"]},
        "cc": {"cc": [f"{BREAK} <b@example.net>"]},
        "reply_to": {"reply_to": [f"{BREAK} <b@example.net>"]},
        "subject": {"subject": BREAK},
        "header name": {"headers": {"X-A: 1\r\nBcc": "evil@example.net"}},
        "header": {"headers": {"X-A": BREAK}},
        "filename": {"attachments": [part | {"filename": BREAK}]},
        "type": {"attachments": [part | {"content_type": "text/plain\r\nBcc: evil@example.net"}]},
        "stream": {"stream": BREAK},
        "tag": {"tags": [BREAK]},
    }[field]
    answer = house.client().post("/v1/messages", json=message)
    assert answer.status_code == 422, answer.text
    assert all(each["pointer"].startswith("#/") for each in answer.json()["errors"])
    assert house.client().get("/v1/messages").json()["data"] == []


def test_values_that_are_nested_too_deep_are_no_values() -> None:
    """What a person types beside a preview is read without harm."""
    assert templated.read_data('{"a":' * 100_000) == {}


@pytest.mark.parametrize("depth", [300, 600, 900, 960])
@pytest.mark.parametrize("text", ["{{ a }}", "{% if a %}{{ a }}{% endif %}"])
def test_no_depth_of_data_is_a_fault_of_ours(house: Any, text: str, depth: int) -> None:
    """What is nested as deep as can be read is taken, or refused with a reason."""
    data = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    body = b'{"from":"a@example.com","subject":"x","to":["b@example.net"],"text":"%s","data":%s}' % (
        text.encode(),
        data,
    )
    answer = house.client().post("/v1/messages", content=body, headers={"content-type": JSON})
    assert answer.status_code in (202, 400, 422), (answer.status_code, answer.text[:300])
