"""Suggestions for misspelt domains: most slips are mended, and no real provider is ever corrected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.policy.score.providers import LARGE, REAL
from aftersend.policy.score.typos import suggest

SLIPS = {
    "gmail.com": "gmial.com gmai.com gmal.com gnail.com gmaill.com gmail.con gmail.cmo gamil.com gmil.com ggmail.com gmail.om",
    "hotmail.com": "hotmial.com hotmal.com hotmai.com hotmil.com hotmaill.com hotmail.con hotamil.com hottmail.com hotmall.com",
    "yahoo.com": "yaho.com yahooo.com yhaoo.com yahoo.con yahoo.cmo yahho.com yaoo.com yahoo.comm",
    "outlook.com": "outlok.com outloook.com outlook.con oultook.com outllook.com outlook.cm",
    "icloud.com": "iclod.com icoud.com icloud.con iclould.com icluod.com",
}


def test_nine_slips_of_ten_are_mended() -> None:
    """The domain that was meant is named; where nothing is said, nothing wrong is said either."""
    meant = [(slip, right) for right, slips in SLIPS.items() for slip in slips.split()]
    answers = {slip: suggest(slip) for slip, _ in meant}
    assert [slip for slip, right in meant if answers[slip] not in (right, None)] == []
    assert sum(answers[slip] == right for slip, right in meant) >= 0.9 * len(meant)


def test_no_real_provider_is_corrected() -> None:
    """At least three hundred of them."""
    real = {*LARGE, *REAL}
    assert len(real) >= 300
    assert {domain: found for domain in real if (found := suggest(domain)) is not None} == {}


@pytest.mark.parametrize(
    "domain",
    ["", ".", "com", "example.com", "localhost", "bücher.example", "x" * 300 + ".com", "proton.me", "acme.com"],
)
def test_what_is_nobodys_slip_is_left_alone(domain: str) -> None:
    """Companies, short names and nonsense get no suggestion."""
    assert suggest(domain) is None


@given(st.text(max_size=80))
def test_a_suggestion_is_a_large_provider_and_never_itself(domain: str) -> None:
    """Any text is answered; what is suggested needs no suggestion."""
    found = suggest(domain)
    assert found is None or (found != domain and suggest(found) is None)
