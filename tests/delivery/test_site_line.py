"""How many parcels wait for a site in memory, and how soon what found no room comes back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aftersend.clock import SECOND
from aftersend.delivery.site import LINE_LEAST, LINE_MOST, Site
from aftersend.policy.limits import Limits

NOW = 1_764_547_200 * SECOND


class Time:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


def site_at(rate: float, time: Time, *, messages: int = 60) -> Site:
    """A site that has just taken so many messages at this rate."""
    site = Site("mx.example", time, Limits())
    for _ in range(messages):
        time.now += int(SECOND / rate)
        site.went_well()
    return site


@given(rate=st.floats(0.3, 5000))
def test_a_line_holds_two_seconds_of_work_within_bounds(rate: float) -> None:
    """A fast site has a long line, a slow one the least; what finds no room comes back when the line has been worked off."""
    site = site_at(rate, Time())
    room = next(n for n in range(LINE_MOST + 1) if site.is_full(n))
    assert LINE_LEAST <= room <= LINE_MOST
    assert room == LINE_LEAST or room <= 2 * rate * 1.2 + 1
    assert 0 < site.seconds_to_room() <= 60
    assert site.seconds_to_room() <= LINE_LEAST / rate * 1.1


def test_a_site_that_never_answers_is_asked_less_and_less() -> None:
    """As long as nothing is known the wait is as long as the line has stood: a second at first, a minute at most."""
    time = Time()
    site = Site("mx.example", time, Limits())
    assert not site.is_full(0)
    waits = []
    for _ in range(10):
        assert site.is_full(LINE_LEAST)
        waits.append(site.seconds_to_room())
        time.now += int(waits[-1] * SECOND)
    assert waits[0] == 1.0
    assert waits == sorted(waits)
    assert waits[-1] == 60.0


def test_how_fast_it_was_before_a_pause_says_nothing() -> None:
    """After an hour without mail a burst is not judged by that hour."""
    time = Time()
    site = site_at(100, time)
    time.now += 3600 * SECOND
    assert not site.is_full(0)
    site.went_well()
    assert site.seconds_to_room() == 1.0
    for _ in range(20):
        time.now += SECOND // 100
        site.went_well()
    assert site.seconds_to_room() < 5


def test_a_rate_that_the_site_asked_for_counts() -> None:
    """A site that spoke of rates is not thought faster than the rate it was given."""
    time = Time()
    site = site_at(100, time)
    site.pushed_back("421 too fast", 0.0, of_rate=True)
    assert site.seconds_to_room() > LINE_LEAST / 100
