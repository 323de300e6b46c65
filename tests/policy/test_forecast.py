"""The forecast of bounces, held against receiving sides whose truth it does not know."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.policy.score import forecast
from aftersend.policy.score.forecast import (
    DAY,
    SIGNALS,
    UNKNOWN,
    History,
    bouncing_domains,
    calibrated,
    judge,
    score_of,
    together,
)

NOW = 2_000 * DAY
PRIORS = calibrated({})


def _judge(address: str, server: str | None = "ok", history: History = UNKNOWN, *, disposable: bool = False):
    return judge(address, server, history, now=NOW, is_disposable=disposable, probabilities=PRIORS)


@pytest.mark.parametrize(
    ("address", "server", "history", "signals"),
    [
        ("ann@example.net", "ok", UNKNOWN, ("never-mailed",)),
        ("ann@@example.net", "ok", UNKNOWN, ("malformed",)),
        ("ann", "ok", UNKNOWN, ("malformed",)),
        ("ann@example.net", "no_such_domain", UNKNOWN, ("unknown-domain", "never-mailed")),
        ("ann@example.net", "null_mx", UNKNOWN, ("takes-no-mail", "never-mailed")),
        ("ann@example.net", "no_address", UNKNOWN, ("no-server", "never-mailed")),
        ("ann@example.net", "a", UNKNOWN, ("no-mx", "never-mailed")),
        ("ann@example.net", None, UNKNOWN, ("dns-unknown", "never-mailed")),
        ("ann@gmial.com", "ok", UNKNOWN, ("never-mailed", "typo")),
        ("info@example.net", "ok", UNKNOWN, ("never-mailed", "role")),
        ("No-Reply+x@example.net", "ok", UNKNOWN, ("never-mailed", "forbidden-role")),
        ("ann@example.net", "ok", History(delivered_us=NOW - DAY), ("delivered-before",)),
        ("ann@example.net", "ok", History(delivered_us=NOW - 500 * DAY), ("never-mailed",)),
        ("ann@example.net", "ok", History(delivered_us=NOW - 9 * DAY, human_us=NOW - DAY), ("active",)),
        ("ann@example.net", "ok", History(bounced_us=NOW - DAY), ("bounced-before",)),
        ("ann@example.net", "ok", History(delivered_us=NOW - DAY, bounced_us=NOW - 2 * DAY), ("delivered-before",)),
        ("ann@example.net", "ok", History(soft_in_row=3), ("soft-bounces",)),
    ],
)
def test_what_is_known_of_an_address_is_told(address, server, history, signals):
    """Each signal by itself."""
    found = _judge(address, server, history)
    passes = 1.0
    for name in signals:
        passes *= 1 - SIGNALS[name].p
    assert (found.signals, round(found.p, 9)) == (signals, round(1 - passes, 9))


def test_a_domain_that_sends_much_back_is_doubtful():
    """Over three in ten of ten or more, in the last seven days; who was reached or is known to be gone is judged by himself."""
    week = [("a.example", History(bounced_us=NOW - DAY))] * 4 + [("a.example", History(delivered_us=NOW - DAY))] * 6
    assert bouncing_domains(week, NOW) == {"a.example"}
    assert bouncing_domains(week[:9], NOW) == frozenset()
    assert bouncing_domains(week[1:] + week[-1:], NOW) == frozenset()
    assert bouncing_domains([(name, h._replace(bounced_us=NOW - 8 * DAY)) for name, h in week], NOW) == frozenset()
    known = {"now": NOW, "is_disposable": False, "probabilities": PRIORS, "is_bouncing": True}
    assert judge("x@a.example", "ok", UNKNOWN, **known).signals == ("never-mailed", "domain-bounces")
    assert judge("x@a.example", "ok", History(bounced_us=NOW - DAY), **known).signals == ("bounced-before",)


def test_a_slip_is_named_with_what_was_meant():
    """One click away from being right."""
    assert _judge("Ann@gmial.com").suggestion == "Ann@gmail.com"


def test_the_score_follows_what_receivers_put_up_with():
    """A table of shares, and linear between."""
    shares = (0, 0.003, 0.01, 0.015, 0.02, 0.05, 0.1, 0.2, 0.9)
    assert [score_of(share) for share in shares] == [100, 100, 85, 75, 65, 40, 10, 0, 0]


@given(st.floats(0, 1), st.floats(0, 1))
def test_more_bounces_never_raise_the_score(one, other):
    """Monotone."""
    assert score_of(max(one, other)) <= score_of(min(one, other))


@given(st.lists(st.sampled_from(["ann@example.net", "x@gmial.com", "a@@b", "info@example.org"]), min_size=1))
def test_leaving_the_doubtful_out_never_lowers_the_score(addresses):
    """That is what it is for."""
    found = forecast.forecast([_judge(each) for each in addresses])
    assert found.value_without >= found.value
    assert found.rate_without <= found.rate + 1e-12
    assert 0 <= found.expected <= found.mailed


def test_who_is_suppressed_gets_nothing_and_so_does_not_bounce():
    """He is counted beside."""
    found = forecast.forecast(
        [_judge("a@example.net"), _judge("b@example.net", history=History(True, bounced_us=NOW - DAY))], 3
    )
    assert (found.addresses, found.mailed, found.suppressed, found.duplicates) == (5, 1, 1, 3)
    assert found.expected == pytest.approx(0.01)


def _readers(active: int, idle: int):
    good = [_judge(f"a{n}@example.net", history=History(False, NOW - DAY, None, NOW - DAY)) for n in range(active)]
    return good + [_judge(f"i{n}@example.net", history=History(False, NOW - DAY)) for n in range(idle)]


@pytest.mark.parametrize(
    ("active", "idle", "points"), [(50, 50, 0), (30, 70, 0), (5, 95, 15), (175, 825, 7.5), (4, 90, 0), (0, 500, 0)]
)
def test_readers_who_do_not_read_cost_points(active, idle, points):
    """Where it is known that somebody reads, and among a hundred or more."""
    found = forecast.forecast(_readers(active, idle))
    assert sum(each for each, _ in found.remarks) == pytest.approx(points)
    assert found.value == round(100 - sum(each for each, _ in found.remarks))


@pytest.mark.parametrize(
    ("number", "usual", "points"),
    [(999, 1, 0), (1500, 500, 0), (1500, 100, 10), (1300, 200, 5), (1500, 0, 10), (1500, None, 0)],
)
def test_a_leap_costs_points(number, usual, points):
    """Over three times a usual day, all from ten times on; few recipients are none."""
    found = forecast.forecast(_readers(number, 0), usual_day=usual)
    assert sum(each for each, _ in found.remarks) == pytest.approx(points)
    assert found.value == found.value_without == 100 - points


def test_few_outcomes_move_nothing_and_many_move_much():
    """Two hundred are wanted; a thousand nearly decide."""
    assert calibrated({"role": (199, 150)}) == PRIORS
    assert calibrated({"role": (10_000, 2_000)})["role"] == pytest.approx(0.2, abs=0.005)
    assert calibrated({"of no such name": (10_000, 2_000)}) == PRIORS


# ---- a receiving side with a hidden truth ------------------------------------------------------------------------------

KINDS = [
    # (share of the list, address, server, history, disposable, true probability of a hard bounce)
    (0.55, "person{}@example.net", "ok", UNKNOWN, False, 0.018),
    (0.20, "person{}@gmail.com", "ok", History(delivered_us=NOW - 30 * DAY), False, 0.004),
    (0.10, "person{}@example.org", "ok", History(delivered_us=NOW - 9 * DAY, human_us=NOW - DAY), False, 0.001),
    (0.03, "info@shop{}.example", "ok", UNKNOWN, False, 0.09),
    (0.02, "person{}@gmial.com", "ok", UNKNOWN, False, 0.8),
    (0.02, "person{}@gone{}.example", "no_such_domain", UNKNOWN, False, 1.0),
    (0.01, "person{}@null{}.example", "null_mx", UNKNOWN, False, 1.0),
    (0.02, "person{}@web{}.example", "a", UNKNOWN, False, 0.45),
    (0.02, "person{}@throwaway.example", "ok", UNKNOWN, True, 0.5),
    (0.01, "person{}@slow{}.example", None, UNKNOWN, False, 0.05),
    (0.01, "person{}@was.example", "ok", History(bounced_us=NOW - 200 * DAY), False, 0.9),
    (0.01, "person{}@@example.net", "ok", UNKNOWN, False, 1.0),
]


def _mailing(rng: random.Random, size: int, probabilities: dict[str, float]):
    """A list as it comes, what is forecast of each address, and what the receiving side really does."""
    judged, bounces = [], []
    for number in range(size):
        kind = rng.choices(KINDS, weights=[share for share, *_ in KINDS])[0]
        _, written, server, history, disposable, truth = kind
        judged.append(
            judge(
                written.format(number, number), server, history,
                now=NOW, is_disposable=disposable, probabilities=probabilities,
            )
        )  # fmt: skip
        bounces.append(rng.random() < truth)
    return judged, bounces


def _learned(judged, bounces) -> dict[str, tuple[int, int]]:
    mailed: Counter[str] = Counter()
    bounced: Counter[str] = Counter()
    for each, has_bounced in zip(judged, bounces, strict=True):
        strongest = max(each.signals, key=lambda name: SIGNALS[name].p)
        mailed[strongest] += 1
        bounced[strongest] += has_bounced
    return {name: (mailed[name], bounced[name]) for name in mailed}


@pytest.mark.parametrize("seed", range(8))
def test_forecast_and_truth_lie_within_a_point(seed):
    """At 2,000 recipients, for a receiving side that is not what the priors say, after some mail went there."""
    rng = random.Random(seed)
    outcomes = _learned(*_mailing(rng, 20_000, PRIORS))
    judged, bounces = _mailing(rng, 2_000, calibrated(outcomes))
    found = forecast.forecast(judged)
    assert abs(found.rate - sum(bounces) / len(bounces)) <= 0.01


@pytest.mark.parametrize("seed", range(4))
def test_forecast_is_near_without_any_outcomes(seed):
    """The priors alone miss by three points at the most where the truth is up to twice as bad."""
    judged, bounces = _mailing(random.Random(seed), 5_000, PRIORS)
    assert abs(forecast.forecast(judged).rate - sum(bounces) / len(bounces)) <= 0.03


def test_what_is_called_likely_is_likely():
    """Calibration in ten bins: in each that has enough addresses, forecast and truth are close."""
    rng = random.Random(7)
    outcomes = _learned(*_mailing(rng, 20_000, PRIORS))
    judged, bounces = _mailing(rng, 40_000, calibrated(outcomes))
    bins: dict[int, list[tuple[float, bool]]] = {}
    for each, has_bounced in zip(judged, bounces, strict=True):
        bins.setdefault(min(int(each.p * 10), 9), []).append((each.p, has_bounced))
    table = {
        number: (len(found), sum(p for p, _ in found) / len(found), sum(b for _, b in found) / len(found))
        for number, found in sorted(bins.items())
        if len(found) >= 200
    }
    assert len(table) >= 4
    assert all(abs(expected - real) <= 0.06 for _, expected, real in table.values()), table
    brier = sum((each.p - b) ** 2 for each, b in zip(judged, bounces, strict=True)) / len(judged)
    share = sum(bounces) / len(bounces)
    assert brier < 0.4 * share * (1 - share)


def test_scores_together():
    """45, 40 and 15 parts; what is missing gives its part to the others; a blocker caps it."""
    assert together(100, 100, 100, is_blocked=False) == 100
    assert together(80, 58, None, is_blocked=False) == round((0.45 * 80 + 0.4 * 58) / 0.85)
    assert together(None, None, None, is_blocked=False) is None
    assert together(90, 95, 90, is_blocked=True) == 39
