"""Let a person say what a returned mail means that no rule understands: one action, and what follows is written down."""

from __future__ import annotations

import msgspec

from aftersend.clock import Instant
from aftersend.errors import BadField, NotFound
from aftersend.ledger.events import key_of
from aftersend.ledger.reasons import DETAILS, Reason
from aftersend.ledger.vocabularies.bounces import counted
from aftersend.policy.counters import SuppressionRules
from aftersend.policy.diagnosis import Action
from aftersend.policy.diagnosis.findings import finding
from aftersend.returns import reading
from aftersend.returns.reading import RAW_KEPT
from aftersend.store import record, returned
from aftersend.store.connection import Connection

_ACTIONS = {
    Reason.COMPLAINT: Action.FEEDBACK,
    Reason.AUTO_REPLY: Action.AUTOREPLY,
    Reason.DELIVERED: Action.DELIVERED,
}
"""What a reason says by itself; all others mean that the mail failed, unless it is said to be delayed."""


def teach(
    connection: Connection, account_id: int, unread_id: int, reason: str, *,
    by: str, now: Instant, rules: SuppressionRules, detail: str | None = None, is_delayed: bool = False,
    delivery_id: int | None = None,
) -> None:  # fmt: skip
    """Write down that a returned mail means this, and who said so; take it off the list of those not understood.

    Raise NotFound, or BadField for a reason that is none, or where nobody knows which delivery it is about.
    """
    row = returned.unread_one(connection, account_id, unread_id)
    named = row["delivery_id"] or delivery_id
    subject = None if named is None else returned.about(connection, named)
    if named is None:
        raise BadField("#/delivery_id", "Nothing in this mail proves which delivery it is about; name the delivery.")
    if subject is None or subject.account_id != account_id:
        raise NotFound("The delivery that it is about is no longer kept here.")
    known = _checked(reason)
    _check_beside(known, detail, is_delayed=is_delayed)
    action = Action.DELAYED if is_delayed else _ACTIONS.get(known, Action.FAILED)
    one = finding(action, known.value, detail, recipients=(subject.folded,))
    fact = reading.fact_of(one)
    assert fact is not None
    place = (subject.account_id, subject.delivery_id)
    raw = row["raw"][:RAW_KEPT].decode("utf-8", "backslashreplace").replace("\0", "\\0")
    evidence = {"kind": "person", "by": by, "taught": known.value, "subject": row["subject"], "raw": raw}
    event = record.event_row(
        *place, key_of("taught", *place, fact.word, known.value, detail), fact.word, int(fact), row["received_us"], now,
        known.value, detail, None, msgspec.json.encode(evidence).decode(),
    )  # fmt: skip
    is_failure = action is Action.FAILED
    record.steps(connection, [
        record.Step(
            *place, [event], fact.bit, now, reason=known.value if is_failure else None,
            detail=detail if is_failure else None, said=f"{by} says: {one.sentence}" if is_failure else None,
            pairs=[counted(known, detail).words] if is_failure else [], judge=reading.judge_of(fact, one, rules),
            site=f"@{subject.domain}", is_note=action is Action.DELAYED,
        )
    ])  # fmt: skip
    returned.forget(connection, account_id, unread_id)


def _checked(reason: str) -> Reason:
    known = [each for each in Reason if each is not Reason.NOT_A_BOUNCE]
    for each in known:
        if each.value == reason:
            return each
    remedy = " What says nothing of a delivery is thrown away." if reason == Reason.NOT_A_BOUNCE else ""
    raise BadField(
        "#/reason", f"{reason[:40]!r} is no reason; there are {', '.join(each.value for each in known)}.{remedy}"
    )


def _check_beside(reason: Reason, detail: str | None, *, is_delayed: bool) -> None:
    """Raise BadField for a finer word that the reason does not have, and for a delay of what has no delay."""
    if is_delayed and reason in _ACTIONS:
        raise BadField(
            "#/is_delayed",
            f"{reason.value} is no cause of a delay; leave the delay out, or give the cause as the reason.",
        )
    finer = [word for of, word in DETAILS if of is reason]
    if detail is not None and detail not in finer:
        there_are = f"there are {', '.join(finer)}" if finer else "it has none; leave it out"
        raise BadField("#/detail", f"{detail[:40]!r} is no finer word beside {reason.value}; {there_are}.")
