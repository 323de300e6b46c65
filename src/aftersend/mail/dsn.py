"""Write delivery status notifications (RFC 3464, RFC 6533) to customers who asked for them (RFC 3461).

Owns the form of the report: words that people understand first, fields for programs second, what was sent third. Who is
told, and that the envelope's return path is empty, is the caller's care: report to nobody who is not known to have asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from aftersend.mail import dates, headers, mime, words
from aftersend.mail.address import Mailbox, header_value

TEXT_MOST = 1000
"""Characters of a remote's text in a field."""
RECIPIENTS_MOST = 1000


class Action(Enum):
    """What became of a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class Recipient:
    """What the report says about one recipient."""

    address: str
    action: Action
    status: str
    """An enhanced status code (RFC 3463)."""
    sentence: str
    """Why, in plain words."""
    original: str | None = None
    """ORCPT, decoded: `rfc822;ann@example.net`."""
    reply: str = ""
    """What the remote server said, if one did."""
    remote: str = ""
    """The name of that server."""
    last_attempt_us: int | None = None
    retry_until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All that goes into one notification."""

    reporting_mta: str
    sender: Mailbox
    """Who signs it, such as `Mail Delivery <postmaster@…>`."""
    to: Mailbox
    recipients: Sequence[Recipient]
    arrived_us: int
    original_header: bytes
    original_body: bytes | None = None
    """Given for RET=FULL; then the whole message is returned, otherwise its header only."""
    envid: str | None = None
    """ENVID, decoded."""


_SUBJECTS = {
    Action.FAILED: "Your message could not be delivered",
    Action.DELAYED: "Your message is delayed; we keep trying",
    Action.DELIVERED: "Your message was delivered",
    Action.RELAYED: "Your message was handed on",
    Action.EXPANDED: "Your message was handed to a list",
}
_OPENINGS = {
    Action.FAILED: "could not be delivered to:",
    Action.DELAYED: "is still under way; we keep trying. Nothing needs to be sent again. It waits for:",
    Action.DELIVERED: "was taken by the recipient's server for:",
    Action.RELAYED: "was handed on to a server that sends no notice of delivery, for:",
    Action.EXPANDED: "was handed on to several recipients in place of:",
}
_URGENCY = tuple(_SUBJECTS)
"""The gravest first: it gives the report its subject."""


def write(report: Report, *, message_id: str, date_us: int) -> bytes:
    """Write the report, to be sent with an empty return path. The same arguments give the same bytes.

    The result is ASCII unless an address or what is returned is not.
    """
    recipients = report.recipients[:RECIPIENTS_MOST]
    actions = {recipient.action for recipient in recipients}
    gravest = next(action for action in _URGENCY if action in actions)
    content_type, body = mime.multipart(
        "report",
        [_words(recipients), _status(report, recipients), _returned(report)],
        ";\r\n report-type=delivery-status",
    )
    top = b"".join(
        [
            headers.fold("From", header_value((report.sender,))),
            headers.fold("To", header_value((report.to,))),
            headers.fold("Subject", _SUBJECTS[gravest]),
            headers.fold("Date", dates.rfc5322(date_us)),
            headers.fold("Message-ID", message_id),
            b"Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n",
        ]
    )
    return top + content_type + b"\r\n" + body


def _words(recipients: Sequence[Recipient]) -> tuple[bytes, bytes]:
    """Write the part for people."""
    lines: list[str] = []
    for action in _URGENCY:
        concerned = [recipient for recipient in recipients if recipient.action is action]
        if concerned:
            lines += [f"Your message {_OPENINGS[action]}", ""]
            for recipient in concerned:
                lines += _words_about(recipient)
    lines.append("The technical details are attached, and so is your message or its beginning.")
    encoding, data = mime.encode_text("\r\n".join(lines).encode("utf-8", "replace"))
    charset = "us-ascii" if data.isascii() and encoding == "7bit" else "utf-8"
    return f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n".encode(), data


def _words_about(recipient: Recipient) -> list[str]:
    lines = [f"  {_line(recipient.address)}", f"    {_line(recipient.sentence)}"]
    if recipient.reply:
        server = f" ({_line(recipient.remote)})" if recipient.remote else ""
        lines.append(f"    The other server{server} said: {_line(recipient.reply)}")
    if recipient.retry_until_us is not None:
        lines.append(f"    We try until {dates.rfc5322(recipient.retry_until_us)}.")
    return [*lines, ""]


def _status(report: Report, recipients: Sequence[Recipient]) -> tuple[bytes, bytes]:
    """Write the part for programs: a group of fields for the message, then one for each recipient."""
    groups = [
        [f"Reporting-MTA: dns; {_line(report.reporting_mta)}", f"Arrival-Date: {dates.rfc5322(report.arrived_us)}"]
    ]
    if report.envid:
        groups[0].insert(0, f"Original-Envelope-Id: {_line(report.envid)}")
    groups += [_fields(recipient) for recipient in recipients]
    data = "\r\n".join(["\r\n".join(map(_folded, group)) + "\r\n" for group in groups]).encode("utf-8", "replace")
    if data.isascii():
        return b"Content-Type: message/delivery-status\r\n", data
    return b"Content-Type: message/global-delivery-status\r\nContent-Transfer-Encoding: 8bit\r\n", data


def _fields(recipient: Recipient) -> list[str]:
    kind = "rfc822" if recipient.address.isascii() else "utf-8"
    written = [
        f"Final-Recipient: {kind}; {_line(recipient.address)}",
        f"Action: {recipient.action.value}",
        f"Status: {_line(recipient.status)}",
    ]
    if recipient.original:
        original_kind, semicolon, original = recipient.original.partition(";")
        shown = f"{original_kind.strip()}; {original.strip()}" if semicolon else f"rfc822; {original_kind}"
        written.insert(0, f"Original-Recipient: {_line(shown)}")
    if recipient.remote:
        written.append(f"Remote-MTA: dns; {_line(recipient.remote)}")
    if recipient.reply:
        reply = _line(recipient.reply)
        written.append(f"Diagnostic-Code: smtp; {reply if kind == 'utf-8' else _ascii(reply)}")
    if recipient.last_attempt_us is not None:
        written.append(f"Last-Attempt-Date: {dates.rfc5322(recipient.last_attempt_us)}")
    if recipient.retry_until_us is not None:
        written.append(f"Will-Retry-Until: {dates.rfc5322(recipient.retry_until_us)}")
    return written


def _returned(report: Report) -> tuple[bytes, bytes]:
    """Write the part that gives back what was sent."""
    if report.original_body is None:
        data = report.original_header
        if data.isascii():
            return b"Content-Type: text/rfc822-headers\r\n", data
        return b"Content-Type: message/global-headers\r\nContent-Transfer-Encoding: 8bit\r\n", data
    data = report.original_header + b"\r\n" + report.original_body
    if data.isascii():
        return b"Content-Type: message/rfc822\r\n", data
    kind = b"rfc822" if report.original_header.isascii() else b"global"
    return b"Content-Type: message/" + kind + b"\r\nContent-Transfer-Encoding: 8bit\r\n", data


def _line(text: str) -> str:
    """Text of somebody else's on one line: bounded, without controls."""
    text = " ".join(words.without_controls(text[:TEXT_MOST]).split())
    return text or "-"


def _ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode("ascii")


def _folded(line: str) -> str:
    name, _, value = line.partition(": ")
    return headers.fold(name, _in_pieces(value)).decode().removesuffix("\r\n")


def _in_pieces(value: str) -> str:
    """Put a space into words that no line can hold."""
    most = headers.LINE_MOST // 4 - 80
    if all(len(word) <= most for word in value.split(" ")):
        return value
    return " ".join(word[at : at + most] for word in value.split(" ") for at in range(0, len(word) or 1, most))
