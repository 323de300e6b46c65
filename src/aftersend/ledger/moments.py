"""Own how an instant is written. A moment is a whole number of microseconds UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799


def iso(instant_us: int) -> str:
    """Write a moment as RFC 3339 in UTC, to the second: `2026-11-21T22:48:09Z`."""
    return _at(instant_us).isoformat(timespec="seconds") + "Z"


def plain(instant_us: int) -> str:
    """Write a moment as a sentence needs it: `2026-11-21 22:48:09 UTC`."""
    return _at(instant_us).isoformat(" ", timespec="seconds") + " UTC"


def _at(instant_us: int) -> datetime:
    """The moment, held within the years that a calendar has: a report may claim anything."""
    moment = _EPOCH + timedelta(seconds=min(max(instant_us // 1_000_000, _FIRST_S), _LAST_S))
    return moment.replace(tzinfo=None)
