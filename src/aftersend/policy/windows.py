"""Own the hours in which mail may go out, in the time of a place: how they are written, and when they begin next."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from aftersend.errors import BadField

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LOOK_AHEAD_DAYS = 15
EXAMPLE = "mon-fri 09:00-17:00 Europe/Berlin"
_FORM = re.compile(r"(?:(\S+) )?([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00) (\S+)")


@dataclass(frozen=True, slots=True)
class Window:
    """Some hours of some days of the week. If they end before they begin, they last into the next day."""

    zone: str
    """A name of the time zone database: `Europe/Berlin`."""
    days: frozenset[int]
    """0 is Monday."""
    opens_min: int
    """Minutes since midnight, on the clock of the place."""
    closes_min: int

    @property
    def words(self) -> str:
        """The hours for a sentence: “mon, tue, 09:00 to 17:00, Europe/Berlin”."""
        days = "every day" if len(self.days) == len(DAYS) else ", ".join(DAYS[day] for day in sorted(self.days))
        return f"{days}, {_clock(self.opens_min)} to {_clock(self.closes_min)}, {self.zone}"


@lru_cache(maxsize=256)
def read(text: str) -> Window | None:
    """Read hours such as `mon-fri 09:00-17:00 Europe/Berlin`; days may be left out, and "" is any time: None.

    Raise BadField that says what is wrong.
    """
    if not text.strip():
        return None
    found = _FORM.fullmatch(" ".join(text.split()))
    if found is None:
        raise BadField("#/hours", f"{text[:60]!r} names no hours; write them like “{EXAMPLE}”.")
    days, opens_h, opens_m, closes_h, closes_m, zone = found.groups()
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, KeyError):
        raise BadField(
            "#/hours", f"{zone[:40]!r} is no time zone known here; write one such as Europe/Berlin."
        ) from None
    opens = int(opens_h) * 60 + int(opens_m)
    closes = 24 * 60 if closes_h is None else int(closes_h) * 60 + int(closes_m)
    if opens == closes:
        raise BadField("#/hours", "The hours end when they begin; for any time, leave them empty.")
    return Window(zone, _days(days or "mon-sun"), opens, closes)


def _days(text: str) -> frozenset[int]:
    """Read `mon-fri`, `sat,sun`, `fri-mon`."""
    chosen: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        for day in (first, last) if dash else (first,):
            if day not in DAYS:
                raise BadField("#/hours", f"{day[:20]!r} is no day; there are {', '.join(DAYS)}.")
        begin = DAYS.index(first)
        length = (DAYS.index(last) - begin) % len(DAYS) if dash else 0
        chosen |= {(begin + step) % len(DAYS) for step in range(length + 1)}
    return frozenset(chosen)


@lru_cache(maxsize=256)
def opens_at(window: Window, now: int) -> int | None:
    """Return None when mail may go now, or when it may next (microseconds UTC).

    The hours are those of a clock on the wall: a day of 23 or 25 hours changes nothing.
    """
    here = datetime.fromtimestamp(now // 1_000_000, UTC).astimezone(ZoneInfo(window.zone))
    starts = []
    for offset in range(-1, LOOK_AHEAD_DAYS):
        day = here.date() + timedelta(days=offset)
        if day.weekday() not in window.days:
            continue
        begins = _instant(window, day, window.opens_min)
        last = day if window.closes_min > window.opens_min else day + timedelta(days=1)
        if begins <= now < _instant(window, last, window.closes_min):
            return None
        if begins > now:
            starts.append(begins)
    return min(starts)


def _instant(window: Window, day: date, minutes: int) -> int:
    """A time of the clock on the wall as an instant; one that the clock leaps over counts as just after the leap."""
    days, minutes = divmod(minutes, 24 * 60)
    wall = datetime.combine(day + timedelta(days=days), time(minutes // 60, minutes % 60), ZoneInfo(window.zone))
    return int(wall.timestamp()) * 1_000_000


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
