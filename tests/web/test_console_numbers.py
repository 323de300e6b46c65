"""A number on a page is the length of the list behind it."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_console_entering import browser, person
from test_console_pages import send

from aftersend.ledger.facts import ALL, Fact
from aftersend.ledger.reasons import Reason
from aftersend.reports import bounces, search
from aftersend.store import deliveries
from aftersend.web.console import charts

_BOUNCES = (Fact.GAVE_UP, Fact.BOUNCED, Fact.BOUNCED_INVALID, Fact.REJECTED_AS_SPAM)
_HAPPENS = [fact for fact in ALL if fact not in (Fact.RECEIVED, Fact.REFUSED, Fact.THIRD_SOFT_BOUNCE)]
_STEPS = st.tuples(
    st.sampled_from(_HAPPENS), st.sampled_from(list(Reason)[:8]), st.sampled_from(("5.1.1", "5.2.2", "4.4.1"))
)


def links(page: str, beginning: str) -> list[tuple[str, int]]:
    """Return the addresses that begin so, with the number that stands in or behind each link."""
    found = []
    pattern = rf'<a[^>]*href="({re.escape(beginning)}[^"]*)"[^>]*>(.*?)</a>([^<]*<span class="dim">([\d\u202f]+))?'
    for place, inside, _, behind in re.findall(pattern, page, re.DOTALL):
        number = re.search(r"<strong>([\d\u202f]+)</strong>", inside) or re.fullmatch(r"([\d\u202f]+)", inside.strip())
        text = number[1] if number else behind
        if text:
            found.append((unescape(place), int(text.replace("\u202f", ""))))
    return found


def listed(house, place: str) -> int:
    """Count the rows of the log at an address."""
    words = parse_qsl(place.partition("?")[2])
    return house.ask(deliveries.how_many, 1, search.read(words, now=house.now()))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(stories=st.lists(st.lists(_STEPS, max_size=5), min_size=1, max_size=3))
def test_every_number_of_the_dashboard_is_the_length_of_its_list(house, stories):
    """Over ledgers that grow at random: the boxes, the results beneath the chart."""
    if not hasattr(house, "someone"):
        person(house)
        house.someone = browser(house, "ann@example.com")
    for i, story in enumerate(stories):
        delivery = send(house, to=f"p{i}@example.net")
        for fact, reason, status in story:
            is_bounce = fact in _BOUNCES
            house.happen(delivery, fact, reason=reason if is_bounce else None, status=status if is_bounce else "")
    page = house.someone.get("/console/?span=24h").text
    found = links(page, "/console/log?status=")
    assert len(found) >= 9
    for place, number in found:
        assert listed(house, place) == number, place
    assert sum(number for place, number in found if "results%3A" in place) == listed(house, "?since=2d")
    for place, number in links(page, "/console/bounces?since"):
        words = parse_qsl(place.partition("?")[2])
        rows, _ = house.ask(bounces.page, 1, words, now=house.now(), limit=1000)
        assert len(rows) == number, place
        (counted,) = house.ask(bounces.breakdowns, 1, ("reason",), words, now=house.now()).values()
        assert counted["total"] == number


@pytest.fixture
def bounced(house):
    """A browser, after some bounces."""
    person(house)
    for i, (reason, status) in enumerate(
        ((Reason.MAILBOX_FULL, "5.2.2"), (Reason.INVALID_RECIPIENT, "5.1.1"), (Reason.SERVER_BUSY, "5.3.2"))
    ):
        for j in range(i + 1):
            delivery = send(house, to=f"p{i}{j}@domain{i}.example")
            house.happen(delivery, Fact.BOUNCED, reason=reason, status=status)
    return browser(house, "ann@example.com")


def test_every_number_of_the_bounces_leads_to_as_many(house, bounced):
    """Each link of the page of bounces opens a page whose list is as long as the number said."""
    page = bounced.get("/console/bounces?whole=yes").text
    found = links(page, "/console/bounces?")
    assert len(found) >= 12
    for place, number in found:
        behind = bounced.get(place)
        assert behind.status_code == 200
        assert len(re.findall(r'class="row-link"', behind.text)) == number, place


def test_bounces_have_advice(bounced):
    """For each reason it is said who must act, and how."""
    page = bounced.get("/console/bounces?reason=Mailbox+is+full&whole=yes").text
    assert "The recipient has to make room" in page
    assert page.count('class="row-link"') == 1
    assert bounced.get("/console/bounces?reason=nonsense").status_code == 422


def test_words_of_an_address_do_not_break_the_page(bounced):
    """What stands in an address is foreign."""
    shown = bounced.get("/console/bounces", params={"domain": "<script>alert(1)</script>"})
    assert shown.status_code == 200
    assert "<script>alert" not in shown.text
    assert bounced.get("/console/?span=nonsense&stream=<b>").status_code == 200
    assert bounces.BY


@given(most=st.integers(0, 10**9))
def test_the_top_of_an_axis_is_round_and_no_less(most):
    """And not far above, so that columns are seen."""
    top = charts.ceiling(most)
    assert top >= most
    assert top <= max(4, 2.5 * most)


def test_a_column_is_as_high_as_its_number():
    """The tallest column of a round number fills the drawing; text of labels is escaped."""
    drawn = charts.columns([charts.Series("<b>", "good", [100, 50])], ["one", "<two>"], "title")
    assert "<b>" not in drawn
    assert "&lt;two&gt;: &lt;b&gt;: 50" in drawn
    heights = [float(high) for high in re.findall(r'class="fill-good"[^>]*height="([\d.]+)"', drawn)]
    assert heights[0] == pytest.approx(2 * heights[1], rel=0.02)
