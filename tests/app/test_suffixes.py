"""What is registered, read from parts of the list as from the whole."""

from __future__ import annotations

import re
from pathlib import Path

import publicsuffixlist
import pytest

from aftersend.app.suffixes import registered

WHOLE = publicsuffixlist.PublicSuffixList()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mx1.mail.example.com", "example.com"),
        ("aspmx.l.google.com", "google.com"),
        ("mail.example.co.uk", "example.co.uk"),
        ("co.uk", None),
        ("tenant.kawasaki.jp", None),
        ("a.mx.tenant.kawasaki.jp", "mx.tenant.kawasaki.jp"),
        ("mx.city.kawasaki.jp", "city.kawasaki.jp"),
        ("mx.d1x2.test", "d1x2.test"),
        ("localhost", None),
        ("mx.xn--80a1acny.xn--p1ai", "xn--80a1acny.xn--p1ai"),
        ("mx.example.xn--zz--zz", "example.xn--zz--zz"),
        ("", None),
    ],
)
def test_the_registered_part(name: str, expected: str | None) -> None:
    assert registered(name) == expected


def test_as_the_whole_list_says() -> None:
    rules = re.findall(r"^[^\s/!*][^\s]*", Path(publicsuffixlist.PSLFILE).read_text("utf-8"), re.MULTILINE)
    for rule in rules[::37]:
        suffix = rule.encode("idna").decode("ascii")
        for name in (suffix, f"one.{suffix}", f"mx.one.{suffix}", f"a.mx.one.{suffix}"):
            assert registered(name) == WHOLE.privatesuffix(name), name
