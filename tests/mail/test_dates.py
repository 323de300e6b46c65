"""Times in mail."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend import clock
from aftersend.mail import dates

INSTANTS = st.integers(0, 253_402_300_799 * dates.SECOND)


@given(INSTANTS)
def test_what_is_written_is_read(instant: int) -> None:
    """A date is read back to the second, by us and by the standard library."""
    written = dates.rfc5322(instant)
    second = instant // dates.SECOND
    assert dates.read(written) == second * dates.SECOND
    assert int(parsedate_to_datetime(written).timestamp()) == second
    assert dates.read(clock.iso(instant)) == instant


@pytest.mark.parametrize(
    "text",
    [
        "2026-12-01T09:00:00Z",
        "2026-12-01 09:00:00",
        "2026-12-01T10:00:00+01:00",
        "2026-12-01T09:00:00.000000Z",
        "2026-12-01T09:00",
        "Tue, 01 Dec 2026 09:00:00 +0000",
        "Tue, 1 Dec 2026 10:00 +0100",
        "1 Dec 2026 04:00:00 EST",
        "Tue, 1 Dec 2026 09:00:00 GMT (UTC)",
        "1796115600",
        " 1796115600.0 ",
    ],
)
def test_one_moment_in_many_forms(text: str) -> None:
    """RFC 3339, RFC 5322 with old zones, and seconds since 1970 name the same moment."""
    assert dates.read(text) == 1_796_115_600 * dates.SECOND


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2026", "2026-12-01", "32 Dec 2026 09:00 +0000", "1 Foo 2026 09:00 +0000", "1 Dec 2026 25:00 +0000",
     "1 Dec 2026 09:00 XYZ", "1 Dec 2026 09:00 +9900", "x" * 1000, "１２３４５６７８９０", "0001-01-01T00:00:00+23:59x"],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    """Anything else is a ValueError."""
    with pytest.raises(ValueError, match="."):
        dates.read(text)


@given(st.text(max_size=60))
def test_any_text_is_a_time_or_a_value_error(text: str) -> None:
    """No text makes reading fail in another way."""
    try:
        dates.read(text)
    except ValueError:
        pass
