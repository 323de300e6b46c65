"""The console for those who use it otherwise: by keys alone, without script, on paper."""

from __future__ import annotations

from test_console_browser import Watched, chromium, watched  # noqa: F401
from test_console_entering import PASSWORD, person
from test_console_pages import send

from aftersend.ledger.facts import Fact


def test_what_can_be_done_changes_when_a_delivery_ends(house, watched):  # noqa: F811
    """What is no use any more goes from the page by itself, and the focus of a person who tabs through it stays meanwhile."""
    delivery = send(house)
    watched.open(f"/console/deliveries/{delivery}")
    page = watched.page
    assert page.locator("#actions").get_by_role("button", name="Cancel").count() == 1
    page.locator("#actions button").first.focus()
    page.wait_for_timeout(2500)
    assert page.evaluate("document.activeElement.textContent").strip() == "Try now"
    house.happen(delivery, Fact.DELIVERED, evidence={"text": "250 kept"})
    page.wait_for_selector("#moving[data-ended=yes]")
    assert page.locator("#actions").get_by_role("button", name="Cancel").count() == 0
    assert page.locator("#actions").get_by_role("button", name="Send again").count() == 1
    assert watched.faults == []


def test_a_question_mark_tells_the_keys(house, watched):  # noqa: F811
    """A dialog that Escape closes; the page about words has a button for it."""
    page = watched.page
    watched.open("/console/help")
    page.keyboard.press("?")
    page.locator("#keys[open]").wait_for()
    assert "Email log" in page.locator("#keys").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#keys[open]").count() == 0
    page.click("[data-keys]")
    page.locator("#keys[open]").wait_for()
    page.click("#keys button")
    assert page.locator("#keys[open]").count() == 0


def test_one_gets_through_by_tab_and_enter_alone(house, chromium):  # noqa: F811
    """Signing in, over the skip link to the content, to a row, to an action; the focus can always be seen."""
    person(house)
    send(house)
    context = chromium.new_context()
    page = Watched(context, house.url).page
    page.goto(f"{house.url}/console/sign-in")
    page.wait_for_function("document.activeElement.name === 'email'")
    page.keyboard.type("ann@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/")
    page.goto(f"{house.url}/console/log")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        focused = "document.activeElement"
        assert page.evaluate(f"getComputedStyle({focused}).outlineStyle") != "none", page.evaluate(
            f"{focused}.outerHTML"
        )
        if page.evaluate(f"{focused}.className") == "row-link":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/deliveries/**")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip() == "Hold":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(".said")
    context.close()


def test_a_broadcast_is_written_and_sent_without_script(house, chromium):  # noqa: F811
    """A file of people is pasted, a broadcast is written, counted and begun; numbers, bounces and reading are looked at."""
    person(house)
    context = chromium.new_context(java_script_enabled=False)
    without = Watched(context, house.url)
    without.sign_in()
    page = without.page
    house.client().post("/v1/lists", json={"name": "letter"})
    without.open("/console/contacts/import")
    page.fill("[name=csv]", "email,name\nann@example.net,Ann\nbob@example.net,Bob\n")
    page.select_option("[name=list]", "letter")
    page.click("button[value=look]")
    page.click("button[value=keep]")
    without.open("/console/broadcasts/new")
    assert "Shop <news@example.com>" in page.inner_text("#h-from")
    page.fill("[name=name]", "March")
    page.fill("[name=subject]", "For {{ name }}")
    page.fill("[name=text]", "Dear {{ name }}")
    page.check("[name=lists]")
    page.click("button[value=count]")
    assert "2 people" in page.inner_text("[role=status]")
    page.click("text=Keep the draft")
    page.wait_for_url("**/broadcasts/brd_*")
    page.click("text=Send to 2 people")
    page.wait_for_selector(".said")
    for path in ("/console/", "/console/bounces", "/console/reading", "/console/help", "/console/queue"):
        without.open(path)
        assert page.locator("h1").count() == 1
    context.close()


def test_the_page_of_a_delivery_prints_its_story(house, watched):  # noqa: F811
    """On paper stand the story and the facts, not the menu, the buttons or what was just done."""
    delivery = send(house, html="<p>Hi</p>")
    house.happen(delivery, Fact.DELIVERED, evidence={"text": "250 kept"})
    watched.open(f"/console/deliveries/{delivery}")
    page = watched.page
    page.emulate_media(media="print")
    shown = {
        name: page.locator(name).first.is_visible()
        for name in (".side", ".actions", ".crumbs", ".journey", ".timeline", ".pairs")
    }
    assert shown == {
        ".side": False,
        ".actions": False,
        ".crumbs": False,
        ".journey": True,
        ".timeline": True,
        ".pairs": True,
    }
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_person_gets_the_time_zone_of_the_browser_until_one_is_chosen(house, chromium):  # noqa: F811
    """The first page asks the browser; what was chosen stays."""
    person(house)
    send(house)
    context = chromium.new_context(timezone_id="Asia/Tokyo")
    mine = Watched(context, house.url)
    with mine.page.expect_response("**/me/zone"):
        mine.sign_in()
    mine.open("/console/log")
    assert "JST" in mine.page.content()
    mine.open("/console/me")
    assert mine.page.input_value("#f-zone") == "Asia/Tokyo"
    mine.page.select_option("#f-zone", "Europe/Vienna")
    mine.page.get_by_role("button", name="Keep", exact=True).click()
    mine.page.wait_for_selector(".said")
    mine.open("/console/log")
    assert "JST" not in mine.page.content()
    assert mine.faults == []
    context.close()
