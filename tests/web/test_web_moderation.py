"""Moderation over HTTP: an account sees its own, and only whoever runs the installation decides."""

from __future__ import annotations

import pytest

from aftersend.store import moderation

HELLO = {"from": "shop@example.com", "to": "ann@example.net", "subject": "Offer", "text": "Hi"}
FINDINGS = {"version": 1, "findings": [{"rule": "by_hand", "why": "A person looks at it."}], "engines": []}


def judged(house, client, account=1, subject="Offer"):
    """A message of an account that awaits a moderator."""
    sent = client.post("/v1/messages", json=HELLO | {"subject": subject}).json()["id"]
    from aftersend import ids

    house.run(
        moderation.judged, account, ids.read("msg", sent), is_pending=True, why="A person looks at it.",
        findings=FINDINGS, recipients=1, now=house.now(),
    )  # fmt: skip
    return sent


def test_who_sees_what(house):
    """The account its own, the operator all that he asks for."""
    operator, other = house.client(), house.client(account_id=2)
    mine, theirs = judged(house, operator), judged(house, other, 2, "Theirs")
    assert [row["id"] for row in operator.get("/v1/moderation").json()["data"]] == [mine]
    assert [row["id"] for row in operator.get("/v1/moderation?account=*").json()["data"]] == [theirs, mine]
    assert [row["account"] for row in operator.get("/v1/moderation?account=other").json()["data"]] == ["other"]
    assert [row["id"] for row in other.get("/v1/moderation").json()["data"]] == [theirs]
    assert other.get("/v1/moderation?account=*").status_code == 403
    assert other.get(f"/v1/moderation/{mine}").status_code == 404
    whole = operator.get(f"/v1/moderation/{theirs}").json()
    assert (whole["first_recipients"], "Subject: Theirs" in whole["content"]) == (["ann@example.net"], True)
    assert operator.get("/v1/moderation?q=their&account=*&state=pending").json()["data"][0]["id"] == theirs
    for wrong in ("state=odd", "rule=odd"):
        assert operator.get(f"/v1/moderation?{wrong}").status_code == 422


def test_a_decision(house):
    """By ids or by a filter, previewed, with the reason in the audit of the account; no account decides for itself."""
    operator, other = house.client(), house.client(account_id=2)
    sent = [judged(house, other, 2, f"Offer {number}") for number in range(3)]
    no = {"action": "quarantine", "account": "*", "reason": "Not like this."}
    assert other.post("/v1/moderation", json=no | {"ids": sent}).status_code == 403
    assert operator.post("/v1/moderation", json=no | {"q": "offer", "preview": True}).json()["done"] == 3
    assert operator.post("/v1/moderation", json=no | {"ids": sent[:1]}).json()["done"] == 1
    assert other.get("/v1/audit").json()["data"][0]["what"] == f"{sent[0]}: Not like this."
    yes = operator.post("/v1/moderation", json={"action": "accept", "state": "pending", "account": "other"}).json()
    assert yes == {"done": 2, "skipped": {}, "matched": 2, "more": False, "next": None}
    again = operator.post("/v1/moderation", json=no | {"ids": [*sent, "msg_0000000000000"]}).json()
    assert again["skipped"] == {"accepted": 2, "quarantined": 1, "unknown": 1}
    assert (again["done"], again["matched"]) == (0, 4)


def test_a_decision_about_many_goes_on_where_it_was(house):
    """Page by page; what came in meanwhile is left for another time."""
    operator = house.client()
    sent = [judged(house, operator, subject=f"Offer {number}") for number in range(5)]
    asked = {"action": "accept", "state": "pending", "limit": 2}
    first = operator.post("/v1/moderation", json=asked).json()
    assert (first["done"], first["more"], first["next"]) == (2, True, sent[3])
    late = judged(house, operator)
    second = operator.post("/v1/moderation", json=asked | {"after": first["next"], "limit": 99}).json()
    assert (second["done"], second["more"], second["next"]) == (3, False, None)
    left = operator.get("/v1/moderation?state=pending").json()["data"]
    assert [row["id"] for row in left] == [late]


@pytest.mark.parametrize(
    ("said", "pointer"),
    [
        ({"action": "accept"}, "#/ids"),
        ({"action": "accept", "ids": ["msg_0000000000000"], "q": "x"}, "#/ids"),
        ({"action": "burn", "ids": ["msg_0000000000000"]}, "#/action"),
        ({"action": "quarantine", "ids": ["msg_0000000000000"]}, "#/reason"),
    ],
)
def test_a_wrong_decision_is_named(house, said, pointer):
    """With its field."""
    answer = house.client().post("/v1/moderation", json=said)
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_how_mail_is_moderated(house):
    """For all or for one account, felt at once by what is sent next."""
    operator, other = house.client(), house.client(account_id=2)
    assert operator.get("/v1/moderation/policy").json()["mode"] == "off"
    told = operator.put("/v1/moderation/policy", json={"mode": "watch", "account": "*"}).json()
    assert told == {"mode": "watch", "first": 3, "is_own": True, "pending": 0}
    assert other.get("/v1/moderation/policy").json() == {"mode": "watch", "first": 3, "is_own": False, "pending": 0}
    operator.post("/v1/messages", json=HELLO)
    assert operator.put("/v1/moderation/policy", json={"mode": "off"}).json()["mode"] == "off"
    operator.post("/v1/messages", json=HELLO)
    stages = sorted(row["stage"] for row in operator.get("/v1/queue").json()["data"])
    assert stages == ["delivery", "treatment"]
    assert operator.put("/v1/moderation/policy", json={"mode": "odd"}).status_code == 422
    assert other.put("/v1/moderation/policy", json={"mode": "off"}).status_code == 403
