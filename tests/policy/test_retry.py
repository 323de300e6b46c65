"""When a delivery is tried again: later, never too late, not all at once, and as the other side asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.policy.retry import HOUR_S, MINUTE_S, NO_HINTS, SECOND_US, Hints, RetryPlan, next_try

PLAN = RetryPlan()
START = 1_764_547_200 * SECOND_US
DAY_US = 24 * HOUR_S * SECOND_US

PLANS = st.builds(
    RetryPlan,
    steps_s=st.lists(st.integers(60, 6 * HOUR_S), min_size=1, max_size=6, unique=True).map(sorted),
    then_every_s=st.integers(60, 12 * HOUR_S),
    jitter=st.floats(0, 0.3),
    scale=st.sampled_from([1.0, 1.0, 0.1, 1 / 600, 1 / 3000]),
)
HINTS = st.builds(
    Hints,
    retry_after_s=st.none() | st.floats(0, 10 * 24 * HOUR_S),
    greylisted=st.booleans(),
    uncertain=st.booleans(),
)
CHANCE = st.floats(0, 1, exclude_max=True)
SITUATION: dict[str, Any] = {
    "plan": PLANS, "hints": HINTS, "chance": CHANCE, "tries": st.integers(1, 40),
    "age": st.integers(0, 6 * DAY_US), "lifetime": st.integers(SECOND_US, 5 * DAY_US),
}  # fmt: skip


def ask(
    plan: RetryPlan = PLAN,
    *,
    hints: Hints = NO_HINTS,
    chance: float = 0.5,
    tries: int = 1,
    age: int = 0,
    lifetime: int = 3 * DAY_US,
) -> int | None:
    """When it is tried next, counted from the failure; `age` is how long ago it was accepted."""
    failed = START + age
    due = next_try(
        plan, accepted_us=START, failed_us=failed, tries=tries, ends_us=START + lifetime, chance=chance, hints=hints
    )
    return None if due is None else due - failed


@given(**SITUATION)
def test_the_next_try_is_later_and_in_time(
    plan: RetryPlan, hints: Hints, chance: float, tries: int, age: int, lifetime: int
) -> None:
    """A wait is never nothing, and no try is planned behind the end of the lifetime."""
    wait = ask(plan, hints=hints, chance=chance, tries=tries, age=age, lifetime=lifetime)
    if wait is not None:
        assert wait > 0
        assert age + wait <= lifetime


@given(**SITUATION)
def test_giving_up_is_never_early(
    plan: RetryPlan, hints: Hints, chance: float, tries: int, age: int, lifetime: int
) -> None:
    """Nothing is given up while there is time for another try: only when the end is nearer than a regular wait."""
    if ask(plan, hints=hints, chance=chance, tries=tries, age=age, lifetime=lifetime) is not None:
        return
    steps = plan.steps_s
    regular = plan.then_every_s if tries > len(steps) else steps[tries - 1] - (steps[tries - 2] if tries >= 2 else 0)
    assert lifetime - age <= (regular / 4 + 1) * plan.scale * SECOND_US + SECOND_US


@given(plan=PLANS, chance=CHANCE, tries=st.integers(1, 20), age=st.integers(0, DAY_US))
def test_chance_moves_a_wait_by_the_jitter_only(plan: RetryPlan, chance: float, tries: int, age: int) -> None:
    """Waits differ, so that many do not come back at once; by no more than the plan's share of the wait."""
    middle = ask(plan, chance=0.5, tries=tries, age=age, lifetime=100 * DAY_US)
    moved = ask(plan, chance=chance, tries=tries, age=age, lifetime=100 * DAY_US)
    assert middle is not None
    assert moved is not None
    steps = plan.steps_s
    regular = plan.then_every_s if tries > len(steps) else steps[tries - 1] - (steps[tries - 2] if tries >= 2 else 0)
    assert abs(moved - middle) <= regular * plan.scale * SECOND_US * plan.jitter + 2


@given(plan=PLANS, chances=st.tuples(CHANCE, CHANCE), tries=st.integers(1, 20), age=st.integers(0, DAY_US), hints=HINTS)
def test_a_wait_grows_with_chance(
    plan: RetryPlan, chances: tuple[float, float], tries: int, age: int, hints: Hints
) -> None:
    """More chance, never a shorter wait: so the spread is even."""
    less, more = (
        ask(plan, chance=c, tries=tries, age=age, hints=hints, lifetime=100 * DAY_US) for c in sorted(chances)
    )
    assert less is not None
    assert more is not None
    assert less <= more


@given(tries=st.integers(1, 30), chance=CHANCE)
def test_tries_come_in_the_order_of_the_plan(tries: int, chance: float) -> None:
    """Each try of an undisturbed series lies behind the one before, and waits do not shrink beyond the jitter."""
    age = 0
    waits = []
    for n in range(1, tries + 1):
        wait = ask(tries=n, age=age, chance=chance, lifetime=100 * DAY_US)
        assert wait is not None
        waits.append(wait)
        age += wait
    assert all(later >= 0.7 * earlier for earlier, later in zip(waits, waits[1:], strict=False))


def test_the_usual_series() -> None:
    """With no chance and no hints: 5, 12, 20 and 45 minutes, 2 and 4 hours, then every four."""
    plan = replace(PLAN, jitter=0.0)
    ages, age = [], 0
    for n in range(1, 10):
        wait = ask(plan, tries=n, age=age)
        assert wait is not None
        age += wait
        ages.append(age // SECOND_US // MINUTE_S)
    assert ages == [5, 12, 20, 45, 120, 240, 480, 720, 960]


@given(asked=st.floats(0, 100 * HOUR_S), tries=st.integers(1, 20), age=st.integers(0, DAY_US), chance=CHANCE)
def test_what_the_server_asked_for_is_kept(asked: float, tries: int, age: int, chance: float) -> None:
    """“Try again in N seconds” is obeyed, within reason: never sooner, not much later, at least half a minute, at most four
    hours."""
    wait = ask(hints=Hints(retry_after_s=asked), tries=tries, age=age, chance=chance, lifetime=100 * DAY_US)
    assert wait is not None
    wanted = min(max(asked, PLAN.hint_least_s), PLAN.hint_most_s) * SECOND_US
    assert wanted <= wait <= wanted * (1 + PLAN.jitter) + 2


@given(tries=st.integers(1, 20), age=st.integers(0, DAY_US), chance=CHANCE)
def test_a_greylist_is_not_met_too_early(tries: int, age: int, chance: float) -> None:
    """A greylist's usual five minutes have passed when we come back, and never sooner than without it."""
    plain = ask(tries=tries, age=age, chance=chance, lifetime=100 * DAY_US)
    wait = ask(hints=Hints(greylisted=True), tries=tries, age=age, chance=chance, lifetime=100 * DAY_US)
    assert plain is not None
    assert wait is not None
    assert wait >= max(plain, PLAN.greylist_least_s * SECOND_US)


@given(tries=st.integers(1, 20), chance=CHANCE)
def test_a_second_copy_does_not_hurry(tries: int, chance: float) -> None:
    """After a lost final reply, half an hour passes at least."""
    wait = ask(hints=Hints(uncertain=True), tries=tries, chance=chance, lifetime=100 * DAY_US)
    assert wait is not None
    assert wait >= PLAN.uncertain_least_s * SECOND_US


def test_one_last_try_at_the_end() -> None:
    """Where the next regular try would come too late, it comes right before the end; after that there is none."""
    lifetime = 10 * MINUTE_S * SECOND_US
    wait = ask(tries=2, age=6 * MINUTE_S * SECOND_US, lifetime=lifetime)
    assert wait is not None
    assert lifetime - 2 * SECOND_US <= 6 * MINUTE_S * SECOND_US + wait <= lifetime
    assert ask(tries=3, age=lifetime - SECOND_US, lifetime=lifetime) is None
    assert ask(tries=3, age=lifetime, lifetime=lifetime) is None


@pytest.mark.parametrize("scale", [1 / 600, 1 / 3000])
def test_a_faster_world_has_the_same_series(scale: float) -> None:
    """In the practice world every wait is shorter by the same factor."""
    slow, fast = replace(PLAN, jitter=0.0), replace(PLAN, jitter=0.0, scale=scale)
    for n in range(1, 9):
        age = 0 if n == 1 else int(PLAN.steps_s[min(n, 6) - 2] * SECOND_US)
        one = ask(slow, tries=n, age=age, lifetime=100 * DAY_US)
        other = ask(fast, tries=n, age=int(age * scale), lifetime=100 * DAY_US)
        assert one is not None
        assert other is not None
        assert other == pytest.approx(one * scale, abs=3)


@given(plan=PLANS, chance=CHANCE, tries=st.integers(1, 8), back=st.integers(0, 2 * DAY_US))
def test_a_clock_that_was_put_back_makes_no_try_wait_for_it(
    plan: RetryPlan, chance: float, tries: int, back: int
) -> None:
    """The next try is never later than its whole step, with its jitter, from the failure."""
    step = plan.steps_s[tries - 1] if tries <= len(plan.steps_s) else plan.then_every_s
    wait = ask(plan, chance=chance, tries=tries, age=-back)
    assert wait is not None
    assert wait <= step * plan.scale * SECOND_US * (1 + plan.jitter) + SECOND_US
