"""Forecasts held against what became of broadcasts, and what is learned from it, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from aftersend.clock import DAY, HOUR
from aftersend.control import quality
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.policy.score.forecast import SIGNALS, calibrated
from aftersend.store import Store, broadcasts, record, scores
from given import ACCOUNT, Clock, delivery_ids, step, submission

Do = Callable[..., Any]


def _sent(write: Do, clock: Clock, ids: IdSource, outcomes: dict[str, Fact]) -> int:
    """A broadcast that began now, to these addresses, and what became of each."""
    now = clock()
    (receipt,) = write(record.accepted, [submission(ids, now, *outcomes, sender="news@example.com")])
    number = ids()
    write(
        broadcasts.create, ACCOUNT, number, name="News", type="", stream="broadcast", content=msgspec.json.encode({}).decode(),
        audience=msgspec.json.encode({"lists": []}).decode(), who="key", created_us=now, changed_us=now,
    )  # fmt: skip
    write(broadcasts.change, ACCOUNT, number, state="sending", message_id=receipt.message_id, started_us=now)
    for delivery, fact in zip(delivery_ids(receipt), outcomes.values(), strict=True):
        write(record.steps, [step(delivery, clock(), fact, keys=[ids()])])
    return number


def test_a_forecast_stands_beside_what_became_of_it(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """So far, and when it is ripe."""
    outcomes = {f"p{n}@example.net": Fact.BOUNCED_INVALID if n < 20 else Fact.DELIVERED for n in range(500)}
    number = _sent(write, clock, ids, outcomes)
    write(
        scores.keep, ACCOUNT, number, score=70, message_score=90, list_score=50, mailed=500, expected=15.0, told={},
        now=clock(),
    )  # fmt: skip
    soon = read(quality.of_broadcast, ACCOUNT, number, now=clock() + HOUR)
    assert (soon["is_ripe"], soon["says"]) == (False, "Forecast 3.0% bounces, real 4.0% so far.")
    late = read(quality.of_broadcast, ACCOUNT, number, now=clock() + 4 * DAY)
    assert (late["is_ripe"], late["says"]) == (True, "Forecast 3.0% bounces, real 4.0%.")
    assert late["results"]["score"] < 90
    hard = next(part for part in late["results"]["parts"] if part["name"] == "hard_bounces")
    assert (hard["number"], hard["of"]) == (20, 500)
    row = read(quality.calibration, ACCOUNT, now=clock())["broadcasts"][0]
    assert (row["forecast"], row["real"], row["mailed"]) == (0.03, 0.04, 500)


def test_what_was_known_before_is_what_is_learned_from(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Each address counts once, by the signal that says most of it, as things were before the broadcast."""
    _sent(write, clock, ids, {"old@example.net": Fact.DELIVERED})
    clock.forward(DAY)
    outcomes = {
        "old@example.net": Fact.DELIVERED,
        "info@example.net": Fact.BOUNCED_INVALID,
        "ann@gmial.com": Fact.BOUNCED_INVALID,
        "bob@example.net": Fact.DELIVERED,
        "cat@example.net": Fact.DEFERRED,
    }
    number = _sent(write, clock, ids, outcomes)
    counted = read(quality.signals_of, ACCOUNT, number)
    assert counted == {"delivered-before": (1, 0), "never-mailed": (1, 0), "role": (1, 1), "typo": (1, 1)}


def test_outcomes_move_the_next_forecast(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Three hundred role addresses, of which half bounce, make role addresses doubtful; once learned, not again."""
    outcomes = {f"info@shop{n}.example": Fact.BOUNCED_INVALID if n % 2 else Fact.DELIVERED for n in range(300)}
    number = _sent(write, clock, ids, outcomes)
    write(
        scores.keep, ACCOUNT, number, score=70, message_score=90, list_score=50, mailed=300, expected=15.0, told={},
        now=clock(),
    )  # fmt: skip
    counted = read(quality.signals_of, ACCOUNT, number)
    assert counted == {"role": (300, 150)}
    assert write(scores.learn, ACCOUNT, number, counted, now=clock())
    moved = calibrated(read(scores.outcomes, ACCOUNT))
    assert (SIGNALS["role"].p, round(moved["role"], 3)) == (0.05, round((0.05 * 50 + 150) / 350, 3))
    signal = next(each for each in read(quality.calibration, ACCOUNT, now=clock())["signals"] if each["id"] == "role")
    assert (signal["prior"], signal["mailed"], signal["bounced"], signal["used"]) == (
        0.05,
        300,
        150,
        round(moved["role"], 5),
    )


async def test_ripe_broadcasts_are_learned_by_themselves(
    store: Store, write: Do, read: Do, clock: Clock, ids: IdSource
) -> None:
    """Three days after they began, each once; those that nobody scored are left alone."""
    for round_ in range(3):
        number = _sent(write, clock, ids, {f"info@shop{ids()}.example": Fact.DELIVERED for _ in range(2)})
        if round_:
            write(
                scores.keep, ACCOUNT, number, score=1, message_score=1, list_score=1, mailed=2, expected=1.0, told={},
                now=clock(),
            )  # fmt: skip
    assert await quality.learn_ripe(store, clock() + 2 * DAY) == 0
    assert await quality.learn_ripe(store, clock() + 4 * DAY) == 2
    assert await quality.learn_ripe(store, clock() + 4 * DAY) == 0
    assert read(scores.outcomes, ACCOUNT) == {"role": (4, 0)}
