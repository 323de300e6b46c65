"""What comes back from the recipient's side is what real servers send."""

from __future__ import annotations

import email
from email.message import Message

import pytest

from aftersend.ledger.reasons import Reason
from aftersend.policy.diagnosis import diagnose_mail
from aftersend.practice.behaviours import Then
from aftersend.practice.mailbox import Received
from aftersend.practice.reports import answer_to

ORIGINAL = (
    b"From: Shop <shop@shop.practice.test>\r\nTo: Ann\r\n <ann@one.practice.test>\r\nSubject: caf\xc3\xa9\r\n"
    b"Message-ID: <1@shop>\r\n\r\nHello\r\n"
)
MESSAGE = Received(
    "ann@one.practice.test",
    "b-token@returns.practice.test",
    ORIGINAL,
    1_700_000_000_000_000,
    "mx1.one-mail.test",
    "us",
    "",
)
MAILS = [what for what in Then if what.is_mail]


def parsed(what: Then) -> Message:
    return email.message_from_bytes(answer_to(MESSAGE, what, 1_700_000_100_000_000))


@pytest.mark.parametrize("what", MAILS, ids=lambda what: what.name.lower())
def test_every_answer_is_seven_bit_text_with_crlf_lines(what: Then) -> None:
    """It can be handed to any server."""
    raw = answer_to(MESSAGE, what, 0)
    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert max(len(line) for line in raw.split(b"\r\n")) < 998
    assert parsed(what)["To"] == "<b-token@returns.practice.test>"


@pytest.mark.parametrize(
    ("what", "fates"),
    [
        (Then.FAILURE_REPORT, [("ann@one.practice.test", "failed", "5.1.1")]),
        (Then.DELAY_REPORT, [("ann@one.practice.test", "delayed", "4.4.1")]),
        (Then.SUCCESS_REPORT, [("ann@one.practice.test", "delivered", "2.0.0")]),
        (
            Then.MIXED_REPORT,
            [("ann@one.practice.test", "failed", "5.2.2"), ("ann@one.practice.test", "delivered", "2.0.0")],
        ),
    ],
)
def test_delivery_reports_have_the_form_of_rfc_3464(what: Then, fates: list[tuple[str, str, str]]) -> None:
    """Three parts: words, fields for each recipient, the original's headers."""
    report = parsed(what)
    assert (report.get_content_type(), report.get_param("report-type")) == ("multipart/report", "delivery-status")
    words, status, original = report.get_payload()
    assert [part.get_content_type() for part in (words, status, original)] == [
        "text/plain", "message/delivery-status", "text/rfc822-headers",
    ]  # fmt: skip
    groups = status.get_payload()
    assert groups[0]["Reporting-MTA"] == "dns; mx1.one-mail.test"
    assert [(g["Final-Recipient"].partition("; ")[2], g["Action"], g["Status"]) for g in groups[1:]] == fates
    assert "Message-ID: <1@shop>" in original.get_payload()


def test_complaints_have_the_form_of_rfc_5965() -> None:
    """A complaint names the recipient, a redacted one does not name them anywhere."""
    report = parsed(Then.COMPLAINT)
    assert report.get_param("report-type") == "feedback-report"
    assert report.get_payload()[1].get_content_type() == "message/feedback-report"
    assert b"ann@one.practice.test" in answer_to(MESSAGE, Then.COMPLAINT, 0)
    assert b"ann@one.practice.test" not in answer_to(MESSAGE, Then.REDACTED_COMPLAINT, 0)


@pytest.mark.parametrize(
    ("what", "action", "reason"),
    [
        (Then.FAILURE_REPORT, "failed", Reason.INVALID_RECIPIENT),
        (Then.DELAY_REPORT, "delayed", Reason.NETWORK_ERROR),
        (Then.SUCCESS_REPORT, "delivered", Reason.DELIVERED),
        (Then.AUTOMATIC_ANSWER, "autoreply", Reason.AUTO_REPLY),
        (Then.COMPLAINT, "feedback", Reason.COMPLAINT),
        (Then.REDACTED_COMPLAINT, "feedback", Reason.COMPLAINT),
    ],
)
def test_the_diagnosis_understands_each(what: Then, action: str, reason: Reason) -> None:
    """The product reads its own practice world."""
    found = diagnose_mail(answer_to(MESSAGE, what, 0)).whole
    assert (str(found.action), found.reason) == (action, reason)
