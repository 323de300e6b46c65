"""Times in the console are those of the person who looks: what is shown, and what is typed."""

from __future__ import annotations

import pytest
from test_console_entering import browser, csrf, person
from test_console_pages import send

from aftersend.clock import DAY, HOUR, from_iso, now
from aftersend.web.console import charts, dashboard, opened, rendering


def test_columns_are_labelled_in_the_readers_zone():
    """Hours and parts of days move; whole days stay those of UTC, as they are counted."""
    hour, part, day = dashboard.SPANS[0], dashboard.SPANS[1], dashboard.SPANS[2]
    at = "2026-11-25T18:00:00Z"
    assert dashboard._label(at, hour, "Asia/Tokyo") == "03:00"
    assert dashboard._label(at, part, "Asia/Tokyo") == "26 Nov 03:00"
    assert dashboard._label(at, day, "Asia/Tokyo") == "25 Nov"
    assert dashboard._label(at, hour, "Nowhere/Else") == "18:00"
    assert charts.day_label("2026-03-01") == "1 Mar"


@pytest.mark.parametrize(("zone", "at"), [("UTC", 5), ("Asia/Tokyo", 14), ("America/New_York", 0), ("Asia/Kolkata", 5)])
def test_hours_of_the_day_move_with_the_zone(zone, at):
    """A zone that is off by half an hour keeps the hours of UTC, and says so."""
    hours = [0] * 24
    hours[5] = 7
    moved, named = opened.in_zone(hours, zone, from_iso("2026-01-15T00:00:00Z"))
    assert moved[at] == 7
    assert named == ("UTC" if zone == "Asia/Kolkata" else zone)


@pytest.mark.parametrize(
    ("typed", "zone", "meant"),
    [
        ("2026-07-01T09:30", "Europe/Vienna", "2026-07-01T09:30:00+02:00"),
        ("2026-01-01T09:30", "Europe/Vienna", "2026-01-01T09:30:00+01:00"),
        ("2026-07-01T09:30", "UTC", "2026-07-01T09:30:00+00:00"),
        ("2026-07-01T09:30:00Z", "Europe/Vienna", "2026-07-01T09:30:00Z"),
        ("soon", "Europe/Vienna", "soon"),
    ],
)
def test_a_time_that_is_typed_is_meant_in_the_zone(typed, zone, meant):
    """Summer and winter; what has a zone of its own, or is no time, is left as it is."""
    assert rendering.moment_of(typed, zone) == meant


def test_a_broadcast_begins_at_the_persons_time(house):
    """Nine o'clock in Tokyo is midnight in UTC."""
    person(house)
    client = browser(house, "ann@example.com")
    word = csrf(client.get("/console/me"))
    client.post("/console/me", data={"csrf": word, "name": "Ann", "zone": "Asia/Tokyo"})
    api = house.client()
    api.post("/v1/lists", json={"name": "letter"})
    api.post("/v1/contacts", json={"addresses": [{"address": "ann@example.net"}], "lists": ["letter"]})
    said = {"from": "shop@example.com", "subject": "News", "text": "Hi"}
    made = api.post("/v1/broadcasts", json={"name": "News", "message": said, "lists": ["letter"]}).json()["id"]
    assert "Not before (Asia/Tokyo)" in client.get(f"/console/broadcasts/{made}").text
    day = rendering.local(now() + 2 * DAY, "Asia/Tokyo")
    answer = client.post(f"/console/broadcasts/{made}/start", data={"csrf": word, "at": f"{day:%Y-%m-%d}T09:00"})
    assert answer.status_code == 303, answer.text
    begins = from_iso(api.get(f"/v1/broadcasts/{made}").json()["scheduled_at"])
    assert begins % DAY == 0
    assert HOUR < begins - now() < 3 * DAY
    send(house)
    assert "Time (Asia/Tokyo)" in client.get("/console/?span=24h").text
