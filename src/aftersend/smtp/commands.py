"""Turn an envelope into commands and content for one server, or say why this server cannot have it."""

from __future__ import annotations

from aftersend.smtp import content as wire
from aftersend.smtp import parameters, paths
from aftersend.smtp.extensions import Extensions
from aftersend.smtp.outcome import Envelope
from aftersend.smtp.reply import Reply

_TOO_LARGE = "The message has {} octets; the receiving server takes at most {}"
_NO_UTF8 = Reply(553, "5.6.7", "The address or a header needs SMTPUTF8, which the receiving server does not offer")
_NO_8BIT = Reply(554, "5.6.3", "The message has 8-bit content, which the receiving server does not take")
_BROKEN = Reply(554, "5.6.0", "The message has a lone CR or LF, or a NUL octet, and cannot be sent as it is")
_BAD_SENDER = "The sender's address cannot be written in SMTP: {}"
_BAD_RECIPIENT = "The recipient's address cannot be written in SMTP: {}"
_BAD_PARAMETER = Reply(554, "5.5.4", "ENVID, RET, NOTIFY or ORCPT cannot be written in SMTP")
_NOBODY = Reply(554, "5.5.1", "There is no recipient")


class Transaction:
    """An envelope on its way."""

    __slots__ = ("accepted", "awaits_reset", "commands", "content", "count", "envelope", "said")

    def __init__(self, envelope: Envelope, content: bytes, commands: list[str]) -> None:
        self.envelope = envelope
        self.content = content
        self.commands = commands
        self.count = len(envelope.recipients)
        self.said: list[bytes] = []
        self.accepted = 0
        self.awaits_reset = False


def made_ready(envelope: Envelope, offered: Extensions) -> Transaction | Reply:
    """Write an envelope as commands and content; or say why this server cannot have it."""
    content = b"".join(envelope.content_chunks)
    recipients = envelope.recipients
    sender = envelope.sender
    said = envelope.mail_parameters
    size = len(content)
    if offered.size and size > offered.size:
        return Reply(552, "5.3.4", _TOO_LARGE.format(size, offered.size))
    is_ascii = content.isascii()
    if not is_ascii and not offered.eight_bit:
        return _NO_8BIT
    if b"\0" in content or wire.has_bare_newline(content):
        return _BROKEN
    if content and content[-1] != 10:
        content += b"\r\n"
    if not recipients:
        return _NOBODY
    needs_utf8 = not sender.isascii() or (
        said is not None and said.smtputf8 and not is_ascii and not content.partition(b"\r\n\r\n")[0].isascii()
    )
    mail = f"MAIL FROM:<{sender}>"
    if offered.takes_size:
        mail += f" SIZE={size}"
    if not is_ascii:
        mail += " BODY=8BITMIME"
    if sender and (wrong := _unwritable(sender)):
        return Reply(553, "5.1.7", _BAD_SENDER.format(wrong))
    commands = [mail]
    for address, asked in recipients:
        if wrong := _unwritable(address):
            return Reply(553, "5.1.3", _BAD_RECIPIENT.format(wrong))
        needs_utf8 = needs_utf8 or not address.isascii()
        if asked is not None and offered.dsn:
            extra = parameters.write_rcpt(asked, utf8=needs_utf8 and offered.smtputf8)
            if extra is None:
                return _BAD_PARAMETER
            commands.append(f"RCPT TO:<{address}>{extra}\r\n")
        else:
            commands.append(f"RCPT TO:<{address}>\r\n")
    if needs_utf8:
        if not offered.smtputf8:
            return _NO_UTF8
        mail += " SMTPUTF8"
    if said is not None:
        extra = parameters.write_mail(said, dsn=offered.dsn, auth=bool(offered.auth))
        if extra is None:
            return _BAD_PARAMETER
        mail += extra
    commands[0] = mail + "\r\n"
    commands.append("DATA\r\n")
    return Transaction(envelope, wire.stuffed(content), commands)


def _unwritable(address: str) -> str:
    """Say why an address may not stand between angle brackets, or ""; the usual ones are seen through fast."""
    if address.isprintable() and " " not in address and "<" not in address and ">" not in address and address:
        return ""
    return paths.trouble(address)
