"""Own a change of the time at which a planned message is to go."""

from __future__ import annotations

import msgspec

from aftersend.clock import Instant, iso
from aftersend.control.queue_verbs import IN_PROGRESS, SKIPPED_BECAUSE, Actor
from aftersend.errors import Conflict
from aftersend.ids import IdSource
from aftersend.policy.gates.schedule import check_ahead
from aftersend.store import deliveries, messages, record, verbs
from aftersend.store.connection import Connection
from aftersend.store.queue import Stage

CODE = "cannot-reschedule"


def replan(
    connection: Connection, account_id: int, message_id: int, at: Instant, *, by: Actor, ids: IdSource, now: Instant
) -> int:
    """Let a message that still waits for its time go at another time; at once when that has passed already. Return how many
    of its deliveries this concerns; those that have ended stay as they are.

    Everything that waits is looked at again, so that all gates have their say; what a person holds stays on hold. The
    time left for trying begins with the new time. Raise NotFound, BadField, or Conflict that says why it cannot be done.
    """
    check_ahead(at, now)
    message = deliveries.message(connection, account_id, message_id)
    planned = message["scheduled_us"]
    if planned is None:
        raise Conflict("This message was not planned for a later time, so there is nothing to change.", code=CODE)
    if planned <= now:
        raise Conflict(f"Its time has come: it was planned for {iso(planned)}.", code=CODE)
    waiting = verbs.lock(connection, account_id, verbs.of_message(connection, account_id, message_id))
    if not waiting:
        raise Conflict("Everything about this message has ended.", code=CODE)
    if any(item.is_claimed for item in waiting.values()):
        raise Conflict(SKIPPED_BECAUSE[IN_PROGRESS], code=CODE)
    at = max(at, now)
    messages.plan(connection, account_id, message_id, at)
    evidence = {"kind": "person", "by": by.name, "from": iso(planned), "to": iso(at)} | (
        {"why": by.why} if by.why else {}
    )
    proof = msgspec.json.encode(evidence).decode()
    steps = []
    for item in waiting.values():
        due = item.due_us if item.stage is Stage.HELD else now
        waits = item.waits if item.stage is Stage.HELD else "rescheduled"
        onward = record.Next(item.stage, due, waits, item.tries, item.site, item.expires_us + at - planned)
        event = record.event_row(account_id, item.delivery_id, ids(), "rescheduled", None, now, now, evidence=proof)
        steps.append(record.Step(account_id, item.delivery_id, [event], 0, now, onward))
    record.steps(connection, steps)
    return len(steps)
