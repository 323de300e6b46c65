"""Broadcasts scored before and after, domains over time, and what is learned, over HTTP."""

from __future__ import annotations

import msgspec
import pytest

from aftersend import clock, ids
from aftersend.ledger.facts import Fact
from aftersend.store import record
from aftersend.web import quality_shapes as shapes

MESSAGE = {
    "from": "Shop <news@example.com>",
    "subject": "What is new, {{ name }}",
    "html": "<html lang='en'><title>News</title><p>Dear {{ name }}, this is new in the shop this week.</p>"
    "<p>Shop, 12 Market Street, Dublin. <a href='https://www.example.com/leave'>Unsubscribe</a></p>",
    "text": "Dear {{ name }}, this is new in the shop this week. Shop, 12 Market Street, Dublin. Unsubscribe.",
}


@pytest.fixture
def draft(house):
    """A draft to a list with one that will bounce, in an account that has the domain."""
    client = house.client()
    client.post("/v1/domains", json={"name": "example.com"})
    client.post("/v1/lists", json={"name": "news"})
    for name in ("Ann", "Bob"):
        spot = {"address": f"{name}@example.net"}
        client.post("/v1/contacts", json={"name": name, "addresses": [spot], "lists": ["news"]})
    made = client.post("/v1/broadcasts", json={"name": "News", "lists": ["news"], "message": MESSAGE})
    assert made.status_code == 201, made.text
    return client, made.json()["id"]


def test_a_draft_is_scored_with_its_audience(draft):
    """As its first recipient gets it; the forecast is kept."""
    client, broadcast = draft
    answer = client.post(f"/v1/broadcasts/{broadcast}/score")
    assert answer.status_code == 200, answer.text
    told = msgspec.convert(answer.json(), shapes.BroadcastForecastOut)
    found = {finding.id for finding in told.message.findings}
    assert not found & {"no-list-id", "no-feedback-id", "unresolved-tag", "domain-not-ours", "no-unsubscribe-link"}, (
        found
    )
    assert told.domain_score is None
    assert (told.recipients.addresses, [each.id for each in told.recipients.signals]) == (2, ["unknown-domain"])
    kept = msgspec.convert(client.get(f"/v1/broadcasts/{broadcast}/score").json(), shapes.BroadcastScoreOut)
    assert kept.forecast is not None
    assert (kept.state, kept.forecast.score, kept.results) == ("draft", told.score, None)
    assert 1.9 <= kept.forecast.expected_bounces <= 2


def test_a_draft_that_was_scored_can_be_taken_away(draft):
    """Its forecast is asked for no more."""
    client, broadcast = draft
    assert client.post(f"/v1/broadcasts/{broadcast}/score").status_code == 200
    assert client.delete(f"/v1/broadcasts/{broadcast}").status_code == 204
    assert client.get("/v1/score/calibration").json()["broadcasts"] == []
    assert client.get(f"/v1/broadcasts/{broadcast}/score").status_code == 404


def test_nothing_is_forecast_of_what_has_begun(draft):
    """The forecast of before stays as it was."""
    client, broadcast = draft
    place = f"/v1/broadcasts/{broadcast}"
    kept = client.post(f"{place}/score").json()["score"]
    assert client.post(f"{place}/start").status_code == 200
    again = client.post(f"{place}/score")
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "broadcast-state")
    assert client.get(f"{place}/score").json()["forecast"]["score"] == kept


def test_a_draft_without_an_audience_is_not_scored(house):
    """What is missing is named."""
    client = house.client()
    made = client.post("/v1/broadcasts", json={"name": "News", "message": MESSAGE}).json()["id"]
    answer = client.post(f"/v1/broadcasts/{made}/score")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/lists")
    assert house.client(account_id=2).post(f"/v1/broadcasts/{made}/score").status_code == 404


def test_a_domain_is_scored_over_thirty_days(house):
    """Without volume there is no score, and it is said why."""
    client = house.client()
    client.post("/v1/domains", json={"name": "example.com"})
    client.post("/v1/messages", json={"from": "a@example.com", "to": ["ann@example.net"], "subject": "x", "text": "x"})
    answer = client.get("/v1/domains/example.com/score")
    assert answer.status_code == 200, answer.text
    told = msgspec.convert(answer.json(), shapes.DomainScoreOut)
    assert (told.score, told.mailed, len(told.days), told.previous) == (None, 0, 30, None)
    assert any("nothing is scored" in remark for remark in told.remarks)
    assert client.get("/v1/domains/nobody.example/score").status_code == 404


def test_calibration_begins_with_what_is_believed(house):
    """Nothing was learned yet: what is used is what was believed at first."""
    told = msgspec.convert(house.client().get("/v1/score/calibration").json(), shapes.CalibrationOut)
    assert told.broadcasts == []
    assert all(signal.prior == signal.used and signal.mailed == 0 for signal in told.signals)


def test_a_broadcast_under_the_wanted_score_is_not_started(make_house):
    """Nor one that was not scored since it was changed; the answer says what to do."""
    client = make_house(quality_least=50).client()
    client.post("/v1/domains", json={"name": "example.com"})
    client.post("/v1/lists", json={"name": "news"})
    client.post("/v1/contacts", json={"addresses": [{"address": "ann@example.net"}], "lists": ["news"]})
    message = MESSAGE | {"text": "Hello", "html": None, "subject": "News"}
    made = client.post("/v1/broadcasts", json={"name": "News", "lists": ["news"], "message": message}).json()["id"]
    place = f"/v1/broadcasts/{made}"
    unscored = client.post(f"{place}/start")
    assert (unscored.status_code, unscored.json()["type"].rpartition("/")[2]) == (409, "not-good-enough")
    assert f"aftersend broadcast score {made}" in unscored.json()["detail"]
    assert client.post(f"{place}/score").json()["score"] < 50
    low = client.post(f"{place}/start")
    assert (low.status_code, "50 is wanted here" in low.json()["detail"]) == (409, True)
    assert client.get(place).json()["state"] == "draft"


def _mailing(house, days_ago, outcomes):
    """A message of some days ago to so many, and what became of them: pairs of a fact and a number."""
    end = house.now()  # ids grow with time only, so all this lies ahead
    house.now = lambda: end - days_ago * clock.DAY
    number = sum(many for _, many in outcomes)
    addresses = [f"p{days_ago}-{n}@example.net" for n in range(number)]
    message = {"from": "Shop <news@example.com>", "to": addresses, "subject": "News", "text": "News"}
    sent = house.client().post("/v1/messages", json=message)
    assert sent.status_code == 202, sent.text
    waiting = iter(sent.json()["deliveries"])
    steps = []
    for fact, many in outcomes:
        for delivery in (next(waiting) for _ in range(many)):
            at, key = house.now(), ids.read("dlv", delivery["id"])
            event = record.event_row(1, key, house.ids(), fact.word, int(fact), at, at, None, None, None, None)
            steps.append(record.Step(1, key, [event], fact.bit, at, None))
    house.run(record.steps, steps)
    house.now = lambda: end


def test_a_bad_month_is_told_from_a_good_one(house):
    """The score falls, its cause is named with the day, and the days can be drawn."""
    client = house.client()
    client.post("/v1/domains", json={"name": "example.com"})
    later = clock.now() + 60 * clock.DAY
    house.now = lambda: later
    for days_ago in (50, 45):
        _mailing(house, days_ago, [(Fact.DELIVERED, 597), (Fact.BOUNCED_INVALID, 3)])
    for days_ago, bad in ((20, 3), (10, 60)):
        _mailing(house, days_ago, [(Fact.DELIVERED, 600 - bad), (Fact.BOUNCED_INVALID, bad)])
    told = msgspec.convert(client.get("/v1/domains/example.com/score").json(), shapes.DomainScoreOut)
    assert told.score is not None
    assert told.previous is not None
    assert (told.mailed, told.score < 75 < 90 < told.previous) == (1200, True)
    assert told.range is not None
    assert told.range[0] <= told.score <= told.range[1]
    assert len(told.changes) == 1
    assert told.changes[0].startswith("Addresses that do not work rose from 0.50% to 5.25%")
    assert "60 of 63 belong to mail of" in told.changes[0]
    assert sorted(day.mailed for day in told.days)[-3:] == [0, 600, 600]
    made = client.post("/v1/broadcasts", json={"name": "News", "message": MESSAGE}).json()["id"]
    listed = {"recipients": [{"to": "p20-1@example.net", "data": {"name": "Ann"}}]}
    assert client.post(f"/v1/broadcasts/{made}/recipients", json=listed).status_code == 200
    foreseen = client.post(f"/v1/broadcasts/{made}/score").json()
    assert foreseen["domain_score"] == told.score
    again = client.get("/v1/domains/example.com/score").json()
    assert again["score"] == told.score
    assert house.client(account_id=2).get("/v1/domains/example.com/score").status_code == 404
