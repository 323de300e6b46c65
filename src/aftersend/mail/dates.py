"""Write and read the times that stand in mail. Instants are microseconds since 1970 in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

SECOND = 1_000_000
LENGTH_MOST = 80
"""Characters of a time that are looked at; no form is longer."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_ZONES = dict.fromkeys(("UT", "UTC", "GMT", "Z"), 0) | {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
}  # fmt: skip
_RFC5322 = re.compile(
    r"(?:[A-Za-z]{3},\s*)?(\d{1,2})\s+([A-Za-z]{3})\s+(\d{4})\s+(\d{2}):(\d{2})(?::(\d{2}))?\s*([+-]\d{4}|[A-Za-z]{1,3})?(?:\s*\([^()]{0,40}\))?"
)
_SECONDS = re.compile(r"\d{9,11}(?:\.\d{1,6})?")


def rfc5322(instant: int) -> str:
    """Write an instant as a Date field has it: `Tue, 01 Dec 2026 09:00:00 +0000` (RFC 5322 §3.3)."""
    at = _EPOCH + timedelta(seconds=instant // SECOND)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year:04d}"
        f" {at.hour:02d}:{at.minute:02d}:{at.second:02d} +0000"
    )


def read(text: str) -> int:
    """Read RFC 3339, an RFC 5322 date or seconds since 1970, in UTC unless they say otherwise. Raise ValueError if it is none."""
    text = text.strip()[: LENGTH_MOST + 1]
    if len(text) > LENGTH_MOST or not text.isascii():
        raise ValueError("no time that can be read")
    if _SECONDS.fullmatch(text):
        seconds, _, fraction = text.partition(".")
        return int(seconds) * SECOND + int(fraction.ljust(6, "0") if fraction else 0)
    found = _RFC5322.fullmatch(text)
    at = _from_rfc5322(found) if found else datetime.fromisoformat(text)
    if found is None and len(text) < len("2026-12-01T09"):
        raise ValueError("a date without a time of day")
    try:
        past = at - _EPOCH if at.tzinfo else at.replace(tzinfo=UTC) - _EPOCH
    except OverflowError:
        raise ValueError("a time that no calendar has") from None
    return (past.days * 86_400 + past.seconds) * SECOND + past.microseconds


def _from_rfc5322(found: re.Match[str]) -> datetime:
    day, month, year, hour, minute, second, zone = found.groups()
    number = _MONTH.get(month.lower())
    if number is None:
        raise ValueError(f"no month is called {month}")
    return datetime(
        int(year), number, int(day), int(hour), int(minute), min(int(second or 0), 59), tzinfo=_offset(zone or "+0000")
    )


def _offset(zone: str) -> timezone:
    if zone[0] in "+-":
        size = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
        return timezone(-size if zone[0] == "-" else size)
    hours = _ZONES.get(zone.upper())
    if hours is None:
        raise ValueError(f"the time zone {zone} is not known; write an offset such as +0100")
    return timezone(timedelta(hours=hours))
