"""Who guesses is not heard for long, whoever is known is heard first, and what is counted is bounded."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.clock import HOUR
from aftersend.control import door
from aftersend.control.door import FAILURES_WITHIN_US, Doorkeeper, Tries
from aftersend.control.keys import TooManyTries
from aftersend.control.secret import Secret
from aftersend.errors import Unauthenticated
from aftersend.store import people
from aftersend.store.people import User

NOW = 1_764_000_000_000_000
ANN = User(7, "ann@example.com", "Ann", "kept", None, 0, {}, NOW, None, None)


def doorkeeper() -> Doorkeeper:
    """One who knows Ann, who is signed in nowhere."""

    async def ask(question: Any, *given: Any, **_: Any) -> Any:
        if question is people.by_email:
            return ANN if given[0] == ANN.email else None
        return []

    store: Any = SimpleNamespace(ask=ask)
    return Doorkeeper(store, lambda: NOW, Secret("correct horse battery staple"))


def test_a_crowd_of_strangers_does_not_keep_a_known_person_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """When too many passwords wait to be hashed, strangers are sent away, uncounted; Ann in her browser is heard."""
    go_on = threading.Event()

    def is_password(password: str, kept: str) -> bool:
        go_on.wait(20)
        return (password, kept) == ("right", "kept")

    monkeypatch.setattr(door, "is_password", is_password)

    async def story() -> None:
        keeper = doorkeeper()
        browser = keeper.known_browser(ANN)
        crowd = [
            asyncio.ensure_future(keeper.check(f"{n}@example.com", "x", f"192.0.2.{n}"))
            for n in range(door.STRANGERS_WAITING)
        ]
        await asyncio.sleep(0)
        with pytest.raises(TooManyTries, match="in a minute"):
            await keeper.check(ANN.email, "right", "198.51.100.1")
        ann = asyncio.ensure_future(keeper.check(ANN.email, "right", "198.51.100.1", browser))
        await asyncio.sleep(0)
        go_on.set()
        assert await ann is ANN
        assert all(isinstance(each, Unauthenticated) for each in await asyncio.gather(*crowd, return_exceptions=True))
        assert await keeper.check(ANN.email, "right", "198.51.100.1") is ANN

    asyncio.run(story())


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, FAILURES_WITHIN_US // 2), st.booleans()), max_size=60))
def test_no_more_than_so_many_tries_fail_in_any_quarter_of_an_hour(moves: list[tuple[str, int, bool]]) -> None:
    """However tries and the time between them are mixed; those taken back do not count."""
    tries, now, failed = Tries(), NOW, {name: [] for name in "abc"}
    for name, passed, is_right in moves:
        now += passed
        recent = [at for at in failed[name] if at > now - FAILURES_WITHIN_US]
        if len(recent) >= 3:
            with pytest.raises(TooManyTries):
                tries.count([(name, 3)], now)
            continue
        tries.count([(name, 3)], now)
        if is_right:
            tries.take_back(name)
        else:
            failed[name].append(now)


def test_what_is_counted_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one tried longest ago is forgotten first."""
    monkeypatch.setattr(door, "FAILURES_REMEMBERED", 3)
    tries = Tries()
    for name in "abcada":
        tries.count([(name, 3)], NOW)
    with pytest.raises(TooManyTries):
        tries.count([("a", 3)], NOW)
    tries.count([("b", 1)], NOW)


def test_a_clock_that_is_put_back_shuts_nobody_out_for_longer() -> None:
    """Tries that seem to lie ahead count no more; those after them do."""
    tries = Tries()
    for _ in range(3):
        tries.count([("a", 3)], NOW)
    for _ in range(3):
        tries.count([("a", 3)], NOW - 2 * HOUR)
    with pytest.raises(TooManyTries):
        tries.count([("a", 3)], NOW - 2 * HOUR + 1)
