"""Turn rows of the store into values of the ledger, and those into what is shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from aftersend import ids
from aftersend.clock import Instant, iso
from aftersend.ledger.events import Event
from aftersend.ledger.explain import Explanation, Waiting, explain
from aftersend.ledger.facts import ALL, Facts
from aftersend.ledger.reasons import Reason
from aftersend.mail import headers
from aftersend.store.queue import Stage
from aftersend.store.returned import BEGINNING

Row = Mapping[str, Any]

_FACT_OF = {int(fact): fact for fact in ALL}
_REASONS = {reason.value: reason for reason in Reason}


def event(row: Row) -> Event:
    """Read an event. What this version does not know (a fact, a reason) is left out; the kind still says it."""
    return Event(
        id=row["key"],
        account_id=row["account_id"],
        delivery_id=row["delivery_id"],
        key=row["key"],
        kind=row["kind"],
        fact=None if row["fact"] is None else _FACT_OF.get(row["fact"]),
        occurred_us=row["occurred_us"],
        recorded_us=row["recorded_us"],
        reason=_REASONS.get(row["reason"] or ""),
        detail=row["detail"],
        status=row["status"] or "",
        evidence=parsed(row["evidence"]) or {},
    )


def parsed(text: str | None) -> Any:
    """Read a column of free data; None for none."""
    return None if text is None else msgspec.json.decode(text)


def waiting(row: Row, leases: Mapping[int, Instant]) -> Waiting | None:
    """Say what is planned, or None when the delivery is in no queue. `leases` says until when each node may work."""
    if row["stage"] is None:
        return None
    stage = Stage(row["stage"])
    return Waiting(
        next_due_us=row["due_us"],
        stage=stage.name.lower(),
        why=None if stage is Stage.SET_ASIDE else row["waits"],
        expires_us=row["expires_us"],
        is_claimed=row["holder"] != 0,
        lease_ends_us=leases.get(row["holder"]),
    )


def explained(row: Row, events: Sequence[Row], leases: Mapping[int, Instant]) -> Explanation:
    """Explain one row of the log."""
    return explain(Facts(row["facts"]), [event(each) for each in events], waiting(row, leases))


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Return events as they happened; those of one moment in the order of the life cycle, as explanations take them."""
    return sorted(rows, key=lambda row: (row["occurred_us"], 99 if row["fact"] is None else row["fact"], row["key"]))


def told_event(row: Row) -> dict[str, Any]:
    """Write an event as the API shows it, with its raw evidence."""
    happened = event(row)
    return {
        "id": ids.show("evt", happened.key),
        "delivery_id": ids.show("dlv", happened.delivery_id),
        "type": f"delivery.{happened.kind}",
        "fact": happened.fact.word if happened.fact is not None else None,
        "sentence": happened.sentence,
        "occurred_at": iso(happened.occurred_us),
        "recorded_at": iso(happened.recorded_us),
        "reason": row["reason"],
        "detail": happened.detail,
        "enhanced_status": happened.status or None,
        "evidence": dict(happened.evidence) or None,
    }


def moment(instant: Instant | None) -> str | None:
    """Write a time, or None for none."""
    return None if instant is None else iso(instant)


def told_return(row: Row) -> dict[str, Any]:
    """Tell of a returned mail that no rule understood, without its original."""
    return {
        "id": ids.show("ret", row["id"]),
        "received_at": moment(row["received_us"]),
        "recipient": row["recipient"],
        "sender": row["sender"],
        "from": _author(bytes(row["head"] if "head" in row else row["raw"][:BEGINNING])),
        "peer": row["peer"],
        "subject": row["subject"],
        "why": row["why"],
        "delivery_id": None if row["delivery_id"] is None else ids.show("dlv", row["delivery_id"]),
        "size": row["size"] if "size" in row else len(row["raw"]),
    }


def _author(head: bytes) -> str:
    """Who wrote a mail, by its own word; "" where it does not say."""
    found = headers.get(headers.split(headers.with_crlf(head))[0], "From")
    return "" if found is None else headers.shown(found, of_addresses=True)
