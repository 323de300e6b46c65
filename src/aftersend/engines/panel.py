"""Ask several engines at once, and leave one alone for a while that does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aftersend.clock import SECOND, Clock, Instant
from aftersend.engines.opinion import TIME_LIMIT_S, Absent, Engine, Learned, Opinion

FAILURES_MOST = 3
REST_US = 30 * SECOND


class Panel:
    """The engines of this installation; it may be empty."""

    def __init__(self, engines: Sequence[Engine], clock: Clock) -> None:
        self.engines = tuple(engines)
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._rests: dict[str, tuple[Instant, str]] = {}

    def __bool__(self) -> bool:
        return bool(self.engines)

    async def ask(
        self, message: bytes, *, sender: str, recipients: Sequence[str], time_limit_s: float = TIME_LIMIT_S
    ) -> list[Opinion | Absent]:
        """Return what each engine says, in the order of the settings; all are asked at the same time."""
        asked = (
            self._one(engine, message, sender=sender, recipients=recipients, time_limit_s=time_limit_s)
            for engine in self.engines
        )
        return list(await asyncio.gather(*asked))

    async def teach(self, message: bytes, spam: bool) -> list[Learned | Absent]:
        """Teach all of them."""
        return list(await asyncio.gather(*(engine.teach(message, spam) for engine in self.engines)))

    async def close(self) -> None:
        """Close all connections."""
        for engine in self.engines:
            await engine.close()

    async def _one(
        self, engine: Engine, message: bytes, *, sender: str, recipients: Sequence[str], time_limit_s: float
    ) -> Opinion | Absent:
        rests_until, why = self._rests.get(engine.name, (0, ""))
        if self._clock() < rests_until:
            return Absent(engine.name, f"{why} It is left alone for half a minute.")
        said = await engine.ask(message, sender=sender, recipients=recipients, time_limit_s=time_limit_s)
        if isinstance(said, Opinion):
            self._failures.pop(engine.name, None)
            return said
        failures = self._failures[engine.name] = self._failures.get(engine.name, 0) + 1
        if failures >= FAILURES_MOST:
            self._failures.pop(engine.name, None)
            self._rests[engine.name] = (self._clock() + REST_US, said.why)
        return said
