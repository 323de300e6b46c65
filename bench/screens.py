"""Take a picture of every page of the console: python bench/screens.py FOLDER [WORD …]

Starts the service in the practice world on a store of its own, sends mail that ends in every way there is, signs in, and opens
every page in Chromium at the width of a desk and of a phone, light and dark. With words, only pages whose name has one of them.
Fails if a page breaks its own rules: an error of script or policy, or something wider than the screen.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

SIZES = {"desk": (1360, 900), "phone": (390, 844)}
PAGES = {
    "dashboard": "/console/?span=24h",
    "bounces": "/console/bounces",
    "reading": "/console/reading",
    "broadcasts": "/console/broadcasts",
    "broadcast-new": "/console/broadcasts/new",
    "contacts": "/console/contacts",
    "contacts-import": "/console/contacts/import",
    "contact-new": "/console/contacts/new",
    "templates": "/console/templates",
    "template-new": "/console/templates/new",
    "template": "/console/templates/autumn",
    "moderation": "/console/moderation",
    "credits": "/console/credits",
    "bounces-soft": "/console/bounces?category=Soft&since=7d",
    "log": "/console/log",
    "log-bounced": "/console/log?status=results%3ABounced&since=24h",
    "log-empty": "/console/log?q=nobody-has-this",
    "first-mail": "/console/first-mail",
    "help": "/console/help",
    "queue": "/console/queue",
    "suppressions": "/console/suppressions",
    "refusals": "/console/refusals",
    "returns": "/console/returns",
    "domains": "/console/domains",
    "domain": "/console/domains/paper-and-ink.example",
    "domain-quality": "/console/domains/paper-and-ink.example/quality",
    "streams": "/console/streams",
    "keys": "/console/keys",
    "webhooks": "/console/webhooks",
    "people": "/console/people",
    "me": "/console/me",
    "health": "/console/health",
    "settings": "/console/settings",
    "audit": "/console/audit",
    "not-here": "/console/nowhere",
}
PEOPLE = ("ann", "bob.miller", "c.okafor", "dana", "emil.berg", "fatima", "george", "h.tanaka")
HTML = """<!doctype html><body style="font-family:Georgia,serif;background:#f6f1e7;padding:24px">
<table width="100%" style="max-width:560px;margin:auto;background:#fff;border-radius:8px"><tr><td style="padding:32px">
<h1 style="margin:0 0 12px;font-size:26px;color:#21413a">Your order is on its way</h1>
<p style="line-height:1.6">Hello {name}, two books left our house this morning. They should be with you on Thursday.</p>
<p><a href="https://shop.example.com/orders/4711" style="background:#21413a;color:#fff;padding:12px 20px;border-radius:6px;
text-decoration:none;display:inline-block">See your order</a></p></td></tr></table></body>"""
MAIL = (
    ("Your order 4711 is on its way", ["order", "shop"], "transactional"),
    ("Autumn letter: what we read this month", ["letter"], "general"),
    ("Reset your password", ["account"], "transactional"),
    ("Invoice 2026-118", ["invoice", "shop"], "transactional"),
)


class Service:
    """The service, running in the practice world."""

    def __init__(self, folder: str) -> None:
        ports = {"AFTERSEND_WEB_LISTEN": "127.0.0.1:0", "AFTERSEND_SMTP_LISTEN": "127.0.0.1:0"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "aftersend", "serve", "--practice"],
            env={**os.environ, **ports, "AFTERSEND_DATA_DIR": folder, "AFTERSEND_LOG_LEVEL": "error"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = self._process.stdout.readline()
            if not line:
                raise SystemExit(f"the service did not start:\n{said}")
            said += line
        self.link = re.search(r"http://\S+/console/welcome/\S+", said)[0]  # type: ignore[index]
        self.url = self.link.partition("/console")[0]
        self.key = re.search(r"as_test_\w+", said)[0]  # type: ignore[index]

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """Ask the API."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if content is None else json.dumps(content).encode(),
            headers={"authorization": f"Bearer {self.key}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(30)


def fill(service: Service) -> None:
    """Send mail to addresses that behave in every way there is."""
    listed = subprocess.run(
        [sys.executable, "-m", "aftersend", "practice", "addresses", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    behaviours = [json.loads(line)["local_part"] for line in listed.stdout.splitlines()]
    batch = []
    for i, who in enumerate([*behaviours, *(PEOPLE * 12)]):
        subject, tags, stream = MAIL[i % len(MAIL)]
        name = who.partition(".")[0].capitalize()
        batch.append(
            {
                "from": "Paper & Ink <shop@example.com>",
                "to": f"{who}@{('one', 'two', 'big')[i % 3]}.practice.test",
                "subject": subject,
                "text": f"Hello {name}, two books left our house this morning.",
                "html": HTML.replace("{name}", name),
                "tags": tags,
                "stream": stream,
            }
        )
    service.ask("POST", "/v1/messages/batch", batch)
    several = [f"{who}@one.practice.test" for who in (*PEOPLE, "unknown", "full-then-ok", "spam")]
    service.ask("POST", "/v1/messages", {**batch[0], "to": several, "subject": "Minutes of our meeting on Tuesday"})
    service.ask("PUT", "/v1/suppressions/carol@one.practice.test", {"why": "asked us by telephone"})
    service.ask("POST", "/v1/messages", {**batch[0], "to": "carol@one.practice.test"})
    service.ask("POST", "/v1/domains", {"name": "paper-and-ink.example"})


def write(service: Service) -> dict[str, str]:
    """Keep people, a template and broadcasts of every kind; return the pages of single ones."""
    service.ask("POST", "/v1/lists", {"name": "readers", "about": "Whoever asked for our letter"})
    made = ""
    for who in (*PEOPLE, "unknown", "full-then-ok", "spam", "complaint", "reader"):
        name = who.partition(".")[0].capitalize()
        person = {
            "name": name,
            "addresses": [{"address": f"{who}@two.practice.test"}],
            "lists": ["readers"],
            "attributes": {"name": name, "city": "Vienna" if len(who) % 2 else "Lisbon"},
        }
        made = service.ask("POST", "/v1/contacts", person)["id"]
    source = HTML.replace("{name}", "{{ name }}")
    service.ask("PUT", "/v1/templates/autumn", {"source": source, "subject": "Autumn letter for {{ name }}"})
    said = {"from": "Paper & Ink <letter@example.com>", "subject": "Autumn letter for {{ name }}", "html": source}
    news = {"name": "Autumn letter", "message": said, "lists": ["readers"]}
    begun, draft = (service.ask("POST", "/v1/broadcasts", news)["id"] for _ in range(2))
    service.ask("POST", f"/v1/broadcasts/{begun}/start")
    hook = service.ask("POST", "/v1/webhooks", {"url": "http://127.0.0.1:9/mail", "name": "Web shop"})["id"]
    return {
        "contact": f"/console/contacts/{made}",
        "broadcast": f"/console/broadcasts/{begun}",
        "broadcast-draft": f"/console/broadcasts/{draft}",
        "broadcast-change": f"/console/broadcasts/{draft}/change",
        "broadcast-quality": f"/console/broadcasts/{begun}/quality",
        "webhook": f"/console/webhooks/{hook}",
    }


def settle(service: Service, seconds: float) -> None:
    """Wait until hardly anything is under way."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if sum(row["deliveries"] for row in service.ask("GET", "/v1/queue")["data"]) <= 4:
            return
        time.sleep(1)


def come_in(page: Any, service: Service) -> None:
    """Use the link that makes the first user."""
    page.goto(service.link)
    page.fill("[name=name]", "Ann Archer")
    page.fill("[name=email]", "ann@example.com")
    page.fill("[name=password]", "a long enough sentence")
    page.click("button.main-button")
    page.wait_for_url("**/first-mail")


def places(service: Service) -> dict[str, str]:
    """Return all pages to open, those of single deliveries among them."""
    found = dict(PAGES)
    for word, wanted in (
        ("delivery-delivered", "status=results:Delivered&tag=order"),
        ("delivery-failed", "status=results:Failed"),
        ("delivery-later", "status=results:Delivered&status=lifecycle:Hardbounce"),
        ("delivery-live", "live=true"),
        ("delivery-blocked", "status=results:Blocked"),
    ):
        rows = service.ask("GET", f"/v1/deliveries?{wanted}&limit=1")["data"]
        if rows:
            found[word] = f"/console/deliveries/{rows[0]['id']}"
    rows = service.ask("GET", "/v1/deliveries?subject=Minutes&limit=1")["data"]
    found["message"] = f"/console/messages/{rows[0]['message_id']}"
    return found


def main(folder: str, words: list[str]) -> int:
    """Take the pictures; return how many pages broke a rule."""
    from playwright.sync_api import sync_playwright

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="aftersend-screens-") as data, sync_playwright() as play:
        service = Service(data)
        try:
            fill(service)
            single = write(service)
            settle(service, float(os.environ.get("SETTLE_S", "25")))
            browser = play.chromium.launch(
                executable_path=shutil.which("chromium"),
                # Without a GPU, frames of a process of their own are not painted.
                args=[
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-background-networking",
                    "--disable-features=IsolateSandboxedIframes",
                ],
            )
            context = browser.new_context(viewport={"width": 1360, "height": 900})
            page = context.new_page()
            said: list[str] = []
            page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(f"{service.url}/console/sign-in")
            page.screenshot(path=target / "sign-in-desk-light.png")
            come_in(page, service)
            for name, path in (places(service) | single).items():
                if words and not any(word in name for word in words):
                    continue
                for size, (width, height) in SIZES.items():
                    page.set_viewport_size({"width": width, "height": height})
                    for scheme in ("light", "dark"):
                        page.emulate_media(color_scheme=scheme)
                        page.goto(service.url + path, wait_until="load")
                        page.wait_for_timeout(400 if "iframe" in page.content() else 150)
                        page.screenshot(path=target / f"{name}-{size}-{scheme}.png", full_page=True)
                        wide = page.evaluate("document.documentElement.scrollWidth")
                        if wide > width:
                            print(f"{name} at {size}: {wide} pixels wide")
                            wrong += 1
                for text in dict.fromkeys(said):
                    if name != "not-here":
                        print(f"{name}: {text}")
                        wrong += 1
                said.clear()
            browser.close()
        finally:
            service.stop()
    print(f"{len(list(target.glob('*.png')))} pictures in {target}, {wrong} faults")
    return int(wrong > 0)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    raise SystemExit(main(sys.argv[1], sys.argv[2:]))
