"""Moderation and credits in the console: who decides, who gives, and what is seen."""

from __future__ import annotations

import pytest
from test_console_entering import browser, csrf, person

from aftersend import ids
from aftersend.control import moderation as moderating
from aftersend.store import moderation

HOSTILE = "<script>alert(1)</script>"
FINDINGS = {"version": 1, "findings": [{"rule": "by_hand", "why": f"A person looks at it {HOSTILE}."}], "engines": [
    {"name": "rspamd", "score": 16.2, "threshold": 15.0}, {"name": "spamd", "why": "It is down."}]}  # fmt: skip


def judged(house, account=1, subject="Offer"):
    """A message of an account that awaits a moderator."""
    message = {
        "from": "shop@example.com",
        "to": "bob@example.net",
        "subject": subject,
        "text": "Hi",
        "html": f"<p>Hi</p>{HOSTILE}",
    }
    sent = house.client(account_id=account).post("/v1/messages", json=message).json()["id"]
    house.run(
        moderation.judged, account, ids.read("msg", sent), is_pending=True, why="A person looks at it.",
        findings=FINDINGS, recipients=1, now=house.now(),
    )  # fmt: skip
    return sent


@pytest.fixture
def client(house):
    """A browser of a moderator of those who run the installation."""
    person(house, role="moderator")
    return browser(house, "ann@example.com")


def test_what_awaits_a_person_is_shown_with_what_speaks_against_it(house, client):
    """Of all accounts, for those who run the installation; hostile text is text."""
    theirs = judged(house, 2, f"Theirs {HOSTILE}")
    page = client.get("/console/moderation").text
    assert "Theirs &lt;script&gt;" in page
    one = client.get(f"/console/moderation/{theirs}")
    assert HOSTILE not in one.text
    assert "16.2" in one.text
    assert "It is down." in one.text
    frame = client.get(f"/console/moderation/{theirs}/preview")
    assert frame.headers["content-security-policy"].startswith("sandbox;")


def test_many_are_decided_at_once_and_a_no_needs_a_reason(house, client):
    """The sender reads the reason; what was accepted leaves the list."""
    sent = [judged(house, 2, f"Offer {number}") for number in range(3)]
    word = csrf(client.get("/console/moderation"))
    wrong = client.post("/console/moderation", data={"csrf": word, "id": sent[0], "action": "quarantine", "alone": "1"})
    assert wrong.status_code == 422
    assert "reason" in wrong.text
    form = {"csrf": word, "id": sent[:2], "action": "quarantine", "reason": "Not like this."}
    assert client.post("/console/moderation", data=form).status_code == 303
    client.post("/console/moderation", data={"csrf": word, "id": sent[2], "action": "accept"})
    assert "Nothing awaits you" in client.get("/console/moderation").text
    assert "Not like this." in client.get("/console/moderation?state=quarantined").text
    assert house.client(account_id=2).get("/v1/moderation?state=accepted").json()["data"][0]["id"] == sent[2]


def test_all_that_are_found_are_decided_after_having_seen_how_many(house, client, monkeypatch):
    """The first press counts, the second goes through all of it, however many pages that is."""
    monkeypatch.setattr(moderating, "AT_ONCE", 2)
    for number in range(5):
        judged(house, 2, f"Offer {number}")
    judged(house, 2, "Something else")
    form = {"csrf": csrf(client.get("/console/moderation")), "state": "pending", "q": "offer", "reason": "Not this."}
    assert client.post("/console/moderation", data=form | {"action": "quarantine-all", "reason": ""}).status_code == 422
    counted = client.post("/console/moderation", data=form | {"action": "quarantine-all"})
    assert "Quarantine 5 messages" in counted.text
    assert house.client(account_id=2).get("/v1/moderation?state=quarantined").json()["data"] == []
    done = client.post("/console/moderation", data=form | {"action": "quarantine-all", "sure": "yes"})
    assert done.status_code == 303
    assert len(house.client(account_id=2).get("/v1/moderation?state=quarantined").json()["data"]) == 5
    assert "Something else" in client.get("/console/moderation").text


def test_no_account_decides_about_its_own_mail(house, client):
    """Its people see it, with why it waits; neither the button nor the form works for them."""
    mine = judged(house, 2)
    person(house, "eve@example.com", "owner", account_id=2)
    other = browser(house, "eve@example.com")
    page = other.get(f"/console/moderation/{mine}")
    assert page.status_code == 200
    assert "Decide</h2>" not in page.text
    word = csrf(page)
    assert other.post("/console/moderation", data={"csrf": word, "id": mine, "action": "accept"}).status_code == 403
    assert other.post("/console/moderation/policy", data={"csrf": word, "mode": "off"}).status_code == 403
    assert other.post("/console/credits/top-up", data={"csrf": word, "amount": "1000"}).status_code == 403
    ours = judged(house, 1)
    assert other.get(f"/console/moderation/{ours}").status_code == 404
    assert other.get(f"/console/moderation/{ours}/preview").status_code == 404


def test_an_analyst_sees_only_his_own_account(house, client):
    """Seeing all is for those who decide."""
    judged(house, 2, "Theirs")
    person(house, "dan@example.com", "analyst")
    assert "Theirs" not in browser(house, "dan@example.com").get("/console/moderation").text


def test_how_mail_is_moderated_is_set_by_an_admin(house, client):
    """A moderator decides about mail, not about the rules."""
    word = csrf(client.get("/console/moderation"))
    assert client.post("/console/moderation/policy", data={"csrf": word, "mode": "all"}).status_code == 403
    person(house, "max@example.com", "admin")
    admin = browser(house, "max@example.com")
    word = csrf(admin.get("/console/moderation"))
    assert admin.post("/console/moderation/policy", data={"csrf": word, "mode": "odd", "first": "3"}).status_code == 422
    assert admin.post("/console/moderation/policy", data={"csrf": word, "mode": "new", "first": "5"}).status_code == 303
    assert house.client().get("/v1/moderation/policy").json()["first"] == 5


def test_credits_are_put_in_planned_and_shown(house):
    """By an admin of those who run it; what is wrong is told on the page."""
    person(house, role="admin")
    admin = browser(house, "ann@example.com")
    page = admin.get("/console/credits")
    assert "Mail costs nothing here" in page.text
    word = csrf(page)
    assert admin.post("/console/credits/top-up", data={"csrf": word, "amount": "many"}).status_code == 422
    assert (
        admin.post("/console/credits/top-up", data={"csrf": word, "amount": "1,000", "why": "Invoice"}).status_code
        == 303
    )
    plan = {"csrf": word, "amount": "5000", "period": "month", "mode": "fill"}
    assert admin.post("/console/credits/plan", data=plan).status_code == 303
    page = admin.get("/console/credits").text
    assert "Invoice" in page
    assert house.client().get("/v1/credits").json()["available"] == 5000
    admin.post("/console/credits/end-plan", data={"csrf": word})
    admin.post("/console/credits/stop", data={"csrf": word})
    assert house.client().get("/v1/credits").json()["counted"] is False
