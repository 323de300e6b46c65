"""Reports to customers: people read the first part, programs the second, and nobody is misled by a third."""

from __future__ import annotations

import email

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.mail import address, dsn, headers, mime
from aftersend.mail.dsn import Action, Recipient, Report

NOW = 1_796_115_600_000_000
HEADER = b"From: shop@example.com\r\nSubject: Hello\r\n"
POSTMASTER = address.parse_mailbox("Mail Delivery <postmaster@mx.example.com>")
SHOP = address.parse_mailbox("shop@example.com")
FAILED = Recipient(
    "ann@example.net", Action.FAILED, "5.1.1", "The mailbox does not exist.",
    original="rfc822;Ann@Example.NET", reply="550 5.1.1 No such user", remote="mx1.example.net", last_attempt_us=NOW,
)  # fmt: skip
DELAYED = Recipient("bob@example.net", Action.DELAYED, "4.2.2", "The mailbox is full.", retry_until_us=NOW)
DELIVERED = Recipient("eve@example.net", Action.DELIVERED, "2.1.5", "The server took it.")


def write(*recipients: Recipient, body: bytes | None = None, header: bytes = HEADER, envid: str | None = None) -> bytes:
    """Write a report."""
    report = Report("mx.example.com", POSTMASTER, SHOP, recipients, NOW, header, body, envid)
    return dsn.write(report, message_id="<dsn-1@mx.example.com>", date_us=NOW)


def parts_of(content: bytes) -> list[tuple[str, bytes]]:
    """The leaves by our own reader."""
    return [(p.media, content[p.begin : p.end]) for p in mime.parts(content) if not p.media.startswith("multipart/")]


def test_a_report_as_another_reader_sees_it() -> None:
    """The standard library reads the groups of fields; the original recipient stands as the customer wrote it."""
    message = email.message_from_bytes(write(FAILED, DELAYED, envid="order 4711"))
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["To"] == "shop@example.com"
    first, status, returned = message.get_payload()
    assert first.get_content_type() == "text/plain"
    assert returned.get_content_type() == "text/rfc822-headers"
    about, ann, bob = status.get_payload()
    assert dict(about.items()) == {
        "Original-Envelope-Id": "order 4711",
        "Reporting-MTA": "dns; mx.example.com",
        "Arrival-Date": "Tue, 01 Dec 2026 09:00:00 +0000",
    }
    assert dict(ann.items()) == {
        "Original-Recipient": "rfc822; Ann@Example.NET",
        "Final-Recipient": "rfc822; ann@example.net",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; mx1.example.net",
        "Diagnostic-Code": "smtp; 550 5.1.1 No such user",
        "Last-Attempt-Date": "Tue, 01 Dec 2026 09:00:00 +0000",
    }
    assert dict(bob.items()) == {
        "Final-Recipient": "rfc822; bob@example.net",
        "Action": "delayed",
        "Status": "4.2.2",
        "Will-Retry-Until": "Tue, 01 Dec 2026 09:00:00 +0000",
    }


def test_plain_words_come_first() -> None:
    """The first part names each recipient and why, without codes of ours; the gravest news gives the subject."""
    content = write(DELIVERED, DELAYED, FAILED)
    words = parts_of(content)[0][1].decode()
    for said in (
        "ann@example.net",
        "The mailbox does not exist.",
        "bob@example.net",
        "we keep trying",
        "Nothing needs to be sent again",
    ):
        assert said in words
    assert words.index("ann@example.net") < words.index("bob@example.net") < words.index("eve@example.net")
    assert headers.get(headers.split(content)[0], "Subject") == b"Your message could not be delivered"
    assert headers.get(headers.split(write(DELIVERED))[0], "Subject") == b"Your message was delivered"
    assert (
        headers.get(headers.split(write(DELAYED, DELIVERED))[0], "Subject")
        == b"Your message is delayed; we keep trying"
    )


def test_what_is_returned() -> None:
    """RET=HDRS returns the header, RET=FULL the whole message, byte for byte."""
    assert parts_of(write(FAILED))[2] == ("text/rfc822-headers", HEADER)
    assert parts_of(write(FAILED, body=b"Hi\r\n"))[2] == ("message/rfc822", HEADER + b"\r\nHi\r\n")
    eight = write(FAILED, body="Grüße\r\n".encode())
    assert parts_of(eight)[2] == ("message/rfc822", HEADER + b"\r\n" + "Grüße\r\n".encode())
    assert b"Content-Transfer-Encoding: 8bit" in eight


def test_international_addresses() -> None:
    """Addresses beyond ASCII are reported as RFC 6533 says."""
    content = write(Recipient("用户@例子.example", Action.FAILED, "5.1.1", "The mailbox does not exist."))
    kinds = [kind for kind, _ in parts_of(content)]
    assert kinds == ["text/plain", "message/global-delivery-status", "text/rfc822-headers"]
    assert "Final-Recipient: utf-8; 用户@例子.example".encode() in content
    content = write(FAILED, header="From: ä@example.com\r\n".encode())
    assert parts_of(content)[2] == ("message/global-headers", "From: ä@example.com\r\n".encode())


HOSTILE = st.text(max_size=60) | st.sampled_from(
    ["550 x\r\nAction: delivered", "x" * 5000, "\r\n\r\n--", "\udcff", "a\0b", ""]
)


@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
def test_a_remote_cannot_write_fields(reply: str, remote: str, original: str, envid: str) -> None:
    """Whatever the other server or the envelope said, the report has its own fields and no others, in lines that can be sent."""
    recipient = Recipient(
        "ann@example.net", Action.FAILED, "5.1.1", "Why.", original=original, reply=reply, remote=remote
    )
    content = write(recipient, envid=envid)
    assert content.count(b"\r") == content.count(b"\n") == content.count(b"\r\n")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    found = parts_of(content)
    assert len(found) == 3
    about, fields, *more = found[1][1].removesuffix(b"\r\n").split(b"\r\n\r\n")
    assert not more
    names = [field.name for field in headers.fields(fields.removesuffix(b"\r\n") + b"\r\n")]
    assert set(names) <= {"original-recipient", "final-recipient", "action", "status", "remote-mta", "diagnostic-code"}
    assert names.count("action") == 1
    assert headers.get(fields + b"\r\n", "Action") == b"failed"


def test_the_same_report_gives_the_same_bytes() -> None:
    """Writing again gives the same bytes, so that a repeated step sends no second version."""
    assert write(FAILED) == write(FAILED)


def test_a_report_is_about_somebody() -> None:
    """A report without recipients is our own mistake, not a mail."""
    with pytest.raises(StopIteration):
        write()
