"""Own what a person may do to an account's credits: top up, take out, set a plan, stop counting; and how they are told."""

from __future__ import annotations

from typing import Any

from aftersend.clock import Instant
from aftersend.errors import BadField
from aftersend.ids import IdSource, show
from aftersend.ledger.moments import iso
from aftersend.policy import plans
from aftersend.store import credits
from aftersend.store.connection import Connection

MOST = 1_000_000_000_000


def top_up(
    connection: Connection, account_id: int, *, amount: int, why: str, who: str, ids: IdSource, now: Instant
) -> dict[str, Any]:
    """Put credits in, or take some out (a negative amount; never more than are there); what waits for them goes on at once.

    The first top-up begins to count the account's mail. Raise BadField.
    """
    if amount == 0 or abs(amount) > MOST:
        raise BadField("#/amount", f"Give a whole number of credits other than 0, {MOST:,} at the most.")
    credits.open_purse(connection, account_id, now=now)
    kind = "top_up" if amount > 0 else "taken"
    credits.add(connection, account_id, ids(), amount, kind=kind, who=who, why=checked_why(why), now=now)
    return standing(connection, account_id)


def set_plan(
    connection: Connection,
    account_id: int,
    *,
    amount: int,
    period: str,
    mode: str,
    who: str,
    ids: IdSource,
    now: Instant,
) -> dict[str, Any]:
    """Fill the purse now, and again after every period. Raise BadField."""
    if not 1 <= amount <= MOST:
        raise BadField("#/amount", f"A plan gives 1 to {MOST:,} credits.")
    if period not in plans.PERIODS:
        raise BadField("#/period", f"{period[:40]!r} is no period; choose {', '.join(plans.PERIODS)}.")
    if mode not in plans.MODES:
        raise BadField("#/mode", f"{mode[:40]!r} is no mode; choose {' or '.join(plans.MODES)}.")
    credits.open_purse(connection, account_id, now=now)
    found = credits.purse(connection, account_id, for_update=True)
    assert found is not None
    renews = plans.next_renewal(period, now, now)
    credits.set_plan(connection, account_id, amount=amount, period=period, mode=mode, renews_us=renews, now=now)
    gain = plans.gain(mode, amount, found.available)
    why = f"The plan began: {amount:,} a {period}."
    credits.add(connection, account_id, ids(), gain, kind="plan", who=who, why=why, now=now)
    return standing(connection, account_id)


def end_plan(connection: Connection, account_id: int, *, now: Instant) -> dict[str, Any]:
    """End the plan; what is in the purse stays there."""
    credits.set_plan(connection, account_id, amount=None, period=None, mode=None, renews_us=None, now=now)
    return standing(connection, account_id)


def checked_why(why: str) -> str:
    """Return the reason in the form in which it is kept. Raise BadField."""
    why = why.strip()
    if len(why) > 500 or (why and not why.isprintable()):
        raise BadField("#/why", "A reason is one line of 500 characters at the most.")
    return why


def standing(connection: Connection, account_id: int) -> dict[str, Any]:
    """Say what an account has, and what waits for more."""
    found = credits.purse(connection, account_id)
    told: dict[str, Any] = {
        "counted": found is not None, "available": None, "reserved": 0, "charged": 0, "plan": None,
        "waiting": credits.waiting(connection, account_id),
    }  # fmt: skip
    if found is None:
        return told
    told |= {"available": found.available, "reserved": found.reserved, "charged": found.charged}
    if found.plan_amount is not None:
        told["plan"] = {
            "amount": found.plan_amount,
            "period": found.plan_period,
            "mode": found.plan_mode,
            "renews_at": None if found.renews_us is None else iso(found.renews_us),
        }
    return told


def told_entry(row: dict[str, Any]) -> dict[str, Any]:
    """Tell of one entry of the ledger."""
    return {
        "id": show("crd", row["id"]),
        "at": iso(row["occurred_us"]),
        "kind": row["kind"],
        "amount": row["amount"],
        "available": row["available"],
        "who": row["who"],
        "why": row["why"],
    }


def told_day(row: dict[str, Any]) -> dict[str, Any]:
    """Tell what mail did to the purse on one day."""
    return {"day": iso(row["day_us"])[:10], **{kind: row[kind] for kind in ("reserved", "charged", "released")}}
