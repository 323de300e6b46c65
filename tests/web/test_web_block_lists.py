"""Lists over HTTP: whole domains, and the list of the installation, which only whoever runs it may change."""

from __future__ import annotations

HELLO = {"from": "shop@example.com", "to": "ann@listed.example", "subject": "Hello", "text": "Hi"}


def test_a_whole_domain(house):
    """It stops every address of the domain; the entry is found by any of them, and taken off by its own name."""
    client = house.client()
    made = client.put("/v1/suppressions/@Listed.Example", json={"why": "asked"}).json()
    assert (made["recipient"], made["origin"]) == ("@listed.example", "configured")
    client.post("/v1/messages", json=HELLO)
    assert [row["stage"] for row in client.get("/v1/queue").json()["data"]] == ["treatment"]
    (entry,) = client.get("/v1/suppressions/ann@listed.example").json()["data"]
    assert entry["recipient"] == "@listed.example"
    assert client.delete("/v1/suppressions/ann@listed.example").status_code == 404
    assert client.delete("/v1/suppressions/@listed.example").status_code == 204
    assert client.put("/v1/suppressions/@no domain", json={}).status_code == 422


def test_what_is_listed_for_all(house):
    """Every account is told; only the operator lists and takes off, and his own list stays another."""
    operator, other = house.client(), house.client(account_id=2)
    for answer in (
        other.put("/v1/suppressions/trap@example.net", json={"everywhere": True}),
        other.get("/v1/suppressions?everywhere=true"),
        other.delete("/v1/suppressions/trap@example.net?everywhere=true"),
    ):
        assert answer.status_code == 403
        assert answer.json()["type"].endswith("/p/scope-missing")
    made = operator.put("/v1/suppressions/trap@example.net", json={"everywhere": True, "cause": "trap"}).json()
    assert made["origin"] == "platform"
    assert operator.get("/v1/suppressions").json()["data"] == []
    assert [row["cause"] for row in operator.get("/v1/suppressions?everywhere=true").json()["data"]] == ["trap"]
    other.post("/v1/messages", json=HELLO | {"to": "trap@example.net"})
    assert [row["stage"] for row in other.get("/v1/queue").json()["data"]] == ["treatment"]
    (entry,) = other.get("/v1/suppressions/trap@example.net").json()["data"]
    assert entry["origin"] == "platform"
    assert other.delete("/v1/suppressions/trap@example.net").status_code == 404
    wrong = operator.put("/v1/suppressions/trap@example.net", json={"everywhere": True, "stream": "general"})
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["#/stream"]
    assert operator.delete("/v1/suppressions/trap@example.net?everywhere=true").status_code == 204
