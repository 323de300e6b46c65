"""What a connection may say before it has asked for anything, and what happens to requests that do not come whole."""

from __future__ import annotations

import contextlib
import re
import socket
import time

import pytest
from test_console_entering import browser, csrf, person

from aftersend.web import wire


def said(house, *pieces: bytes, within_s: float = 20.0) -> bytes:
    """Say something in pieces, as long as anybody listens; return all that is answered until the connection ends."""
    with socket.create_connection(house.server.address, timeout=within_s) as line:
        heard = b""
        try:
            for piece in pieces:
                line.sendall(piece)
            while more := line.recv(65536):
                heard += more
        except ConnectionError:
            pass
        return heard


BEGUN = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
ENDED = b"Connection: close\r\n\r\n"


def test_a_head_of_usual_size_is_read_however_it_is_cut(house):
    """Forty kilobytes in many fields, octet by octet at the end."""
    fields = [b"X-%d: %b\r\n" % (number, b"y" * 400) for number in range(90)]
    whole = BEGUN + b"".join(fields) + ENDED
    assert said(house, whole).startswith(b"HTTP/1.1 200")
    cut = [whole[at : at + 997] for at in range(0, len(whole) - 200, 997)]
    rest = whole[sum(map(len, cut)) :]
    assert said(house, *cut, *(rest[at : at + 1] for at in range(len(rest)))).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "pieces",
    [
        [BEGUN, b"X: " + b"y" * wire.HEAD_MOST, b"\r\n" + ENDED],
        [BEGUN, b"X: ", *[b"y" * 5000] * 200],
        [BEGUN, b"X: y\r\n" * (wire.FIELDS_MOST + 1), ENDED],
        [BEGUN, *[b"X: y\r\n"] * (wire.FIELDS_MOST + 1), ENDED],
        [b"GET /" + b"y" * (wire.HEAD_MOST + 1)],
        [b"GET /", *[b"y" * 5000] * 200],
        [b"\r\n" * wire.HEAD_MOST],
    ],
    ids=[
        "long field",
        "endless field",
        "many fields",
        "fields one by one",
        "long address",
        "endless address",
        "nothing",
    ],
)
def test_a_head_out_of_all_measure_is_cut_off(house, pieces):
    """No connection makes us keep more of a head than the most."""
    heard = said(house, *pieces)
    assert heard == b"" or heard.startswith(b"HTTP/1.1 431")


def test_a_head_that_does_not_come_is_not_waited_for(make_house, monkeypatch):
    """Neither of a new connection, nor one that trickles, nor behind a request that was answered."""
    monkeypatch.setattr(wire, "HEAD_WITHIN_S", 0.3)
    house = make_house()
    for begun in (
        b"",
        BEGUN,
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /he",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        with socket.create_connection(house.server.address, timeout=5) as line:
            line.sendall(begun)
            since = time.monotonic()
            try:
                while line.recv(65536):
                    if begun.endswith(b"\r\n\r\n"):
                        line.sendall(b"\r\n")  # no request, and so no reason to wait on
            except ConnectionError:
                pass
            assert time.monotonic() - since < 4


def test_more_connections_than_the_most_are_closed_at_once(make_house, monkeypatch):
    """Those that are there stay."""
    monkeypatch.setattr(wire, "CONNECTIONS_MOST", 3)
    house = make_house()
    with contextlib.ExitStack() as open_:
        lines = [open_.enter_context(socket.create_connection(house.server.address, timeout=5)) for _ in range(3)]
        for line in lines:
            line.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert line.recv(65536).startswith(b"HTTP/1.1 200")
        assert said(house, BEGUN + ENDED) == b""
        lines[0].sendall(BEGUN + ENDED)
        assert lines[0].recv(65536).startswith(b"HTTP/1.1 200")


def _form(client, path: str, body: bytes, said_length: int) -> bytes:
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nCookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {said_length}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def test_half_a_form_does_nothing(house):
    """A connection that breaks while a form comes leaves everything as it was, though what came can be read."""
    person(house)
    client = browser(house, "ann@example.com")
    page = client.get("/console/me")
    body = f"csrf={csrf(page)}&zone=Europe%2FBerlin&name=Half+a+na".encode()
    with socket.create_connection(house.server.address, timeout=5) as line:
        line.sendall(_form(client, "/console/me", body, len(body) + 10))
        line.shutdown(socket.SHUT_WR)
    time.sleep(0.3)
    assert "Half a na" not in client.get("/console/me").text
    assert said(house, _form(client, "/console/me", body, len(body))).startswith(b"HTTP/1.1 303")
    assert re.search("Half a na", client.get("/console/me").text)


def test_strangers_send_small_forms_only(house):
    """Whoever is not signed in cannot make us keep megabytes."""
    answer = browser(house).post("/console/sign-in", data={"email": "a@example.com", "password": "x" * 100_000})
    assert answer.status_code == 413
