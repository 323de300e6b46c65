"""Rates of accounts and domains: whose counts, how a warm-up grows, and what cannot be one."""

from __future__ import annotations

import pytest

from aftersend.errors import BadField
from aftersend.policy.throttles import DAY_US, DAYS, Throttle, checked, read

ROWS = [
    (0, "domain", "example.net", "10/hour", 0),
    (1, "domain", "example.net", "20/hour", 0),
    (1, "account", "", "warm-up", 0),
]


def test_an_account_s_own_goes_before_those_for_all() -> None:
    """And mail counts for each kind once."""
    found = read(ROWS)
    assert [one.rate for one in found.of(1, "example.net")] == ["warm-up", "20/hour"]
    assert [one.rate for one in found.of(2, "example.net")] == ["10/hour"]
    assert found.of(2, "example.org") == []
    assert read([]).of(1, "example.net") == []


def test_a_warm_up_grows_and_ends() -> None:
    """Day by day, a part of it at once; then there is no limit."""
    plan = Throttle("account", "", "warm-up", 5)
    rates = [plan.at(5 + day * DAY_US) for day in range(len(DAYS) + 1)]
    assert [None if rate is None else rate.number for rate in rates] == [*DAYS, None]
    first = plan.at(5)
    assert first is not None
    assert (first.burst, first.words) == (10, "200 a day")


@pytest.mark.parametrize(
    ("scope", "name", "rate", "pointer"),
    [
        ("site", "", "1/hour", "#/scope"),
        ("domain", "no domain", "1/hour", "#/name"),
        ("account", "example.net", "1/hour", "#/name"),
        ("account", "", "fast", "#/rate"),
        ("account", "", "", "#/rate"),
    ],
)
def test_what_cannot_be_one(scope: str, name: str, rate: str, pointer: str) -> None:
    """It is named by its field."""
    with pytest.raises(BadField) as told:
        checked(scope, name, rate)
    assert told.value.pointer == pointer


def test_names_are_kept_in_one_form() -> None:
    """Domains as A-labels."""
    assert checked("domain", "Bücher.Example", " 5/day ") == ("xn--bcher-kva.example", "5/day")
