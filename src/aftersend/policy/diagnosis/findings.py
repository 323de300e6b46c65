"""The answers that diagnosis gives: plain values, ready to be shown, stored and printed."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from aftersend.ledger.reasons import Actor, Category, Reason, is_of_mailbox, meaning, pair


class Action(StrEnum):
    """What came: the verdict of RFC 3464, and what else lands where bounces land."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    FEEDBACK = "feedback"
    AUTOREPLY = "autoreply"
    NOT_A_BOUNCE = "not_a_bounce"


class Suppress(StrEnum):
    """What one such answer may do to the address: nothing, at once, or count towards a limit."""

    NEVER = "never"
    NOW = "now"
    COUNTER = "counter"


class Diagnosis(NamedTuple):
    """Why a delivery failed or waits, in words for its sender, and the words that made us think so."""

    action: Action
    category: Category
    reason: Reason
    detail: str | None
    status: str
    """Enhanced status (RFC 3463), as the last remote server gave it; "" where none was given."""
    recipients: tuple[str, ...]
    sentence: str
    who_must_act: Actor
    advice: str
    evidence: tuple[str, ...]
    suppress: Suppress
    retry_after_s: int | None = None
    """How long the other side asked us to wait, where it said so."""

    def to_json(self) -> dict[str, Any]:
        """Return the finding as the interfaces print it for one recipient."""
        return {
            "recipient": self.recipients[0] if self.recipients else None,
            "action": self.action.value,
            "category": self.category.value,
            "reason": self.reason.value,
            "detail": self.detail,
            "status": self.status,
            "sentence": self.sentence,
            "who_must_act": self.who_must_act.value,
            "advice": self.advice,
            "suppress": self.suppress.value,
            "evidence": list(self.evidence),
        }

    def each(self) -> tuple[Diagnosis, ...]:
        """Return the finding once for each recipient; as it is, if it names none."""
        return tuple(self.of((recipient,)) for recipient in self.recipients) or (self,)

    def of(self, recipients: tuple[str, ...]) -> Diagnosis:
        """Return the same finding for these recipients."""
        if recipients == self.recipients:
            return self
        return self._replace(recipients=recipients)


_NOW = frozenset({Reason.INVALID_RECIPIENT, Reason.ADDRESS_ERROR, Reason.CLOSED_ACCOUNT})
_COUNTED = frozenset(
    {Reason.BAD_DOMAIN, Reason.GENERAL_HARD_BOUNCE, Reason.MAILBOX_FULL, Reason.ACCOUNT_INACTIVE, Reason.GENERAL_ERROR}
)


def suppression_of(action: Action, reason: Reason, detail: str | None, *, is_weak: bool = False) -> Suppress:
    """Say what the finding may do to the address; `is_weak` when the words leave the fault of the address open.

    What is still being tried never suppresses, and nothing that speaks of the sender, of size or of a server does.
    """
    if action is Action.FEEDBACK:
        return Suppress.NOW if reason is Reason.COMPLAINT else Suppress.NEVER
    if action is not Action.FAILED:
        return Suppress.NEVER
    if reason in _NOW or (reason is Reason.BAD_DOMAIN and detail == "null_mx"):
        return Suppress.COUNTER if is_weak else Suppress.NOW
    if reason in _COUNTED or detail == "waited_too_long":
        return Suppress.COUNTER
    return Suppress.NEVER


class _Meant(NamedTuple):
    category: Category
    reason: Reason
    sentence: str
    who_must_act: Actor
    advice: str
    suppress: Suppress


@lru_cache(maxsize=4096)
def _meant(action: Action, reason: str, detail: str | None, of_mailbox: bool, is_weak: bool) -> _Meant:
    known = Reason(reason)
    meant = meaning(known, detail)
    counted = pair(known, detail, status="5.2.0" if of_mailbox else "", is_still_trying=action is Action.DELAYED)
    category = counted.category if counted else Category.NONE
    suppress = suppression_of(action, known, detail, is_weak=is_weak)
    return _Meant(category, known, meant.why, meant.who_must_act, meant.advice, suppress)


def finding(
    action: Action,
    reason: str,
    detail: str | None = None,
    *,
    status: str = "",
    recipients: tuple[str, ...] = (),
    evidence: tuple[str, ...] = (),
    is_weak: bool = False,
    retry_after_s: int | None = None,
) -> Diagnosis:
    """Return a Diagnosis with the sentence, the actor, the advice and the category that belong to the reason."""
    meant = _meant(action, reason, detail, is_of_mailbox(status), is_weak)
    return Diagnosis(
        action,
        meant.category,
        meant.reason,
        detail,
        status,
        recipients,
        meant.sentence,
        meant.who_must_act,
        meant.advice,
        evidence,
        meant.suppress,
        retry_after_s,
    )
