"""Two accounts never see, change or find each other's things, on any route."""

from __future__ import annotations

import re

import pytest

from aftersend import clock, ids
from aftersend.store import moderation, returned
from aftersend.store.returned import Returned
from aftersend.web.routes import ROUTES
from aftersend.web.shapes import EXAMPLES

HELLO = {"from": "shop@example.com", "to": "ann@secret.example", "subject": "Secret", "text": "Hi", "tags": ["secret"]}
_VARIABLE = re.compile(r"\{(\w+)(?::path)?\}")
GUARDED = [route for route in ROUTES if route.scope is not None]


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: route.name)
def test_nothing_of_another_account_is_seen_or_changed(house, route):
    """Each route, asked by account 2 for things of account 1, finds nothing, and leaves all as it was."""
    owner, other = house.client(), house.client(account_id=2)
    sent = owner.post("/v1/messages", json=HELLO).json()
    owner.put("/v1/suppressions/ann@secret.example", json={"why": "secret"})
    owner.post("/v1/streams", json={"name": "secret"})
    owner.post("/v1/messages", json=HELLO | {"stream": "nope"})
    key = owner.get("/v1/keys").json()["data"][0]["id"]
    if "domains" in route.path:
        owner.post("/v1/domains", json={"name": "secret.example"})
    if "/contacts" in route.path or "/lists" in route.path:
        owner.post("/v1/lists", json={"name": "secret.example"})
        made = {"addresses": [{"address": "ann@secret.example"}], "lists": ["secret.example"]}
        contact = owner.post("/v1/contacts", json=made).json()["id"]
    if "/imports" in route.path:
        asked = {"content": b"email\nann@secret.example\n", "headers": {"content-type": "text/csv"}}
        import_id = owner.post("/v1/imports", **asked).json()["id"]
    if "/templates" in route.path:
        owner.put("/v1/templates/secret.example", json={"subject": "secret", "source": "secret"})
    if "/broadcasts" in route.path:
        draft = {"name": "secret", "message": {"from": "a@example.com", "subject": "secret", "text": "secret"}}
        broadcast = owner.post("/v1/broadcasts", json=draft).json()["id"]
        listed = {"recipients": [{"to": "ann@secret.example"}]}
        assert owner.post(f"/v1/broadcasts/{broadcast}/recipients", json=listed).status_code == 200
    if "/returns" in route.path:
        kept = Returned(
            house.ids(), "b+secret@mx.example.org", "", "192.0.2.1", b"Subject: secret\r\n\r\nNo.\r\n", house.now()
        )
        house.run(returned.put_aside, 1, kept, why="no rule knows it", subject="secret")
        returned_id = owner.get("/v1/returns").json()["data"][0]["id"]
    if "/moderation/" in route.path:
        found = {"version": 1, "findings": [], "engines": []}
        number = ids.read("msg", sent["id"])
        house.run(
            moderation.judged, 1, number, is_pending=True, why="secret", findings=found, recipients=1, now=house.now()
        )
    if "/webhooks/" in route.path:
        made = {"url": "https://hooks.example.com/secret", "name": "secret"}
        webhook_id = owner.post("/v1/webhooks", json=made).json()["id"]
    things = {
        "address": "ann@secret.example",
        "name": "secret.example",
        "by": "domain",
        "id": sent["id"]
        if "/messages/" in route.path or "/moderation/" in route.path
        else key
        if "/keys/" in route.path
        else contact
        if "/contacts/" in route.path
        else broadcast
        if "/broadcasts/" in route.path
        else import_id
        if "/imports/" in route.path
        else returned_id
        if "/returns/" in route.path
        else webhook_id
        if "/webhooks/" in route.path
        else sent["deliveries"][0]["id"],
    }
    delivery = f"/v1/deliveries/{sent['deliveries'][0]['id']}"

    def state() -> list[object]:
        places = (
            delivery,
            "/v1/keys",
            "/v1/streams",
            "/v1/suppressions",
            "/v1/domains",
            "/v1/audit",
            "/v1/contacts",
            "/v1/lists",
            "/v1/returns",
            "/v1/broadcasts",
            "/v1/webhooks",
            "/v1/imports",
        )
        found = [owner.get(place).json() for place in places]
        for each in found[1]["data"]:
            each["used_at"] = None
        return found

    before = state()
    path = _VARIABLE.sub(lambda found: things[found[1]], route.path)
    body = EXAMPLES.get(route.name)
    if "/webhooks/" in route.path and route.method in ("POST", "PATCH"):
        body = {}
    if route.name == "actOnDeliveries":
        body = {"action": "cancel", "filter": {"q": "secret"}}
    if route.name == "rescheduleMessage":
        body = {"scheduled_at": clock.iso(clock.now())}
    if route.name == "previewTemplate":
        body = {"data": {}}
    if route.name == "teachReturn":
        body = {"reason": "mailbox_full", "delivery_id": sent["deliveries"][0]["id"]}
    if route.name == "replaceContact":
        body = {"addresses": [{"address": "eve@example.net"}]}
    if route.name in ("createBroadcast", "replaceBroadcast"):
        body = {"name": "eve", "message": {"from": "eve@example.net", "subject": "x", "text": "x"}}
    if route.name == "noteConsent":
        body = {"state": "granted", "source": "eve"}
    if route.name == "askToConfirm":
        body = {"message": {"from": "eve@example.net", "subject": "x", "text": "{{ confirm_url }}"}}
    if route.name == "testBroadcast":
        body = {"to": "eve@example.net"}
    if route.name == "addRecipients":
        body = {"recipients": [{"to": "eve@example.net"}]}
    answer = other.request(route.method, path, **({"json": body} if body is not None else {}))
    if _VARIABLE.search(route.path) and route.name not in (
        "putSuppression",
        "saveTemplate",
        "countBounces",
        "reportReadingBy",
    ):
        assert answer.status_code == 404, answer.text
    said = answer.text.replace('"secret":"whsec_', "")  # a webhook's own
    assert (
        "secret" not in said.replace("ann@secret.example", "").replace("secret.example", "")
        or answer.status_code == 404
    )
    if answer.status_code < 300 and route.name != "putSuppression":
        assert "secret" not in said
    assert state() == before
    # The same route answers its owner.
    if route.method == "GET":
        assert owner.request("GET", path).status_code == 200
