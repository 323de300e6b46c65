"""Signatures: an independent verifier accepts every one, and none survives a change."""

from __future__ import annotations

import base64
import time

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from dkim.canonicalization import Relaxed
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersend.mail import dkim

NOW = int(time.time())
PEMS = {algorithm: dkim.generate(algorithm) for algorithm in (dkim.RSA, dkim.ED25519)}
KEYS = {name: dkim.load("Example.COM", "S2026", pem, is_ours=True) for name, pem in PEMS.items()}

HEADER = b"""Received: from a by b; Tue, 01 Dec 2026 09:00:00 +0000
From: Shop <shop@example.com>
To: Ann <ann@example.net>
Subject: Your receipt
Date: Tue, 01 Dec 2026 09:00:00 +0000
Message-ID: <1@example.com>
MIME-Version: 1.0
Content-Type: text/plain
List-Unsubscribe: <https://example.com/u/1>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
""".replace(b"\n", b"\r\n")
BODY = b"Hello\r\n"


def signed(header: bytes, body: bytes, key: dkim.DkimKey) -> bytes:
    """Sign as the sender does."""
    return dkim.sign(header, key, dkim.body_hash(body), now_s=NOW, expire_s=3600) + header + b"\r\n" + body


def is_valid(message: bytes, key: dkim.DkimKey) -> bool:
    """Ask dkimpy. What is sent ends with CRLF, since the final dot has a line of its own."""
    if not message.endswith(b"\r\n"):
        message += b"\r\n"

    def answer(name: bytes, timeout: int = 5) -> bytes:
        assert name == b"s2026._domainkey.example.com."
        return dkim.dns_record(key.private).encode()

    try:
        return dkimpy.DKIM(message).verify(dnsfunc=answer)
    except dkimpy.DKIMException:
        return False


HEADERS = {
    "usual": HEADER,
    "only From": b"From: shop@example.com\r\n",
    "folded": HEADER.replace(b"Shop <", b"Shop\r\n  \t <").replace(b"Your receipt", b"\r\n Your\r\n\t receipt \t"),
    "tabs and spaces": HEADER.replace(b"Subject: ", b"Subject:\t  "),
    "empty values": HEADER.replace(b"Subject: Your receipt", b"Subject:") + b"Cc:\r\nReferences: \r\n",
    "8-bit": HEADER.replace(b"Your receipt", "Grüße".encode() + b" \xff"),
    "repeated": b"To: first@example.net\r\n"
    + HEADER
    + b"References: <a@b>\r\nTO: last@example.net\r\nReferences: <c@d>\r\n",
    "odd spaces": HEADER.replace(b"Your receipt", b"Your\x0breceipt\x0c here"),
    "upper case": HEADER.replace(b"From:", b"FROM:").replace(b"Message-ID", b"MESSAGE-ID"),
    "signed already": b"DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=x; h=from; bh=; b=\r\n" + HEADER,
}
BODIES = {
    "empty": b"",
    "one empty line": b"\r\n",
    "empty lines": b"\r\n\r\n\r\n",
    "text": BODY,
    "no end": b"Hello",
    "lines behind": b"Hello\r\n\r\n\r\n",
    "spaces at ends": b"a \r\n b\t\r\n \t \r\nc  \r\n \r\n",
    "space at the very end": b"Hello ",
    "only spaces": b"   ",
    "tabs": b"a\tb\t\tc\t \td\r\n",
    "8-bit": "Grüße\r\n".encode() + b"\xff\xfe\r\n",
    "leading space": b" a\r\n  b\r\n\tc\r\n",
    "long": b"word " * 20_000 + b"\r\n" + b"x" * 100_000,
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("algorithm", KEYS)
def test_bodies(algorithm: str, body: str) -> None:
    """An independent verifier accepts the signature over every kind of body, by both kinds of key."""
    assert is_valid(signed(HEADER, BODIES[body], KEYS[algorithm]), KEYS[algorithm])


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("algorithm", KEYS)
def test_headers(algorithm: str, header: str) -> None:
    """An independent verifier accepts the signature over every kind of header, by both kinds of key."""
    assert is_valid(signed(HEADERS[header], BODY, KEYS[algorithm]), KEYS[algorithm])


def test_two_signatures_stand_beside_each_other() -> None:
    """A message signed by both keys is valid by either, whichever signature stands first."""
    lines = [dkim.sign(HEADER, key, dkim.body_hash(BODY), now_s=NOW, expire_s=3600) for key in KEYS.values()]
    for order in (lines, lines[::-1]):
        message = b"".join(order) + HEADER + b"\r\n" + BODY
        first = next(key for key in KEYS.values() if key.algorithm.encode() in order[0])
        assert is_valid(message, first)


FRAGMENT = st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"bc", b"=20", b"\xff", b"  ", b"\r\n\r\n", b" \r\n"])


@given(st.lists(FRAGMENT, max_size=40).map(b"".join))
def test_body_hashes_agree(body: bytes) -> None:
    """The hash is that of dkimpy's relaxed form, for every mixture of spaces, tabs and line ends."""
    sent = body if body.endswith(b"\r\n") or not body else body + b"\r\n"
    expected = dkimpy.HASH_ALGORITHMS[b"rsa-sha256"](Relaxed.canonicalize_body(sent)).digest()
    assert expected == dkim.body_hash(body)
    assert expected == dkim.body_hash(sent)


VALUE = st.lists(st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\t", b"a", b"B:c", b"\xc3\xa4", b";"]), max_size=8).map(
    b"".join
)
FIELDS = st.lists(
    st.tuples(st.sampled_from([b"To", b"Cc", b"subject", b"List-ID", b"X-Other", b"References", b"Sender"]), VALUE).map(
        lambda field: field[0] + b":" + field[1] + b"\r\n"
    ),
    max_size=8,
).map(b"".join)


@settings(max_examples=60, deadline=None)
@given(FIELDS, FIELDS)
def test_any_header_is_signed_validly(before: bytes, behind: bytes) -> None:
    """Whatever fields are repeated, folded or empty, the verifier takes the same ones in the same order."""
    message = signed(before + b"From: shop@example.com\r\n" + behind, BODY, KEYS[dkim.ED25519])
    assert is_valid(message, KEYS[dkim.ED25519])


@pytest.mark.parametrize("name", dkim.OVERSIGNED)
def test_nothing_can_be_added(name: str) -> None:
    """A further field of any oversigned name, above or below, breaks the signature."""
    key = KEYS[dkim.ED25519]
    message = signed(HEADER, BODY, key)
    more = name.encode() + b": x\r\n"
    assert not is_valid(more + message, key)
    assert not is_valid(message.replace(b"\r\n\r\nHello", b"\r\n" + more + b"\r\nHello"), key)


@pytest.mark.parametrize(
    "change", [(b"receipt", b"invoice"), (b"Hello", b"Hallo"), (b"Shop <", b"Bank <"), (b"u/1>", b"u/2>")]
)
def test_nothing_can_be_changed(change: tuple[bytes, bytes]) -> None:
    """A changed subject, body, name or unsubscribe link breaks the signature."""
    key = KEYS[dkim.ED25519]
    message = signed(HEADER, BODY, key)
    assert is_valid(message, key)
    assert not is_valid(message.replace(*change), key)


def test_what_a_signature_says() -> None:
    """Algorithm, relaxed form, domain and selector in lower case, times with at most 14 days between; lines can be sent; no l=."""
    for expire_s, most in ((3600, 3600), (10**9, 14 * 24 * 3600)):
        line = dkim.sign(HEADER, KEYS[dkim.RSA], dkim.body_hash(BODY), now_s=NOW, expire_s=expire_s)
        assert line.endswith(b"\r\n")
        assert all(len(part) <= 80 for part in line.split(b"\r\n"))
        tags = dict(part.strip().split("=", 1) for part in line.decode().partition(":")[2].split(";"))
        assert list(tags) == ["v", "a", "c", "d", "s", "t", "x", "h", "bh", "b"]
        assert (tags["a"], tags["c"]) == ("rsa-sha256", "relaxed/relaxed")
        assert (tags["d"], tags["s"]) == ("example.com", "s2026")
        assert int(tags["x"]) - int(tags["t"]) == most
        names = "".join(tags["h"].split()).split(":")
        assert names.count("from") == 2
        assert names.count("cc") == 1
        assert "received" not in names


def test_a_body_is_hashed_apart() -> None:
    """One body hash serves many headers, and is what the signature carries."""
    hashed = dkim.body_hash(BODY)
    for header in (HEADER, b"From: other@example.com\r\n"):
        prefix, digest = dkim.header_to_sign(header, KEYS[dkim.RSA], hashed, now_s=NOW, expire_s=60)
        assert base64.b64encode(hashed) in prefix
        assert len(digest) == 32


def test_records_for_the_dns() -> None:
    """The record is what receivers look up, under the name that they look under."""
    assert dkim.dns_name("example.com", "s1") == "s1._domainkey.example.com"
    ed25519 = dkim.dns_record(KEYS[dkim.ED25519].private)
    assert ed25519.startswith("v=DKIM1; k=ed25519; p=")
    assert len(base64.b64decode(ed25519.rpartition("=")[0].partition("p=")[2] + "=")) == 32
    record = dkim.dns_record(KEYS[dkim.RSA].private)
    assert record.startswith("v=DKIM1; k=rsa; p=MIIB")
    assert len(record) > 255


def test_keys_that_cannot_sign() -> None:
    """Short RSA keys, other kinds of keys and unknown algorithms are refused in words."""
    pkcs8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with pytest.raises(ValueError, match="DKIM signs with"):
        dkim.load("example.com", "s1", ec.generate_private_key(ec.SECP256R1()).private_bytes(*pkcs8))
    with pytest.raises(ValueError, match="no DKIM algorithm"):
        dkim.generate("rsa-sha1")
    with pytest.raises(ValueError, match="."):
        dkim.load("example.com", "s1", b"no key")
    assert isinstance(dkim.load("example.com", "s1", PEMS[dkim.RSA]).private, rsa.RSAPrivateKey)


def test_a_key_does_not_show_itself() -> None:
    """Writing a key to a log does not tell the secret."""
    assert "private" not in repr(KEYS[dkim.RSA])


@pytest.mark.parametrize(
    "body", [b" " * 10_000_000, b"\r\n" * 5_000_000, b" \r\n" * 3_000_000, (b"a" + b" " * 1000) * 10_000]
)
def test_hostile_bodies_cost_linear_time(body: bytes) -> None:
    """Ten megabytes of nothing but spaces and line ends are hashed as fast as text."""
    assert len(dkim.body_hash(body)) == 32
