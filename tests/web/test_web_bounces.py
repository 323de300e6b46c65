"""Bounces over HTTP, and by the command line: one by one, and counted by each of their sides."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersend import clock, ids
from aftersend.ledger.facts import Fact
from aftersend.ledger.providers import PROVIDERS, provider_of
from aftersend.ledger.reasons import DETAILS, Pair, Reason, pair
from aftersend.reports import bounces
from aftersend.store import record
from aftersend.web import bounces_shapes as shapes

HELLO = {"from": "shop@example.com", "subject": "Hello", "text": "Hi"}
DOMAINS = ("gmail.com", "yahoo.co.jp", "hotmail.fr", "live.com", "firm.example", "gmx.de", "orange.fr")
CAME = (
    (Fact.BOUNCED_INVALID, Reason.INVALID_RECIPIENT, None, "5.1.1"),
    (Fact.BOUNCED, Reason.MAILBOX_FULL, None, "5.2.2"),
    (Fact.GAVE_UP, Reason.NETWORK_ERROR, None, "4.4.1"),
    (Fact.GAVE_UP, Reason.NETWORK_ERROR, "mailbox_loop", "5.2.0"),
    (Fact.BOUNCED, Reason.OTHER_RECEIVER_ERROR, None, "5.2.0"),
    (Fact.BOUNCED, Reason.OTHER_RECEIVER_ERROR, None, "5.3.0"),
    (Fact.REJECTED_AS_SPAM, Reason.POLICY_BLOCKED, "bad_reputation", "5.7.1"),
    (Fact.BOUNCED, Reason.POLICY_BLOCKED, "rate_limited", "5.7.1"),
    (Fact.GAVE_UP, Reason.SERVER_BUSY, "rate_limited", "4.7.1"),
    (Fact.BOUNCED, Reason.POLICY_BLOCKED, None, "5.7.1"),
    (Fact.BOUNCED, Reason.GENERAL_ERROR, None, None),
    (Fact.BOUNCED, Reason.GENERAL_ERROR, "no_reason_given", "5.0.0"),
    (Fact.GAVE_UP, None, None, None),
    (Fact.DEFERRED, Reason.MAILBOX_FULL, None, "4.2.2"),
    (Fact.DELIVERED, None, None, None),
)


@pytest.fixture
def house(house_on_each_engine):
    """What is asked of the store is asked of both engines."""
    return house_on_each_engine


def happen(house, delivery, fact, reason, detail, status):
    """Let something happen to a delivery, with the finer word that came with it."""
    now, number = house.now(), ids.read("dlv", delivery)
    why = None if reason is None else reason.value
    proof = msgspec.json.encode({"kind": "smtp", "code": 550, "text": "No <script>"}).decode()
    event = record.event_row(1, number, house.ids(), fact.word, int(fact), now, now, why, detail, status, proof)
    counted = pair(reason, detail, status=status or "") if reason else Pair.NO_INFORMATION
    pairs = [counted.words] if fact not in (Fact.DEFERRED, Fact.DELIVERED) else []
    house.run(
        record.steps, [record.Step(1, number, [event], fact.bit, now, None, reason=why, detail=detail, pairs=pairs)]
    )


@pytest.fixture
def client(house):
    """A client of an account to which everything came back from everywhere."""
    client = house.client()
    for at, came in enumerate(CAME):
        to = [f"ann@{DOMAINS[(at + turn) % len(DOMAINS)]}" for turn in range(1 + at % 3)]
        for delivery in client.post("/v1/messages", json=HELLO | {"to": to}).json()["deliveries"]:
            happen(house, delivery["id"], *came)
    return client


def all_of(client, address, limit="3"):
    """Follow a list to its end; return its rows."""
    split = urlsplit(address)
    rows, onward = [], split.path
    words = [*parse_qsl(split.query), ("limit", limit)]
    page = client.get(onward, params=words)
    while True:
        assert page.status_code == 200, page.text
        msgspec.convert(page.json(), shapes.BouncePage)
        rows += page.json()["data"]
        if not page.json()["has_more"]:
            return rows
        page = client.get(page.json()["next"])


@pytest.mark.parametrize("by", bounces.BY)
def test_each_number_is_the_length_of_the_list_behind_it(client, by):
    """For every side, every word: the list is as long as the number says, and the numbers add up to all bounces."""
    report = client.get(f"/v1/reports/bounces/{by}").json()
    msgspec.convert(report, shapes.BounceNumbers)
    everything = all_of(client, "/v1/bounces")
    assert len(everything) == report["total"] == sum(row["count"] for row in report["rows"]) > 15
    assert len({row["id"] for row in everything}) == len(everything)
    for row in report["rows"]:
        assert len(all_of(client, row["list"])) == row["count"], row


def test_numbers_are_those_of_the_vocabulary(client):
    """002 counts the same pairs as the report of the five vocabularies, as long as nothing came back twice."""
    counted = {row["word"]: row["count"] for row in client.get("/v1/reports/bounces").json()["counts"]}
    by_reason = {row["word"]: row["count"] for row in client.get("/v1/reports/bounces/reason").json()["rows"]}
    assert by_reason == counted


ASKED = (
    {"category": "soft"},
    {"category": "Technical", "reason": "Network error"},
    {"category": "Hard", "reason": "Network error"},
    {"reason": "policy_blocked"},
    {"reason": "Other receiver error", "identifier": "policy_blocked"},
    {"reason": "rate_limited", "category": "Soft"},
    {"detail": "policy_blocked"},
    {"detail": "unknown"},
    {"provider": "google"},
    {"provider": "firm.example", "reason": "Mailbox is full"},
    {"provider": "Google", "domain": "gmail.com"},
    {"provider": "Google", "domain": "gmx.de"},
    {"domain": "GMX.de"},
    {"stream": "transactional", "since": "1h"},
    {"stream": "other"},
    {"until": "1h"},
    {"broadcast": "brd_0000000000001"},
)


def test_numbers_keep_what_was_asked_for(client):
    """Any words together with any side: still each number is the length of its list."""
    for words in ASKED:
        whole = len(all_of(client, f"/v1/bounces?{urlencode(words)}", "100"))
        for by in bounces.BY:
            report = client.get(f"/v1/reports/bounces/{by}", params=words).json()
            assert report["total"] == whole, (by, words)
            for row in report["rows"]:
                assert len(all_of(client, row["list"], "100")) == row["count"], (by, row)


def test_one_tells_what_002_tells(client):
    """Category, reason, the finer word, a sentence, who must act, what was said, as text and nothing else."""
    one = all_of(client, "/v1/bounces?detail=bad_reputation")[0]
    told = (one["category"], one["reason"], one["detail"], one["who_must_act"], one["said"], one["enhanced_status"])
    assert told == ("Soft", "Other receiver error", "bad_reputation", "us", "No <script>", "5.7.1")
    assert one["sentence"].endswith(".")
    unknown = all_of(client, "/v1/bounces?detail=unknown")[0]
    assert (unknown["category"], unknown["reason"]) == ("Other", "No information came back")


def test_a_day_with_nothing_behind_it(client):
    """Nothing is listed of a time in which nothing was sent."""
    tomorrow = clock.iso(clock.now() + clock.DAY)
    assert client.get("/v1/reports/bounces/day", params={"since": tomorrow}).json()["rows"] == []
    assert client.get("/v1/bounces", params={"since": tomorrow}).json()["data"] == []


WRONG = (
    ("/v1/bounces", {"category": "blue"}, "#/category"),
    ("/v1/bounces", {"reason": "blue"}, "#/reason"),
    ("/v1/bounces", {"identifier": "blue"}, "#/identifier"),
    ("/v1/bounces", {"since": "blue"}, "#/since"),
    ("/v1/bounces", {"since": "1h", "until": "2h"}, "#/until"),
    ("/v1/reports/bounces/day", {"since": "1h", "until": "2h"}, "#/until"),
    ("/v1/bounces", {"colour": "blue"}, "#/colour"),
    ("/v1/bounces", {"after": "blue"}, "#/after"),
    ("/v1/bounces", {"limit": "0"}, "#/limit"),
    ("/v1/reports/bounces/colour", {}, "#/by"),
)


def test_what_cannot_be_asked_is_named(client):
    """422, with the word that is wrong."""
    for path, words, pointer in WRONG:
        answer = client.get(path, params=words)
        assert answer.status_code == 422, answer.text
        assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


def test_no_domain_belongs_to_two_providers():
    """Else the number of one would not be the length of its list."""
    domains = [domain for provider in PROVIDERS for domain in provider.domains]
    beginnings = [beginning for provider in PROVIDERS for beginning in provider.beginnings]
    assert len(domains) == len(set(domains))
    assert len(beginnings) == len(set(beginnings))
    for provider in PROVIDERS:
        for domain in provider.domains:
            owner = [each for each in PROVIDERS if domain.startswith(each.beginnings)] if each_begins(domain) else []
            assert owner in ([], [provider]), domain


def each_begins(domain):
    """Whether the domain begins as a provider's domains do."""
    return any(each.beginnings and domain.startswith(each.beginnings) for each in PROVIDERS)


@settings(deadline=None)
@given(
    st.sampled_from(
        [d for p in PROVIDERS for d in p.domains] + [b + "example" for p in PROVIDERS for b in p.beginnings]
    )
)
def test_a_provider_s_domain_is_its_own(domain):
    """What the table names is found, under its provider's name."""
    assert provider_of(domain) in {provider.name for provider in PROVIDERS}
    assert provider_of("firm-" + domain) == "firm-" + domain


def test_every_detail_has_a_sentence():
    """The numbers by detail say what each means."""
    for _, detail in DETAILS:
        assert bounces._sentence(detail)
