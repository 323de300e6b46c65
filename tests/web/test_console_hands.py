"""What people do in the console by hand, in a real Chromium: decide about mail, set a domain up, give somebody a role."""

from __future__ import annotations

import re

import pytest
from test_console_browser import CHROMIUM, Watched, chromium, watched  # noqa: F401 - fixtures
from test_console_entering import PASSWORD, person
from test_console_moderation import judged

if CHROMIUM is None:
    pytest.skip("needs chromium", allow_module_level=True)


def test_a_moderator_decides(house, chromium):  # noqa: F811
    """What awaits a person is chosen, accepted, or refused with a reason that the sender reads."""
    person(house, "mo@example.com", "moderator")
    for number in range(2):
        judged(house, account=2, subject=f"Offer {number}")
    context = chromium.new_context()
    mine = Watched(context, house.url)
    mine.sign_in("mo@example.com")
    page = mine.page
    mine.open("/console/moderation")
    page.get_by_label("Choose “Offer 0”").check()
    page.click("button[value=accept]")
    page.wait_for_selector(".said")
    page.get_by_label("Choose “Offer 1”").check()
    page.fill("[name=reason]", "Not like this.")
    page.click("button[value=quarantine]")
    page.wait_for_selector("text=Nothing awaits you")
    decided = {
        row["subject"]: row for row in house.client(account_id=2).get("/v1/moderation?state=quarantined").json()["data"]
    }
    assert list(decided) == ["Offer 1"]
    assert mine.faults == []
    context.close()


def test_a_domain_is_set_up(house, watched):  # noqa: F811
    """From its name to its records, and what a check found of each; the steps show how far it is."""
    page = watched.page
    watched.open("/console/domains")
    page.fill("[name=name]", "example.com")
    page.click("text=Add it")
    page.wait_for_url("**/domains/example.com")
    assert page.locator(".wizard .now").inner_text().startswith("2")
    assert page.locator(".record").count() >= 4
    page.get_by_role("button", name="Check now").click()
    page.wait_for_selector(".record .chip:has-text('Missing')")
    page.get_by_role("button", name="New keys").click()
    page.wait_for_selector(".said")
    page.click("main >> text=Remove")
    page.wait_for_url("**/console/domains")
    assert watched.faults == []


def test_somebody_is_let_in_and_sees_what_the_role_allows(house, watched, chromium):  # noqa: F811
    """The link is shown once; whoever uses it comes in, and finds only what the role allows."""
    page = watched.page
    watched.open("/console/people")
    page.fill("[name=email]", "dan@example.com")
    page.fill("[name=name]", "Dan")
    page.check("[name=role][value=sender]")
    page.click("button:has-text('Add')")
    link = page.locator(".secret").inner_text()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/console/welcome/[\w-]{40,}", link)
    context = chromium.new_context()
    his = Watched(context, house.url)
    his.page.goto(link)
    his.page.fill("[name=password]", PASSWORD)
    his.page.click("text=Come in")
    his.page.wait_for_url("**/console/")
    shown = his.page.locator("nav[aria-label=Main]").inner_text()
    assert "Broadcasts" in shown
    assert "People" not in shown
    assert his.open("/console/people").status == 403
    his.page.goto(link)
    assert "used" in his.page.locator("main").inner_text()
    context.close()
