"""How hard a site may be pressed: it shrinks at once, recovers slowly, and is never shut for ever."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from aftersend.policy import limits
from aftersend.policy.limits import SECOND_US, Limits, SiteState

RULES = st.builds(
    Limits,
    start=st.integers(1, 60),
    most=st.integers(1, 60),
    grow_after=st.integers(1, 60),
    grow_at_first=st.integers(1, 60),
)
NOW = 1_764_547_200 * SECOND_US
Change = Callable[[SiteState, Limits, int], SiteState]

CHANGES: dict[str, Change] = {
    "success": lambda state, rules, now: limits.after_success(state, rules),
    "pushback": lambda state, rules, now: limits.after_pushback(
        state, rules, now=now, open_connections=5, seen_rate=7.0, why="421", pause_s=30.0
    ),
    "pushback from the only connection": lambda state, rules, now: limits.after_pushback(
        state, rules, now=now, open_connections=0, seen_rate=0.0, why="421", pause_s=300.0
    ),
    "refused": lambda state, rules, now: limits.after_no_connection(
        state, rules, now=now, timed_out=False, why="refused"
    ),
    "timeout": lambda state, rules, now: limits.after_no_connection(
        state, rules, now=now, timed_out=True, why="timeout"
    ),
}


@given(rules=RULES, history=st.lists(st.sampled_from(sorted(CHANGES)), max_size=200))
def test_a_site_always_gets_something(rules: Limits, history: list[str]) -> None:
    """Whatever happened: one connection at least, never more than allowed, and a rate above nothing."""
    state = limits.fresh(rules)
    now = NOW
    for what in history:
        now += SECOND_US
        state = CHANGES[what](state, rules, now)
        assert 1 <= state.connections <= rules.most
        assert state.rate_per_s is None or state.rate_per_s > 0


@given(rules=RULES, history=st.lists(st.sampled_from(sorted(CHANGES)), max_size=50))
def test_no_site_is_shut_for_ever(rules: Limits, history: list[str]) -> None:
    """A site is left alone for a quarter of an hour at most, counted from the last thing it did."""
    state = limits.fresh(rules)
    for what in history:
        state = CHANGES[what](state, rules, NOW)
    assert state.closed_until_us <= NOW + 900 * SECOND_US


@given(rules=RULES, history=st.lists(st.sampled_from(sorted(CHANGES)), max_size=50))
def test_good_deliveries_bring_it_back(rules: Limits, history: list[str]) -> None:
    """After enough good deliveries every site may be pressed as hard as the operator allows, its rate forgotten."""
    state = limits.fresh(rules)
    for what in history:
        state = CHANGES[what](state, rules, NOW)
    for _ in range(max(rules.grow_after, rules.grow_at_first) * (rules.most + 60)):
        state = limits.after_success(state, rules)
    assert state.connections == rules.most
    assert state.rate_per_s is None
    assert state.why == ""


@given(
    rules=RULES,
    history=st.lists(st.sampled_from(sorted(CHANGES)), max_size=30),
    open_now=st.integers(0, 60),
    seen_rate=st.none() | st.floats(0.1, 1000),
)
def test_pushing_back_halves_at_once(rules: Limits, history: list[str], open_now: int, seen_rate: float | None) -> None:
    """Half of what it has borne, and a pause; the echo of what we did before the pause counts no second time."""
    state = limits.fresh(rules)
    for what in history:
        state = CHANGES[what](state, rules, NOW)

    def push(state: SiteState, now: int) -> SiteState:
        return limits.after_pushback(
            state, rules, now=now, open_connections=open_now, seen_rate=seen_rate, why="421 slow down", pause_s=30.0
        )

    now = max(NOW, state.closed_until_us)
    after = push(state, now)
    assert after.connections <= max(1.0, state.connections / 2)
    assert after.closed_until_us == now + 30 * SECOND_US
    assert after.why == "421 slow down"
    if seen_rate is None:
        assert after.rate_per_s == state.rate_per_s
    else:
        assert after.rate_per_s is not None
        assert after.rate_per_s <= max(0.1, seen_rate / 2)
    assert push(after, now + 1) == after


def test_growth_takes_a_row_of_good_ones() -> None:
    """One connection more for so many good deliveries in a row; a pushback begins the count anew."""
    rules = Limits(start=2, most=10, grow_after=3, grow_at_first=3)
    state = limits.fresh(rules)
    for _ in range(2):
        state = limits.after_success(state, rules)
    assert state.connections == 2
    assert limits.after_success(state, rules).connections == 3
    pushed = limits.after_pushback(state, Limits(), now=NOW, open_connections=2, seen_rate=1.0, why="x", pause_s=1.0)
    for _ in range(2):
        pushed = limits.after_success(pushed, rules)
    assert pushed.connections == 1


def test_a_smart_host_is_soon_pressed_hard_until_it_complains() -> None:
    """The operator's own relay stands for all domains: four times the connections, one more for each good delivery."""
    rules = Limits(start=20, most=50).for_smart_host()
    state = limits.fresh(rules)
    for _ in range(180):
        state = limits.after_success(state, rules)
    assert state.connections == rules.most == 200
    state = limits.after_pushback(state, rules, now=NOW, open_connections=200, seen_rate=None, why="421", pause_s=1.0)
    assert state.connections == 100
    for _ in range(20):
        state = limits.after_success(state, rules)
    assert state.connections == 100 + 20 // rules.grow_after


def test_a_site_that_does_not_answer_is_left_alone_for_longer() -> None:
    """A timeout costs more than a refusal, so it is paid less often."""
    rules = Limits()
    state = limits.fresh(rules)
    refused = limits.after_no_connection(state, rules, now=NOW, timed_out=False, why="refused")
    silent = limits.after_no_connection(state, rules, now=NOW, timed_out=True, why="timeout")
    assert NOW < refused.closed_until_us < silent.closed_until_us


@given(connections=st.floats(1, 200), nodes=st.integers(0, 50))
def test_nodes_share_a_sites_connections(connections: float, nodes: int) -> None:
    """All nodes together stay within the limit, except that each may open one."""
    part = limits.share(connections, nodes)
    assert part >= 1
    assert part == 1 or part * max(1, nodes) <= connections


def test_a_faster_world_waits_less() -> None:
    """Where time runs faster, pauses shrink with it and limits do not."""
    rules = Limits()
    fast = rules.scaled(0.01)
    assert fast.closed_after_refusal_s == rules.closed_after_refusal_s * 0.01
    assert fast.closed_after_timeout_s == rules.closed_after_timeout_s * 0.01
    assert fast.pause_scale == rules.pause_scale * 0.01
    assert (fast.start, fast.most, fast.grow_after) == (rules.start, rules.most, rules.grow_after)
