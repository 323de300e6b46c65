"""Where a domain's mail goes: the most specific entry counts, and a wrong one is refused with a reason."""

from __future__ import annotations

import pytest

from aftersend.delivery import Routes
from aftersend.delivery.routes import Route, read
from aftersend.errors import SettingsError


def test_without_a_table_mail_goes_to_the_domains_own_servers() -> None:
    """Straight to the MX, at the port that is set."""
    way = Routes({}, port=2525).route("example.net")
    assert way == Route(port=2525)
    assert not way.is_smart_host


def test_the_most_specific_entry_counts() -> None:
    """The domain itself, then what lies above it, nearest first, then everything."""
    routes = Routes(
        {"*": "all:1", ".example.net": "below:2", ".eu.example.net": "nearer:3", "Shop.EU.Example.net.": "exact:4"}
    )
    expected = {
        "shop.eu.example.net": "exact",
        "mail.eu.example.net": "nearer",
        "a.b.eu.example.net": "nearer",
        "us.example.net": "below",
        "example.net": "below",
        "badexample.net": "all",
        "net": "all",
    }
    assert {domain: routes.route(domain).host for domain in expected} == expected


def test_a_table_without_everything_leaves_the_rest_alone() -> None:
    """What no entry names goes to its own servers, at the usual port."""
    assert Routes({"example.net": "relay:25"}).route("example.org") == Route(port=25)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("127.0.0.1:2500", Route("127.0.0.1", 2500, "may")),
        ("relay.example.net", Route("relay.example.net", 25, "may")),
        ("[2001:db8::1]:2500", Route("2001:db8::1", 2500, "may")),
        ("smtp://relay.example.net", Route("relay.example.net", 25, "may")),
        ("smtp+tls://relay.example.net", Route("relay.example.net", 587, "must")),
        ("smtps://relay.example.net", Route("relay.example.net", 465, "implicit")),
        ("smtps://me%40x:p%3Aw@relay:4650", Route("relay", 4650, "implicit", "me@x", "p:w")),
    ],
)
def test_how_a_route_is_written(written: str, expected: Route) -> None:
    """`host:port`, or a URL that says how TLS is used and who we are."""
    assert read(written) == expected
    assert read(written).is_smart_host


def test_a_password_never_goes_in_the_clear() -> None:
    """Credentials on a plain route demand TLS."""
    assert read("smtp://me:secret@relay").tls == "must"


@pytest.mark.parametrize("written", ["http://relay", "smtp://", ":25", "relay:0x", "relay:99999", "smtp://relay:port"])
def test_what_cannot_be_a_route(written: str) -> None:
    """The setting is named, and what is wrong with it."""
    with pytest.raises(SettingsError, match=r"delivery\.routes"):
        read(written)
