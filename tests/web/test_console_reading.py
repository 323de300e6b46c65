"""The page of reading tells people from machines, and an interval where it cannot."""

from __future__ import annotations

import re

import pytest
from test_console_entering import browser, person
from test_web_tracking import looked, sent

from aftersend import ids
from aftersend.web.console import opened


@pytest.fixture
def client(house):
    """A browser of an analyst."""
    house.intake.tracking.url = "https://t.example.com"
    person(house, role="analyst")
    return browser(house, "ann@example.com")


def test_people_proxies_unknown_and_machines_stand_apart(house, client):
    """A scanner's visits raise nobody's share; proxies and unknown make it an interval."""
    assert "Nothing was delivered" in client.get("/console/reading").text
    shown, numbers = sent(house, house.client(), 10)
    message = ids.read("msg", shown)
    looked(house, message, numbers[0], opened="human", clicked="human", read="yes", links=(1, 2))
    looked(house, message, numbers[1], opened="privacy_proxy")
    for number in numbers[2:6]:
        looked(house, message, number, opened="machine", clicked="machine", read="no", links=(1, 2))
    page = client.get("/console/reading").text
    assert "10.0 – 20.0" in page
    assert re.search(r"Machines</span></span></th><td>4 ", page)
    assert re.search(r"Yes</th><td>1</td>", page)
    assert re.search(r"No</th><td>0</td>", page)
    assert f'href="/console/messages/{shown}"' in page
    assert 'hx-get="/console/reading/sides?since=30d"' in page
    assert "By domain" not in re.sub(r"<noscript>.*?</noscript>", "", page)
    for beside in ("/console/reading/sides?since=30d", "/console/reading?since=30d&whole=yes"):
        assert re.search(
            r"/console/log\?domain=[^>]*>[^<]+</a></td><td class=\"number-cell\">10<", client.get(beside).text
        )
    assert client.get("/console/reading?since=never").status_code == 422


def test_a_bar_is_everybody_to_whom_it_was_delivered():
    """Its parts are the four verdicts and those who did not open it."""
    told = {"delivered": 10, "opens": {"human": 2, "privacy_proxy": 1, "unknown": 0, "machine": 3}}
    widths = [float(wide) for wide in re.findall(r'width="([\d.]+)"', str(opened.interval(told)))]
    assert sum(widths) == pytest.approx(1000, abs=8)
    assert widths[0] == pytest.approx(200, abs=2)
