"""Metrics: who gets them, that the parser of Prometheus reads them, that they agree with the log, that labels are bounded."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from aftersend import clock
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.store import gauges
from aftersend.web.routes import ROUTES

HELLO = {"from": "shop@example.com", "subject": "Hello", "text": "Hi"}
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana.json"
ALERTS = Path(__file__).parents[2] / "docs" / "alerts.yml"
RUNBOOK = Path(__file__).parents[2] / "docs" / "runbook.md"


@pytest.fixture
def measured(make_house):
    """A house that offers metrics."""
    return make_house(metrics_token="let-me-see")


def asked(house) -> dict[tuple[str, tuple[str, ...]], float]:
    """Ask for the metrics; return the samples by name and values of labels, in the order of the labels' names."""
    answer = house.client(key="let-me-see").get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    families = list(text_string_to_metric_families(answer.text))
    assert len({family.name for family in families}) == len(families)
    assert all(family.documentation and family.type != "unknown" for family in families)
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_without_a_token_in_the_settings_there_are_none(house):
    """404 says which setting is missing, whatever key is shown."""
    answer = house.client().get("/metrics")
    assert answer.status_code == 404
    assert "web.metrics_token" in answer.json()["detail"]


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer let-me", "Basic let-me-see", "Bearer ümlaut"])
def test_whoever_has_not_the_token_gets_nothing(measured, shown):
    """401; keys of the API are no token either."""
    client = measured.client(key="")
    answer = client.get("/metrics", headers={"authorization": shown.encode()} if shown else {})
    assert answer.status_code == 401
    assert measured.client("*").get("/metrics").status_code == 401


def test_the_numbers_are_those_of_the_log(measured):
    """Of all accounts together: facts, results, and what has not ended."""
    client, other = measured.client(), measured.client(account_id=2)
    sent = client.post("/v1/messages", json=HELLO | {"to": [f"{i}@example.net" for i in range(4)]}).json()["deliveries"]
    other.post("/v1/messages", json=HELLO | {"to": "ann@example.net"})
    measured.happen(sent[0]["id"], Fact.DELIVERED)
    measured.happen(sent[1]["id"], Fact.BOUNCED_INVALID, reason=Reason.INVALID_RECIPIENT)
    found = asked(measured)
    assert found["aftersend_facts_total", ("received",)] == 5
    assert found["aftersend_facts_total", ("delivered",)] == 1
    assert found["aftersend_facts_total", ("bounced_invalid",)] == 1
    assert sum(number for (name, _), number in found.items() if name == "aftersend_deliveries_last_day") == 5
    assert sum(number for (name, _), number in found.items() if name == "aftersend_queue_deliveries") == 3
    assert found["aftersend_store_up", ()] == 1


def test_what_is_due_and_nobody_does_is_told(measured):
    """The queue by stage and state, and for how long the oldest has been due."""
    measured.client().post("/v1/messages", json=HELLO | {"to": ["ann@example.net", "bob@example.net"]})
    soon = measured.now() + 90 * clock.SECOND
    measured.now = lambda: soon
    found = asked(measured)
    assert found["aftersend_queue_deliveries", ("delivery", "due")] == 2
    assert found["aftersend_queue_deliveries", ("delivery", "waiting")] == 0
    assert 89 < found["aftersend_queue_overdue_seconds", ("delivery",)] < 120


def test_the_counting_is_the_same_on_each_engine(house_on_each_engine):
    """SQLite and PostgreSQL."""
    house = house_on_each_engine
    sent = house.client().post("/v1/messages", json=HELLO | {"to": ["a@example.net", "b@example.net"]}).json()
    house.happen(sent["deliveries"][0]["id"], Fact.DELIVERED)
    now = house.now() + clock.SECOND
    found = house.ask(gauges.numbers, now=now, lately=now - clock.DAY - clock.HOUR)
    assert found.facts["received"] == 2
    assert sum(found.results.values()) == 2
    by_stage = {each.stage: each for each in found.waiting}
    assert (by_stage["delivery"].due, by_stage["delivery"].claimed, by_stage["held"].due) == (1, 0, 0)
    assert by_stage["delivery"].overdue_us > 0
    later = house.ask(gauges.numbers, now=now, lately=now + clock.DAY)
    assert not any(later.results.values())


def test_requests_are_counted_by_route_and_never_by_address(measured):
    """However many addresses are asked for, labels have only names of routes."""
    client = measured.client()
    for number in range(30):
        client.get(f"/v1/deliveries/dlv_{number:013d}")
        client.get(f"/no/such/{number}")
        client.request("PROPFIND", f"/v1/keys/{number}")
    found = asked(measured)
    counted = {labels for name, labels in found if name == "aftersend_http_requests_total"}
    assert {route for _, route, _ in counted} <= {route.name for route in ROUTES} | {"none"}
    assert found["aftersend_http_requests_total", ("GET", "getDelivery", "404")] == 30
    assert found["aftersend_http_requests_total", ("other", "none", "404")] == 30
    assert found["aftersend_http_requests_total", ("other", "none", "405")] == 30
    assert found["aftersend_http_request_seconds_count", ("getDelivery",)] == 30
    assert not any("example" in label or "/" in label for _, labels in found for label in labels)


def test_attempts_and_webhooks_are_counted(measured):
    """By outcome and provider, by what webhooks answered, and by what they are still to get."""
    client = measured.client()
    client.post("/v1/webhooks", json={"url": "https://hooks.example.com/x"})
    client.post("/v1/messages", json=HELLO | {"to": "ann@example.net"})
    measured.attempts.attempts["delivered", "Google"] = 3
    measured.attempts.delivered.took(0.3)
    measured.told["failed"] = 2
    found = asked(measured)
    assert found["aftersend_delivery_attempts_total", ("delivered", "Google")] == 3
    assert found["aftersend_accept_to_delivered_seconds_bucket", ("0.25",)] == 0
    assert found["aftersend_accept_to_delivered_seconds_bucket", ("0.5",)] == 1
    assert found["aftersend_accept_to_delivered_seconds_bucket", ("+Inf",)] == 1
    assert found["aftersend_accept_to_delivered_seconds_sum", ()] == 0.3
    assert found["aftersend_webhook_attempts_total", ("failed",)] == 2
    assert found["aftersend_webhook_attempts_total", ("taken",)] == 0
    assert found["aftersend_webhooks", ("good",)] == 1
    assert found["aftersend_webhook_backlog", ("behind",)] == 2
    assert found["aftersend_event_followers", ()] == 0


def test_when_the_store_is_away_that_is_what_is_told(measured, monkeypatch):
    """The rest of what this process knows comes all the same."""

    def away(*_args, **_kwargs):
        raise RuntimeError("away")

    monkeypatch.setattr(gauges, "numbers", away)
    found = asked(measured)
    assert found["aftersend_store_up", ()] == 0
    assert not any(name.startswith("aftersend_queue") for name, _ in found)


def test_dashboard_and_runbook_ask_for_metrics_that_there_are(measured):
    """A name in a graph or an alert that nothing gives would be silent for ever."""
    measured.client().post("/v1/messages", json=HELLO | {"to": "ann@example.net"})
    there = {name for name, _ in asked(measured)}
    asked_for = " ".join(
        target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]
    )
    for text in (asked_for, RUNBOOK.read_text(), ALERTS.read_text()):
        wanted = set(re.findall(r"\baftersend_[a-z_]+\b", text))
        assert wanted
        assert wanted <= there, wanted - there


def test_the_alerts_are_those_of_the_runbook():
    """Each expression stands in both, with the same time, and the runbook says what to do about it."""
    runbook = RUNBOOK.read_text()
    listed = re.findall(r"^\| ([^|`]+) \| `(.+)` \| (\d+) min \|$", runbook, re.MULTILINE)
    given = re.findall(r"expr: '(.+)'\n +for: (\d+)m\n(?:.*\n){3} +summary: (.+)", ALERTS.read_text())
    assert given == [(expr.replace("\\|", "|"), minutes, name) for name, expr, minutes in listed]
    told = " ".join(re.findall(r"^\*\*(.+)\.\*\*", runbook, re.MULTILINE)).lower()
    assert all(name.lower() in told for name, _, _ in listed)
