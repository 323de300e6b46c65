"""Returned mail that no rule understood, in the console: seen with its original, taught in one action, thrown away."""

from __future__ import annotations

import pytest
from test_console_entering import browser, csrf, person
from test_console_pages import send

from aftersend import ids
from aftersend.store import returned
from aftersend.store.returned import Returned

ODD = b"From: jemand@example.net\r\nSubject: Zustellung <b>\r\n\r\nDas ging nicht. <script>alert(1)</script>\r\n"


def came(house, delivery=None):
    """Something came back that no rule knows; return its id."""
    kept = Returned(house.ids(), "b-x@mx.example.org", "", "192.0.2.1", ODD, house.now())
    about = None if delivery is None else ids.read("dlv", delivery)
    house.run(returned.put_aside, 1, kept, why="No rule knows it.", subject="Zustellung <b>", delivery_id=about)
    return str(house.client().get("/v1/returns?limit=1").json()["data"][0]["id"])


@pytest.fixture
def owner(house):
    """A browser of an owner, with the word of its forms."""
    person(house)
    client = browser(house, "ann@example.com")
    client.word = {"csrf": csrf(client.get("/console/log"))}
    return client


def test_what_needs_somebody_leads_to_the_list_and_the_list_to_the_original(house, owner):
    """The number on the first page is a link to as many rows; the original is shown as text and handed out as a file."""
    unread = came(house)
    assert 'href="/console/returns"' in owner.get("/console/").text
    page = owner.get("/console/returns").text
    assert page.count('class="row-link"') == 1
    assert f'href="/console/returns/{unread}"' in page
    assert "jemand@example.net · 192.0.2.1" in page
    shown = owner.get(f"/console/returns/{unread}").text
    assert "Das ging nicht. &lt;script&gt;" in shown
    assert "<script>alert" not in shown
    saved = owner.get(f"/console/returns/{unread}/original")
    assert (saved.content, saved.headers["content-disposition"]) == (ODD, f'attachment; filename="{unread}.eml"')


def test_it_is_taught_in_one_action(house, owner):
    """The delivery has it with the person's name, the audit too, and it leaves the list."""
    delivery = send(house)
    unread = came(house, delivery)
    place = f"/console/returns/{unread}/teach"
    assert "Choose what it means" in owner.post(place, data=owner.word).text
    wrong = owner.post(place, data={"meaning": "delivered", "delayed": "1", **owner.word})
    assert (wrong.status_code, "no cause of a delay" in wrong.text) == (422, True)
    done = owner.post(place, data={"meaning": "server_busy/greylisted", "delayed": "1", **owner.word})
    assert done.headers["location"] == f"/console/deliveries/{delivery}"
    told = owner.get(done.headers["location"]).text
    assert "ann@example.com read what came back and said what it means" in told
    assert "Everything was understood" in owner.get("/console/returns").text
    assert owner.post(place, data={"meaning": "complaint", **owner.word}).status_code == 404
    assert unread in owner.get("/console/audit").text


def test_where_nothing_proves_the_delivery_it_is_asked_for(house, owner):
    """The field is there and named; what is no delivery is said."""
    delivery = send(house)
    unread = came(house)
    place = f"/console/returns/{unread}/teach"
    assert 'name="delivery_id"' in owner.get(f"/console/returns/{unread}").text
    for given in ("", "ann"):
        wrong = owner.post(place, data={"meaning": "mailbox_full", "delivery_id": given, **owner.word})
        assert (wrong.status_code, 'role="alert"' in wrong.text) == (422, True)
    assert owner.post(place, data={"meaning": "mailbox_full", "delivery_id": delivery, **owner.word}).status_code == 303


def test_it_is_thrown_away_and_who_only_looks_may_neither(house, owner):
    """Analysts see it without the forms; what they send all the same is refused."""
    unread = came(house)
    person(house, "eve@example.com", role="analyst")
    eve = browser(house, "eve@example.com")
    assert "Throw it away" not in eve.get(f"/console/returns/{unread}").text
    word = {"csrf": csrf(eve.get("/console/log"))}
    for verb in ("teach", "dismiss"):
        refused = eve.post(f"/console/returns/{unread}/{verb}", data={"meaning": "complaint", **word})
        assert refused.status_code == 403
    assert owner.post(f"/console/returns/{unread}/dismiss", data=owner.word).headers["location"] == "/console/returns"
    assert owner.get(f"/console/returns/{unread}").status_code == 404
