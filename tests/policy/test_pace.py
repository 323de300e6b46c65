"""How fast a stream may send: how a rate is written, and that it is kept whatever comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.clock import HOUR, SECOND
from aftersend.errors import BadField
from aftersend.policy.pace import Pace, Rate, read


def test_how_a_rate_is_written() -> None:
    """So many in a period; a sixtieth of it may go at once; nothing at all is no limit."""
    assert read("") is None
    assert read("600/hour") == Rate(600, HOUR, 10)
    assert read("1/day") == Rate(1, 24 * HOUR, 1)
    fast = read("100000/second")
    assert fast is not None
    assert (fast.burst, fast.interval_us) == (10_000, 10)
    assert Rate(1200, HOUR).words == "1,200 an hour"


@pytest.mark.parametrize("text", ["fast", "0/hour", "600", "600/year", "-1/hour", "99999999999/day", "1.5/hour"])
def test_what_is_no_rate_is_told(text: str) -> None:
    """With the field, and what to write instead."""
    with pytest.raises(BadField, match="600/hour") as told:
        read(text)
    assert told.value.pointer == "#/rate"


@given(st.integers(1, 5000), st.integers(1, 20), st.lists(st.integers(0, 20 * SECOND), min_size=1, max_size=200))
def test_a_rate_is_kept_over_any_time(number: int, burst: int, gaps: list[int]) -> None:
    """Between any two that go, no more go than the rate allows and its burst."""
    pace = Pace((1, "news"), Rate(number, HOUR, burst))
    now, went = HOUR, []
    for gap in gaps:
        now += gap
        if pace.free_at() <= now:
            pace.take(now)
            went.append(now)
    interval = pace.rate.interval_us
    for first in range(len(went)):
        for last in range(first, len(went)):
            assert last - first + 1 <= burst + (went[last] - went[first]) // interval + 1


def test_those_who_wait_get_moments_of_their_own() -> None:
    """One after the other; whose time came too early again gets the next free moment, not the end of the line."""
    pace = Pace((1, "news"), Rate(3600, HOUR, 1))
    pace.take(0)
    assert [pace.wait(0, waited=False) for _ in range(3)] == [SECOND, 2 * SECOND, 3 * SECOND]
    assert [pace.wait(0, waited=True) for _ in range(2)] == [SECOND, 2 * SECOND]
