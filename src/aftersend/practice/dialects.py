"""Write bounces as different mail systems word them: in prose, in transcripts, in fields, in other languages.

Pure: the message that was accepted goes in, the bytes of the bounce come out, all of them seven-bit with CRLF lines.
"""

from __future__ import annotations

from base64 import encodebytes
from collections.abc import Callable

from aftersend.practice.behaviours import Then
from aftersend.practice.mailbox import Received

_BOUNDARY = "=_practice_dialect"


def bounce_by(system: Then, message: Received, date: str, original: str) -> bytes:
    """Return the bounce that a system sends; `original` is the header of the message, lines parted by CRLF."""
    text = _WRITERS[system](message, date, original.replace("\r\n", "\n"))
    return text.replace("\n", "\r\n").encode("ascii", "replace")


def _head(message: Received, date: str, sender: str, subject: str, *more: str) -> str:
    ours = [f"From: {sender}", f"To: <{message.sender}>", f"Subject: {subject}", f"Date: {date}"]
    name = f"Message-ID: <{message.at_us}.{len(message.content)}.notice@{message.place}>"
    return "\n".join([*ours, name, "MIME-Version: 1.0", *more]) + "\n\n"


def _encoded(text: str, charset: str) -> str:
    return encodebytes(text.encode(charset)).decode("ascii")


def _exim(message: Received, date: str, original: str) -> str:
    head = _head(
        message, date, f"Mail Delivery System <Mailer-Daemon@{message.place}>",
        "Mail delivery failed: returning message to sender",
        "Auto-Submitted: auto-replied", f"X-Failed-Recipients: {message.recipient}",
    )  # fmt: skip
    return (
        f"{head}This message was created automatically by mail delivery software.\n\nA message that you sent could not be "
        f"delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n"
        f"  {message.recipient}\n    host store.{message.place}\n    SMTP error from remote mail server after RCPT TO:<{message.recipient}>:\n"
        "    550 No such user here\n\n"
        f"------ This is a copy of the message's headers. ------\n\n{original}\n"
    )


def _qmail(message: Received, date: str, original: str) -> str:
    head = _head(message, date, f"MAILER-DAEMON@{message.place}", "failure notice")
    return (
        f"{head}Hi. This is the qmail-send program at {message.place}.\nI'm afraid I wasn't able to deliver your message to the "
        "following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n"
        f"<{message.recipient}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n"
        f"--- Below this line is a copy of the message.\n\nReturn-Path: <{message.sender}>\n{original}\n\nHello\n"
    )


def _sendmail(message: Received, date: str, original: str) -> str:
    head = _head(
        message, date, f"Mail Delivery Subsystem <MAILER-DAEMON@{message.place}>", "Returned mail: see transcript for details"
    )  # fmt: skip
    return (
        f"{head}The original message was received at {date}\nfrom {message.hello or 'unknown'}\n\n"
        f"   ----- The following addresses had permanent fatal errors -----\n<{message.recipient}>\n"
        f"    (reason: 552 5.2.2 Over quota)\n\n   ----- Transcript of session follows -----\n"
        f"... while talking to store.{message.place}.:\n>>> RCPT To:<{message.recipient}>\n<<< 552 5.2.2 Over quota\n"
        f"554 5.0.0 Service unavailable\n\n   ----- Message header follows -----\n{original}\n"
    )


def _exchange(message: Received, date: str, original: str) -> str:
    said = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup"
    words = (
        f"Your message to {message.recipient} couldn't be delivered.\n\nThe address wasn't found at its domain.\n\n"
        f"Original Message Details\nRecipient Address: {message.recipient}\n\nError Details\nReported error: {said}\n"
    )
    return _fields(message, date, f"postmaster@{message.place}", "Undeliverable: News", words, original, "5.1.10", said)


def _gmail(message: Received, date: str, original: str) -> str:
    said = "552-5.2.2 The recipient's inbox is out of storage space and inactive.\n 552 5.2.2 Please direct them to make room."
    words = (
        f"** Message not delivered **\n\nThe inbox of {message.recipient} is full, so your message wasn't delivered.\n\n"
        f"The response was:\n\n{said}\n"
    )
    return _fields(
        message, date, f"Mail Delivery Subsystem <mailer-daemon@{message.place}>",
        "Delivery Status Notification (Failure)", words, original, "5.2.2", said,
    )  # fmt: skip


def _filter(message: Received, date: str, original: str) -> str:
    said = "554 5.7.1 The message was rejected because it was identified as spam"
    words = f"This message could not be delivered because the filter at {message.place} refused it:\n\n{said}\n"
    return _fields(message, date, f"MAILER-DAEMON@{message.place}", "Delivery failure", words, original, "5.7.1", said)


def _domino(message: Received, date: str, original: str) -> str:
    head = _head(message, date, f"Postmaster@{message.place}", "DELIVERY FAILURE: User not listed in Domino Directory")
    local = message.recipient.partition("@")[0]
    return (
        f"{head}Your message\n\n  Subject: News\n\nwas not delivered to:\n\n  {message.recipient}\n\nbecause:\n\n"
        f"  User {local} ({message.recipient}) not listed in Domino Directory\n"
    )


def _german(message: Received, date: str, original: str) -> str:
    head = _head(
        message, date, f"Mailer Daemon <mailer-daemon@{message.place}>", "Mail delivery failed: returning message to sender",
        "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64",
    )  # fmt: skip
    words = (
        "Diese Nachricht wurde automatisch vom Mailsystem erzeugt.\n\nIhre E-Mail konnte nicht zugestellt werden an:\n\n"
        f"{message.recipient}:\n    Das Postfach des Empfängers ist voll.\n"
    )
    return head + _encoded(words, "utf-8")


def _japanese(message: Received, date: str, original: str) -> str:
    head = _head(
        message, date, f"Mail Delivery Subsystem <MAILER-DAEMON@{message.place}>", "Returned mail: User unknown",
        "Content-Type: text/plain; charset=iso-2022-jp", "Content-Transfer-Encoding: 7bit",
    )  # fmt: skip
    words = (
        f"次の宛先へのメールは配信できませんでした。\n\n<{message.recipient}>\n宛先のメールアドレスは存在しません。\n"
    )
    return head + words.encode("iso-2022-jp").decode("ascii")


def _fields(
    message: Received, date: str, sender: str, subject: str, words: str, original: str, status: str, said: str
) -> str:
    head = _head(
        message, date, sender, subject,
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{_BOUNDARY}"',
    )  # fmt: skip
    groups = (
        f"Reporting-MTA: dns;{message.place}\nArrival-Date: {date}\n\nFinal-Recipient: rfc822;{message.recipient}\n"
        f"Action: failed\nStatus: {status}\nDiagnostic-Code: smtp;{said}\n"
    )
    parts = (
        ("text/plain; charset=us-ascii", words),
        ("message/delivery-status", groups),
        ("message/rfc822", f"{original}\n\nHello\n"),
    )
    body = "".join(f"--{_BOUNDARY}\nContent-Type: {kind}\n\n{text}\n" for kind, text in parts)
    return f"{head}{body}--{_BOUNDARY}--\n"


_WRITERS: dict[Then, Callable[[Received, str, str], str]] = {
    Then.EXIM_BOUNCE: _exim,
    Then.QMAIL_BOUNCE: _qmail,
    Then.SENDMAIL_BOUNCE: _sendmail,
    Then.EXCHANGE_BOUNCE: _exchange,
    Then.GMAIL_BOUNCE: _gmail,
    Then.FILTER_BOUNCE: _filter,
    Then.DOMINO_BOUNCE: _domino,
    Then.GERMAN_BOUNCE: _german,
    Then.JAPANESE_BOUNCE: _japanese,
}

DIALECTS = tuple(_WRITERS)
"""The systems whose words are known here."""
