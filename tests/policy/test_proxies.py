"""From where a request came is believed as far as trusted proxies say it, and no further."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.policy.proxies import Proxies, place_of

OURS = ["10.0.0.0/8", "2001:db8:1::/48"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "1.1.1.1, 192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "192.0.2.7, 10.0.0.9", "192.0.2.7"),
        ("::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("2001:db8:1::5", "[2001:db8:2::1]", "2001:db8:2::1"),
        ("192.0.2.1", "1.1.1.1", "192.0.2.1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, nonsense", "10.0.0.1"),
        ("unknown", "1.1.1.1", "unknown"),
    ],
)
def test_the_chain_is_followed_back_through_our_proxies(peer: str, forwarded: str, expected: str) -> None:
    """What a stranger wrote into the field before it reached a proxy of ours is not believed."""
    assert Proxies(OURS).visitor(peer, forwarded) == expected


@given(st.ip_addresses().map(str), st.text(max_size=60))
def test_nobody_is_believed_without_proxies(peer: str, forwarded: str) -> None:
    """Whoever connects is who asks."""
    assert Proxies().visitor(peer, forwarded) == peer


def test_a_site_of_ipv6_is_one_place() -> None:
    """Tries are not counted by an address of which anybody has as many as they like."""
    assert place_of("2001:db8:1:2::3") == place_of("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert place_of("2001:db8:1:3::3") != place_of("2001:db8:1:2::3")
    assert place_of("::ffff:192.0.2.1") == place_of("192.0.2.1") == "192.0.2.1"
    assert place_of("unknown") == "unknown"
