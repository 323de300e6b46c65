"""Links followed on demand: what leads nowhere costs points, what cannot be told does not, and nobody is unsubscribed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from aftersend.policy.score.sample import read
from aftersend.web import link_check
from aftersend.webhooks.guard import Allowance

LOOPBACK = Allowance.of(["127.0.0.0/8"])
asked: list[tuple[str, str]] = []


class _Site(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        asked.append((self.command, self.path))
        status = {"/gone": 410, "/missing": 404, "/down": 503, "/moved": 302, "/no-head": 405}.get(self.path, 200)
        if self.command == "GET" and self.path == "/no-head":
            status = 200
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = _answer

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class _Names:
    async def addresses(self, host: str) -> SimpleNamespace:
        return SimpleNamespace(name=host, addresses=())

    async def servers(self, host: str) -> SimpleNamespace:
        return SimpleNamespace(trouble="no_answer" if host.startswith("slow") else "no_such_domain", hosts=())


def _check(*urls: str, allowance: Allowance = LOOPBACK):
    return asyncio.run(link_check.check(urls, _Names(), allowance, agent="Test"))


def test_what_is_not_there_is_found(site):
    """404, 410 and hosts that do not exist, two points each; whoever knows no HEAD is asked for the whole."""
    found, unknown = _check(
        f"{site}/missing", f"{site}/gone", f"{site}/ok", f"{site}/moved", f"{site}/no-head", "https://gone.example/"
    )
    assert unknown == []
    assert [(each.id, each.points) for each in found] == [("broken-link", 6.0)]
    assert "the server says 404 and 2 more" in found[0].evidence
    assert ("GET", "/no-head") in asked
    assert ("GET", "/ok") not in asked


def test_what_cannot_be_told_is_not_held_against_a_link(site):
    """A server that is down today, a name without an answer, a closed port."""
    found, unknown = _check(f"{site}/down", "https://slow.example/", "http://127.0.0.1:9/x")
    assert found == []
    assert len(unknown) == 2


def test_private_addresses_are_not_asked(site):
    """The guard of webhooks stands before these requests too."""
    found, unknown = _check(f"{site}/missing", allowance=Allowance())
    assert (found, len(unknown), asked) == ([], 1, [])


def test_nobody_is_unsubscribed_or_counted():
    """Ways out, links of ours, and what was not filled in are left alone; each other link is followed once, twenty at the most."""
    links = "".join(f"<a href='https://shop.example/{n}'>x</a>" for n in range(30))
    html = (
        "<a href='https://shop.example/0#top'>x</a><a href='https://shop.example/leave'>Unsubscribe</a>"
        "<a href='https://shop.example/unsubscribe?u=1'>here</a><a href='https://t.example.com/c/abc'>x</a>"
        "<a href='https://shop.example/{{ code }}'>x</a><a href='mailto:a@example.com'>x</a><a href='ftp://x.example/'>x</a>"
    )
    raw = f"From: a@example.com\nContent-Type: text/html\n\n{html}{links}".encode()
    wanted = link_check.worth_checking(read(raw), {"t.example.com"})
    assert wanted[:2] == ["https://shop.example/0", "https://shop.example/1"]
    assert len(wanted) == 20
    assert not any("unsubscribe" in url or "leave" in url or "t.example.com" in url for url in wanted)
