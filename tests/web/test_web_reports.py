"""Numbers over HTTP."""

from __future__ import annotations

import msgspec
import pytest

from aftersend import clock
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.reports.activity import REPORTS
from aftersend.store.queue import Stage
from aftersend.web import shapes

HELLO = {"from": "shop@example.com", "subject": "Hello", "text": "Hi"}


@pytest.fixture
def house(house_on_each_engine):
    """What is asked of the store is asked of both engines."""
    return house_on_each_engine


@pytest.fixture
def client(house):
    """A client of an account in which a little of everything has happened."""
    client = house.client()
    sent = client.post("/v1/messages", json=HELLO | {"to": [f"ann{i}@example.net" for i in range(9)]}).json()[
        "deliveries"
    ]
    happened = (
        (Fact.DELIVERED, None),
        (Fact.BOUNCED_INVALID, Reason.INVALID_RECIPIENT),
        (Fact.BOUNCED, Reason.MAILBOX_FULL),
        (Fact.GAVE_UP, Reason.NETWORK_ERROR),
        (Fact.SUPPRESSED, None),
        (Fact.NOT_SELECTED, None),
        (Fact.OPENED, None),
        (Fact.OPENED_BY_MACHINE, None),
    )
    for delivery, (fact, reason) in zip(sent, happened, strict=False):
        house.happen(
            delivery["id"], fact, reason=reason, next_stage=Stage.DELIVERY if fact is Fact.OPENED_BY_MACHINE else None
        )
    house.happen(sent[6]["id"], Fact.CLICKED)
    return client


@pytest.mark.parametrize("name", REPORTS)
def test_each_number_is_the_length_of_the_list_behind_it(client, name):
    """003: each box opens the list behind it, and the list's length is the box's number; so for every vocabulary."""
    report = client.get(f"/v1/reports/{name}").json()
    msgspec.convert(report, shapes.Report)
    assert [row["word"] for row in report["counts"]] == [word for word, _ in VOCABULARIES[REPORTS[name]].words]
    assert sum(row["count"] for row in report["counts"]) > 0
    for row in report["counts"]:
        listed = client.get("/v1/deliveries", params={"status": f"{name}:{row['word']}", "count": "exact"}).json()
        assert listed["count"] == row["count"], row["word"]


def test_everybody_is_accounted_for(client):
    """Conservation: the audience equals the sum over its outcomes."""
    told = client.get("/v1/reports/conservation").json()
    msgspec.convert(told, shapes.Conservation)
    assert told["conserved"]
    assert told["audience"] == 9 == sum(told["by_outcome"].values())


def test_a_period_and_a_stream_narrow_the_numbers(client):
    """Whole hours; the bounds that were taken are told."""
    full = client.get("/v1/reports/results", params={"since": "1h", "stream": "transactional"}).json()
    assert sum(row["count"] for row in full["counts"]) == 9
    assert full["since"].endswith(":00:00.000000Z")
    for words in ({"until": "24h"}, {"stream": "broadcast"}, {"since": clock.iso(clock.now() + 2 * clock.HOUR)}):
        empty = client.get("/v1/reports/results", params=words).json()
        assert sum(row["count"] for row in empty["counts"]) == 0, words


@pytest.mark.parametrize("words", [{"since": "x"}, {"limit": "5"}, {"stream": ""}, {"since": ["1h", "2h"]}])
def test_a_bad_period_is_refused(client, words):
    """The word is named."""
    answer = client.get("/v1/reports/results", params=words)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{next(iter(words))}"


@pytest.mark.parametrize("step", ["hour", "day"])
@pytest.mark.parametrize("name", REPORTS)
def test_the_numbers_over_time_sum_to_the_numbers_of_the_period(client, name, step):
    """Every step is there, also those of nothing, and nothing is counted in two of them."""
    told = client.get(f"/v1/reports/{name}/series", params={"since": "2d", "step": step}).json()
    series = msgspec.convert(told, shapes.Series)
    report = client.get(f"/v1/reports/{name}", params={"since": told["since"], "until": told["until"]}).json()
    sums = [sum(column) for column in zip(*(point.counts for point in series.points), strict=True)]
    assert dict(zip(series.words, sums, strict=True)) == {row["word"]: row["count"] for row in report["counts"]}
    moments = [clock.from_iso(point.at) for point in series.points]
    assert moments == list(range(moments[0], moments[-1] + 1, {"hour": clock.HOUR, "day": clock.DAY}[step]))
    assert len(moments) in ({"hour": (49, 50), "day": (3,)}[step])


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"since": "90d", "step": "hour"}, "since"),
        ({"since": "9999d"}, "since"),
        ({"step": "week"}, "step"),
        ({"since": "1h", "until": "2h"}, "until"),
    ],
)
def test_a_bad_series_is_refused(client, words, field):
    """Too many steps, an unknown step, no time at all: the field is named."""
    answer = client.get("/v1/reports/results/series", params=words)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"#/{field}"


@pytest.mark.parametrize(
    "place",
    ["deliveries", "messages", "bounces", "reports/results", "reports/conservation", "reports/results/series",
     "reports/bounces/reason", "reports/reading"],
)  # fmt: skip
def test_no_time_between_since_and_until_is_refused_everywhere(client, place):
    """Nothing could ever be found, so the field and the remedy are named."""
    answer = client.get(f"/v1/{place}", params={"since": "1h", "until": "2h"})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "#/until"
    assert "give a later until, or an earlier since" in error["detail"]


def test_what_needs_somebody_is_said_with_the_list_behind_it(house, client):
    """The number is the list's length; nothing is said of what is in order."""
    told = msgspec.convert(client.get("/v1/reports/attention").json(), shapes.Attention)
    needs = {item.id: item for item in told.items}
    assert set(needs) == {"addresses_to_update"}
    listed = client.get(needs["addresses_to_update"].list + "&count=exact").json()
    assert listed["count"] == needs["addresses_to_update"].number == 1
    complainer = client.post("/v1/messages", json=HELLO | {"to": ["eve@example.net"]}).json()["deliveries"][0]["id"]
    house.happen(complainer, Fact.COMPLAINED)
    client.post("/v1/domains", json={"name": "open.example"})
    held = client.post("/v1/messages", json=HELLO | {"to": ["ina@example.net"]}).json()["deliveries"][0]["id"]
    assert client.post(f"/v1/deliveries/{held}/hold").status_code == 200
    told = msgspec.convert(client.get("/v1/reports/attention").json(), shapes.Attention)
    assert [item.id for item in told.items] == ["domains_not_verified", "addresses_to_update", "complaints", "held"]
    for item in told.items:
        if item.list.startswith("/v1/deliveries"):
            assert client.get(f"{item.list}&count=exact").json()["count"] == item.number, item.id


def test_a_late_hard_bounce_is_an_address_to_update_too(house):
    """Whether it came back at once or days after it was taken: the number is the length of its list, and of the bounces'."""
    client = house.client()
    sent = client.post("/v1/messages", json=HELLO | {"to": ["ann@example.net", "bob@example.net", "cat@example.net"]})
    ann, bob, cat = (delivery["id"] for delivery in sent.json()["deliveries"])
    for delivery in (ann, bob):
        house.happen(delivery, Fact.DELIVERED)
    for delivery in (bob, cat):
        house.happen(delivery, Fact.BOUNCED_INVALID, reason=Reason.INVALID_RECIPIENT)
    (item,) = client.get("/v1/reports/attention").json()["items"]
    assert (item["number"], item["sentence"]) == (2, "2 addresses do not exist.")
    listed = client.get(item["list"]).json()["data"]
    assert {row["id"] for row in listed} == {bob, cat}
    assert {row["delivery_id"] for row in client.get("/v1/bounces?category=Hard").json()["data"]} == {bob, cat}


def test_shares_are_judged_from_enough_mail_on(house):
    """5 % of wrong addresses among 100 mails is critical; the same share of 20 is only worth a word."""
    client = house.client()
    for many, severity in ((20, "notice"), (80, "critical")):
        sent = client.post("/v1/messages", json=HELLO | {"to": [f"p{many}.{i}@example.net" for i in range(many)]})
        for number, delivery in enumerate(sent.json()["deliveries"]):
            wrong = number % 20 == 0
            house.happen(
                delivery["id"],
                Fact.BOUNCED_INVALID if wrong else Fact.DELIVERED,
                reason=Reason.INVALID_RECIPIENT if wrong else None,
            )
        (item,) = client.get("/v1/reports/attention").json()["items"]
        assert item["severity"] == severity
