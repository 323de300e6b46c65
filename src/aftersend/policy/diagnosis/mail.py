"""Turn a mail that came to a return address into a Report: what it is, whom it is about, and why.

Looks in this order: feedback report, delivery status notification, read receipt, notice in prose, automatic answer;
what is none of these is not a bounce, and is never guessed to be one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from aftersend.ledger.reasons import Reason
from aftersend.mail.returned import Mail, Part, decoded_header, forget_heads, read_fields, read_mail
from aftersend.policy.diagnosis import feedback, machines, prose, readings, reports
from aftersend.policy.diagnosis.findings import Action, Diagnosis, finding
from aftersend.policy.diagnosis.replies import diagnose_words

_RECEIPT_MEDIA = frozenset({"message/disposition-notification", "message/global-disposition-notification"})
_RETURNED_MEDIA = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "message/rfc822-headers"}
)
_FIELDS_IN_TEXT = re.compile(r"^[ \t>]*Final-Recipient[ \t]*:", re.MULTILINE | re.IGNORECASE)
_BARE_NAME = re.compile(r"recipients?\b[^\n]*:[ \t]*\n\s*([\w.+-]{2,64})[ \t]*(?:\n|\Z)")
_TELLING_SUBJECT = re.compile(r"\s*(?:returned mail|delivery failure|mail failure|mail error|warning)\b", re.IGNORECASE)
"""Subjects that go on with the cause; others go on with the subject of the message."""
_WANTED = re.compile(
    r"\n([tT][oO]|[fF](?i:rom)|[rR](?i:eturn-path)|[sS](?i:ender)|[xX]-(?i:[a-z-]*recipient))[ \t]*:[ \t]*(.*(?:\n[ \t].*)*)"
)
"""The first letters stand by themselves, by which most lines are passed over faster."""
_MESSAGE_ID = re.compile(r"\s*<([^<>\s]{3,300})>")
_QUOTED_HEADER_LIMIT = 16_000
_WORDY_PARTS = 4
_WITHOUT_RECIPIENTS = (Action.AUTOREPLY, Action.NOT_A_BOUNCE)
_GRAVEST_FIRST = (Action.FAILED, Action.DELAYED, Action.DELIVERED)
_WRAPPINGS = 2
"""How often gateways may have wrapped a report into another mail."""


class Report(NamedTuple):
    """What a returned mail says: one Diagnosis for the whole, and one for each recipient that it names."""

    kind: str
    """feedback_report, delivery_status, notice, answer, receipt, other; or reply, for what was no mail."""
    whole: Diagnosis
    per_recipient: tuple[Diagnosis, ...] = ()
    original_message_id: str = ""
    """Message-ID of the message that it is about, without brackets, if it is quoted."""
    fields: Mapping[str, str] = MappingProxyType({})
    """Fields of the report about the message (original-envelope-id, arrival-date, feedback-type …), names lower case."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as the interfaces print it, without the id that the caller knows.

        Trouble whose recipient is not named has one entry under `per_recipient` all the same, with null for the address:
        it is there that the advice stands.
        """
        whole = self.whole
        each = self.per_recipient or (whole.each() if whole.action not in _WITHOUT_RECIPIENTS else ())
        return {
            "action": whole.action.value,
            "category": whole.category.value,
            "reason": whole.reason.value,
            "detail": whole.detail,
            "status": whole.status,
            "recipients": list(whole.recipients),
            "sentence": whole.sentence,
            "per_recipient": [one.to_json() for one in each],
        }


def as_report(found: Diagnosis) -> Report:
    """Return the diagnosis of a reply, or of a text, in the form of a report."""
    return Report("reply", found)


def diagnose_mail(raw: bytes) -> Report:
    """Say what a returned mail means. Never raises, whatever the bytes; linear in their number, and bounded."""
    return _diagnose(_Incoming(read_mail(raw, machines.headers_read())), _WRAPPINGS)


T = TypeVar("T")


def forget() -> None:
    """Forget what was remembered of texts already read, as a measurement wants it; single words stay known."""
    machines.forget()
    readings.forget()
    forget_heads()


class _Once(Generic[T]):
    """A property computed when first asked for; functools' own takes a lock on Python 3.11, which costs more than most do."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, instance: object, owner: type) -> T:
        value = instance.__dict__[self._name] = self._compute(instance)
        return value


class _Incoming:
    """A mail and what is to be read from it, each when it is first asked for: most mails answer early."""

    def __init__(self, mail: Mail) -> None:
        self.mail = mail

    @_Once
    def text(self) -> str:
        """The words for people: those before the message returned, unless there are none."""
        words: list[str] = []
        html: list[Part] = []
        for part in self.mail.parts:
            if part.media == "text/html":
                html.append(part)
            elif part.media.startswith("text/") and part.media not in _RETURNED_MEDIA and len(words) < _WORDY_PARTS:
                words.append(part.text())
            elif words:
                break
        text = words[0] if len(words) == 1 else "\n".join(words)
        return text if not html or text.strip() else html[0].text()

    @_Once
    def notice(self) -> prose.Notice:
        return prose.split_notice(self.text)

    @_Once
    def quoted(self) -> dict[str, str]:
        """Who wrote the message returned, and to whom: by a part of its own or below the notice."""
        return {name.lower(): value for name, value in reversed(_WANTED.findall(self.head))}

    @_Once
    def head(self) -> str:
        """The header fields of the message returned, behind an end of line, as they stand in a part or below the notice."""
        part = self.returned
        return "\n" + (part.head() if part else self.notice.quoted[:_QUOTED_HEADER_LIMIT])

    @_Once
    def returned(self) -> Part | None:
        for part in self.mail.parts:
            if part.media in _RETURNED_MEDIA:
                return part
        return None

    @_Once
    def said(self) -> list[prose.Said]:
        """The recipients that the notice names, and what it says of each."""
        words = self.notice.words
        return prose.recipients_said(words, self.own) if "@" in words else []

    @_Once
    def said_of(self) -> dict[str, str]:
        return {one.recipient: one.text for one in self.said}

    @_Once
    def own(self) -> frozenset[str]:
        """The addresses of those who sent the message and the notice, which are not those of its recipients."""
        headers, quoted = self.mail.headers, self.quoted
        values = [headers.get(name, "") for name in ("to", "from", "return-path", "sender", "reply-to")]
        values += [quoted.get(name, "") for name in ("from", "return-path", "sender")]
        return frozenset(prose.addresses("\n".join(values))).difference(self.original_recipients)

    @_Once
    def failed_recipients(self) -> tuple[str, ...]:
        return tuple(prose.addresses(self.mail.headers.get("x-failed-recipients", ""))[: prose.RECIPIENT_LIMIT])

    @_Once
    def original_recipients(self) -> tuple[str, ...]:
        return tuple(prose.addresses(self.quoted.get("to", ""))[: prose.RECIPIENT_LIMIT])

    @property
    def message_id(self) -> str:
        """The Message-ID of the message returned, without brackets, or ""."""
        head = self.head
        at = head.find("\nMessage-I")
        if at < 0 or head[at + 11 : at + 12] != ":":
            at = head.lower().find("\nmessage-id:")
        found = _MESSAGE_ID.match(head, at + 12) if at >= 0 else None
        return found[1] if found else ""


def _diagnose(incoming: _Incoming, wrappings: int) -> Report:
    mail = incoming.mail
    media = [part.media for part in mail.parts]
    if "message/feedback-report" in media:
        return _complaint(incoming, mail.parts[media.index("message/feedback-report")].text())
    for part in mail.parts:
        if "delivery" in part.media and "status" in part.media and part.media.startswith("message/"):
            status = reports.read_report(part.text())
            if status.recipients:
                return _from_status(incoming, status)
    if wrappings and (wrapped := _wrapped_report(mail)):
        return _diagnose(_Incoming(read_mail(wrapped, machines.headers_read())), wrappings - 1)
    if not _RECEIPT_MEDIA.isdisjoint(media):
        return _receipt(incoming)
    if recipient := feedback.plain_copy_of(mail.headers, incoming.quoted if incoming.returned else {}):
        whole = finding(Action.FEEDBACK, Reason.COMPLAINT, recipients=(recipient,))
        return Report("feedback_report", whole, (), incoming.message_id)
    if "recipient:" in incoming.text and _FIELDS_IN_TEXT.search(incoming.text) and machines.is_from_daemon(mail):
        status = reports.read_report(incoming.text)
        if status.recipients:
            return _from_status(incoming, status)
    return _from_prose(incoming)


# --- complaints and receipts ------------------------------------------------------------------------------------


def _wrapped_report(mail: Mail) -> bytes:
    """Return the report that a gateway on its way has wrapped into another mail, or nothing."""
    first = mail.parts[0] if mail.parts else None
    if first is None or first.media != "message/rfc822" or not machines.is_from_daemon(mail):
        return b""
    return first.content if b"delivery-status" in first.content[:8_000].lower() else b""


def _complaint(incoming: _Incoming, text: str) -> Report:
    fields = read_fields(text)
    action, reason, detail = feedback.meaning_of(fields)
    recipients = feedback.recipients_of(fields, incoming.quoted) if action is Action.FEEDBACK else ()
    evidence = ("Feedback-Type: " + fields.get("feedback-type", "")[:80],)
    whole = finding(action, reason, detail, recipients=recipients, evidence=evidence)
    return Report("feedback_report", whole, (), incoming.message_id, fields)


def _receipt(incoming: _Incoming) -> Report:
    """A receipt is no failure, but some delivery agents dress a refusal as one."""
    if "rejected" in incoming.text.lower() and machines.is_from_daemon(incoming.mail):
        return _from_prose(incoming)
    return Report("receipt", finding(Action.NOT_A_BOUNCE, Reason.NOT_A_BOUNCE))


# --- delivery status notifications ------------------------------------------------------------------------------


def _from_status(incoming: _Incoming, status: reports.StatusReport) -> Report:
    is_single = len(status.recipients) == 1
    each = []
    for entry in status.recipients:
        recipient = entry.recipient or (_unnamed(incoming) if is_single else "")
        one = diagnose_words(
            reports.words_of(entry.diagnostic),
            lambda entry=entry: _beside(incoming, entry, is_single),  # type: ignore[misc]
            action=entry.action,
            status=entry.status,
            recipients=(recipient,) if recipient else (),
        )
        if entry.said_action in ("relayed", "expanded"):
            one = one._replace(detail=entry.said_action)
        each.append(one)
    return _summed("delivery_status", each, incoming.message_id, status.fields)


def _unnamed(incoming: _Incoming) -> str:
    """Return the recipient that the fields fail to name, from the words, or from the message returned."""
    named = (*(one.recipient for one in incoming.said), *incoming.failed_recipients, *incoming.original_recipients)
    return next(iter(named), "")


def _beside(incoming: _Incoming, entry: reports.RecipientReport, is_single: bool) -> str:
    """Return what the notice for people says of the recipient of an entry."""
    if is_single:
        return incoming.notice.words
    said = incoming.said_of
    return said.get(entry.recipient) or said.get(entry.final) or ("" if said else incoming.notice.words)


def _summed(kind: str, each: list[Diagnosis], message_id: str, fields: dict[str, str]) -> Report:
    """Sum up: the whole failed if it failed for one, is delayed if it is for one, else was delivered."""
    if len(each) == 1:
        return Report(kind, each[0], (each[0],), message_id, fields)
    whole = next(one for action in _GRAVEST_FIRST for one in each if one.action is action)
    trouble = [one for one in each if one.action is not Action.DELIVERED] or each
    return Report(kind, whole.of(_once(trouble)), tuple(each), message_id, fields)


def _once(each: Iterable[Diagnosis]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(recipient for one in each for recipient in one.recipients))


# --- prose ------------------------------------------------------------------------------------------------------


def _from_prose(incoming: _Incoming) -> Report:
    kind = machines.kind_of(incoming.mail, incoming.notice.words)
    if kind in ("failed", "delayed"):
        return _notice(incoming, Action(kind))
    if kind in ("autoreply", "challenge"):
        detail = "challenge_response" if kind == "challenge" else None
        return Report("answer", finding(Action.AUTOREPLY, Reason.AUTO_REPLY, detail))
    return Report("other", finding(Action.NOT_A_BOUNCE, Reason.NOT_A_BOUNCE))


def _notice(incoming: _Incoming, action: Action) -> Report:
    words = incoming.notice.words
    subject = decoded_header(incoming.mail.headers.get("subject", ""))
    subject = subject if _TELLING_SUBJECT.match(subject) else ""
    each = [
        diagnose_words(
            one.text,
            lambda: words,
            action=action,
            subject=subject,
            recipients=(one.recipient,) if one.recipient else (),
            is_named=bool(one.recipient),
        )
        for one in _said_of_each(incoming)
    ]
    if len(each) == 1 and not each[0].recipients and (guess := prose.only_address(words, incoming.own)):
        each = [each[0].of((guess,))]
    return _summed("notice", each, incoming.message_id, {})


def _said_of_each(incoming: _Incoming) -> list[prose.Said]:
    """Return the recipients of a notice: as its words name them, else its header, else the message returned."""
    words, said, failed = incoming.notice.words, incoming.said, incoming.failed_recipients
    if failed and len(failed) != len(said):
        return [prose.Said(name, incoming.said_of.get(name, words)) for name in failed]
    if said:
        return said
    return [prose.Said(_bare_name(incoming.mail, words) or next(iter(incoming.original_recipients), ""), words)]


def _bare_name(mail: Mail, words: str) -> str:
    """Return the recipient where a system names local parts only, on a line of their own, and the domain is its own."""
    found = _BARE_NAME.search(words)
    authors = prose.addresses(mail.headers.get("from", "")) if found else ()
    return f"{found[1]}@{authors[0].partition('@')[2]}".lower() if found and authors else ""
