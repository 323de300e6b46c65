"""Say what a returned mail means for the delivery that it is about. Pure: the mail has been read, the delivery found.

Owns which recipient of a report is ours, which facts follow, and the keys by which a second copy is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from aftersend.clock import Instant
from aftersend.ledger.events import key_of
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Category, Reason
from aftersend.ledger.standing import Heard, Judge
from aftersend.ledger.vocabularies.bounces import counted
from aftersend.mail import address
from aftersend.mail.returned import decoded_header, read_mail
from aftersend.policy import suppression
from aftersend.policy.counters import SuppressionRules
from aftersend.policy.diagnosis import Action, Diagnosis, Report, Suppress, diagnose_mail
from aftersend.policy.outcomes import final_fact
from aftersend.store import record
from aftersend.store.returned import Subject

RAW_KEPT = 32 * 1024
"""So much of the mail is kept with the event; retention takes it away again."""
SAID_MOST = 1000
_BOUNCES = frozenset({Fact.BOUNCED, Fact.BOUNCED_INVALID, Fact.REJECTED_AS_SPAM})


@dataclass(frozen=True, slots=True)
class Read:
    """A returned mail as it was understood."""

    report: Report
    subject: str
    author: str
    """Who wrote it, by its own word."""
    identity: str
    """Its own Message-ID."""
    raw: bytes
    peer: str


def read(raw: bytes, peer: str) -> Read:
    """Understand a returned mail. Never raises; costs a fixed multiple of the size, which is bounded."""
    headers = read_mail(raw[:RAW_KEPT]).headers
    return Read(
        diagnose_mail(raw),
        _line(headers.get("subject", ""))[:400],
        _line(headers.get("from", ""))[:320],
        headers.get("message-id", "")[:300].strip(),
        raw,
        peer,
    )


def _line(field: str) -> str:
    """Return a header as one line that every database, terminal and page can take, whatever was encoded in it."""
    decoded = decoded_header(field)
    return (
        decoded if decoded.isprintable() else " ".join("".join(c if c.isprintable() else " " for c in decoded).split())
    )


# ---- whose it is ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shares:
    """How the findings of a report are shared out."""

    own: Diagnosis | None
    """What it says of the delivery that it was sent about; None if it says nothing of it."""
    others: tuple[tuple[str, Diagnosis], ...] = ()
    """What it says of other addresses, folded."""
    fits: bool = True
    """False if neither the recipient nor the message that it names is the one."""


_MILDEST = (Action.DELIVERED, Action.DELAYED, Action.AUTOREPLY, Action.NOT_A_BOUNCE, Action.FEEDBACK, Action.FAILED)


def share_out(report: Report, subject: Subject) -> Shares:
    """Find what a report says of our recipient, and of others that it names.

    A single recipient whom we do not know is ours behind a forwarding. Of several, the mildest counts: some member of
    what stood behind the address has got it.
    """
    each = report.per_recipient or (report.whole,)
    named = [(folded(name), one) for one in each for name in one.recipients]
    if not named:
        return Shares(min(each, key=_severity))
    own = [one for name, one in named if name == subject.folded]
    others = tuple((name, one) for name, one in named if name != subject.folded)
    if own:
        return Shares(min(own, key=_severity), others)
    quoted = report.original_message_id
    if quoted and quoted != subject.rfc_message_id.strip("<> "):
        return Shares(None, (), fits=False)
    return Shares(min((one for _, one in named), key=_severity), others if len(named) > 1 else ())


def _severity(one: Diagnosis) -> tuple[int, bool, bool]:
    return _MILDEST.index(one.action), one.category is Category.HARD, one.suppress is Suppress.NOW


def folded(name: str) -> str:
    """Return an address as the store compares it; as it is where it cannot be read."""
    try:
        return address.parse(name).folded
    except ValueError:
        return name.lower()


# ---- what follows --------------------------------------------------------------------------------------------------

_FACTS = {
    Action.DELAYED: Fact.DELAYED,
    Action.DELIVERED: Fact.DELIVERED,
    Action.FEEDBACK: Fact.COMPLAINED,
    Action.AUTOREPLY: Fact.AUTO_REPLIED,
}
_KINDS = {Action.FEEDBACK: "arf", Action.AUTOREPLY: "answer"}


def fact_of(one: Diagnosis) -> Fact | None:
    """Return the fact that a finding establishes; None for what is no news of a delivery."""
    if one.action is Action.FAILED:
        return final_fact(one.reason, one.detail)
    if one.action is Action.DELIVERED and one.detail == "relayed":
        return Fact.RELAYED
    return _FACTS.get(one.action)


def step_for(
    subject: Subject,
    one: Diagnosis,
    mail: Read,
    *,
    occurred: Instant,
    now: Instant,
    rules: SuppressionRules,
    is_second_hand: bool = False,
    is_leap: bool = False,
) -> record.Step | None:
    """Say what is to be recorded for one finding about a delivery; None if it establishes nothing.

    The key follows from what is said, so that the same news again is the same event. Only of notes on the way may
    several be kept, told apart by the mail that brought them.
    """
    fact = fact_of(one)
    if fact is None:
        return None
    is_failure = fact in _BOUNCES
    is_passing = fact in (Fact.DELAYED, Fact.AUTO_REPLIED)
    place = (subject.account_id, subject.delivery_id)
    key = key_of(
        "returned", *place, fact.word, one.reason.value, one.detail, mail.identity if is_passing else one.status
    )
    said = _said(one, mail)
    event = record.event_row(
        *place, key, fact.word, int(fact), occurred, now,
        None if fact is Fact.DELIVERED else one.reason.value, one.detail, one.status or None,
        msgspec.json.encode(_evidence(one, mail, said)).decode(),
    )  # fmt: skip
    tells = is_failure or (fact is Fact.DELAYED and not subject.facts & Fact.DELIVERED.bit)
    return record.Step(
        *place, [event], fact.bit, now,
        reason=one.reason.value if tells else None,
        detail=one.detail if tells else None,
        said=said if tells else None,
        pairs=[counted(one.reason, one.detail, one.status).words] if is_failure else [],
        judge=None if is_second_hand else judge_of(fact, one, rules, is_leap=is_leap),
        is_leap=is_leap,
        site=f"@{subject.domain}",
        is_note=fact in (Fact.DELAYED, Fact.RELAYED),
    )  # fmt: skip


def judge_of(fact: Fact, one: Diagnosis, rules: SuppressionRules, *, is_leap: bool = False) -> Judge | None:
    """Say who decides what follows for the address; nobody where nothing can."""
    if fact is Fact.DELIVERED:
        return suppression.after_delivery
    if fact is Fact.COMPLAINED:
        return suppression.after_complaint
    if fact not in _BOUNCES:
        return None
    heard = Heard(
        Reason(one.reason), one.detail, one.status, is_weak=one.suppress is not Suppress.NOW,
        is_expiry=one.status.startswith("4."), is_leap=is_leap,
    )  # fmt: skip
    return partial(suppression.after_failure, heard, rules)


def _said(one: Diagnosis, mail: Read) -> str:
    return (" ".join(one.evidence) or mail.subject)[:SAID_MOST]


def _evidence(one: Diagnosis, mail: Read, said: str) -> dict[str, Any]:
    fields = mail.report.fields
    host = fields.get("reporting-mta", "").partition(";")[2].strip() or mail.author.rpartition("@")[2].strip("<> ")
    told = {
        "kind": _KINDS.get(one.action, "dsn"),
        "host": host[:255],
        "status": one.status,
        "text": said,
        "from": mail.author,
        "subject": mail.subject,
        "peer": mail.peer,
        "feedback_type": fields.get("feedback-type", "")[:60],
        "message_id": mail.identity,
        "raw": mail.raw[:RAW_KEPT].decode("utf-8", "backslashreplace").replace("\0", "\\0"),
    }
    return {name: value for name, value in told.items() if value}
