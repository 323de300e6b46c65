"""Addresses: what is one, when two are the same, and how they are written."""

from __future__ import annotations

import email.utils
import string

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st

from aftersend.errors import BadField
from aftersend.mail import address, words
from aftersend.mail.address import BadAddress

ATOM = st.text(string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=20)
LOCALS = st.lists(ATOM, min_size=1, max_size=3).map(".".join)
LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
DOMAINS = st.tuples(LABEL, st.sampled_from(["example", "com", "co.uk", "test"])).map(".".join)
ADDRESSES = st.tuples(LOCALS, DOMAINS).map("@".join)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=40).map(
    lambda name: " ".join(name.split())
)

USABLE = {
    "ann@example.net": ("ann", "example.net", "ann@example.net"),
    "Ann.Lee+Tag@Example.NET": ("Ann.Lee+Tag", "example.net", "ann.lee+tag@example.net"),
    '"ann"@example.net': ('"ann"', "example.net", "ann@example.net"),
    '"Ann Lee"@example.net': ('"Ann Lee"', "example.net", '"ann lee"@example.net'),
    r'"a\"b@c"@example.net': (r'"a\"b@c"', "example.net", r'"a\"b@c"@example.net'),
    "ann@bücher.example": ("ann", "xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
    "ann@BÜCHER.example": ("ann", "xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
    "ann@xn--bcher-kva.example": ("ann", "xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
    "用户@例子.example": ("用户", "xn--fsqu00a.example", "用户@xn--fsqu00a.example"),
    "JÖRG@example.net": ("JÖRG", "example.net", "jörg@example.net"),
    "a@b.c0": ("a", "b.c0", "a@b.c0"),
    "x" * 64 + "@example.net": ("x" * 64, "example.net", "x" * 64 + "@example.net"),
}

UNUSABLE = {
    "": "no address",
    "   ": "no address",
    "ann": "no @",
    "@example.net": "before the @",
    "ann@": "behind the @",
    "ann lee@example.net": "space",
    " ann@example.net": "space",
    "ann@exam ple.net": "letters, digits",
    "ann..lee@example.net": "dot too many",
    ".ann@example.net": "dot too many",
    "ann.@example.net": "dot too many",
    "ann@example..net": "dot too many",
    "ann@example.net.": "dot too many",
    "ann@.example.net": "dot too many",
    "ann@-example.net": "hyphens",
    "ann@example-.net": "hyphens",
    "ann@exam_ple.net": "hyphens",
    "ann@localhost": "not complete",
    "ann@192.0.2.1": "not a domain name",
    "ann@[192.0.2.1]": "by its number",
    "ann@[IPv6:2001:db8::1]": "by its number",
    "ann@bob@example.net": "more than one @",
    "ann@example.net, bob@example.net": "more than one",
    "ann,bob@example.net": "“,”",
    "<ann@example.net>": "angle brackets",
    "ann<@example.net": "“<”",
    '"ann@example.net': "quotes",
    '""@example.net': "quotes",
    "ann\r\nBcc: bob@example.net": "line break",
    "ann\0@example.net": "NUL",
    "ann\x85@example.net": "U+0085",
    "ann\u2028@example.net": "U+2028",
    "ann\udcff@example.net": "U+DCFF",
    "x" * 65 + "@example.net": "64",
    "ü" * 33 + "@example.net": "64",
    "ann@" + "x" * 64 + ".net": "63",
    "ann@" + ".".join(["x" * 60] * 5) + ".net": "255",
    "ann@" + ".".join(["x" * 60] * 4) + ".example": "254",
    "ann@exa\u2260mple.net": "no domain name",
    "ann@\U0001f600.example": "no domain name",
}


@pytest.mark.parametrize("text", USABLE)
def test_what_can_be_used(text: str) -> None:
    """The local part stays as it was written, the domain becomes A-labels in lower case, `folded` compares."""
    found = address.parse(text)
    assert USABLE[text] == (found.local, found.domain, found.folded)


@pytest.mark.parametrize("text", UNUSABLE)
def test_what_cannot_be_used_is_said_in_one_sentence(text: str) -> None:
    """An address that cannot be used is a ValueError and a BadField; its sentence names the trouble, bounded and printable."""
    with pytest.raises(BadAddress, match="(?s).*") as caught:
        address.parse(text, pointer="#/to/0")
    error = caught.value
    assert isinstance(error, ValueError)
    assert isinstance(error, BadField)
    assert error.pointer == "#/to/0"
    assert UNUSABLE[text] in str(error)
    assert str(error).isprintable()
    assert len(str(error)) < 400


def test_address_literals_only_when_asked_for() -> None:
    """An address literal is read where the caller wants it, in one spelling."""
    assert address.parse("ann@[192.0.2.1]", literals=True).domain == "[192.0.2.1]"
    assert address.parse("ann@[ipv6:2001:DB8:0::1]", literals=True).domain == "[IPv6:2001:db8::1]"
    for text in ("ann@[192.0.2.256]", "ann@[IPv6:::x]", "ann@[example.net]", "ann@[]"):
        with pytest.raises(BadAddress, match="literal"):
            address.parse(text, literals=True)


@given(ADDRESSES)
def test_reading_what_was_written(text: str) -> None:
    """What `str` writes is read back as the same address, and folding it again changes nothing."""
    try:
        found = address.parse(text)
    except BadAddress:
        assert len(text) > 64
        return
    assert address.parse(str(found)) == found
    assert address.parse(found.folded).folded == found.folded
    assert address.parse(text.upper()).folded == found.folded
    assert found.folded == found.folded.lower()


@given(ADDRESSES)
def test_agrees_with_an_independent_reader(text: str) -> None:
    """What email-validator takes, we take, with the same domain; its refusals of real addresses are ours."""
    try:
        theirs = validate_email(text, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return
    ours = address.parse(text)
    assert (theirs.local_part, theirs.ascii_domain) == (ours.local, ours.domain)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    """No text makes the reader fail in another way than by saying what is wrong."""
    try:
        found = address.parse(text)
    except BadAddress as error:
        assert str(error).isprintable() or not text.isprintable()
    else:
        assert found.domain.isascii()
        assert address.parse(str(found)).folded == found.folded


MAILBOXES = {
    "ann@example.net": ("", "ann@example.net"),
    "<ann@example.net>": ("", "ann@example.net"),
    "Ann <ann@example.net>": ("Ann", "ann@example.net"),
    "  Ann  Lee  < ann@example.net > ": ("Ann Lee", "ann@example.net"),
    '"Shop, Inc." <shop@example.com>': ("Shop, Inc.", "shop@example.com"),
    "Shop, Inc. <shop@example.com>": ("Shop, Inc.", "shop@example.com"),
    r'"a \"b\" c" <a@b.example>': ('a "b" c', "a@b.example"),
    '"a > b" <a@b.example>': ("a > b", "a@b.example"),
    '"ann@example.net" <ann@example.net>': ("ann@example.net", "ann@example.net"),
    "ann@example.net <ann@example.net>": ("ann@example.net", "ann@example.net"),
    "ann@example.net (Ann Lee)": ("Ann Lee", "ann@example.net"),
    "Jürgen <j@example.net>": ("Jürgen", "j@example.net"),
    "=?utf-8?q?J=C3=BCrgen?= <j@example.net>": ("Jürgen", "j@example.net"),
    '"=?utf-8?q?J=C3=BCrgen?=" <j@example.net>': ("Jürgen", "j@example.net"),
    '"a@b" <"x y"@example.net>': ("a@b", '"x y"@example.net'),
    "Ann<ann@example.net>": ("Ann", "ann@example.net"),
}


@pytest.mark.parametrize("text", MAILBOXES)
def test_names_beside_addresses(text: str) -> None:
    """The usual spellings of a name with an address are understood."""
    found = address.parse_mailbox(text)
    assert MAILBOXES[text] == (found.name, str(found.address))


@pytest.mark.parametrize(
    "text",
    [
        "Ann",
        "Ann <>",
        "Ann <ann@example.net> Lee",
        "Ann <ann@example.net> <bob@example.net>",
        "<ann@example.net> <bob@example.net>",
        "ann@example.net, Bob <bob@example.net>",
        "Ann <ann@example.net",
        '"Ann <ann@example.net>',
        "Ann\r\nBcc: x@example.net <ann@example.net>",
        "=?utf-8?q?Ann=0D=0ABcc:?= <ann@example.net>",
        "x" * 501 + " <ann@example.net>",
        "a@b@c (",
    ],
)
def test_mailboxes_that_cannot_be_meant(text: str) -> None:
    """What could be two addresses, hides a line break or does not end is refused."""
    with pytest.raises(BadAddress, match="."):
        address.parse_mailbox(text)


def test_lists() -> None:
    """A list is cut at its commas only, groups and comments are dissolved, empty places are skipped."""
    text = 'Friends: a@x.example, "b, c" <b@x.example>; , d@x.example (D, E), <f@x.example>,, undisclosed-recipients:;'
    assert [str(m.address) for m in address.parse_mailboxes(text)] == [
        "a@x.example",
        "b@x.example",
        "d@x.example",
        "f@x.example",
    ]
    assert address.parse_mailboxes("") == []
    assert address.parse_mailboxes("undisclosed-recipients:;") == []


def test_long_lists_are_refused() -> None:
    """More than 2,000 addresses are refused with the number."""
    with pytest.raises(BadAddress, match="2001"):
        address.parse_mailboxes(",".join(["a@x.example"] * 2001))


@pytest.mark.parametrize(
    "hostile", ["(" * 100_000, '"' * 99_999, "\\" * 100_000, "<" * 100_000, ":;" * 50_000, '"\\' * 50_000]
)
def test_hostile_lists_end(hostile: str) -> None:
    """Nested comments and open quotes cost linear time and no stack."""
    try:
        found = address.parse_mailboxes(hostile + " <a@x.example>")
    except BadAddress as error:
        assert len(str(error)) < 400
    else:
        assert [str(mailbox.address) for mailbox in found] == ["a@x.example"]


@given(st.lists(st.tuples(NAMES, ADDRESSES.filter(lambda a: len(a.split("@")[0]) <= 64)), min_size=1, max_size=5))
def test_a_written_list_is_read_back(given_: list[tuple[str, str]]) -> None:
    """Whatever the names contain, the header value is one line of ASCII that gives back the same names and addresses."""
    mailboxes = [address.mailbox(name, address.parse(text)) for name, text in given_ if "=?" not in name]
    value = address.header_value(mailboxes)
    assert value.isascii()
    assert value.isprintable()
    assert address.parse_mailboxes(value) == mailboxes


@given(st.lists(st.tuples(NAMES, ADDRESSES), min_size=1, max_size=4))
def test_another_reader_finds_the_same_addresses(given_: list[tuple[str, str]]) -> None:
    """The standard library reads the same addresses from what we write, in the same order."""
    mailboxes = [
        address.mailbox(name, address.parse(text)) for name, text in given_ if len(text) < 64 and "=?" not in name
    ]
    found = [text for _, text in email.utils.getaddresses([address.header_value(mailboxes)])]
    assert [str(mailbox.address) for mailbox in mailboxes] == [text for text in found if text]


def test_a_name_that_looks_encoded_is_encoded() -> None:
    """A name of the form of an encoded word is shown as it is by its reader, not decoded once more."""
    written = address.header_value([address.mailbox("=?utf-8?q?x?=", address.parse("a@x.example"))])
    assert "=?utf-8?q?x?=" not in written
    assert words.decode(written) == "=?utf-8?q?x?= <a@x.example>"


def test_smtputf8_is_asked_for_only_by_local_parts() -> None:
    """An international domain travels as A-labels; only a local part beyond ASCII needs SMTPUTF8."""
    assert address.parse("用户@例子.example").needs_smtputf8
    assert not address.parse("ann@例子.example").needs_smtputf8
