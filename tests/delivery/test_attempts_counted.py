"""What is counted of attempts: by outcome and provider from closed lists, and how long mail took."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from aftersend.delivery.meter import BOUNDS_S, OTHER, Times, provider_label
from aftersend.ledger.providers import PROVIDERS


@given(st.text(max_size=40))
def test_a_label_is_never_a_domain(domain: str) -> None:
    """It is the name of a provider that we know, or "other", whoever the mail goes to."""
    assert provider_label(domain) in {OTHER, *(provider.name for provider in PROVIDERS)}


def test_known_providers_have_their_names() -> None:
    """And a company's own domain is another one."""
    assert [provider_label(each) for each in ("gmail.com", "hotmail.fr", "example.org")] == [
        "Google",
        "Microsoft",
        OTHER,
    ]


@given(st.lists(st.floats(0, 1e6, allow_nan=False), max_size=50))
def test_buckets_only_rise(times: list[Any]) -> None:
    """Each bucket counts what took no longer than its bound, as Prometheus wants it."""
    found = Times()
    for seconds in times:
        found.took(seconds)
    told = found.buckets()
    assert [bound for bound, _ in told] == [*map(str, BOUNDS_S), "+Inf"]
    for bound, number in told:
        assert number == sum(seconds <= float(bound) for seconds in times)
