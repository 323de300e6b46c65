"""A broadcast is written, shown, tried, sent and followed in the console."""

from __future__ import annotations

import csv
import io
import re

import pytest
from test_console_entering import browser, csrf, person

from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.web.console import broadcasts

FORM = {
    "name": "March news",
    "from": "Shop <news@example.com>",
    "subject": "News for {{ name }}",
    "html": "<p>Hello {{ name }}</p><script>alert(1)</script>",
    "text": "Hello {{ name }}",
}
PEOPLE = "email,name\nann@example.net,Ann\nbob@example.net,Bob <b>\nann@example.net,Ann again\n,Nobody\n"


@pytest.fixture
def client(house):
    """A browser of somebody who may send."""
    person(house, role="sender")
    return browser(house, "ann@example.com")


@pytest.fixture
def draft(client) -> str:
    """The page of a draft."""
    form = client.get("/console/broadcasts/new")
    assert form.status_code == 200
    word = csrf(form)
    made = client.post("/console/broadcasts/new", data=FORM | {"csrf": word})
    assert made.status_code == 303, made.text
    return made.headers["location"]


def do(client, page, verb, **fields):
    """Press a button of a broadcast's page."""
    return client.post(f"{page}/{verb}", data={"csrf": csrf(client.get(page)), **fields})


def test_a_draft_is_shown_as_its_first_recipient_gets_it(client, draft):
    """Merge tags are filled; the HTML stands in a frame in which nothing runs."""
    assert "no value for this recipient" in client.get(draft).text
    assert do(client, draft, "recipients", csv=PEOPLE).status_code == 303
    page = client.get(draft).text
    assert "News for Ann" in page
    assert "<strong>4</strong>" in page
    shown = client.get(f"{draft}/preview")
    assert "Hello Ann" in shown.text
    assert shown.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    do(client, draft, "clear")
    assert "News for Ann" not in client.get(draft).text


def test_what_is_wrong_is_said_beside_what_was_typed(client):
    """The form comes back as it was filled, with the field named."""
    word = csrf(client.get("/console/broadcasts/new"))
    wrong = client.post("/console/broadcasts/new", data=FORM | {"csrf": word, "from": "nobody", "name": "Kept <name>"})
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    assert "from:" in wrong.text
    assert "Kept &lt;name&gt;" in wrong.text
    assert "News for {{ name }}" in wrong.text


def test_a_file_without_addresses_adds_nobody_and_says_why(client, draft):
    """All of it or nothing, with the column named on the page."""
    answer = do(client, draft, "recipients", csv="name\nAnn\n")
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert "email" in answer.text


def test_a_changed_draft_says_the_new_words(client, draft):
    """The form shows what stands there, and keeps the change."""
    form = client.get(f"{draft}/change")
    assert "News for {{ name }}" in form.text
    client.post(f"{draft}/change", data=FORM | {"csrf": csrf(form), "subject": "Other news"})
    assert "Other news" in client.get(draft).text


def test_a_score_and_a_test_come_before_sending(house, client, draft):
    """The test goes to oneself and counts for no broadcast."""
    do(client, draft, "recipients", csv=PEOPLE)
    assert do(client, draft, "test", to="me@example.com").status_code == 303
    rows = house.client().get("/v1/deliveries").json()["data"]
    assert [(row["recipient"], row["subject"]) for row in rows] == [("me@example.com", "[Test] News for Ann")]
    assert rows[0]["broadcast_id"] is None


def test_buttons_are_there_for_those_who_may_press_them(house, client, draft):
    """An analyst sees everything and can change nothing."""
    person(house, "dan@example.com", "analyst")
    other = browser(house, "dan@example.com")
    page = other.get(draft)
    assert page.status_code == 200
    assert "/start" not in page.text
    answer = other.post(f"{draft}/start", data={"csrf": csrf(page)})
    assert answer.status_code == 403
    assert other.get("/console/broadcasts/new").status_code == 403


def test_what_has_begun_is_paused_resumed_and_cancelled(house, client, draft):
    """Each button does what it says, and what cannot be done any more is not offered."""
    do(client, draft, "recipients", csv=PEOPLE)
    assert do(client, draft, "start", at="2099-01-01T10:00").status_code == 422
    assert do(client, draft, "start").status_code == 303
    page = client.get(draft).text
    assert "hx-get" in page
    do(client, draft, "pause")
    assert "Go on" in client.get(draft).text
    do(client, draft, "resume")
    do(client, draft, "cancel")
    page = client.get(draft).text
    assert "Cancelled" in page
    assert f'action="{draft}/pause"' not in page


def test_the_parts_of_the_bar_are_the_audience(house, client):
    """Each number is a link to exactly those rows; together they are everybody, and the bar is full."""
    counts = [
        {"word": w, "meaning": "", "count": n}
        for w, n in (("Delivered", 7), ("Failed", 2), ("Duplicate", 1), ("Sent", 0))
    ]
    results = {"audience": 10, "vocabularies": {"delivery_results": {"counts": counts}}}
    parts = broadcasts.parts("brd_0000000000000", results)
    assert [(part.word, part.number) for part in parts] == [("Delivered", 7), ("Failed", 2), ("Duplicate", 1)]
    assert sum(part.width for part in parts) == pytest.approx(100)
    assert [part.left for part in parts] == pytest.approx([0, 70, 90])
    for part in parts:
        assert client.get(part.list).status_code in (200, 404)


def test_addresses_to_update_are_given_as_a_file_without_formulas(house, client, draft):
    """Whoever has no mailbox is listed with what was probably meant."""
    sent = house.client().post(
        "/v1/messages", json={"from": "a@example.com", "to": "=cmd@gmial.com", "subject": "x", "text": "x"}
    )
    house.happen(sent.json()["deliveries"][0]["id"], Fact.BOUNCED_INVALID, reason=Reason.INVALID_RECIPIENT)
    answer = client.get(f"{draft}/addresses.csv")
    assert next(csv.reader(io.StringIO(answer.text)))[:2] == ["address", "suggestion"]
    assert re.search(r'filename="addresses-brd_\w+\.csv"', answer.headers["content-disposition"])


def test_links_that_only_we_can_make_have_a_value_in_the_preview(house, client):
    """Where there is tracking, a draft with a link to opt out is shown whole."""
    html = '<p>Hi</p><a href="{{ unsubscribe_url }}">Unsubscribe</a>'
    word = csrf(client.get("/console/broadcasts/new"))
    made = client.post(
        "/console/broadcasts/new", data=FORM | {"csrf": word, "subject": "News", "text": "Hi", "html": html}
    )
    assert "no value" in client.get(f"{made.headers['location']}/preview").text
    house.intake.tracking.url = "https://t.example.com"
    assert "Unsubscribe</a>" in client.get(f"{made.headers['location']}/preview").text


def test_an_audience_is_counted_while_it_is_written(house, client):
    """The form comes back as it was filled, with the number; the draft shows what was asked, and a change keeps it."""
    for i, city in enumerate(("Wien", "Graz", "Wien")):
        person = {"addresses": [{"address": f"p{i}@example.net"}], "attributes": {"city": city}}
        house.client().post("/v1/contacts", json=person)
    filled = FORM | {"csrf": csrf(client.get("/console/broadcasts/new")), "where": "city = Wien", "agreed": "yes"}
    page = client.post("/console/broadcasts/new", data=filled | {"do": "count"})
    assert ">2 people<" in page.text
    assert 'value="city = Wien"' in page.text
    assert (
        "one of =" in client.post("/console/broadcasts/new", data=filled | {"where": "city Wien", "do": "count"}).text
    )
    draft = client.post("/console/broadcasts/new", data=filled).headers["location"]
    assert "city = Wien" in client.get(draft).text
    form = client.get(f"{draft}/change").text
    assert 'value="city = Wien"' in form
    assert re.search(r'name="agreed" value="yes" checked', form)
    found = client.get("/console/contacts", params={"q": "city = Graz"}).text
    assert "p1@example.net" in found
    assert "p0@example.net" not in found
    assert client.get("/console/contacts", params={"q": "city ="}).status_code == 422
