"""A person sends a broadcast in the console, in a real Chromium: from a file with wrong rows to the advice for one bounce, and an
address that is mailed again."""

from __future__ import annotations

import re
import shutil
from typing import Any

import pytest

from aftersend.control import people

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("needs chromium", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")

PEOPLE = """email,name,city
hand-a@one.practice.test,Ada,London
hand-b@two.practice.test,Bert,Vienna
not an address,Nobody,Nowhere
unknown@one.practice.test,Una,Berlin
hand-a@one.practice.test,Ada again,London
"""
HTML = "<html><body><h1>News for {{ name }}</h1><p>What happens in {{ city | default('your town') }} this month.</p></body></html>"


@pytest.fixture
def page(house: Any) -> Any:
    """A page of a browser on which the first user has just come in."""
    service = house.service
    if service.engine.is_sqlite is False:
        pytest.skip("once is enough: the pages do not know the engine")
    host, port = service.addresses["web"]
    token = house.do(people.link, house.account, None, "owner", now=service.clock())
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM,
            args=["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport={"width": 1360, "height": 900})
        page.set_default_timeout(60_000)
        page.on("dialog", lambda dialog: dialog.accept())
        page.faults = []
        page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.goto(f"http://{host}:{port}/console/welcome/{token}")
        page.fill("[name=name]", "Ann Archer")
        page.fill("[name=email]", "ann@example.com")
        page.fill("[name=password]", "a long enough sentence")
        page.click("button.main-button")
        page.wait_for_url("**/first-mail")
        yield page
        browser.close()


def _first_mail(page: Any) -> None:
    """The first thing that somebody new sees is a mail of their own that arrives."""
    page.fill("[name=from]", "you@example.com")
    page.fill("[name=to]", "hand-first@one.practice.test")
    page.click("text=Send it")
    page.wait_for_selector("#moving[data-ended=yes]")
    assert "Delivered" in page.locator(".verdict").inner_text()


def _people(page: Any) -> None:
    """The file is looked at before anything is kept; the wrong row is named."""
    page.goto(page.url.partition("/console")[0] + "/console/contacts")
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    page.locator("form[action='/console/contacts/lists'] [name=name]").fill("by-hand")
    page.locator("form[action='/console/contacts/lists'] button").click()
    page.wait_for_url("**list=by-hand")
    page.goto(page.url.partition("?")[0] + "/import")
    page.fill("[name=csv]", PEOPLE)
    page.select_option("[name=list]", "by-hand")
    page.click("button[value=look]")
    page.wait_for_selector("text=This would come of it")
    assert "not an address" in page.locator("main").inner_text()
    page.click("button[value=keep]")
    page.wait_for_selector("text=This was kept")


def _draft(page: Any) -> None:
    """It is written, scored and tried before anybody of the audience gets it."""
    page.goto(page.url.partition("/console")[0] + "/console/broadcasts/new")
    page.fill("[name=name]", "By hand")
    page.fill("[name=from]", "Paper <news@example.com>")
    page.fill("[name=subject]", "News for {{ name }}")
    page.fill("[name=html]", HTML)
    page.check("[name=lists][value=by-hand]")
    page.click("text=Keep the draft")
    page.wait_for_url(re.compile(r"/broadcasts/brd_"))
    assert "Ada" in page.frame_locator("iframe").locator("h1").inner_text()
    page.click("main >> text=Quality score")
    page.wait_for_selector("#score")
    page.fill("[name=to]", "hand-test@one.practice.test")
    page.click("button:has-text('Send a test')")
    page.wait_for_selector(".said")


def _sent(page: Any) -> None:
    """It is confirmed, followed while it goes out, and its results sum to the audience."""
    page.click("button:has-text('people')")
    page.wait_for_selector("text=Failed")
    page.locator(".boxes a.box", has_text="Delivered").filter(has=page.locator("strong", has_text="2")).wait_for()


def _bounced(page: Any) -> None:
    """From the number of those who failed to the one person, why it was, and what to do."""
    page.click(".boxes a.box:has-text('Failed')")
    page.wait_for_url("**/console/log?**")
    page.click(".row-link")
    page.wait_for_url("**/deliveries/**")
    shown = page.locator("main").inner_text()
    assert "unknown@one.practice.test" in shown
    assert "Check the spelling" in shown
    assert "Not mailed any more" in shown


def _mailed_again(page: Any) -> None:
    """What was learned of an address can be undone."""
    page.click("text=Write to this address again")
    page.wait_for_selector(".said")
    assert "Not mailed any more" not in page.locator("main").inner_text()


def test_a_broadcast_by_hand(page: Any) -> None:
    """The whole story, as one person does it."""
    for part in (_first_mail, _people, _draft, _sent, _bounced, _mailed_again):
        part(page)
    assert page.faults == []
