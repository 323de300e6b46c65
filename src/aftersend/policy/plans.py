"""Own when a plan renews, and to what it fills a purse. Times are microseconds UTC; a day begins at midnight UTC."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

PERIODS = ("day", "week", "month", "year")
FILL, ADD = MODES = ("fill", "add")
"""A plan fills the purse up to its amount, or adds its amount to what is there."""
_DAY = 86_400_000_000
_LONGEST = {"day": _DAY, "week": 7 * _DAY, "month": 31 * _DAY, "year": 366 * _DAY}


def next_renewal(period: str, began_us: int, now: int) -> int:
    """Return when a plan that began at a moment renews next, after now. The 31st of a month without one is its last day."""
    began = datetime.fromtimestamp(began_us // 1_000_000, UTC)
    step = 1
    while (found := _later(period, began, step)) <= now:
        step += max(1, (now - found) // _LONGEST[period])
    return found


def _later(period: str, began: datetime, steps: int) -> int:
    if period in ("day", "week"):
        moment = began + timedelta(days=steps * (7 if period == "week" else 1))
    else:
        months = began.month - 1 + steps * (12 if period == "year" else 1)
        year, month = began.year + months // 12, months % 12 + 1
        moment = began.replace(year=year, month=month, day=min(began.day, monthrange(year, month)[1]))
    return int(moment.timestamp()) * 1_000_000


def gain(mode: str, amount: int, available: int) -> int:
    """Return by how much a renewal changes what is available; a purse that has more than a plan fills in keeps it."""
    return amount if mode == ADD else max(0, amount - available)
