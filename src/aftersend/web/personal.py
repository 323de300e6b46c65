"""Turn a message with merge tags into a request: one that is made for each recipient, or one that is filled once for all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from aftersend import ids
from aftersend.clock import Instant
from aftersend.errors import BadField, BadFields, SubmissionError
from aftersend.intake import Origin, Recipient, Request
from aftersend.mail import address, dates, merge, mime, tags
from aftersend.mail.address import Mailbox
from aftersend.mail.compiled import Compiled
from aftersend.mail.tracked import Tracker
from aftersend.web import filling, reading
from aftersend.web.calls import Call
from aftersend.web.shapes import MessageIn, RecipientIn

DATA_MOST = 16 * 1024
"""Octets of one recipient's data, as JSON."""


class Broadcast(NamedTuple):
    """The broadcast of a message, and the header lines that only we write for it."""

    id: int
    header: bytes


class Given(NamedTuple):
    """What has been checked already."""

    origin: Origin
    sender: Mailbox | None
    reply_to: Sequence[Mailbox]
    attachments: Sequence[mime.Attachment]
    send_at: Instant | None
    idempotency_key: str | None
    broadcast: Broadcast | None = None


def request(call: Call, asked: MessageIn, given: Given, wrong: list[BadField]) -> Request:
    """Return the request of a message that is made for each recipient. Raise BadFields that names every fault."""
    for name in ("to", "cc", "bcc"):
        if getattr(asked, name):
            others = "recipients" if given.broadcast is None else "an audience"
            why = f"Give either {others} or {name}: each recipient gets a copy of his own."
            wrong.append(BadField(f"#/{name}", why))
    mailboxes = _mailboxes(asked.recipients, wrong)
    if wrong or given.sender is None:
        raise BadFields(wrong[: reading.FAULTS_MOST])
    tracker = _tracker(call, asked)
    compiled = _compiled(call, asked, given, given.sender, tracker)
    if given.broadcast is not None:
        compiled = compiled.prefixed(given.broadcast.header)
    personal, size = _personal(compiled, mailboxes, asked, wrong)
    if wrong:
        raise BadFields(wrong[: reading.FAULTS_MOST])
    compiled = compiled.sized(size)
    return Request(
        given.origin,
        str(given.sender.address),
        [Recipient(str(each.address), each.address.folded, each.address.domain) for each in mailboxes],
        compiled.shown()[0] + b"\r\n",
        stream=asked.stream,
        tags=asked.tags or None,
        metadata=asked.metadata or None,
        send_at=given.send_at,
        idempotency_key=given.idempotency_key,
        track=track_of(asked),
        smtputf8=True,
        options={"sandbox": True} if asked.sandbox else {},
        compiled=compiled,
        personal=personal,
        tracker=tracker,
        fingerprint=hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).digest(),
        broadcast_id=None if given.broadcast is None else given.broadcast.id,
    )


def track_of(asked: MessageIn) -> dict[str, Any] | None:
    """Return what the message itself says of tracking; None for nothing."""
    said = {name: getattr(asked.track, name, None) for name in ("mode", "opens", "clicks")}
    return {name: value for name, value in said.items() if value is not None} or None


def _tracker(call: Call, asked: MessageIn) -> Tracker | None:
    return call.desk.intake.tracking.tracker(call.account_id, asked.stream or "transactional", track_of(asked))


def _compiled(call: Call, asked: MessageIn, given: Given, sender: Mailbox, tracker: Tracker | None) -> Compiled:
    desk = call.desk
    draft = merge.Draft(
        sender,
        asked.subject,
        f"<{ids.encode(desk.ids())}@{desk.rules.hostname}>",
        dates.rfc5322(desk.clock()),
        given.reply_to,
        asked.text,
        asked.html,
        given.attachments,
        asked.headers,
    )
    try:
        return merge.compile_draft(draft, None if tracker is None else tracker.rewrite)
    except BadField as error:
        raise BadFields([error]) from None


def _mailboxes(given: Sequence[RecipientIn], wrong: list[BadField]) -> list[Mailbox]:
    """Return the recipients in their order. Nobody may be named twice, since only one of the copies could be his."""
    found: list[Mailbox] = []
    seen: set[str] = set()
    for i, each in enumerate(given):
        pointer = f"#/recipients/{i}/to"
        try:
            mailbox = address.parse_mailbox(each.to, pointer=pointer)
        except BadField as error:
            wrong.append(error)
            continue
        found.append(mailbox)
        if mailbox.address.folded in seen:
            why = f"{mailbox.address} is named twice; leave one."
            wrong.append(BadField(pointer, why, code="duplicate-recipient"))
        seen.add(mailbox.address.folded)
    return found


def _personal(
    compiled: Compiled, mailboxes: Sequence[Mailbox], asked: MessageIn, wrong: list[BadField]
) -> tuple[list[str], int]:
    """Return each recipient's data as it is kept, and how large the largest copy is, about; note what is missing."""
    size = compiled.size
    common = asked.data or {}
    if any(name.startswith("_") for name in common):
        wrong.append(BadField("#/data", OURS))
    kept: list[str] = []
    for i, (mailbox, each) in enumerate(zip(mailboxes, asked.recipients, strict=True)):
        pointer = f"#/recipients/{i}/data"
        if any(name.startswith("_") for name in each.data):
            wrong.append(BadField(pointer, OURS))
        data = {**common, **each.data} if common else each.data
        missing = compiled.missing(data)
        if missing is not None:
            why = tags.Undefined(missing).detail
            wrong.append(BadField(f"{pointer}/{reading.escaped(missing)}", why, code="undefined-tag"))
        size = max(size, compiled.size_for(data))
        if mailbox.name:
            data = {**data, merge.NAME: mailbox.name}
        said = msgspec.json.encode(data)
        if len(said) > DATA_MOST:
            wrong.append(BadField(pointer, f"The data of a recipient has {DATA_MOST} octets at most."))
        kept.append(said.decode())
        if len(wrong) >= reading.FAULTS_MOST:
            break
    return kept, size


OURS = "Names that begin with an underscore are ours; choose others."


async def filled(asked: MessageIn, wrong: list[BadField], *, keeps: Iterable[str] = ()) -> MessageIn:
    """Return the message with its merge tags filled from `data`, the same for all recipients; note what is wrong.

    Those that `keeps` names stay as they are.
    """
    data: dict[str, Any] = {**{name: f"{{{{ {name} }}}}" for name in keeps}, **(asked.data or {})}
    made: dict[str, str] = {}
    for name in ("subject", "text", "html"):
        source = getattr(asked, name)
        if source is None:
            continue
        try:
            tags.check(source, f"#/{name}")
            made[name] = await filling.filled(source, data, is_html=name == "html")
        except BadField as error:
            wrong.append(error)
        except SubmissionError as error:
            wrong.append(BadField(f"#/{name}", error.detail, code=error.code))
    return msgspec.structs.replace(asked, **made)
