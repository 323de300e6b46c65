"""The anti-spam rules: each finds what it is for, says so in plain words, and none says no for good."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.errors import BadField
from aftersend.policy.moderation import Look, Opinion, Oversight, Sender, judge, oversight, read_html

TRUSTED = Sender(accepted=5, usual=2000)


def look(mode: str = "watch", sender: Sender = TRUSTED, recipients: int = 10, **more: Any) -> Look:
    """A message of a trusted sender."""
    return Look(Oversight(mode), sender, recipients, **more)


@pytest.mark.parametrize(
    ("rule", "seen"),
    [
        ("by_hand", look("all")),
        ("new_sender", look("new", Sender(accepted=2))),
        ("said_no_before", look(sender=Sender(accepted=9, quarantined=1))),
        ("engine", look(opinions=[Opinion("rspamd", 15.1, 15.0, "reject")])),
        ("no_engine", look(sender=Sender(), opinions=[Opinion("rspamd", absent="it did not answer")])),
        ("volume", look(recipients=10_001)),
        ("attachment", look(filenames=["invoice.pdf", "run.EXE"])),
        ("link_to_number", look(links=[("http://192.0.2.1/login", "Log in")])),
        ("link_that_lies", look(links=[("https://evil.example/x", "https://www.bank.example")])),
        ("password", look(asks_for_password=True)),
    ],
)
def test_each_rule(rule: str, seen: Look) -> None:
    """It alone holds such a message, and its sentence ends as one."""
    judgement = judge(seen)
    assert judgement.is_pending
    assert [finding.rule for finding in judgement.findings] == [rule]
    assert judgement.why.endswith(".")


@pytest.mark.parametrize(
    "seen",
    [
        look(),
        look("new"),
        look(opinions=[Opinion("rspamd", 14.9, 15.0, "add header")]),
        look(opinions=[Opinion("rspamd", absent="it did not answer")]),
        look(sender=Sender(), recipients=999),
        look(filenames=["invoice.pdf", "exe"]),
        look(links=[("https://shop.example/a", "shop.example"), ("https://t.shop.example/x", "www.shop.example/news")]),
        look(links=[("https://shop.example/a", "Read more"), ("http://[broken", "x")]),
    ],
)
def test_what_is_harmless_passes(seen: Look) -> None:
    """A trusted sender does not wait for a broken engine, nor anybody for ordinary links."""
    assert not judge(seen).is_pending


@given(st.text(max_size=3000))
def test_any_html_is_read(html: str) -> None:
    """Bounded, and never an error."""
    links, _ = read_html(html + '<a href="https://a.example">b</a>')
    judge(look(links=links))


def test_a_form_that_asks() -> None:
    """Links with what they show, and fields for a password."""
    links, asks = read_html(
        '<A title=x HREF="https://a.example/?a=1"><b>Our</b> shop</a><input name=p type="password">'
    )
    assert (links, asks) == ([("https://a.example/?a=1", "Our shop")], True)


def test_what_is_no_way_of_moderating() -> None:
    """It is named."""
    for mode, first in (("strict", 3), ("new", -1)):
        with pytest.raises(BadField):
            oversight(mode, first)
