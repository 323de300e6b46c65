"""The pages of quality in the console: a domain over time, a broadcast before and after."""

from __future__ import annotations

import pytest
from test_console_entering import browser, csrf, person

from aftersend.web.console.quality import tone


@pytest.fixture
def client(house):
    """A browser of an owner, in an account that has a domain."""
    person(house)
    house.client().post("/v1/domains", json={"name": "example.com"})
    return browser(house, "ann@example.com")


def test_a_domain_s_quality_is_shown(client):
    """Linked from the domain; with a drawing and the same numbers as a table; without volume it says so."""
    assert "/console/domains/example.com/quality" in client.get("/console/domains/example.com").text
    page = client.get("/console/domains/example.com/quality")
    assert page.status_code == 200, page.text
    assert "No score yet" in page.text
    assert "Under 1,000 deliveries nothing is scored" in page.text
    assert page.text.count('<th scope="row">20') == 30
    assert client.get("/console/domains/nobody.example/quality").status_code == 404


def test_a_draft_is_scored_with_its_audience(house, client):
    """The forecast stands on the draft and is kept; the page of quality shows it."""
    api = house.client()
    api.post("/v1/lists", json={"name": "news"})
    api.post("/v1/contacts", json={"addresses": [{"address": "ann@gone.example"}], "lists": ["news"]})
    message = {"from": "shop@example.com", "subject": "News", "text": "Here is the news of this week for you."}
    made = api.post("/v1/broadcasts", json={"name": "<b>May", "lists": ["news"], "message": message}).json()["id"]
    page = f"/console/broadcasts/{made}"
    assert "Nothing is known yet" in client.get(f"{page}/quality").text
    scored = client.post(f"{page}/score", data={"csrf": csrf(client.get(page))})
    assert scored.status_code == 200, scored.text
    assert "The domain does not exist." in scored.text
    assert "1 who get it, about 1 will bounce" in scored.text
    kept = client.get(f"{page}/quality").text
    assert "Before it was sent" in kept
    assert "<b>May" not in kept


def test_how_scores_look():
    """As the bands say."""
    assert [tone(score) for score in (None, 39, 60, 75)] == ["quiet", "bad", "wait", "good"]
