"""Parameters of MAIL and RCPT (RFC 1870, 6152, 6531, 3461, 4954, 4865)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.smtp.parameters import (
    MailParameters,
    Offer,
    RcptParameters,
    from_xtext,
    is_xtext,
    read_mail,
    read_rcpt,
    to_xtext,
    write_mail,
    write_rcpt,
)
from aftersend.smtp.reply import Reply

ALL = Offer(hold_for_most_s=86_400)
NONE = Offer(eight_bit=False, smtputf8=False, dsn=False, size=False, auth=False)

MAIL = [
    ("SIZE=0", MailParameters(size=0)),
    ("size=12345", MailParameters(size=12345)),
    ("BODY=8bitmime", MailParameters(body="8BITMIME")),
    ("BODY=7BIT SMTPUTF8", MailParameters(body="7BIT", smtputf8=True)),
    ("RET=full ENVID=QQ+2B314159", MailParameters(ret="FULL", envid="QQ+2B314159")),
    ("RET=HDRS", MailParameters(ret="HDRS")),
    ("AUTH=<>", MailParameters(auth="<>")),
    ("AUTH=e+3Dmc2@example.com", MailParameters(auth="e+3Dmc2@example.com")),
    ("HOLDFOR=86400", MailParameters(hold_for_s=86_400)),
    ("HOLDUNTIL=1970-01-01T00:00:01Z", MailParameters(hold_until_us=1_000_000)),
    ("HOLDUNTIL=2030-01-01T02:00:00+02:00", MailParameters(hold_until_us=1_893_456_000_000_000)),
]
BAD_MAIL = [
    ("SIZE=", 501), ("SIZE", 501), ("SIZE=-1", 501), ("SIZE=1e3", 501), ("SIZE=\u0661", 501), ("SIZE=1 SIZE=1", 501),
    ("SIZE=" + "9" * 21, 501), ("BODY=BINARYMIME", 501), ("BODY=", 501), ("SMTPUTF8=1", 501), ("RET=BODY", 501),
    ("ENVID=a=b", 501), ("ENVID=+2b", 501), ("ENVID=" + "a" * 101, 501), ("AUTH=a+b", 501), ("HOLDFOR=86401", 501),
    ("HOLDFOR=1.5", 501), ("HOLDUNTIL=tomorrow", 501), ("HOLDUNTIL=2030-01-01T00:00:00", 501),
    ("HOLDUNTIL=2030-01-01", 501), ("HOLDFOR=1 HOLDUNTIL=2030-01-01T00:00:00Z", 501), ("FOO=bar", 555), ("NOTIFY=NEVER", 555),
    ("=", 555),
]  # fmt: skip
RCPT = [
    ("NOTIFY=never", RcptParameters(notify="NEVER")),
    ("NOTIFY=SUCCESS,delay,Failure", RcptParameters(notify="SUCCESS,DELAY,FAILURE")),
    ("ORCPT=rfc822;Bob+2Bx@Example.com", RcptParameters(orcpt="rfc822;Bob+2Bx@Example.com")),
    ("ORCPT=utf-8;j\u00f6rg@example.com", RcptParameters(orcpt="utf-8;j\u00f6rg@example.com")),
]
BAD_RCPT = [
    ("NOTIFY=", 501), ("NOTIFY=NEVER,DELAY", 501), ("NOTIFY=DELAY,DELAY", 501), ("NOTIFY=MAYBE", 501), ("ORCPT=a@b", 501),
    ("ORCPT=;a@b", 501), ("ORCPT=rfc822;", 501), ("ORCPT=rfc822;a=b", 501), ("ORCPT=rfc822;j\u00f6rg@b", 501),
    ("ORCPT=rfc822;" + "a" * 500, 501), ("SIZE=1", 555),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), MAIL)
def test_what_mail_may_say(text: str, expected: MailParameters) -> None:
    """Names and keywords in any case; values in xtext stay as they are."""
    assert read_mail(text.split(" "), ALL) == expected


@pytest.mark.parametrize(("text", "expected"), RCPT)
def test_what_rcpt_may_say(text: str, expected: RcptParameters) -> None:
    """Names and keywords in any case; values in xtext stay as they are."""
    assert read_rcpt(text.split(" "), ALL) == expected


@pytest.mark.parametrize(("text", "code"), BAD_MAIL)
def test_what_mail_may_not_say(text: str, code: int) -> None:
    """A parameter that is not known is 555, a value that is wrong 501, both 5.5.4, with the parameter's name."""
    refusal = read_mail(text.split(" "), ALL)
    assert isinstance(refusal, Reply)
    assert (refusal.code, refusal.status) == (code, "5.5.4")
    assert text.split("=")[0].split(" ")[0] in refusal.text


@pytest.mark.parametrize(("text", "code"), BAD_RCPT)
def test_what_rcpt_may_not_say(text: str, code: int) -> None:
    """A parameter that is not known is 555, a value that is wrong 501, both 5.5.4."""
    refusal = read_rcpt(text.split(" "), ALL)
    assert isinstance(refusal, Reply)
    assert (refusal.code, refusal.status) == (code, "5.5.4")


@pytest.mark.parametrize("text", [text for text, _ in MAIL])
def test_what_is_not_offered_is_refused(text: str) -> None:
    """A parameter of an extension that was not announced is 555."""
    refusal = read_mail(text.split(" "), NONE)
    assert isinstance(refusal, Reply)
    assert refusal.code == 555


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1))
def test_xtext_goes_there_and_back(text: str) -> None:
    """What is written as xtext is lawful and reads as what it was."""
    assert is_xtext(to_xtext(text))
    assert from_xtext(to_xtext(text)) == text


@pytest.mark.parametrize(("text", "expected"), [(t, p) for t, p in MAIL if p.ret or p.envid or p.auth])
def test_what_is_passed_on_is_what_was_said(text: str, expected: MailParameters) -> None:
    """RET, ENVID and AUTH go out as they came in."""
    written = write_mail(expected, dsn=True, auth=True)
    assert written is not None
    assert read_mail(written.split(), ALL) == expected


@pytest.mark.parametrize("value", ["a b", "a\r\nRCPT TO:<x@y>", "\x00", "a=b"])
def test_nothing_is_smuggled_in_a_parameter(value: str) -> None:
    """A value that would break the command line is not written."""
    assert write_mail(MailParameters(envid=value), dsn=True, auth=False) is None
    assert write_mail(MailParameters(ret=value), dsn=True, auth=False) is None
    assert write_mail(MailParameters(auth=value), dsn=False, auth=True) is None
    assert write_rcpt(RcptParameters(orcpt="rfc822;" + value), utf8=False) is None
    assert write_rcpt(RcptParameters(notify=value), utf8=False) is None
