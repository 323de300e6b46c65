"""Own the present moment. Every other room is handed the time; none asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Instant = int
"""Microseconds since 1970-01-01T00:00:00Z."""

Clock = Callable[[], Instant]

MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def now() -> Instant:
    """Return the present moment."""
    return time.time_ns() // 1000


class Steps:
    """Notices when the clock was put forward or back, beside a clock that never is (`steady`, in seconds)."""

    def __init__(self, clock: Clock, steady: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steady = steady
        self._looked = clock(), steady()

    def moved(self) -> Instant:
        """Return by how much the clock was put forward since the last time this was asked; less than 0: back."""
        (before, since), self._looked = self._looked, (self._clock(), self._steady())
        return self._looked[0] - before - round((self._looked[1] - since) * SECOND)


class Doubts:
    """Doubts a clock that was put more than an hour ahead, for an hour: until then somebody may put it right again."""

    def __init__(self, clock: Clock, steady: Callable[[], float] = time.monotonic) -> None:
        self._steps = Steps(clock, steady)
        self._steady = steady
        self._until = steady()

    def __bool__(self) -> bool:
        if self._steps.moved() > HOUR:
            self._until = self._steady() + HOUR / SECOND
        return self._steady() < self._until


def iso(instant: Instant) -> str:
    """Write an instant as RFC 3339 in UTC with microseconds, as logs and the API show it."""
    return datetime.fromtimestamp(instant // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{instant % SECOND:06d}Z"


def from_iso(text: str) -> Instant:
    """Read RFC 3339; a time without an offset is taken as UTC. Raise ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds
