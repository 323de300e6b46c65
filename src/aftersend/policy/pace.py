"""Own how fast mail may go: a rate, what was taken of it, and when the next may go. Knows one rate at a time.

A rate of n in a period with a burst of b lets b go at once, and then one every period / n. What was taken is one number,
the moment at which all that went out would have gone at an even pace; it runs ahead of the clock by the burst at most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from aftersend.errors import BadField

PERIODS = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}
MOST = 1_000_000_000
TENTH_US = 100_000
_FORM = re.compile(r"([1-9]\d{0,9})/(second|minute|hour|day)")


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in a period. Times in microseconds."""

    number: int
    period_us: int
    burst: int = 1

    @property
    def interval_us(self) -> int:
        """From one to the next."""
        return max(1, self.period_us // max(1, self.number))

    @property
    def words(self) -> str:
        """The rate for a sentence: “200 an hour”."""
        return f"{self.number:,} {_PERIODS.get(self.period_us, f'in {self.period_us / 1_000_000:g} seconds')}"


_PERIODS = {1_000_000: "a second", 60_000_000: "a minute", 3_600_000_000: "an hour", 86_400_000_000: "a day"}


@lru_cache(maxsize=256)
def read(text: str) -> Rate | None:
    """Read a rate such as `600/hour`; "" is no rate: None. A sixtieth of it, at most 100, may go at once, or what goes in a
    tenth of a second.

    Raise BadField that says what is wrong.
    """
    if not text.strip():
        return None
    found = _FORM.fullmatch(text.strip())
    if found is None or int(found[1]) > MOST:
        raise BadField("#/rate", f"{text[:40]!r} is no rate; write so many a second, minute, hour or day: 600/hour.")
    number = int(found[1])
    period = PERIODS[found[2]]
    return Rate(number, period, max(1, min(number // 60, 100), number * TENTH_US // period))


@dataclass(slots=True)
class Pace:
    """How a rate stands. What it changes here is written to the store afterwards."""

    place: tuple[int, str]
    """Account and stream."""
    rate: Rate
    taken_us: int = 0
    """Until when the rate is used up."""
    took: int = 0
    """How many were let go since this was read."""
    ends_us: int = 0
    """The moment at which the last in line may go."""
    again_us: int = 0
    is_moved: bool = False
    """Whether the line has become longer since this was read."""
    changes_us: int = 0
    """When the rate will be another one, and who waits is looked at anew; 0 for never."""
    limits: str = ""
    """What is limited, for a sentence: “to example.com”; "" for the mail of a stream."""

    def free_at(self) -> int:
        """When the next may go."""
        return self.taken_us - (self.rate.burst - 1) * self.rate.interval_us

    def take(self, now: int) -> None:
        """One goes now."""
        self.taken_us = max(self.taken_us, now) + self.rate.interval_us
        self.took += 1

    def wait(self, now: int, *, waited: bool) -> int:
        """Say until when one has to wait.

        Who waits for the first time goes to the end of the line; whose time came while others were quicker gets the next
        moment, so nobody waits for ever behind a long line.
        """
        free = max(self.free_at(), now)
        if waited:
            self.again_us = self._within(max(self.again_us + self._gap(now), free), now)
            return self.again_us
        self.ends_us = self._within(max(self.ends_us + self._gap(now), free), now)
        self.is_moved = True
        return self.ends_us

    def _gap(self, now: int) -> int:
        """From one in line to the next."""
        return self.rate.interval_us

    def _within(self, until: int, now: int) -> int:
        """Nobody is told to wait for longer than the rate holds."""
        return min(until, self.changes_us) if self.changes_us > now else until


@dataclass(slots=True, kw_only=True)
class Share(Pace):
    """One account's line before a rate that all accounts have together. Accounts take turns, so a long line of one delays
    another by one turn only.

    `taken_us` and `took` are what the account took: who took least lately comes first (`turn`).
    """

    whole: Pace
    """What was taken of the rate, by whomever."""
    lines: dict[int, int]
    """Until when the line of each account reaches; common to all shares of the rate."""

    def free_at(self) -> int:
        """When the next may go, whoever it is."""
        return self.whole.free_at()

    def take(self, now: int) -> None:
        """One goes now, of what all have."""
        self.whole.take(now)
        Pace.take(self, now)

    def turn(self, number: int, now: int) -> tuple[int, int]:
        """Say where the account's message of this number (0, 1 …) comes among those of all; nobody saves up turns."""
        interval = self.rate.interval_us
        return max(self.taken_us, now - interval) + number * interval, self.taken_us

    def wait(self, now: int, *, waited: bool) -> int:
        """Say until when one has to wait, as far as one can tell from who waits now."""
        until = Pace.wait(self, now, waited=waited)
        if not waited:
            self.lines[self.place[0]] = until
        return until

    def _gap(self, now: int) -> int:
        waiting = {account for account, ends in self.lines.items() if ends > now} | {self.place[0]}
        return self.rate.interval_us * len(waiting)
