"""Credits over HTTP: an account sees its own, and only the operator puts some in."""

from __future__ import annotations

import pytest


def test_the_operator_tops_up_and_the_account_sees_it(house):
    """With the ledger behind it, and a note in the audit of the account that got it."""
    operator, other = house.client(), house.client(account_id=2)
    assert not other.get("/v1/credits").json()["counted"]
    answer = operator.post("/v1/credits", json={"amount": 500, "why": "Invoice 7", "account": "other"})
    assert (answer.status_code, answer.json()["available"]) == (200, 500)
    assert other.get("/v1/credits").json()["available"] == 500
    assert not operator.get("/v1/credits").json()["counted"]
    (entry,) = other.get("/v1/credits/entries").json()["data"]
    assert (entry["amount"], entry["why"], entry["who"]) == (500, "Invoice 7", "key test")
    assert other.get("/v1/audit").json()["data"][0]["did"] == "topped up credits"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/v1/credits"), ("PUT", "/v1/credits/plan"), ("DELETE", "/v1/credits/plan"), ("DELETE", "/v1/credits")],
)
def test_no_account_helps_itself(house, method, path):
    """Not with all scopes of its own, and it cannot make itself a key that may."""
    client = house.client(account_id=2)
    answer = client.request(method, path, **({"json": {"amount": 5}} if method in ("POST", "PUT") else {}))
    assert answer.status_code == 403
    assert client.post("/v1/keys", json={"name": "more", "scopes": ["operate"]}).status_code == 422


def test_counted_mail_waits_from_the_first_message_on(house):
    """The change is felt at once: what was sent before is not counted, what is sent afterwards is."""
    client = house.client()
    client.post("/v1/credits", json={"amount": 1})
    hello = {"from": "shop@example.com", "to": "ann@example.net", "subject": "Hello", "text": "Hi"}
    assert client.post("/v1/messages", json=hello).status_code == 202
    assert [row["stage"] for row in client.get("/v1/queue").json()["data"]] == ["treatment"]
    assert client.delete("/v1/credits").status_code == 204
    assert client.post("/v1/messages", json=hello).status_code == 202
    assert sorted(row["stage"] for row in client.get("/v1/queue").json()["data"]) == ["delivery", "treatment"]


def test_plans_and_pages(house):
    """A plan shows when it renews; the ledger is given in pages; what is wrong is named."""
    client = house.client()
    plan = client.put("/v1/credits/plan", json={"amount": 100, "period": "day", "mode": "add"}).json()["plan"]
    assert (plan["amount"], plan["period"], plan["mode"]) == (100, "day", "add")
    client.post("/v1/credits", json={"amount": -30})
    page = client.get("/v1/credits/entries?limit=1").json()
    assert (page["data"][0]["amount"], page["has_more"]) == (-30, True)
    assert client.get(page["next"]).json()["data"][0]["kind"] == "plan"
    assert client.delete("/v1/credits/plan").json()["plan"] is None
    for wrong, pointer in (({"amount": 0}, "#/amount"), ({"amount": 5, "account": "nobody"}, None)):
        answer = client.post("/v1/credits", json=wrong)
        assert answer.status_code == (422 if pointer else 404)
    answer = client.put("/v1/credits/plan", json={"amount": 5, "period": "fortnight"})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/period"]
