"""The score of what became of mail: bounds, minimum volumes, and the right culprit in histories with a known fault."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.policy.score.results import (
    LEAST_OF_BROADCAST,
    LEAST_OF_DOMAIN,
    PARTS,
    Numbers,
    bounds,
    changes,
    results,
    usual_share,
)

GOOD = Numbers(10_000, 9_980, 20, 0, 2, 6_000, 2_500, True, 15, frozenset({"news@example.com"}))


def _score(numbers: Numbers, usual: float | None = 0.25):
    return results(numbers, least=LEAST_OF_DOMAIN, usual=usual)


@pytest.mark.parametrize(
    ("number", "of", "low", "high"),
    [
        (0, 100, 0.0, 0.02634),
        (1, 10, 0.02263, 0.34775),
        (50, 100, 0.41878, 0.58122),
        (0, 0, 0, 1),
        (10, 10, 0.78706, 1),
    ],
)
def test_bounds_are_wilson_s(number, of, low, high):
    """Against values computed by hand from the formula, for 90 of 100 cases."""
    assert bounds(number, of) == (pytest.approx(low, abs=5e-4), pytest.approx(high, abs=5e-4))


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_bounds_hold_the_share(number, more):
    """Always, and come closer with more cases."""
    of = number + more
    low, high = bounds(number, of)
    assert 0 <= low <= high <= 1
    if of:
        assert low - 1e-12 <= number / of <= high + 1e-12
        wider = bounds(number * 4, of * 4)
        assert wider[1] - wider[0] <= high - low + 1e-12


def test_good_mail_is_excellent():
    """And its range says how sure that is."""
    found = _score(GOOD)
    assert (found.value, found.worst) == (100, None)
    assert found.low is not None
    assert 85 <= found.low <= 100


def test_few_mails_are_not_scored():
    """The numbers are shown; chance would decide."""
    found = results(Numbers(399, 399, told=399), least=LEAST_OF_BROADCAST)
    assert (found.value, found.as_dict()["range"], found.as_dict()["mailed"]) == (None, None, 399)
    assert any("nothing is scored" in remark for remark in found.remarks)


def test_small_samples_do_not_look_perfect():
    """A clean mailing of five hundred has a wide range, one of a hundred thousand a narrow one."""
    small = results(Numbers(500, 500, told=500), least=LEAST_OF_BROADCAST)
    large = results(Numbers(100_000, 100_000, told=100_000), least=LEAST_OF_BROADCAST)
    assert small.value == large.value == 100
    assert small.low is not None
    assert large.low is not None
    assert small.low < 70 < 98 <= large.low


_FIELDS = ("hard", "refused", "complained", "unsubscribed")


@given(st.sampled_from(_FIELDS), st.integers(0, 900), st.integers(1, 900))
def test_more_trouble_never_raises_the_score(name, number, more):
    """Monotone in every kind of trouble."""
    few = _score(Numbers(**{**_plain(GOOD), name: number}))
    many = _score(Numbers(**{**_plain(GOOD), name: number + more}))
    assert many.value is not None
    assert few.value is not None
    assert many.value <= few.value


def _plain(numbers: Numbers) -> dict[str, object]:
    return {name: getattr(numbers, name) for name in Numbers.__slots__}


def test_what_is_not_measured_weighs_nothing():
    """Without tracking, and with Gmail only, the rest decides; it is said."""
    blind = Numbers(10_000, 9_000, 1_000, 0, 0, 0, 0, False, 0)
    found = _score(blind)
    unmeasured = {part.name: part.unmeasured for part in found.parts if part.unmeasured}
    assert set(unmeasured) == {"complaints", "engagement"}
    assert found.value == round(100 - 25 * 100 / 50)
    assert any("Gmail tells nobody" in remark for remark in found.remarks)


FAULTS = {
    "complaints": lambda rng: {"complained": rng.randint(25, 60)},
    "hard_bounces": lambda rng: {"hard": rng.randint(350, 900)},
    "refused": lambda rng: {"refused": rng.randint(400, 2_000)},
    "engagement": lambda rng: {"read": rng.randint(200, 1_100)},
    "unsubscribes": lambda rng: {"unsubscribed": rng.randint(150, 300)},
    "sender": lambda rng: {"senders": frozenset(f"a{n}@example.com" for n in range(rng.randint(7, 12)))},
}


def _month(rng: random.Random) -> Numbers:
    """Thirty days of good mail, with chance in everything."""
    mailed = rng.randint(8_000, 12_000)
    hard = sum(rng.random() < 0.003 for _ in range(mailed))
    delivered = mailed - hard
    told = round(delivered * 0.6)
    return Numbers(
        mailed, delivered, hard, rng.randint(0, 12), sum(rng.random() < 0.0003 for _ in range(told)), told,
        sum(rng.random() < 0.25 for _ in range(delivered)), True, rng.randint(5, 25), frozenset({"news@example.com"}),
    )  # fmt: skip


def test_the_right_culprit_is_named():
    """In histories with one known fault, the part that costs most is the one at fault, in 95 of 100 or more."""
    rng = random.Random(11)
    right = total = 0
    for name, fault in FAULTS.items():
        for _ in range(20):
            month = Numbers(**{**_plain(_month(rng)), **fault(rng)})
            worst = _score(month).worst
            right += worst is not None and worst.name == name
            total += 1
    assert right >= 0.95 * total, (right, total)


def test_a_change_is_explained_with_its_day():
    """What moved the score, by how much, and the day to which most of it belongs."""
    before = _score(GOOD)
    dead = Numbers(**{**_plain(GOOD), "hard": 420})
    days = {"2026-11-03": Numbers(9_000, 8_990, 10), "2026-11-09": Numbers(1_000, 590, 410)}
    told = changes(before, _score(dead), days)
    assert len(told) == 1
    assert told[0].startswith("Addresses that do not work rose from 0.20% to 4.20% (-21 points).")
    assert told[0].endswith("410 of 420 belong to mail of 2026-11-09.")
    assert changes(before, before, days) == []


def test_from_addresses_are_counted_over_days():
    """The same address on two days is one."""
    one, other = (Numbers(1, senders=frozenset(each)) for each in (("a", "b"), ("b", "c")))
    assert (one + other).senders == {"a", "b", "c"}


def test_the_usual_share_is_the_middle_of_what_was():
    """Small mailings and those without tracking do not count."""
    shares = [Numbers(1_000, 1_000, read=n, is_tracked=True) for n in (100, 300, 200)]
    assert usual_share([*shares, Numbers(10, 10, read=9, is_tracked=True), Numbers(9_000, 9_000)], 400) == 0.2
    assert usual_share([], 400) is None
    assert sum(part.cap for part in PARTS) == 100
