"""Turn what a client sends into a request to the intake: JSON into a message, a whole message with its envelope.

Checks everything that can be checked here, so that all faults are named in one answer.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from typing import Any

from aftersend import ids
from aftersend.clock import Instant
from aftersend.errors import BadField, BadFields
from aftersend.intake import Origin, Recipient, Request
from aftersend.mail import address, dates, headers, mime, words
from aftersend.mail.address import Mailbox
from aftersend.mail.tracked import URL_TAGS
from aftersend.web import personal, reading
from aftersend.web.calls import Call
from aftersend.web.shapes import AttachmentIn, Mailboxes, MessageIn, RecipientIn

BATCH_MOST = 1000


async def from_json(
    call: Call,
    found: Any,
    *,
    idempotency_key: str | None,
    recipients: Sequence[RecipientIn] = (),
    broadcast: personal.Broadcast | None = None,
) -> Request:
    """Return the request that a JSON object describes, for other `recipients` if any are given; for a broadcast without any.

    Raise BadFields that names every fault.
    """
    asked, wrong = reading.convert_all(found, MessageIn)
    if recipients:
        asked.recipients = list(recipients)
    check = _Check(wrong)
    sender = check.mailbox(asked.from_, "from")
    to, cc, bcc = (
        check.mailboxes(value, name) for name, value in (("to", asked.to), ("cc", asked.cc), ("bcc", asked.bcc))
    )
    reply_to = check.mailboxes(asked.reply_to, "reply_to")
    named = _recipients([mailbox.address for mailbox in (*to, *cc, *bcc)])
    if not asked.recipients and broadcast is None:
        check.recipients(named, call.desk.rules.max_recipients)
    check.subject(asked.subject)
    check.headers(asked.headers)
    check.content(asked)
    attachments = check.attachments(asked.attachments)
    check.stream(asked.stream, call)
    send_at = check.moment(asked.scheduled_at)
    if asked.recipients or broadcast is not None:
        given = personal.Given(origin_of(call), sender, reply_to, attachments, send_at, idempotency_key, broadcast)
        return personal.request(call, asked, given, wrong)
    if asked.data is not None and not check.has_fault("recipients"):
        asked = await personal.filled(asked, wrong, keeps=URL_TAGS if call.desk.intake.tracking.url else ())
    content = b""
    if sender is not None and not wrong:
        draft = mime.Draft(sender, to, cc, reply_to, asked.subject, asked.text, asked.html, attachments, asked.headers)
        desk = call.desk
        with check:
            content = mime.write(
                draft,
                message_id=f"<{ids.encode(desk.ids())}@{desk.rules.hostname}>",
                date=dates.rfc5322(desk.clock()),
            )
    if wrong or sender is None:
        raise BadFields(wrong[: reading.FAULTS_MOST])
    return Request(
        origin_of(call),
        str(sender.address),
        named,
        content,
        stream=asked.stream,
        tags=asked.tags or None,
        metadata=asked.metadata or None,
        send_at=send_at,
        idempotency_key=idempotency_key,
        track=personal.track_of(asked),
        smtputf8=True,
        options={"sandbox": True} if asked.sandbox else {},
    )


def from_mime(call: Call, *, idempotency_key: str | None) -> Request:
    """Return the request for a whole message, whose envelope stands behind the question mark: `?from=…&to=…&to=…`.

    Lines may end with LF; they are written as CRLF. Raise BadFields that names every fault.
    """
    wrong: list[BadField] = []
    check = _Check(wrong)
    named: dict[str, list[str]] = {"from": [], "to": []}
    for name, value in call.query():
        if name in named:
            named[name].append(value)
        else:
            wrong.append(
                BadField(
                    f"#/{reading.escaped(name)}",
                    f"{name[:60]!r} is not known here; there are from and to. Headers of the message say the rest.",
                    code="unknown-field",
                )
            )
    if len(named["from"]) != 1:
        wrong.append(
            BadField("#/from", "Give the envelope's sender once: ?from=shop@example.com", code="missing-field")
        )
    sender = check.address(named["from"][0], "#/from") if len(named["from"]) == 1 and named["from"][0] else None
    # RFC 5321 §4.5.5: the null sender, for messages that must not be answered by a bounce.
    is_null = named["from"] == [""]
    found = [check.address(text, f"#/to/{i}") for i, text in enumerate(named["to"])]
    recipients = _recipients([each for each in found if each is not None])
    check.recipients(recipients, call.desk.rules.max_recipients)
    content = call.body
    if not content.strip():
        wrong.append(BadField("#", "The body is empty; it should be the message.", code="no-content"))
    elif b"\0" in content or content.count(b"\r") != content.count(b"\r\n"):
        wrong.append(
            BadField(
                "#",
                "The message has a NUL, or a CR that is not followed by LF; send it as it was made.",
                code="line-endings",
            )
        )
    if wrong or (sender is None and not is_null):
        raise BadFields(wrong[: reading.FAULTS_MOST])
    content = headers.with_crlf(content)
    if not content.endswith(b"\r\n"):
        content += b"\r\n"
    return Request(
        origin_of(call),
        str(sender) if sender else "",
        recipients,
        content,
        idempotency_key=idempotency_key,
        smtputf8=True,
    )


def origin_of(call: Call) -> Origin:
    """Say who hands a message in."""
    return Origin(
        call.account_id,
        "http",
        call.peer,
        tls="TLS" if call.origin.startswith("https") else "",
        key_id=call.key.id,
        user=call.key.name,
    )


def _recipients(addresses: Iterable[address.Address]) -> list[Recipient]:
    """One recipient for each mailbox, however often and in whatever spelling it is named."""
    found: dict[str, Recipient] = {}
    for each in addresses:
        found.setdefault(each.folded, Recipient(str(each), each.folded, each.domain))
    return list(found.values())


class _Check:
    """Checks one field after the other and gathers what is wrong; leaves alone what has a fault already."""

    def __init__(self, wrong: list[BadField]) -> None:
        self._wrong = wrong
        self._bad = {field.pointer.split("/")[1] for field in wrong if field.pointer.count("/")}

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        if isinstance(error, BadFields):
            self._wrong += error.fields
        elif isinstance(error, BadField):
            self._wrong.append(error)
        return isinstance(error, BadField | BadFields)

    def has_fault(self, name: str) -> bool:
        """Tell whether a field could not be read at all, so that nothing more is to be said about it."""
        return name in self._bad

    def address(self, text: str, pointer: str) -> address.Address | None:
        with self:
            return address.parse(text.strip().removeprefix("<").removesuffix(">"), pointer=pointer)
        return None

    def mailbox(self, text: str, name: str) -> Mailbox | None:
        if not self.has_fault(name):
            with self:
                return address.parse_mailbox(text, pointer=f"#/{name}")
        return None

    def mailboxes(self, given: Mailboxes, name: str) -> list[Mailbox]:
        found: list[Mailbox] = []
        if self.has_fault(name):
            return found
        if isinstance(given, str):
            with self:
                found += address.parse_mailboxes(given, pointer=f"#/{name}")
            return found
        for i, text in enumerate(given):
            with self:
                found.append(address.parse_mailbox(text, pointer=f"#/{name}/{i}"))
        return found

    def recipients(self, found: Sequence[Recipient], most: int) -> None:
        named = ("#/to", "#/cc", "#/bcc", "#/recipients")
        if not found and not any(field.pointer.startswith(named) for field in self._wrong):
            self._wrong.append(BadField("#/to", "Name at least one recipient.", code="no-recipient"))
        if len(found) > most:
            self._wrong.append(
                BadField(
                    "#/to",
                    f"The message goes to {len(found)} recipients; {most} are allowed. Send several messages.",
                    code="too-many-recipients",
                )
            )

    def subject(self, subject: str) -> None:
        hidden = words.trouble(subject)
        if hidden:
            self._wrong.append(
                BadField("#/subject", f"The subject contains {hidden}; remove it.", code="invalid-subject")
            )

    def headers(self, given: dict[str, str]) -> None:
        for name, value in given.items():
            with self:
                headers.check_value(headers.check_name(name), value)

    def content(self, asked: MessageIn) -> None:
        if any(self.has_fault(name) for name in ("text", "html", "attachments")):
            return
        if asked.text is None and asked.html is None and not asked.attachments:
            self._wrong.append(
                BadField("#/text", "The message is empty: give text, html or an attachment.", code="no-content")
            )

    def attachments(self, given: Sequence[AttachmentIn]) -> list[mime.Attachment]:
        found = []
        for i, each in enumerate(given):
            try:
                content = base64.b64decode("".join(each.content.split()), validate=True)
            except (binascii.Error, ValueError):
                self._wrong.append(
                    BadField(
                        f"#/attachments/{i}/content",
                        "This is not base64; encode the file's bytes as RFC 4648 says.",
                        code="invalid-attachment",
                    )
                )
            else:
                found.append(
                    mime.Attachment(
                        each.filename, content, each.content_type or "application/octet-stream", each.content_id
                    )
                )
        return found

    def stream(self, name: str | None, call: Call) -> None:
        known = sorted(stream for account_id, stream in call.desk.intake.streams if account_id == call.account_id)
        if name is not None and name not in known:
            self._wrong.append(
                BadField(
                    "#/stream",
                    f"There is no stream {name[:60]!r}; the account has {', '.join(known)}.",
                    code="unknown-stream",
                )
            )

    def moment(self, text: str | None) -> Instant | None:
        if text is None or self.has_fault("scheduled_at"):
            return None
        try:
            return dates.read(text)
        except (ValueError, OverflowError):
            self._wrong.append(
                BadField(
                    "#/scheduled_at", f"{text[:40]!r} is not a time; write 2026-12-01T09:00:00Z.", code="invalid-time"
                )
            )
            return None
