"""One message, and each recipient reads his own words in it."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import httpx2
import pytest

from aftersend import ids
from aftersend.delivery import composing
from aftersend.ledger.facts import Fact
from house import House, Sent, facts, kinds


def post(house: House, body: dict[str, Any]) -> Sent:
    """Submit over HTTP."""
    host, port = house.service.addresses["web"]
    headers = {"authorization": f"Bearer {house.key()}"}
    answer = httpx2.post(f"http://{host}:{port}/v1/messages", json=body, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    return Sent(ids.read("msg", told["id"]), tuple(each["recipient"] for each in told["deliveries"]))


def news(*recipients: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A message with merge tags."""
    body = {"from": "Shop <shop@shop.practice.test>", "subject": "For {{ name }}", "text": "Dear {{ name }}.\n"}
    return {**body, "html": "<p>Dear {{ name }}.</p>", "recipients": list(recipients), **more}


def test_each_gets_a_copy_of_his_own(house: House) -> None:
    """Delivered to everybody, each with his name; one who is not there bounces, and nobody else is touched."""
    there = {f"merge{i}@one.practice.test": f"Näme <{i}>" for i in range(20)}
    listed = [{"to": address, "data": {"name": name}} for address, name in there.items()]
    sent = post(house, news(*listed, {"to": "unknown771@one.practice.test", "data": {"name": "Nobody"}}))
    rows = house.wait(sent)
    house.conserves(sent)
    for row in rows:
        if row["recipient"] not in there:
            assert Fact.BOUNCED_INVALID in facts(row)
            continue
        assert kinds(row) == ["received", "treated", "delivered"]
        (copy,) = house.received(row["recipient"])
        message = email.message_from_bytes(copy.content, policy=email.policy.default)
        name = there[row["recipient"]]
        assert message["To"] == row["recipient"]
        assert message["Subject"] == f"For {name}"
        assert message.get_body(("plain",)).get_content().rstrip() == f"Dear {name}."  # type: ignore[union-attr]
        assert message["Received"] is not None


def test_after_a_delay_the_words_are_the_same(house: House) -> None:
    """What is said is made anew for every try."""
    sent = post(house, news({"to": "Ann <greylist771@one.practice.test>", "data": {"name": "Ann"}}))
    row = house.end_of(sent)
    assert kinds(row)[-1] == "delivered"
    assert "deferred" in kinds(row)
    (copy,) = house.received("greylist771@one.practice.test")
    assert copy.header("To") == "Ann <greylist771@one.practice.test>"
    assert copy.header("Subject") == "For Ann"


def test_a_template_that_fails_for_one_harms_no_other(house: House) -> None:
    """Malformed, with the tag that has no value; the others are delivered."""
    text = "{% if vip %}{{ reward }}{% endif %}Dear {{ name }}"
    good, bad = "merge-good@one.practice.test", "merge-bad@one.practice.test"
    listed = [{"to": good, "data": {"name": "A", "vip": False}}, {"to": bad, "data": {"name": "B", "vip": True}}]
    sent = post(house, news(*listed, text=text))
    rows = {row["recipient"]: row for row in house.wait(sent)}
    assert Fact.DELIVERED in facts(rows[good])
    assert Fact.MALFORMED in facts(rows[bad])
    assert "reward" in rows[bad]["why"] or "reward" in str(rows[bad]["events"])
    assert house.received(bad) == []
    house.conserves(sent)


def test_large_copies_are_made_a_few_at_a_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large they are together, everybody gets one, and memory holds no more than some."""
    monkeypatch.setattr(composing, "TOGETHER_MOST", 10_000)
    listed = [{"to": f"large{i}@one.practice.test", "data": {"name": f"{i}" * 100}} for i in range(12)]
    sent = post(house, news(*listed, text="{{ name }}\n" * 40, subject="Large"))
    for row in house.wait(sent):
        assert kinds(row) == ["received", "treated", "delivered"]
    house.conserves(sent)


def test_a_copy_beyond_all_measure_ends_as_malformed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody could foresee at intake is said of the one delivery that it concerns."""
    monkeypatch.setattr(composing, "COPY_MOST", 10_000)
    listed = [
        {"to": "large@one.practice.test", "data": {"name": "x" * 1000}},
        {"to": "small@one.practice.test", "data": {"name": "x"}},
    ]
    sent = post(house, news(*listed, text="{{ name }}\n" * 40, subject="Large"))
    found = {row["recipient"]: kinds(row)[-1] for row in house.wait(sent)}
    assert found == {"large@one.practice.test": "malformed", "small@one.practice.test": "delivered"}
