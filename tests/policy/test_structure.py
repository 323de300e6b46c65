"""What makes a message unfit for sending is found, named, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.mail import headers
from aftersend.policy import structure

FROM = b"From: Ann <ann@example.com>\r\n"
MIXED = FROM + b'Content-Type: multipart/mixed; boundary="b"\r\n'
PICTURE = b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"


@pytest.mark.parametrize(
    ("code", "block", "body"),
    [
        ("no_content", FROM, b""),
        ("no_content", FROM, b"  \r\n\r\n"),
        ("no_content", FROM + b"Content-Type: text/html\r\n", b"<html><body><p>&nbsp;</p></body></html>\r\n"),
        ("no_content", MIXED, b"--b\r\nContent-Type: text/plain\r\n\r\n\r\n--b--\r\n"),
        ("boundary", FROM + b"Content-Type: multipart/mixed\r\n", b"--b\r\n\r\nHello\r\n--b--\r\n"),
        ("encoding", FROM + b"Content-Transfer-Encoding: rot13\r\n", b"Uryyb\r\n"),
        ("encoding", MIXED, b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nnot base 64!\r\n--b--\r\n"),
        ("encoding", FROM + b"Content-Transfer-Encoding: quoted-printable\r\n", b"100 =% sure\r\n"),
        ("from", b"From: nobody\r\n", b"Hello\r\n"),
    ],
)
def test_what_is_wrong_is_named(code: str, block: bytes, body: bytes) -> None:
    """With what it is and how to mend it; and intake's quick look does not miss it."""
    fault = structure.fault(block, body)
    assert fault is not None
    assert fault.code == code
    assert len(fault.why) > 30
    assert code == "from" or structure.is_suspicious(headers.scan(block), block, body)


@pytest.mark.parametrize(
    ("block", "body"),
    [
        (FROM, b"Hi\r\n"),
        (FROM + b"Content-Transfer-Encoding: 8bit\r\n", "Grüße\r\n".encode()),
        (FROM + b"Content-Type: text/html\r\n", b"<html><img src='https://a.example/x.png'></html>\r\n"),
        (MIXED, PICTURE),
        (FROM + b"Content-Transfer-Encoding: quoted-printable\r\n", b"soft =\r\nline=3D  =20\r\nlast ="),
    ],
)
def test_what_can_be_sent_passes(block: bytes, body: bytes) -> None:
    """And need not wait to be looked at."""
    assert structure.fault(block, body) is None
    assert not structure.is_suspicious(headers.scan(block), block, body)


@given(st.binary(max_size=400))
def test_any_bytes_are_read(body: bytes) -> None:
    """Never an error."""
    structure.fault(MIXED, body)
    structure.is_suspicious(headers.scan(MIXED), MIXED, body)
