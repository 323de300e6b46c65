"""Who may come in, what a request must look like, and what is told when it does not."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

import aftersend
from aftersend import clock, ids
from aftersend.store import accounts
from aftersend.web.problems import KINDS
from aftersend.web.routes import ROUTES

HELLO = {"from": "shop@example.com", "to": "ann@example.net", "subject": "Hello", "text": "Hi"}
SOMETHING = {"id": "dlv_0000000000001", "name": "example.com", "address": "ann@example.net", "code": "not-found"}
_VARIABLE = re.compile(r"\{(\w+)(?::path)?\}")
GUARDED = [route for route in ROUTES if route.scope is not None]


def path_of(route) -> str:
    """An address of the route."""
    return _VARIABLE.sub(lambda found: SOMETHING.get(found[1], "anything"), route.path)


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer nonsense", "Basic dXNlcjpwYXNz", "Bearer as_live_" + "a" * 49])
def test_no_route_answers_without_a_key(house, shown):
    """401 with WWW-Authenticate, before anything else is looked at."""
    client = house.client(key="")
    for route in GUARDED[:: 1 if not shown else 12]:
        answer = client.request(route.method, path_of(route), headers={"authorization": shown} if shown else {})
        assert answer.status_code in (401, 429), route.name
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["type"].endswith("/p/unauthenticated")


def test_a_key_does_what_its_scopes_say_and_no_more(house):
    """403 names the scope that is missing."""
    for scope in ("send", "read", "admin"):
        client = house.client(scope)
        for route in GUARDED:
            if route.scope == scope:
                continue
            answer = client.request(route.method, path_of(route))
            assert answer.status_code == 403, (scope, route.name)
            assert answer.json()["type"].endswith("/p/scope-missing")
            assert f"“{route.scope}”" in answer.json()["detail"]


def test_a_key_is_good_only_in_its_networks(house):
    """403 from elsewhere."""
    assert house.client(key=house.key("*", networks=("127.0.0.0/8",))).get("/v1/account").status_code == 200
    answer = house.client(key=house.key("*", networks=("192.0.2.0/24",))).get("/v1/account")
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("/p/network-not-allowed")


def test_a_revoked_key_stops_working(house):
    """At once on the node where it was revoked."""
    client, doomed = house.client(), house.client()
    keys = client.get("/v1/keys").json()["data"]
    assert doomed.get("/v1/account").status_code == 200
    assert client.delete(f"/v1/keys/{keys[-1]['id']}").status_code == 204
    assert doomed.get("/v1/account").status_code == 401


def test_whoever_guesses_keys_is_told_to_wait(house):
    """429 with Retry-After after many wrong keys; a right key from the same address still works."""
    guesser = house.client(key="as_live_wrong")
    answers = [guesser.get("/v1/account") for _ in range(25)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert house.client().get("/v1/account").status_code == 200


def test_the_use_of_a_key_is_noted(house):
    """`used_at` says when, to the minute."""
    client = house.client()
    client.get("/v1/account")
    house.call(house.store.run(lambda connection: None))
    (key,) = house.ask(accounts.keys_of, 1)
    assert abs(key.used_us - clock.now()) < clock.MINUTE


def test_every_answer_has_the_id_of_its_request(house):
    """The client's own if it can be one, else ours; in the header and in a problem's body."""
    client = house.client()
    assert client.get("/healthz", headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    for odd in ("with space", "x" * 200, "é", ""):
        answer = client.get("/v1/nope", headers={"x-request-id": odd.encode()})
        assert answer.headers["x-request-id"].startswith("req_")
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_an_address_that_is_none_says_so(house):
    """404 as a problem, whatever the method."""
    client = house.client()
    for method, path in (("GET", "/v1/nope"), ("POST", "/v2/messages"), ("GET", "/v1/deliveries/"), ("DELETE", "/")):
        answer = client.request(method, path)
        assert answer.status_code == (405 if path == "/" else 404), path
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_wrong_method_is_told_the_right_ones(house):
    """405 with Allow (RFC 9110 §15.5.6)."""
    for method in ("PUT", "PATCH", "OPTIONS", "TRACE"):
        answer = house.client().request(method, "/v1/messages/batch")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "POST"


def test_head_answers_as_get_without_a_body(house):
    """RFC 9110 §9.3.2."""
    client = house.client()
    answer = client.head("/v1/account")
    assert answer.status_code == 200
    assert answer.content == b""
    assert int(answer.headers["content-length"]) > 10


def test_a_body_of_another_type_is_refused(house):
    """415 names what is taken."""
    client = house.client()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = client.post("/v1/messages", content=b"{}", headers={"content-type": content_type})
        assert answer.status_code == 415
        assert "application/json" in answer.json()["detail"]
    answer = client.post("/v1/messages", json=HELLO, headers={"content-encoding": "gzip"})
    assert answer.status_code == 415


def test_an_unreadable_query_is_refused(house):
    """400, not a fault of ours."""
    client = house.client()
    assert client.get("/v1/deliveries?q=%ff").status_code == 400
    assert client.get("/v1/deliveries?" + "&".join(f"tag={i}" for i in range(300))).status_code == 400


@pytest.mark.parametrize(
    "shown", ["dlv_", "dlv_zzzzzzzzzzzzz", "msg_0000000000001", "1", "dlv_0000000000001", "%00", "dlv_é"]
)
def test_an_id_that_names_nothing_is_not_found(house, shown):
    """404 for what cannot be an id as for what is none of this account's."""
    answer = house.client().get(f"/v1/deliveries/{shown}")
    assert answer.status_code == 404, answer.text


def test_a_fault_of_ours_shows_nothing_of_our_inside(house, monkeypatch):
    """500 with the id of the request, no traceback."""

    def broken(connection, *args, **kwargs):
        raise RuntimeError("secret inside")

    monkeypatch.setattr(accounts, "listed", broken)
    answer = house.client().get("/v1/account")
    assert answer.status_code == 500
    assert answer.json()["type"].endswith("/p/our-fault")
    assert "secret inside" not in answer.text
    assert "Traceback" not in answer.text


def test_when_nothing_can_be_kept_the_client_is_told_to_come_back(house, monkeypatch):
    """507 and 503 with Retry-After; nothing was kept."""
    from aftersend.errors import OutOfSpace, TryLater

    client = house.client()
    for error, status in ((OutOfSpace("The disk is full."), 507), (TryLater("Busy."), 503)):

        def refuse(request, error=error):
            raise error

        monkeypatch.setattr(house.intake, "accept", refuse)
        answer = client.post("/v1/messages", json=HELLO)
        assert answer.status_code == status
        assert int(answer.headers["retry-after"]) > 0


def test_a_client_that_goes_away_in_the_middle_leaves_nothing_behind(house):
    """Half a request is no request."""
    client = house.client()
    key = client.headers["authorization"]
    with socket.create_connection(house.server.address) as connection:
        connection.sendall(
            f"POST /v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
            'Content-Length: 1000\r\n\r\n{"from"'.encode()
        )
    assert client.get("/v1/deliveries").json()["data"] == []


def test_what_is_no_http_does_no_harm(house):
    """Garbage is answered with 400 or by closing, and the next request is served."""
    for garbage in (
        b"\x16\x03\x01\x02\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * 100,
        b"EHLO x\r\n",
        b"A" * 100_000 + b"\r\n\r\n",
    ):
        with socket.create_connection(house.server.address, timeout=5) as connection:
            try:
                connection.sendall(garbage)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass
    assert house.client().get("/healthz").status_code == 200


def test_health_and_readiness_need_no_key(house):
    """What fails is named, with 503."""
    client = house.client(key="")
    assert client.get("/healthz").json()["status"] == "ok"
    told = client.get("/readyz")
    assert told.status_code == 200
    assert {check["name"] for check in told.json()["checks"]} == {"store", "disk", "lease", "clock"}
    house.now = lambda: 1
    told = client.get("/readyz")
    assert told.status_code == 503
    assert [check["name"] for check in told.json()["checks"] if not check["ok"]] == ["clock"]


def test_the_first_page_shows_how_to_begin(house):
    """A page without scripts, forms or anything from elsewhere."""
    answer = house.client(key="").get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert f"curl {house.url}/v1/messages" in answer.text
    assert "/openapi.json" in answer.text


def test_a_host_name_of_the_client_cannot_write_our_pages(house):
    """What a client says its host is, is not trusted."""
    answer = house.client(key="").get("/", headers={"host": 'x"><script>alert(1)</script>'})
    assert "<script>" not in answer.text


def test_every_code_has_a_help_page(house):
    """The list of problems is closed: each code that the code base gives is explained."""
    folder = Path(aftersend.__file__).parent
    given = {
        code
        for source in folder.rglob("*.py")
        for code in re.findall(r"\bcode ?= ?\"([a-z-]+)\"", source.read_text(encoding="utf-8"))
    }
    assert given - KINDS.keys() == set()
    client = house.client(key="")
    listed = client.get("/p").text
    for code in KINDS:
        assert f'href="/p/{code}"' in listed
        assert client.get(f"/p/{code}").status_code == 200
    assert client.get("/p/nope").status_code == 404


def test_the_server_finishes_what_it_has_begun(make_house):
    """A request that is under way when the server stops gets its answer."""
    import threading
    import time

    house = make_house()
    client = house.client()
    accept = house.intake.accept

    async def slow(request):
        import asyncio

        await asyncio.sleep(0.5)
        return await accept(request)

    house.intake.accept = slow
    answers = []
    thread = threading.Thread(target=lambda: answers.append(client.post("/v1/messages", json=HELLO)))
    thread.start()
    time.sleep(0.2)
    house.call(house.server.stop())
    thread.join(10)
    assert [answer.status_code for answer in answers] == [202]
    assert ids.read("msg", answers[0].json()["id"]) > 0
