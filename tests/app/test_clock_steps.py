"""A clock that is put forward or back by hours: it is noticed, nobody is taken for dead, nothing waits for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.app import loops
from aftersend.clock import HOUR, SECOND, Steps
from aftersend.store import nodes, put_back


@given(st.lists(st.tuples(st.integers(0, HOUR // SECOND), st.integers(-9 * HOUR, 9 * HOUR)), max_size=8))
def test_a_step_is_told_apart_from_time_that_passed(moves: list[tuple[int, int]]) -> None:
    """What has passed is no step; what the clock moved beside it is."""
    at = [10**15, 0.0]
    steps = Steps(lambda: int(at[0]), lambda: at[1])
    for passed, moved in moves:
        at[0] += passed * SECOND + moved
        at[1] += passed
        assert steps.moved() == moved


@pytest.mark.parametrize("by", [3 * HOUR, -3 * HOUR])
def test_nobody_is_taken_for_dead_after_a_step(monkeypatch: pytest.MonkeyPatch, by: int) -> None:
    """Before it whoever was silent for too long is; after it everybody has a lease's time to be heard again."""
    now, stopping = [10**15], asyncio.Event()
    ran: list[Any] = []

    async def run(function: Any, *_: Any, **given: Any) -> int:
        ran.append(function)
        if ran.count(nodes.renew) == 2 and function is nodes.renew:
            now[0] += by
        if ran.count(nodes.renew) == 4:
            stopping.set()
        if function is put_back.due_as_before:
            assert given["was"] - given["now"] == pytest.approx(-by, abs=SECOND)
        return function is nodes.renew

    async def nothing(*_: Any) -> None:
        """There is nothing else to do."""

    monkeypatch.setattr(loops, "UPKEEP_EVERY_S", 0.001)
    monkeypatch.setattr(loops, "_compare_notes", nothing)
    service: Any = SimpleNamespace(
        clock=lambda: now[0], stopping=stopping, node=1, incarnation="i", refresh=nothing,
        store=SimpleNamespace(run=run, ring=lambda _: None), engine=SimpleNamespace(is_sqlite=True),
    )  # fmt: skip
    asyncio.run(loops.beat(service))
    assert ran.count(nodes.free_dead) == 2
    assert ran.count(put_back.due_as_before) == (by < 0)
