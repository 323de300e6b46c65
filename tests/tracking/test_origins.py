"""Whose network an address is of: the operator's word first, then our table with the name in the DNS."""

from __future__ import annotations

import asyncio
from ipaddress import ip_network
from unittest.mock import ANY

import pytest

from aftersend.errors import SettingsError
from aftersend.policy.hits.tables import rows
from aftersend.tracking.origins import CLASSES, NOWHERE, Origin, Origins


async def named(address: str) -> str | None:
    """A DNS that knows one name, and is slow for another."""
    if address == "192.0.2.9":
        raise OSError("no answer")
    return "google-proxy-66-249-80-1.google.com" if address == "66.249.80.1" else None


def of(address: str, networks: dict[str, str] | None = None) -> Origin:
    """What is known of one address."""
    return asyncio.run(Origins(networks or {}, named).of([address]))[address]


def test_the_operator_s_word_comes_first_and_the_closest_counts() -> None:
    """Over our table, and the smallest network that holds the address."""
    networks = {"66.249.80.0/24": "corporate Our office", "66.249.80.1/32": "vpn", "2001:db8::/32": "residential"}
    assert of("66.249.80.1", networks) == Origin("vpn")
    assert of("66.249.80.2", networks) == Origin("corporate", "Our office")
    assert of("2001:db8::1", networks) == Origin("residential")
    assert of("66.249.81.1", networks) == Origin("google_proxy", "Google")


def test_without_it_the_table_and_the_dns_must_do() -> None:
    """A name that is proven; nothing where nothing is known, or nobody answers."""
    assert of("66.249.80.1") == Origin("google_proxy", "Google", "google-proxy-66-249-80-1.google.com")
    assert of("198.51.100.1") == of("192.0.2.9") == of("127.0.0.1") == of("nonsense") == NOWHERE


def test_the_table_is_in_order() -> None:
    """Networks that can be read, in classes that the rules know."""
    for text, known in rows("addresses"):
        assert ip_network(text).is_global
        assert known.kind in CLASSES


def test_a_class_that_there_is_not_is_said() -> None:
    """With the classes that there are."""
    with pytest.raises(SettingsError, match="residential"):
        Origins({"192.0.2.0/24": "castle"})


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("p4fd0a1b2.dip0.t-ipconnect.de", "residential"),
        ("cpe-70-112-3-4.austin.res.rr.com", "residential"),
        ("lfbn-idf1-1-2-3.w86-1.abo.wanadoo.fr", "residential"),
        ("host-1-2-3-4.static.adsl.example.net", "residential"),
        ("1.2.3.4.mobile.example.net", "mobile"),
        ("ec2-3-4-5-6.eu-west-1.compute.amazonaws.com", "cloud_hosting"),
        ("static.4.3.2.1.clients.your-server.de", "cloud_hosting"),
        ("vps-12345.vps.example.net", "cloud_hosting"),
        ("pc17.lab.example.edu", "education"),
        ("mail.example.com", "unknown"),
        ("google-proxy-1-2-3-4.google.com", "unknown"),
        ("educated.example.com", "unknown"),
    ],
)
def test_what_a_name_says(name: str, kind: str) -> None:
    """Providers name the addresses of their customers by rule; what is for hire is never taken for where people are."""

    async def name_of(_: str) -> str:
        return name

    assert asyncio.run(Origins({}, name_of).of(["8.8.8.8"]))["8.8.8.8"] == Origin(
        kind, None if kind == "unknown" else ANY, name
    )
