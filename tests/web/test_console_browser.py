"""The console in a real Chromium: nothing that a message says is done, everything can be used by everybody, and it works without
script.

Skips where there is no Chromium; the rules of WCAG are checked with axe-core where `.ci/run` has fetched it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_console_entering import PASSWORD, person
from test_console_moderation import judged
from test_console_pages import HOSTILE, HTML, send

from aftersend import clock, ids
from aftersend.control import people as rules
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.store import returned
from aftersend.store.returned import Returned
from aftersend.web.console import PAGES

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("needs chromium", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

_OPEN = [
    page.path
    for page in PAGES
    if page.method == "GET" and "{" not in page.path and not page.path.endswith((".csv", ".ndjson", "/live", "/sides"))
]
"""Every page that can be opened without naming a thing."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A Chromium that asks nobody outside for anything."""
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM,
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


class Watched:
    """A page of the browser, and whatever went wrong on it."""

    def __init__(self, context: Any, url: str) -> None:
        self.url = url
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.faults: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.faults.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", self._dialog)
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.stopped: list[str] = []
        """What the policy kept from being asked for."""
        self.page.on("requestfailed", lambda one: self.stopped.append(one.url) if one.failure == "csp" else None)

    def _dialog(self, dialog: Any) -> None:
        if dialog.type != "confirm":
            self.faults.append(f"a dialog: {dialog.message}")
        dialog.accept()

    def open(self, path: str) -> Any:
        """Open a page of the console."""
        return self.page.goto(self.url + path)

    def sign_in(self, email: str = "ann@example.com") -> None:
        """Come in by the form."""
        self.open("/console/sign-in")
        self.page.fill("[name=email]", email)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("text=Sign in >> nth=-1")
        self.page.wait_for_url("**/console/**")


@pytest.fixture
def watched(house: Any, chromium: Any) -> Iterator[Watched]:
    """A page on which the owner is signed in."""
    person(house)
    context = chromium.new_context(viewport={"width": 1360, "height": 900})
    made = Watched(context, house.url)
    made.sign_in()
    yield made
    context.close()


def everything(house: Any) -> list[str]:
    """Let everything be there once; return the pages of single things."""
    house.client().post("/v1/domains", json={"name": "example.com"})
    house.client().put("/v1/suppressions/carol@example.net", json={"why": "by phone"})
    house.client().post("/v1/messages", json={"from": "a@example.com", "to": "nonsense", "subject": "x", "text": "y"})
    delivered = send(house, html="<h1>Hi</h1><p>There</p>", tags=["order"], metadata={"order": "4711"})
    for fact in (Fact.TREATED, Fact.DEFERRED, Fact.DELIVERED, Fact.OPENED):
        house.happen(delivered, fact, evidence={"host": "mx.example.net", "text": "250 2.0.0 Kept"})
    failed = send(house, to="nobody@example.org", text="Hi")
    house.happen(
        failed, Fact.BOUNCED_INVALID, reason=Reason.INVALID_RECIPIENT, status="5.1.1", evidence={"text": "550"}
    )
    live = send(house, to="later@example.org")
    return [
        *written(house),
        *(f"/deliveries/{one}" for one in (delivered, failed, live)),
        "/domains/example.com",
        "/log?q=nobody-has-this",
        "/log?nonsense=1",
        "/bounces?category=Hard",
        "/nowhere",
    ]


def written(house: Any) -> list[str]:
    """Let somebody write to people; return the pages of what was written."""
    client = house.client()
    client.post("/v1/lists", json={"name": "letter"})
    ann = {
        "name": "Ann",
        "addresses": [{"address": "ann@example.net"}],
        "lists": ["letter"],
        "attributes": {"city": "Wien"},
    }
    contact = client.post("/v1/contacts", json=ann).json()["id"]
    client.put("/v1/templates/march", json={"source": "<p>Dear {{ name }}</p>", "subject": "For {{ name }}"})
    said = {"from": "shop@example.com", "subject": "For {{ name }}", "html": "<p>Hi {{ name }}</p>", "text": "Hi"}
    news = {"name": "News", "message": said, "lists": ["letter"]}
    draft, begun = (client.post("/v1/broadcasts", json=news).json()["id"] for _ in range(2))
    client.post(f"/v1/broadcasts/{begun}/start")
    waits = judged(house)
    unread = Returned(house.ids(), "postmaster@mx.example.org", "", "192.0.2.1", b"Subject: Hi\n\nHello\n", house.now())
    house.run(returned.put_aside, 1, unread, why="No rule knows it.", subject="Hi")
    return [
        f"/returns/{ids.show('ret', unread.id)}",
        f"/broadcasts/{draft}",
        f"/broadcasts/{draft}/change",
        f"/broadcasts/{begun}",
        f"/contacts/{contact}",
        "/contacts?list=letter",
        "/templates/march",
        f"/webhooks/{client.post('/v1/webhooks', json={'url': 'https://hooks.example.com/s'}).json()['id']}",
        "/settings?only=set",
        f"/moderation/{waits}",
        "/moderation?state=accepted",
    ]


def faults_of(page: Any) -> list[str]:
    """Return what axe-core finds wrong."""
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']})"
    )
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for one in found["violations"]
        for node in one["nodes"][:3]
    ]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1360, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_can_be_used_by_everybody(house, watched, scheme, width):
    """axe-core finds nothing, light and dark, at a desk and on a phone; nothing is wider than the screen; no fault is told."""
    if not AXE.exists():
        pytest.skip(f"needs axe-core at {AXE.relative_to(ROOT)}")
    page = watched.page
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    wrong = []
    for path in [*_OPEN, *everything(house)]:
        if path == "/sign-in":
            continue
        watched.open(f"/console{path}")
        page.evaluate("for (const fold of document.querySelectorAll('main details:not(.pop)')) fold.open = true")
        page.evaluate(AXE.read_text())
        wrong += [f"{path}: {fault}" for fault in faults_of(page)]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wrong.append(f"{path}: wider than the screen")
    assert wrong == [], "\n".join(wrong)
    expected = ("404", "422", "Blocked script execution")
    assert [fault for fault in watched.faults if not any(word in fault for word in expected)] == []


def test_the_pages_before_the_sign_in_can_be_used_by_everybody(house, chromium):
    """The sign-in and the link that works once."""
    if not AXE.exists():
        pytest.skip(f"needs axe-core at {AXE.relative_to(ROOT)}")
    token = house.run(rules.link, 1, None, "owner", now=clock.now())
    context = chromium.new_context()
    watched = Watched(context, house.url)
    for path in ("/console/sign-in", f"/console/welcome/{token}", "/console/welcome/used"):
        for scheme in ("light", "dark"):
            watched.page.emulate_media(color_scheme=scheme)
            watched.open(path)
            watched.page.evaluate(AXE.read_text())
            assert faults_of(watched.page) == []
    context.close()


def test_a_hostile_message_does_nothing(house, watched):
    """Script, form, style, picture, frame and refresh of a message are shown or left out; nothing runs, and nobody is asked."""
    delivery = send(house, subject=HOSTILE, html=HTML, text=HOSTILE, metadata={"note": HOSTILE})
    said = {"text": HOSTILE, "host": "</pre><script>alert(4)</script>"}
    house.happen(delivery, Fact.BOUNCED, reason=Reason.GENERAL_HARD_BOUNCE, evidence=said, status="5.0.0")
    page = watched.page
    for path in ("/console/log", f"/console/deliveries/{delivery}", "/console/bounces", "/console/"):
        watched.open(path)
        page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        page.wait_for_timeout(300)
    foreign = [url for url in watched.asked if not url.startswith((house.url, "data:"))]
    assert sorted(foreign) == sorted(watched.stopped)
    assert not any("dialog" in fault for fault in watched.faults)
    watched.open(f"/console/deliveries/{delivery}")
    (frame,) = (each for each in page.frames if each.url.endswith("/preview"))
    assert frame.evaluate("document.querySelector('p').textContent") == "Hi"
    assert page.evaluate("document.querySelector('iframe').contentDocument") is None
    assert page.locator("h1").text_content().startswith('"><script>')


def test_it_works_without_script(house, chromium):
    """Signing in, searching, looking, cancelling and signing out need none."""
    person(house)
    delivery = send(house, subject="Hello without script")
    context = chromium.new_context(java_script_enabled=False)
    watched = Watched(context, house.url)
    watched.sign_in()
    page = watched.page
    watched.open("/console/log")
    page.fill("#find", "recipient:bob@example.net")
    page.click(".search .main-button")
    assert "recipient=bob%40example.net" in page.url
    page.click(".row-link")
    page.wait_for_url("**/deliveries/**")
    page.click("text=Cancel")
    page.wait_for_selector(".said")
    assert "cancelled" in house.client().get(f"/v1/deliveries/{delivery}").json()["facts"]
    page.click("text=Sign out")
    page.wait_for_url("**/sign-in")
    context.close()


def test_news_are_told_while_one_looks(house, watched):
    """A row that comes while the log is open is announced, not pushed in; a press shows it."""
    send(house, subject="The first")
    watched.open("/console/log")
    assert watched.page.locator("tbody tr").count() == 1
    send(house, subject="The second")
    watched.page.wait_for_selector(".live:not([hidden])")
    assert watched.page.locator("tbody tr").count() == 1
    watched.page.click(".live-link")
    watched.page.locator("tbody tr").nth(1).wait_for()
    assert watched.faults == []


def test_a_page_of_a_delivery_follows_it(house, watched):
    """What happens while the page is open is seen on it, and what was unfolded stays so."""
    delivery = send(house)
    house.happen(delivery, Fact.DEFERRED, evidence={"text": "451 later"}, reason=Reason.SERVER_BUSY)
    watched.open(f"/console/deliveries/{delivery}")
    watched.page.click("text=Evidence >> nth=-1")
    house.happen(delivery, Fact.DELIVERED, evidence={"text": "250 kept"})
    watched.page.wait_for_selector("#moving[data-ended=yes]")
    assert "Delivered" in watched.page.locator(".verdict").inner_text()
    assert watched.page.locator("details.evidence[open]").count() == 1
    assert watched.faults == []


def test_keys_lead_through_the_console(house, watched):
    """/ searches, g l goes to the log, j walks, Enter opens; typing in a field is left alone."""
    for i in range(3):
        send(house, to=f"p{i}@example.net")
    page = watched.page
    watched.open("/console/help")
    page.keyboard.press("g")
    page.keyboard.press("l")
    page.wait_for_url("**/console/log")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "find"
    page.keyboard.type("gjk")
    assert page.input_value("#find") == "gjk"
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/deliveries/**")
    assert "p1@example.net" in page.locator(".about").first.inner_text()


def test_light_and_dark_are_chosen_by_three_buttons(house, watched):
    """The choice is kept in the browser, and stands over the system's."""
    page = watched.page
    watched.open("/console/help")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click(".theme [value=dark]")
    page.wait_for_selector("html[data-theme=dark]")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert page.url.endswith("/console/help")
