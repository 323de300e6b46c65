"""Apply a returned mail that was read: find its delivery, write down what follows, keep for a person what nobody understands.

One transaction each, with the removal of the mail from what waits: it is applied once, whatever happens in between.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from aftersend.clock import DAY, Instant
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.mail import verp
from aftersend.mail.verp import Refusal
from aftersend.policy.breaker import Breaker
from aftersend.policy.counters import SuppressionRules
from aftersend.policy.diagnosis import Action, Diagnosis
from aftersend.returns import reading
from aftersend.returns.reading import Read, Shares
from aftersend.returns.tokens import Named, Place, of_address, quoted_in
from aftersend.store import doubts, record, returned
from aftersend.store.accounts import FIRST_ACCOUNT
from aftersend.store.connection import Connection
from aftersend.store.returned import Returned, Subject


class Came(StrEnum):
    """What became of a returned mail."""

    APPLIED = "applied"
    """It was understood, and what follows is written down, now or when it came the first time."""
    UNREAD = "unread"
    """It is kept for a person."""
    NOT_OURS = "not_ours"
    """It has no return path of ours in it, and is left alone."""
    REFUSED = "refused"
    """Its return path was altered, or is too old; it changes nothing."""
    GONE = "gone"
    """Another node has applied it."""


@dataclass(slots=True)
class Desk:
    """What applying needs beside the store."""

    place: Place
    rules: SuppressionRules
    breaker: Breaker
    clock: Callable[[], Instant]


NO_DELIVERY = "The mail that it is about is no longer kept here."
DOES_NOT_FIT = "It names another message, and another recipient, than the return path that it was sent to."
NO_REASON = "It says that the mail failed, and nothing says why. What is written down is: no reason known."
NOT_A_REPORT = "It is no report that we know: perhaps a person answered, or another machine."
FOR_FEEDBACK_ONLY = "It came to an address for complaints and is none."
_WHY = {
    "auth_failure_report": "A provider reports mail in your name that it could not verify; it is no complaint.",
    "not_spam": "Somebody took a complaint back; whether to write to them again is for you to say.",
}


def apply(connection: Connection, item: Returned, mail: Read, desk: Desk) -> Came:
    """Write down what follows from a mail that waited, once."""
    if not returned.take(connection, item.id):
        return Came.GONE
    return apply_found(connection, item, mail, desk)


def apply_found(connection: Connection, item: Returned, mail: Read, desk: Desk) -> Came:
    """Write down what follows from a mail, wherever it was found."""
    today = item.received_us // DAY
    named = of_address(item.recipient, desk.place, today) if item.recipient else None
    is_for_people = isinstance(named, str)
    if not isinstance(named, Named | Refusal):
        named = quoted_in(item.raw, desk.place, today) if mail.report.whole.action is not Action.NOT_A_BOUNCE else None
    if isinstance(named, Named):
        subject = returned.about(connection, named.delivery_id)
        if subject is not None:
            return _apply_to(connection, item, mail, desk, subject, named.purpose)
        return _aside(connection, item, mail, NO_DELIVERY)
    if is_for_people:
        return _aside(connection, item, mail, f"It was sent to {item.recipient}.")
    return Came.REFUSED if isinstance(named, Refusal) else Came.NOT_OURS


def _apply_to(connection: Connection, item: Returned, mail: Read, desk: Desk, subject: Subject, purpose: str) -> Came:
    whole = mail.report.whole
    if whole.action is Action.NOT_A_BOUNCE:
        return _aside(connection, item, mail, _WHY.get(whole.detail or "", NOT_A_REPORT), subject)
    if purpose == verp.FEEDBACK and whole.action is not Action.FEEDBACK:
        return _aside(connection, item, mail, FOR_FEEDBACK_ONLY, subject)
    shares = _own(mail, subject)
    if not shares.fits:
        return _aside(connection, item, mail, DOES_NOT_FIT, subject)
    steps = []
    if shares.own is not None:
        steps.append(_step(connection, desk, subject, shares.own, mail, item))
    for address, one in shares.others:
        other = _speaks_for(connection, subject, address)
        if other is not None:
            steps.append(_step(connection, desk, other, one, mail, item, is_second_hand=True))
    record.steps(connection, [step for step in steps if step is not None])
    if shares.own is not None and shares.own.action is Action.FAILED and shares.own.reason is Reason.GENERAL_ERROR:
        return _aside(connection, item, mail, NO_REASON, subject)
    return Came.APPLIED


def _own(mail: Read, subject: Subject) -> Shares:
    """A complaint or an automatic answer is about whoever the return path names, whatever it says of itself."""
    if mail.report.whole.action in (Action.FEEDBACK, Action.AUTOREPLY):
        return Shares(mail.report.whole)
    return reading.share_out(mail.report, subject)


def _step(
    connection: Connection,
    desk: Desk,
    subject: Subject,
    one: Diagnosis,
    mail: Read,
    item: Returned,
    *,
    is_second_hand: bool = False,
) -> record.Step | None:
    now = desk.clock()
    provider = f"@{subject.domain}"
    if not is_second_hand and one.action is Action.DELIVERED:
        desk.breaker.accepted(provider, now)
    elif (
        not is_second_hand
        and one.action is Action.FAILED
        and desk.breaker.refused(provider, now, is_denial=one.reason is Reason.INVALID_RECIPIENT)
    ):
        doubts.note(connection, provider, until=desk.breaker.doubted_until(provider), now=now)
    return reading.step_for(
        subject, one, mail, occurred=item.received_us, now=now, rules=desk.rules, is_second_hand=is_second_hand,
        is_leap=desk.breaker.is_leap(provider, now),
    )  # fmt: skip


def _speaks_for(connection: Connection, subject: Subject, folded: str) -> Subject | None:
    """Return another recipient of the same message, if who reports about ours may speak of that one too: a server of the
    same domain, or the relay that had both."""
    other = returned.sibling(connection, subject, folded)
    if other is None:
        return None
    are_relayed = bool(other.facts & subject.facts & Fact.RELAYED.bit)
    return other if other.domain == subject.domain or are_relayed else None


def _aside(connection: Connection, item: Returned, mail: Read, why: str, subject: Subject | None = None) -> Came:
    account_id = FIRST_ACCOUNT if subject is None else subject.account_id
    delivery_id = None if subject is None else subject.delivery_id
    returned.put_aside(connection, account_id, item, why=why, subject=mail.subject, delivery_id=delivery_id)
    return Came.UNREAD
