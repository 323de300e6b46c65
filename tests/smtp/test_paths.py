"""Forward and reverse paths (RFC 5321 §4.1.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.smtp import paths

GOOD = [
    "name@example.com",
    "a.b+c=d{e}|f@x",
    '"a b"@example.com',
    '"a\\"b>c@d"@example.com',
    '""@example.com',
    "a@[192.0.2.1]",
    "a@[IPv6:2001:db8::1]",
    "x" * 64 + "@example.com",
    "a@" + "b" * 63 + ".example",
    "a@" + ("b" * 60 + ".") * 4 + "com",
    "jörg@müller.example",
    "a_b@under_score.example",
    "a@xn--mller-kva.example",
]
BAD = [
    "a",
    "@example.com",
    "a@",
    ".a@b",
    "a.@b",
    "a..b@c",
    "a@b..c",
    "a@.b",
    "a@b.",
    "a@-b",
    "a@b-",
    "a@b-.c",
    "a@b.-c",
    "x" * 65 + "@example.com",
    "a@" + "b" * 64 + ".example",
    "a@" + ("b" * 60 + ".") * 5 + "com",
    "a@[192.0.2.256]",
    "a@[IPv6:x]",
    "a@[]",
    "a b@c",
    "a(b)@c",
    "a@b\u2028c",
    "a,b@c",
    "a@b!c",
    "a@b@c",
    '"a@b',
    '"a"b@c',
]


@pytest.mark.parametrize("address", GOOD)
def test_what_an_address_may_be(address: str) -> None:
    """An address comes out of its path as it was written, and nothing is wrong with it."""
    assert paths.read(f"<{address}> X=1") == (address, " X=1")
    assert paths.trouble(address) == ""


@pytest.mark.parametrize("address", BAD)
def test_what_an_address_may_not_be(address: str) -> None:
    """It is no path, or its trouble is told; the fast way lets none through either."""
    found = paths.read(f"<{address}>")
    assert found is None or paths.trouble(found[0])
    assert paths.plain(address.encode()) is None


@pytest.mark.parametrize("text", ["", "<", "a@b", "<a@b", "<a@b>x", "a@b>", "<<a@b>>", "<a@b@c>"])
def test_what_is_no_path(text: str) -> None:
    """A path has one pair of angle brackets, and a space behind it or nothing."""
    assert paths.read(text) is None


def test_special_paths() -> None:
    """The null path, postmaster without a domain, and source routes, which are dropped (RFC 5321 §4.1.1.3)."""
    assert paths.read("<>") == ("", "")
    assert paths.read("<Postmaster>") == ("Postmaster", "")
    assert paths.read("<@one.example,@two.example:a@b> SIZE=1") == ("a@b", " SIZE=1")


@given(st.from_regex(r"[a-c.\-@\"_\[\]1]{0,12}", fullmatch=True))
def test_the_fast_way_agrees_with_the_slow_one(address: str) -> None:
    """What is read fast would have been read the same slowly."""
    fast = paths.plain(address.encode())
    if fast is not None:
        assert fast == address
        assert paths.read(f"<{address}>") == (address, "")
        assert paths.trouble(address) == ""


@pytest.mark.parametrize("address", ["name@example.com", "a.b+c=d@x.example", "u12345@dest.test", "a@b"])
def test_usual_addresses_go_the_fast_way(address: str) -> None:
    """Plain addresses need no second look."""
    assert paths.plain(address.encode()) == address


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Hostile text is refused, never an exception."""
    found = paths.read(text)
    if found is not None:
        paths.trouble(found[0])
