"""Write what comes back from the recipient's side: delivery reports (RFC 3464), complaints (RFC 5965), automatic answers.

Pure: the message that was accepted goes in, the bytes of the answer come out.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from aftersend.practice.behaviours import Then
from aftersend.practice.dialects import DIALECTS, bounce_by
from aftersend.practice.mailbox import Received

_BOUNDARY = "=_practice_report"
_HEADERS_MOST = 8000


def answer_to(message: Received, what: Then, now_us: int) -> bytes:
    """Return the mail that comes back for an accepted message. Raises KeyError for what is not a mail."""
    if what in DIALECTS:
        return bounce_by(what, message, _date(now_us), _original_headers(message))
    return _WRITERS[what](message, _date(now_us))


def _date(now_us: int) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(now_us // 1_000_000))


def _original_headers(message: Received, *, without: frozenset[str] = frozenset()) -> str:
    block = message.content.partition(b"\r\n\r\n")[0][:_HEADERS_MOST].decode("ascii", "replace").replace("\ufffd", "?")
    kept, skips = [], False
    for line in block.split("\r\n"):
        if not line.startswith((" ", "\t")):
            skips = line.partition(":")[0].lower() in without
        if not skips:
            kept.append(line)
    return "\r\n".join(kept)


def _head(message: Received, subject: str, sender: str, date: str, *more: str) -> str:
    lines = [
        f"From: {sender}",
        f"To: <{message.sender}>",
        f"Subject: {subject}",
        f"Date: {date}",
        f"Message-ID: <{message.at_us}.{len(message.content)}@{message.place}>",
        "MIME-Version: 1.0",
        *more,
    ]
    return "\r\n".join(lines) + "\r\n"


def _multipart(kind: str, *parts: tuple[str, str]) -> str:
    body = "".join(f"--{_BOUNDARY}\r\nContent-Type: {type_}\r\n\r\n{text}\r\n" for type_, text in parts)
    return f'Content-Type: multipart/report; report-type={kind};\r\n\tboundary="{_BOUNDARY}"\r\n\r\n{body}--{_BOUNDARY}--\r\n'


def _delivery_report(message: Received, date: str, plain: str, *fates: tuple[str, str, str, str]) -> bytes:
    """Each fate: recipient, action, status, what the server said."""
    groups = [f"Reporting-MTA: dns; {message.place}\r\nArrival-Date: {date}\r\n"]
    for recipient, action, status, said in fates:
        group = f"Original-Recipient: rfc822; {recipient}\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: {action}\r\nStatus: {status}\r\n"
        groups.append(group + (f"Diagnostic-Code: smtp; {said}\r\n" if said else ""))
    subject = {"failed": "Undelivered Mail Returned to Sender", "delayed": "Delayed Mail (still being retried)"}.get(
        fates[0][1], "Successful Mail Delivery Report"
    )
    head = _head(
        message, subject, f"Mail Delivery System <mailer-daemon@{message.place}>", date, "Auto-Submitted: auto-replied"
    )
    body = _multipart(
        "delivery-status",
        ("text/plain; charset=us-ascii", plain + "\r\n"),
        ("message/delivery-status", "\r\n".join(groups)),
        ("text/rfc822-headers", _original_headers(message) + "\r\n"),
    )
    return (head + body).encode("ascii", "replace")


def _failure(message: Received, date: str) -> bytes:
    said = f"550 5.1.1 <{message.recipient}>: Recipient address rejected: User unknown in virtual mailbox table"
    plain = f"This is the mail system at host {message.place}.\r\n\r\nYour message could not be delivered.\r\n\r\n<{message.recipient}>: {said}"
    return _delivery_report(message, date, plain, (message.recipient, "failed", "5.1.1", said))


def _delay(message: Received, date: str) -> bytes:
    said = "451 4.4.1 Connection timed out with the mailbox server"
    plain = (
        f"This is the mail system at host {message.place}.\r\n\r\nTHIS IS A WARNING ONLY. YOU DO NOT NEED TO RESEND YOUR MESSAGE."
        f"\r\n\r\nIt will be retried for two more days.\r\n\r\n<{message.recipient}>: {said}"
    )
    return _delivery_report(message, date, plain, (message.recipient, "delayed", "4.4.1", said))


def _success(message: Received, date: str) -> bytes:
    plain = f"This is the mail system at host {message.place}.\r\n\r\nYour message was successfully delivered to\r\n\r\n<{message.recipient}>"
    return _delivery_report(message, date, plain, (message.recipient, "delivered", "2.0.0", "250 2.0.0 Kept"))


def _mixed(message: Received, date: str) -> bytes:
    said = f"552 5.2.2 <{message.recipient}>: mailbox full"
    other = "ann@" + message.recipient.rpartition("@")[2]
    plain = f"This is the mail system at host {message.place}.\r\n\r\n<{message.recipient}>: {said}\r\n\r\n<{other}>: delivered"
    return _delivery_report(
        message,
        date,
        plain,
        (message.recipient, "failed", "5.2.2", said),
        (other, "delivered", "2.0.0", "250 2.0.0 Kept"),
    )


def _automatic(message: Received, date: str) -> bytes:
    subject = f"Automatic reply: {message.header('Subject') or ''}".strip()[:200].encode("ascii", "replace").decode()
    head = _head(
        message, subject, f"<{message.recipient}>", date, "Auto-Submitted: auto-replied (vacation)", "X-Auto-Response-Suppress: All",
        f"In-Reply-To: {message.header('Message-ID') or ''}", "Content-Type: text/plain; charset=us-ascii",
    )  # fmt: skip
    return (head + "\r\nI am out of the office until Monday and read my mail then.\r\n").encode("ascii", "replace")


def _complaint(message: Received, date: str, *, redacted: bool = False) -> bytes:
    fields = [
        "Feedback-Type: abuse",
        "User-Agent: Practice-Feedback/1.0",
        "Version: 1",
        f"Original-Mail-From: <{message.sender}>",
        *([] if redacted else [f"Original-Rcpt-To: <{message.recipient}>"]),
        f"Arrival-Date: {date}",
        f"Reporting-MTA: dns; {message.place}",
        f"Reported-Domain: {message.sender.rpartition('@')[2]}",
    ]
    head = _head(message, "Email feedback report", f"Feedback Loop <feedback@{message.place}>", date)
    body = _multipart(
        "feedback-report",
        ("text/plain; charset=us-ascii", "This is an email abuse report for a message received by this provider.\r\n"),
        ("message/feedback-report", "\r\n".join(fields) + "\r\n"),
        (
            "text/rfc822-headers",
            _original_headers(message, without=frozenset({"to", "cc"}) if redacted else frozenset()) + "\r\n",
        ),
    )
    return (head + body).encode("ascii", "replace")


def _redacted(message: Received, date: str) -> bytes:
    return _complaint(message, date, redacted=True)


_WRITERS: dict[Then, Callable[[Received, str], bytes]] = {
    Then.FAILURE_REPORT: _failure,
    Then.DELAY_REPORT: _delay,
    Then.SUCCESS_REPORT: _success,
    Then.MIXED_REPORT: _mixed,
    Then.AUTOMATIC_ANSWER: _automatic,
    Then.COMPLAINT: _complaint,
    Then.REDACTED_COMPLAINT: _redacted,
}
