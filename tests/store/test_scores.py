"""Forecasts, outcomes of signals and a domain's days, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aftersend.clock import DAY, HOUR
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.store import record, scores
from given import ACCOUNT, Clock, delivery_ids, step, submission

Do = Callable[..., Any]


def _kept(write: Do, clock: Clock, **more: Any) -> None:
    given = {"score": 80, "message_score": 90, "list_score": 70, "mailed": 1_000, "expected": 12.3456, "told": {"a": 1}}
    write(scores.keep, ACCOUNT, 7, **{**given, **more}, now=clock())


def test_a_forecast_is_kept_and_replaced(write: Do, read: Do, clock: Clock) -> None:
    """The last one counts; another account sees nothing of it."""
    _kept(write, clock)
    _kept(write, clock, score=85)
    found = read(scores.forecast_of, ACCOUNT, 7)
    assert (found.score, found.expected_milli, found.learned_us) == (85, 12_346, None)
    assert read(scores.forecast_of, 2, 7) is None
    assert read(scores.forecasts, ACCOUNT, limit=5) == []


def test_outcomes_of_a_broadcast_are_learned_once(write: Do, read: Do, clock: Clock) -> None:
    """And add up over broadcasts; without a forecast there is nothing to hold them against."""
    counted = {"role": (10, 2), "never-mailed": (500, 5)}
    assert write(scores.learn, ACCOUNT, 7, counted, now=clock()) is False
    _kept(write, clock)
    assert write(scores.learn, ACCOUNT, 7, counted, now=clock()) is True
    assert write(scores.learn, ACCOUNT, 7, counted, now=clock()) is False
    write(scores.keep, ACCOUNT, 8, score=1, message_score=1, list_score=1, mailed=1, expected=0.0, told={}, now=clock())
    assert write(scores.learn, ACCOUNT, 8, {"role": (5, 1), "typo": (1, 1)}, now=clock()) is True
    assert read(scores.outcomes, ACCOUNT) == {"role": (15, 3), "never-mailed": (500, 5), "typo": (1, 1)}
    assert read(scores.outcomes, 2) == {}


def test_a_domain_s_days_are_counted_and_kept(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """By the day on which mail was taken in; machines that open are no readers, and Gmail tells of no complaint."""
    day = clock() // DAY * DAY
    facts = {
        "a@example.net": (Fact.DELIVERED, Fact.CLICKED, Fact.COMPLAINED),
        "b@example.net": (Fact.BOUNCED_INVALID,),
        "c@gmail.com": (Fact.DELIVERED, Fact.OPENED_BY_MACHINE),
        "d@example.net": (Fact.REJECTED_AS_SPAM,),
        "e@example.net": (Fact.DEFERRED,),
    }
    (receipt,) = write(record.accepted, [submission(ids, clock(), *facts, sender="news@example.com")])
    (other,) = write(record.accepted, [submission(ids, clock(), "f@example.net", sender="x@notexample.com")])
    for delivery, happened in zip(delivery_ids(receipt), facts.values(), strict=True):
        write(record.steps, [step(delivery, clock(), *happened, keys=[ids() for _ in happened])])
    write(record.steps, [step(delivery_ids(other)[0], clock(), Fact.DELIVERED, keys=[ids()])])
    asked = {"since": day - DAY, "until": day + DAY}
    found, fresh = read(scores.days_of_domain, ACCOUNT, "example.com", **asked, now=clock())
    one = found[day]
    assert list(found) == [day - DAY, day]
    assert (one.mailed, one.delivered, one.hard, one.refused, one.complained) == (4, 2, 1, 1, 1)
    assert (one.told, one.read, one.tracked, one.senders) == (1, 1, 2, ["Shop <news@example.com>"])
    assert found[day - DAY].mailed == 0
    write(scores.keep_days, ACCOUNT, "example.com", fresh, now=clock())
    again, nothing = read(scores.days_of_domain, ACCOUNT, "example.com", **asked, now=clock() + HOUR // 8)
    assert (again[day].mailed, nothing) == (4, [])
    _, recounted = read(scores.days_of_domain, ACCOUNT, "example.com", **asked, now=clock() + HOUR)
    assert len(recounted) == 2
    write(scores.keep_days, ACCOUNT, "example.com", recounted, now=clock() + 30 * DAY)
    assert read(scores.days_of_domain, ACCOUNT, "example.com", **asked, now=clock() + 60 * DAY)[1] == []
    assert read(scores.days_of_domain, 2, "example.com", **asked, now=clock())[0][day].mailed == 0
    assert read(scores.of_message, ACCOUNT, receipt.message_id).mailed == 4
    assert [(address, bounced) for _, address, _, bounced in read(scores.ends_of, ACCOUNT, receipt.message_id, after=0, limit=9)] == [
        ("a@example.net", False), ("b@example.net", True), ("c@gmail.com", False), ("d@example.net", False),
    ]  # fmt: skip
