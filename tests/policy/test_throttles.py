"""Rates of accounts and domains: whose counts, how a warm-up grows, and what cannot be one."""

from __future__ import annotations

import pytest

from aftersend.errors import BadField
from aftersend.policy.throttles import DAY_US, DAYS, Throttle, checked, read
from aftersend.store.throttles import places

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
        ("stream", "", "1/hour", "#/scope"),
        ("site", "", "1/hour", "#/name"),
        ("node", "two words", "1/hour", "#/name"),
        ("address", "192.0.2.256", "1/hour", "#/name"),
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
    assert checked("address", " 2001:DB8::0:1 ", "warm-up") == ("2001:db8::1", "warm-up")


def test_sites_matter_to_those_who_have_a_rate_to_one() -> None:
    """Only then is the DNS worth a question before mail goes."""
    found = read([*ROWS, (1, "site", "google.com", "5/hour", 0), (0, "address", "192.0.2.1", "warm-up", 0)])
    assert [found.may_concern(account, "example.org") for account in (1, 2)] == [True, False]
    assert [one.limits for one in found.of(1, "example.org", "google.com")] == [
        "of the account", "to the servers of google.com",
    ]  # fmt: skip
    assert found.of_sender("address", "192.0.2.1") is not None
    assert read([(0, "site", "google.com", "5/hour", 0)]).may_concern(7, "example.org")


def test_a_warm_up_says_when_it_changes() -> None:
    """At the end of each of its days, until it is over; other rates never."""
    plan = Throttle("account", "", "warm-up", 5)
    assert [plan.changes_at(5 + day * DAY_US + 1) for day in (0, 11, 12)] == [5 + DAY_US, 5 + 12 * DAY_US, 0]
    assert Throttle("account", "", "5/day", 5).changes_at(6) == 0


def test_nobody_gets_round_a_site_s_rate_for_all() -> None:
    """It holds for all accounts together, beside what an account has of its own; a domain's for all stays each account's."""
    found = read([*ROWS, (0, "site", "google.com", "30/hour", 0), (1, "site", "google.com", "900/hour", 0)])
    mine = found.of(1, "example.org", "google.com")
    assert [(one.rate, one.is_shared) for one in mine] == [("warm-up", False), ("900/hour", False), ("30/hour", True)]
    assert [one.rate for one in found.of(2, "example.org", "google.com")] == ["30/hour"]
    assert len({one.place for one in mine}) == 3
    assert not any(one.is_shared for one in found.of(2, "example.net"))
    assert [one.place for one in mine[1:]] == places("site", "google.com")
