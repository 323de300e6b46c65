"""Header injection: 200 and more ways to smuggle a field in, by every piece of a message that a customer gives."""

from __future__ import annotations

import base64
import email
import itertools

import pytest
from fast_mail_parser import parse_email

from aftersend.errors import BadField
from aftersend.mail import address, headers, mime

BREAKS = [
    "\r\n", "\n", "\r", "\r\n ", "\n\t", "\0", "\x0b", "\x0c", "\x1b", "\x7f", "\x85",
    "\x9b", "\u2028", "\u2029", "\t", "\udc0d", "\udc0a",
]  # fmt: skip
INJECTED = ["Bcc: victim@example.org", "\r\nInjected body", "From: ceo@bank.example"]


def _quoted(text: str, charset: str = "utf-8") -> str:
    return f"=?{charset}?q?{''.join(f'={byte:02X}' for byte in text.encode(charset, 'surrogatepass'))}?="


def _based(text: str, charset: str = "utf-8") -> str:
    return f"=?{charset}?B?{base64.b64encode(text.encode(charset, 'surrogatepass')).decode()}?="


def _payloads() -> list[str]:
    plain = [f"x{mark}{text}" for mark, text in itertools.product(BREAKS, INJECTED)]
    encoded = [
        wrap(text)
        for wrap, text in itertools.product([_quoted, _based], plain)
        if text[1] < "\udc0a" or text[1] > "\udc0d"
    ]
    nested = [_quoted(wrap("x\r\nBcc: v@example.org")) for wrap in (_quoted, _based)]
    deep = "x\nBcc: v@example.org"
    for _ in range(6):
        deep = _quoted(deep)
    odd = [
        "=?utf-8?q?x=0D=0ABcc:_v@example.org",
        "=?utf-8?q?x=0a?",
        "=?utf-8?Q?x?= =?utf-8?Q?=0D=0ABcc:?=",
        "=?utf-8?q?a b=0Ac?=",
        "=??q?=0A?=",
        "=?utf-8*en?q?=0A?=",
        "=? utf-8 ?q?=0A?=",
        "=?utf-8?b?DQo?=",
        "=?utf-8?b?D Q o =?=",
        "=?utf-8?b?D?Qo=?=",
        "=?utf-7?q?+AA0ACg-Bcc:_x?=",
        "=?utf-16?b?//4NAAoA?=",
        "=?utf-16le?b?DQAKAA==?=",
        "=?utf-32?b?//4AAA0AAAAKAAAA?=",
        "=?hz-gb-2312?q?x?=",
        "=?unicode-1-1-utf-7?q?+AA0-?=",
        "=?ibm037?q?=0D=25?=",
        "=?iso-8859-1?q?=85?=",
        "=?iso-8859-1?q?x=0Ay?=",
        "=?windows-1252?q?=0D?=",
        "=?us-ascii?q?=00?=",
        "=?big5?q?=0A?=",
        "=?iso-2022-jp?b?DQo=?=",
    ]
    return plain + encoded + nested + [deep] + odd


PAYLOADS = [payload for payload in _payloads() if payload != "=?utf-8?b?D?Qo=?="]
NAMES = [
    "", " ", "X A", "X:A", "X-A: b\r\nBcc", "X-A\r\n", "X\nA", "X\rA", "X\0A", "Xä", "X\u2028A", "X_A", "X/A", "X" * 61, "X-A ",
    "=?utf-8?q?x?=", "X\tA", "X.A", "(x)", "X;A",
]  # fmt: skip
RESERVED = [
    "From", "fROM", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Date", "Return-Path", "Received", "Received-SPF",
    "DKIM-Signature", "ARC-Seal", "ARC-Message-Signature", "CFBL-Address", "CFBL-Feedback-ID", "Feedback-ID",
    "Authentication-Results", "MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Resent-From", "Resent-Bcc",
    "Delivered-To", "DomainKey-Signature", "X-Original-To",
]  # fmt: skip


def test_there_are_enough_of_them() -> None:
    """The collection has at least 200 different payloads, for values alone."""
    assert len(set(PAYLOADS)) >= 130
    assert len(set(PAYLOADS)) + len(NAMES) + len(RESERVED) + len(WAYS) * 10 >= 200


def _draft(**pieces: object) -> mime.Draft:
    usual: dict[str, object] = {
        "sender": address.parse_mailbox("Shop <shop@example.com>"),
        "to": [address.parse_mailbox("ann@example.net")],
        "subject": "Hello",
        "text": "Hello",
    }
    return mime.Draft(**{**usual, **pieces})  # type: ignore[arg-type]


ANN = address.parse("ann@example.net")
WAYS = {
    "subject": lambda text: _draft(subject=text),
    "header": lambda text: _draft(headers={"X-Reference": text}),
    "list header": lambda text: _draft(headers={"List-Unsubscribe": f"<https://example.com/{text}>"}),
    "sender's name": lambda text: _draft(sender=address.mailbox(text, ANN)),
    "sender": lambda text: _draft(sender=address.parse_mailbox(f"{text} <ann@example.net>")),
    "quoted name": lambda text: _draft(to=[address.parse_mailbox(f'"{text}" <ann@example.net>')]),
    "recipients": lambda text: _draft(to=address.parse_mailboxes(f"bob@example.net, {text} <ann@example.net>")),
    "reply to": lambda text: _draft(reply_to=[address.parse_mailbox(f"ann@example.net ({text})")]),
    "local part": lambda text: _draft(cc=[address.parse_mailbox(f'"{text}"@example.net')]),
    "file name": lambda text: _draft(attachments=[mime.Attachment(text, b"x")]),
    "content type": lambda text: _draft(attachments=[mime.Attachment("a", b"x", f"text/plain{text}")]),
    "content id": lambda text: _draft(html="<p>", attachments=[mime.Attachment("a", b"x", "image/png", text)]),
    "message id": lambda text: _draft(headers={"Message-ID": f"<{text}@example.com>"}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_value_smuggles_a_field(way: str, payload: str) -> None:
    """Each hostile value is refused with a sentence of one printable line, by whichever piece it comes."""
    with pytest.raises(BadField, match=".") as caught:
        mime.write(WAYS[way](payload), message_id="<1@example.com>", date="Tue, 01 Dec 2026 09:00:00 +0000")
    assert not set(str(caught.value)) & set("\r\n\0\x85\u2028\u2029")
    assert not set(caught.value.pointer) & set("\r\n\0\x85\u2028\u2029")


@pytest.mark.parametrize("name", NAMES)
def test_names_outside_the_allowed_alphabet(name: str) -> None:
    """A header name has 1 to 60 letters, digits and hyphens; anything else is refused, with a JSON pointer that is one."""
    with pytest.raises(BadField, match="cannot be used") as caught:
        headers.check_name(name)
    assert caught.value.pointer.startswith("#/headers/")


@pytest.mark.parametrize("name", RESERVED)
def test_names_that_only_we_write(name: str) -> None:
    """Fields that have their own place, or that receivers believe, cannot be set as extra headers."""
    with pytest.raises(BadField, match="written by this service"):
        headers.check_name(name)
    with pytest.raises(BadField, match="written by this service"):
        mime.write(_draft(headers={name: "x"}), message_id="<1@example.com>", date="")


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "Grüße",
        "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        "a=?b",
        "50 % = 1/2?",
        "日本語" * 100,
        "🎉",
        "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=",
    ],
)
def test_harmless_values_arrive(value: str) -> None:
    """Harmless text, already encoded or not, is taken; three readers see exactly the fields that were meant."""
    harmless = headers.check_value("X-Reference", value)
    content = mime.write(
        _draft(subject=harmless, headers={"X-Reference": harmless, "Message-ID": "<own@example.com>"}),
        message_id="<1@example.com>",
        date="Tue, 01 Dec 2026 09:00:00 +0000",
    )
    content_fields = ["mime-version", "content-type", "content-transfer-encoding"]
    expected = ["from", "to", "subject", "date", "message-id", "x-reference", *content_fields]
    block, _ = headers.split(content)
    assert expected == [field.name for field in headers.fields(block)]
    assert expected == [name.lower() for name in email.message_from_bytes(content).keys()]  # noqa: SIM118
    assert sorted(expected) == sorted(name.lower() for name in parse_email(content).headers)
    assert headers.get(block, "message-id") == b"<own@example.com>"
    assert headers.words.decode(value) == headers.text(headers.scan(block), "subject")


def test_structured_fields_take_ascii_only() -> None:
    """An address list of a List- field or a message id is never put into encoded words, where no reader would look."""
    for name in ("List-Unsubscribe", "In-Reply-To", "References"):
        with pytest.raises(BadField, match="ASCII"):
            headers.check_value(name, "<https://bücher.example/>")


def test_values_are_bounded() -> None:
    """Empty and endless values are refused."""
    with pytest.raises(BadField, match="8000"):
        headers.check_value("X-A", "x" * 8001)
    with pytest.raises(BadField, match="no value"):
        headers.check_value("X-A", "  ")


def test_two_spellings_of_one_header() -> None:
    """One header in two spellings would become two fields; it is refused."""
    with pytest.raises(BadField, match="twice"):
        mime.write(_draft(headers={"X-A": "1", "x-a": "2"}), message_id="<1@example.com>", date="")
