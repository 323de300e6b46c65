"""Instructions in headers: ours and those of other services, and what is said when they cannot be followed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.errors import BadField
from aftersend.mail import headers, instructions
from aftersend.mail.instructions import NONE, Instructions

AT = 1_796_115_600_000_000
"""2026-12-01T09:00:00Z."""
OTHERS = b"From: shop@example.com\r\nSubject: Hello\r\nX-Mailer: x\r\nIdempotent: no\r\nX-PMX: a\r\n"


def read(*lines: str) -> Instructions:
    """Read a header with these lines in it."""
    return instructions.read(headers.scan(OTHERS + "".join(f"{line}\r\n" for line in lines).encode()))


GRID = json.dumps(
    {
        "category": ["receipt", "order"],
        "unique_args": {"order": 4711, "shop": "berlin", "vip": True, "none": None},
        "send_at": 1796115600,
        "filters": {"opentrack": {"settings": {"enable": 0}}, "clicktrack": {"settings": {"enable": 1}}, "footer": {}},
        "to": ["ignored@example.net"],
    }
)
SPARK = json.dumps(
    {
        "tags": ["receipt"],
        "metadata": {"order": {"id": 4711}},
        "options": {
            "open_tracking": False,
            "click_tracking": True,
            "sandbox": True,
            "start_time": "2026-12-01T09:00:00+00:00",
        },
    }
)
MEANINGS: dict[str, dict[str, Any]] = {
    "X-Aftersend-Tag: receipt": {"tags": ("receipt",)},
    "X-Aftersend-Tag: receipt, order ,": {"tags": ("receipt", "order")},
    "X-PM-Tag: receipt, order": {"tags": ("receipt, order",)},
    "X-Mailgun-Tag: receipt": {"tags": ("receipt",)},
    "X-MC-Tags: receipt,order": {"tags": ("receipt", "order")},
    "X-Mailin-Tag: receipt": {"tags": ("receipt",)},
    "X-Postal-Tag: receipt": {"tags": ("receipt",)},
    "X-Aftersend-Tag: =?utf-8?q?gr=C3=BC=C3=9Fe?=": {"tags": ("grüße",)},
    "X-Aftersend-Metadata-Order: 4711": {"metadata": {"order": "4711"}},
    'X-Aftersend-Metadata: {"order": "4711",\r\n "lines": [1, 2]}': {"metadata": {"order": "4711", "lines": "[1,2]"}},
    "X-PM-Metadata-client-id: 12345": {"metadata": {"client-id": "12345"}},
    'X-Mailgun-Variables: {"a": "b"}': {"metadata": {"a": "b"}},
    'X-MC-Metadata: {"a": "b"}': {"metadata": {"a": "b"}},
    "X-SES-MESSAGE-TAGS: a=b, c=d=e": {"metadata": {"a": "b", "c": "d=e"}},
    "X-Aftersend-Stream: broadcast": {"stream": "broadcast"},
    "X-PM-Message-Stream: outbound": {"stream": "transactional"},
    "X-PM-Message-Stream: news": {"stream": "news"},
    "X-SES-CONFIGURATION-SET: news": {"stream": "news"},
    "X-Aftersend-Track: opens,clicks": {"track_opens": True, "track_clicks": True},
    "X-Aftersend-Track: Opens": {"track_opens": True, "track_clicks": False},
    "X-Aftersend-Track: none": {"track_opens": False, "track_clicks": False},
    "X-PM-TrackOpens: true": {"track_opens": True},
    "X-PM-TrackLinks: HtmlAndText": {"track_clicks": True},
    "X-PM-TrackLinks: None": {"track_clicks": False},
    "X-Mailgun-Track: no": {"track_opens": False, "track_clicks": False},
    "X-Mailgun-Track-Clicks: htmlonly": {"track_clicks": True},
    "X-Mailgun-Track-Opens: no": {"track_opens": False},
    "X-MC-Track: opens, clicks_htmlonly": {"track_opens": True, "track_clicks": True},
    "X-Aftersend-Send-At: 2026-12-01T10:00:00+01:00": {"send_at": AT},
    "X-Aftersend-Send-At: 1796115600": {"send_at": AT},
    "X-Mailgun-Deliver-By: Tue, 1 Dec 2026 09:00:00 +0000": {"send_at": AT},
    "X-MC-SendAt: 2026-12-01 09:00:00": {"send_at": AT},
    "Idempotency-Key: order-4711/receipt": {"idempotency_key": "order-4711/receipt"},
    "X-Aftersend-Idempotency-Key: a": {"idempotency_key": "a"},
    "Resend-Idempotency-Key: a": {"idempotency_key": "a"},
    "X-Aftersend-Sandbox: yes": {"sandbox": True},
    "X-Aftersend-Sandbox: false": {"sandbox": False},
    "X-Mailgun-Drop-Message: yes": {"sandbox": True},
    f"X-SMTPAPI: {GRID}": {
        "tags": ("receipt", "order"),
        "metadata": {"order": "4711", "shop": "berlin", "vip": "true"},
        "send_at": AT,
        "track_opens": False,
        "track_clicks": True,
    },
    'X-SMTPAPI: {"category": "receipt"}': {"tags": ("receipt",)},
    f"X-MSYS-API: {SPARK}": {
        "tags": ("receipt",),
        "metadata": {"order": '{"id":4711}'},
        "send_at": AT,
        "track_opens": False,
        "track_clicks": True,
        "sandbox": True,
    },
    "X-Mailgun-Dkim: no": {},
    "X-PM-KeepID: true": {},
    "X-MC-Subaccount: x": {},
}


@pytest.mark.parametrize("line", MEANINGS)
def test_what_a_header_means(line: str) -> None:
    """Each name means what its service documents; it is taken off before sending, and nothing else is."""
    assert read(line) == Instructions(**MEANINGS[line])
    found = headers.scan(OTHERS + line.encode() + b"\r\n")
    gone = instructions.names_in(found)
    assert gone == {line.partition(":")[0].lower()}
    assert headers.remove(OTHERS + line.encode() + b"\r\n", gone) == OTHERS


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("X-Aftersend-Tags: receipt", "did you mean X-Aftersend-Tag?"),
        ("X-Aftersend-Zzzzzzzzzzzzzzzzzzzz: 1", "there are X-Aftersend-Tag"),
        ("X-Aftersend-Metadata-: 1", "not an instruction"),
        ("X-Aftersend-Tag:", "no value"),
        ("X-Aftersend-Stream: ", "no value"),
        ("X-Aftersend-Track: everything", "opens, clicks"),
        ("X-Aftersend-Track: none, opens", "opens, clicks"),
        ("X-Aftersend-Track:", "opens, clicks"),
        ("X-Aftersend-Send-At: soon", "“soon”, which is no time"),
        ("X-Aftersend-Sandbox: perhaps", "write yes or no"),
        ("X-Aftersend-Metadata: {", "no valid JSON"),
        ("X-Aftersend-Metadata: [1]", "no object"),
        ("X-Aftersend-Metadata: " + "[" * 50_000, "no valid JSON"),
        ("Idempotency-Key: " + "x" * 257, "256"),
        ("Idempotency-Key:", "no value"),
        ("X-SES-MESSAGE-TAGS: a", "order=4711"),
        ("X-SMTPAPI: {]", "X-SMTPAPI"),
        ('X-SMTPAPI: {"category": 1}', "no text"),
        ('X-SMTPAPI: {"unique_args": 1}', "no JSON object"),
        ('X-SMTPAPI: {"send_at": "soon"}', "no time"),
        ('X-MSYS-API: {"options": {"sandbox": "x"}}', "neither true nor false"),
        ("X-PM-TrackOpens: maybe", "X-PM-Trackopens"),
        ("X-MC-SendAt: later", "X-MC-SendAt"),
        ("X-Aftersend-Tag: =?utf-8?q?a=0D=0Ab?=", "line break"),
        ("X-Aftersend-Tag: a\x01b", "U+0001"),
    ],
)
def test_what_cannot_be_followed(line: str, says: str) -> None:
    """The error names the header and the remedy, in one printable line, with a pointer to the header."""
    with pytest.raises(BadField, match=".") as caught:
        read(line)
    assert says in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.pointer.lower() == "#/headers/" + line.partition(":")[0].lower()


def test_nothing_said() -> None:
    """A header without instructions gives none, and nothing is taken off."""
    assert read() is NONE
    assert instructions.names_in(headers.scan(OTHERS)) == set()


def test_ours_count_more_than_others() -> None:
    """Where headers disagree, ours count, in whatever order they stand; tags and metadata are added up, each tag once."""
    lines = [
        "X-Aftersend-Tag: ours",
        "X-PM-Tag: theirs",
        "X-PM-Tag: ours",
        "X-Aftersend-Metadata-A: ours",
        "X-PM-Metadata-A: theirs",
        "X-PM-Metadata-B: theirs",
        "X-Aftersend-Stream: ours",
        "X-PM-Message-Stream: theirs",
        "X-Aftersend-Track: none",
        "X-Mailgun-Track: yes",
        "Idempotency-Key: ours",
        "Resend-Idempotency-Key: theirs",
    ]
    for order in (lines, lines[::-1]):
        said = read(*order)
        assert set(said.tags) == {"ours", "theirs"}
        assert said.metadata == {"a": "ours", "b": "theirs"}
        assert (said.stream, said.track_opens, said.track_clicks) == ("ours", False, False)
        assert said.idempotency_key == "ours"


def test_the_narrower_word_counts() -> None:
    """A header for opens or for clicks alone counts more than one for both."""
    for order in (
        ["X-Mailgun-Track: yes", "X-Mailgun-Track-Opens: no"],
        ["X-Mailgun-Track-Opens: no", "X-Mailgun-Track: yes"],
    ):
        said = read(*order)
        assert (said.track_opens, said.track_clicks) == (False, True)


@given(st.sampled_from(sorted(instructions.NAMES)), st.binary(max_size=60))
def test_any_value_is_followed_or_refused_by_name(name: str, value: bytes) -> None:
    """No value makes reading fail in another way than by a sentence about its header."""
    try:
        instructions.read({name: [value]})
    except BadField as error:
        assert error.pointer.lower() == f"#/headers/{name}"
