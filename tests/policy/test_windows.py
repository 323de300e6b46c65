"""The hours of a stream: how they are written, and when they begin next, whatever the clocks of the place do."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.errors import BadField
from aftersend.policy.windows import DAYS, EXAMPLE, Window, opens_at, read

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    """A time on the clock of a place, as an instant."""
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1_000_000


def window(text: str) -> Window:
    """Hours that are there."""
    found = read(text)
    assert found is not None
    return found


def test_how_hours_are_written() -> None:
    """Days, times and a place; days may be left out, and nothing at all is any time."""
    assert read("") is None
    assert window(EXAMPLE) == Window("Europe/Berlin", frozenset(range(5)), 540, 1020)
    assert window("22:00-06:00 UTC").days == frozenset(range(7))
    assert window("sat,sun 00:00-24:00 UTC").days == {5, 6}
    assert window("Fri-Mon 10:00-11:00 UTC").days == {4, 5, 6, 0}
    assert window(EXAMPLE).words == "mon, tue, wed, thu, fri, 09:00 to 17:00, Europe/Berlin"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("by day", EXAMPLE),
        ("9:00-17:00 UTC", EXAMPLE),
        ("09:00-25:00 UTC", EXAMPLE),
        ("moon 09:00-17:00 UTC", "'moon' is no day"),
        ("mon- 09:00-17:00 UTC", "'' is no day"),
        ("09:00-17:00 Middle/Earth", "no time zone"),
        ("09:00-17:00 ../etc/passwd", "no time zone"),
        ("09:00-09:00 UTC", "end when they begin"),
    ],
)
def test_what_is_no_hours_is_told(text: str, said: str) -> None:
    """With the field, and what to write instead."""
    with pytest.raises(BadField, match=said) as told:
        read(text)
    assert told.value.pointer == "#/hours"


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        (EXAMPLE, "2026-11-25T09:00:00", None),
        (EXAMPLE, "2026-11-25T08:59:59", "2026-11-25T09:00:00"),
        (EXAMPLE, "2026-11-25T16:59:59", None),
        (EXAMPLE, "2026-11-25T17:00:00", "2026-11-26T09:00:00"),
        (EXAMPLE, "2026-11-27T17:00:00", "2026-11-30T09:00:00"),
        ("fri 22:00-06:00 Europe/Berlin", "2026-11-28T05:59:59", None),
        ("fri 22:00-06:00 Europe/Berlin", "2026-11-28T06:00:00", "2026-12-04T22:00:00"),
        ("sat 00:00-24:00 Europe/Berlin", "2026-11-28T23:59:59", None),
        ("sat 00:00-24:00 Europe/Berlin", "2026-11-29T00:00:00", "2026-12-05T00:00:00"),
        # The night in which the clock is put forward, and the one in which it is put back.
        ("02:30-05:00 Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T03:30:00"),
        ("09:00-17:00 Europe/Berlin", "2026-03-29T08:59:59", "2026-03-29T09:00:00"),
        ("09:00-17:00 Europe/Berlin", "2026-10-24T17:00:00", "2026-10-25T09:00:00"),
    ],
)
def test_when_mail_may_go_next(hours: str, now: str, opens: str | None) -> None:
    """To the second, over nights, weekends and changes of the clock."""
    assert opens_at(window(hours), at(now)) == (None if opens is None else at(opens))


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.integers(0, 23),
    st.integers(0, 23),
    st.integers(1_577_836_800, 2_051_222_400),
)
def test_hours_always_come_and_are_open_when_they_do(
    zone: str, days: set[str], opens: int, closes: int, when_s: int
) -> None:
    """The moment that is named is later than now, within eight days, and then mail may go."""
    hours = read(f"{','.join(sorted(days))} {opens:02d}:00-{closes:02d}:15 {zone}")
    assert hours is not None
    now = when_s * 1_000_000
    found = opens_at(hours, now)
    if found is not None:
        assert now < found <= now + timedelta(days=8, hours=2) // timedelta(microseconds=1)
        assert opens_at(hours, found) is None
