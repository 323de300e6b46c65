"""A clock that is put forward or back by hours: it is noticed, nobody is taken for dead, nothing waits for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.app import loops
from aftersend.clock import DAY, HOUR, SECOND, Doubts, Steps
from aftersend.config import load
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
        clock=lambda: now[0], stopping=stopping, node=1, incarnation="i", refresh=nothing, courier=None,
        store=SimpleNamespace(run=run, ring=lambda _: None), engine=SimpleNamespace(is_sqlite=True),
    )  # fmt: skip
    asyncio.run(loops.beat(service))
    assert ran.count(nodes.free_dead) == 2
    assert ran.count(put_back.due_as_before) == (by < 0)


def test_a_clock_far_ahead_is_doubted_for_an_hour() -> None:
    """Neither small steps nor steps back; whoever asks, and however often."""
    at = [10**15, 0.0]
    doubts = Doubts(lambda: int(at[0]), lambda: at[1])
    seen = []
    for passed, moved in ((5, 0), (5, HOUR // 2), (5, -DAY), (5, DAY), (3500, 0), (0, 0), (200, 0)):
        at[0] += passed * SECOND + moved
        at[1] += passed
        seen.append(bool(doubts))
    assert seen == [False, False, False, True, True, True, False]


def test_nothing_is_forgotten_while_the_clock_is_doubted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Age ends nothing as long as it may be no age at all; later it does again."""
    asked, ran = 0, []

    class Doubted:
        """Doubted the first three times."""

        def __bool__(self) -> bool:
            nonlocal asked
            asked += 1
            return asked <= 3

    stopping = asyncio.Event()

    async def run(*_: Any, **__: Any) -> dict[str, int]:
        ran.append(asked)
        stopping.set()
        return {}

    monkeypatch.setattr(loops, "PRUNE_EVERY_S", 0.001)
    service: Any = SimpleNamespace(
        clock=lambda: 10**15, stopping=stopping, engine=None, doubts=Doubted(), store=SimpleNamespace(run=run),
        settings=SimpleNamespace(retention=load(None, {}).retention),
    )  # fmt: skip
    asyncio.run(loops.prune(service))
    assert set(ran) == {4}
