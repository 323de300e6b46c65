"""Webhooks over HTTP: made, tried, changed, paused, replayed; hostile targets are refused with a clear reason."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from aftersend.web import webhooks_shapes as shapes

GOOD = {"url": "https://hooks.example.com/mail", "name": "shop"}
TARGETS = {
    "http://hooks.example.com/": "https",
    "ftp://hooks.example.com/": "https",
    "https://inside.example.com/": "10.0.0.1",
    "https://10.0.0.1/": "private",
    "https://192.168.1.1/": "private",
    "https://172.16.0.1/": "private",
    "https://169.254.169.254/latest/meta-data/": "169.254",
    "https://[::1]/x": "",
    "https://[::ffff:10.0.0.1]/": "",
    "https://[64:ff9b::a00:1]/": "",
    "https://[fe80::1]/": "",
    "https://[fd00::1]/": "",
    "https://0x0a000001/": "unusual",
    "https://167772161/": "unusual",
    "https://012.0.0.1/": "unusual",
    "https://10.1/": "unusual",
    "https://user:pass@hooks.example.com/": "user name",
    "https://hooks.example.com:22/": "Port 22",
    "https://hooks.example.com:25/": "Port 25",
    "https://hooks.example.com/#x": "fragment",
    "https://nowhere.example.com/": "no address",
    "https://hooks.example.com\\@10.0.0.1/": "backslashes",
    "https:// hooks.example.com/": "spaces",
    "": "",
}


@pytest.mark.parametrize("url", TARGETS)
def test_a_target_that_may_not_be_asked_is_refused(house, url):
    """When a webhook is made, and when it is changed; the field is named, and why."""
    client = house.client()
    answer = client.post("/v1/webhooks", json={"url": url})
    assert answer.status_code == 422, url
    assert answer.json()["errors"][0]["pointer"] == "#/url"
    detail = answer.json()["errors"][0]["detail"]
    assert any(word in detail for word in TARGETS[url].split("|")), detail
    made = client.post("/v1/webhooks", json=GOOD).json()["id"]
    assert client.patch(f"/v1/webhooks/{made}", json={"url": url}).status_code == 422
    assert client.get(f"/v1/webhooks/{made}").json()["url"] == GOOD["url"]


def test_a_webhook_is_made_changed_and_removed(house_on_each_engine):
    """What is given is kept; the secret is shown once; every change is in the audit."""
    client = house_on_each_engine.client()
    wish = GOOD | {
        "events": ["bounced", "delivery.delivered"],
        "streams": ["s"],
        "tags": ["t"],
        "batch": 10,
        "owner": "Dev@Example.com",
    }
    made = client.post("/v1/webhooks", json=wish)
    assert made.status_code == 201
    msgspec.convert(made.json(), shapes.WebhookMade)
    hook = made.json()
    assert hook["secret"].startswith("whsec_")
    assert (hook["events"], hook["batch"], hook["state"]) == (["delivery.bounced", "delivery.delivered"], 10, "active")
    address = f"/v1/webhooks/{hook['id']}"
    told = client.get(address).json()
    msgspec.convert(told, shapes.Webhook)
    assert "secret" not in told
    assert client.get("/v1/webhooks").json()["data"] == [told]
    changed = client.patch(address, json={"events": [], "name": "other"}).json()
    assert (changed["events"], changed["name"], changed["batch"], changed["tags"]) == ([], "other", 10, ["t"])
    assert client.post(f"{address}/pause").json()["state"] == "paused"
    assert client.post(f"{address}/resume").json()["state"] == "active"
    rotated = client.post(f"{address}/secret").json()["secret"]
    assert rotated not in ("", hook["secret"])
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
    did = [note["did"] for note in client.get("/v1/audit").json()["data"]]
    assert {"made a webhook", "changed a webhook", "paused a webhook", "removed a webhook"} <= set(did)


@pytest.mark.parametrize(("wrong", "pointer"), [
    ({"events": ["nope"]}, "#/events"),
    ({"batch": 0}, "#/batch"),
    ({"batch": 101}, "#/batch"),
    ({"name": "x" * 101}, "#/name"),
    ({"owner": "nobody"}, "#/owner"),
    ({"secret": "whsec_short"}, "#/secret"),
    ({"tags": [""]}, "#/tags"),
    ({"nope": 1}, "#/nope"),
])  # fmt: skip
def test_wrong_fields_are_named(house, wrong, pointer):
    """And nothing is made."""
    client = house.client()
    answer = client.post("/v1/webhooks", json=GOOD | wrong)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert client.get("/v1/webhooks").json()["data"] == []


def test_only_an_admin_makes_webhooks(house):
    """Whoever may read sees them; only who may administer changes them."""
    assert house.client("read").post("/v1/webhooks", json=GOOD).status_code == 403
    assert house.client("read").get("/v1/webhooks").status_code == 200


@pytest.fixture
def endpoint() -> Iterator[Any]:
    """An endpoint on loopback; its `status` is what it answers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        """Keeps what came."""

        def do_POST(self) -> None:
            """Answer."""
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.seen.append((dict(self.headers), body))  # type: ignore[attr-defined]
            self.send_response(self.server.status)  # type: ignore[attr-defined]
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen, server.status = [], 200  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_test_event_shows_what_an_endpoint_makes_of_it(house, endpoint):
    """It is signed, answered at once, and stands among the attempts."""
    client = house.client()
    made = client.post("/v1/webhooks", json={"url": f"http://127.0.0.1:{endpoint.server_port}/x"}).json()
    told = client.post(f"/v1/webhooks/{made['id']}/test").json()
    msgspec.convert(told, shapes.Tested)
    assert (told["taken"], told["attempt"]["status"]) == (True, 200)
    headers, body = endpoint.seen[0]
    assert Verifier(made["secret"]).verify(body, {name.lower(): value for name, value in headers.items()})
    assert json.loads(body)["type"] == "webhook.test"
    endpoint.status = 500
    told = client.post(f"/v1/webhooks/{made['id']}/test").json()
    assert (told["taken"], told["said"]) == (False, "The endpoint answered 500.")
    page = client.get(f"/v1/webhooks/{made['id']}/attempts?limit=1").json()
    msgspec.convert(page, shapes.AttemptPage)
    assert (page["data"][0]["outcome"], page["has_more"]) == ("failed", True)
    assert client.get(page["next"]).json()["data"][0]["outcome"] == "taken"
    assert len(client.get(f"/v1/webhooks/{made['id']}/attempts?outcome=taken").json()["data"]) == 1


def test_replays_are_asked_for_one_way(house):
    """One of the three ways; of nothing, nothing."""
    client = house.client()
    address = f"/v1/webhooks/{client.post('/v1/webhooks', json=GOOD).json()['id']}"
    assert client.post(f"{address}/replay", json={}).status_code == 422
    assert client.post(f"{address}/replay", json={"failed": True, "since": "1h"}).status_code == 422
    assert client.post(f"{address}/replay", json={"failed": True}).json() == {"events": 0}
    assert client.post(f"{address}/replay", json={"since": "1h"}).json() == {"events": 0}
    assert client.get(f"{address}/events").json()["data"] == []
    assert client.get(f"{address}/events?state=nope").status_code == 422
