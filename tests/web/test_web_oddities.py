"""Values that nobody should send are the sender's fault, on either engine: told what is wrong, never that it is our fault."""

from __future__ import annotations

import pytest
from test_console_entering import browser

NUL = "a\0b"
ODD = [
    ("POST", "/v1/credits", {"account": NUL, "amount": 1}),
    ("POST", "/v1/credits", {"account": "9" * 5000, "amount": 1}),
    ("POST", "/v1/credits", {"account": "\u00b2", "amount": 1}),
    ("POST", "/v1/credits", {"account": str(2**63), "amount": 1}),
    ("PUT", "/v1/credits/plan", {"account": NUL}),
    ("PUT", "/v1/moderation/policy", {"account": NUL}),
    ("POST", "/v1/erasures", {"address": ""}),
    ("POST", "/v1/erasures", {"address": " "}),
    ("POST", "/v1/erasures", {"address": NUL}),
    ("POST", "/v1/webhooks/whk_0000000000001/replay", {"sequence": 2**200}),
    ("POST", "/v1/webhooks/whk_0000000000001/replay", {"sequence": -(2**63) - 1}),
    *(
        (
            "POST",
            "/v1/score",
            {"from": "a@example.com", "text": "x", "recipients": [{"to": "b@example.net", "data": odd}]},
        )
        for odd in ("x", 7, 1.5, True, ["x"])
    ),
]


def test_odd_values_are_refused(house_on_each_engine):
    """With 4xx; the store is not asked what it cannot be asked."""
    client = house_on_each_engine.client()
    for method, path, body in ODD:
        answer = client.request(method, path, json=body)
        assert 400 <= answer.status_code < 500, (path, body, answer.text)


@pytest.mark.parametrize("form", [{"email": "\0", "password": "x"}, {"email": "a@example.com", "password": "\0"}])
def test_a_form_with_a_nul_is_refused(house_on_each_engine, form):
    """No text has one, and PostgreSQL keeps none."""
    assert browser(house_on_each_engine).post("/console/sign-in", data=form).status_code == 400
