"""Own what a person may do to a broadcast: start it, pause it, go on with it, cancel it. Each says what it was and becomes.

draft ──start──► scheduled ──its time──► sending ──everybody has an end──► ended
                    │  ▲                  │  ▲
                  pause resume          pause resume        cancel: from scheduled, sending and paused
                    ▼  │                  ▼  │
                    paused                paused
"""

from __future__ import annotations

from typing import Any

import msgspec

from aftersend.clock import Instant
from aftersend.errors import BadField, Conflict
from aftersend.store import broadcasts, mailing_lists, record
from aftersend.store.broadcasts import DONE, Broadcast
from aftersend.store.connection import Connection
from aftersend.store.record import Submission

DRAFT, SCHEDULED, SENDING, PAUSED, CANCELLED, ENDED = (
    "draft", "scheduled", "sending", "paused", "cancelled", "ended",
)  # fmt: skip
STATES: dict[str, str] = {
    DRAFT: "It can be changed; nothing has been sent.",
    SCHEDULED: "It begins at its time.",
    SENDING: "It is being written down and delivered.",
    PAUSED: "It stands still until it is resumed; what waited is on hold.",
    CANCELLED: "It was stopped for good; whoever had no copy yet gets none.",
    ENDED: "Everybody of the audience has an end.",
}
_FROM = {"start": (DRAFT,), "pause": (SCHEDULED, SENDING), "resume": (PAUSED,), "cancel": (SCHEDULED, SENDING, PAUSED)}


def draft(connection: Connection, account_id: int, broadcast_id: int) -> Broadcast:
    """Return a draft, which nobody else changes until this transaction ends. Raise NotFound, or Conflict for others."""
    found = broadcasts.one(connection, account_id, broadcast_id, lock=True)
    if found.state != DRAFT:
        raise _cannot(f"A broadcast that is {found.state} can no longer be changed.")
    return found


def replace(connection: Connection, account_id: int, broadcast_id: int, **values: Any) -> None:
    """Replace what a draft says. Raise NotFound, Conflict, and BadField for a list that is not there."""
    draft(connection, account_id, broadcast_id)
    mailing_lists.numbers(connection, account_id, msgspec.json.decode(values["audience"])["lists"], "#/lists")
    broadcasts.change(connection, account_id, broadcast_id, **values)


def create(connection: Connection, account_id: int, broadcast_id: int, **values: Any) -> None:
    """Write a draft down. Raise BadField for a list that is not there."""
    mailing_lists.numbers(connection, account_id, msgspec.json.decode(values["audience"])["lists"], "#/lists")
    broadcasts.create(connection, account_id, broadcast_id, **values)


def remove(connection: Connection, account_id: int, broadcast_id: int) -> None:
    """Take a draft away. Raise NotFound, or Conflict: what has been sent stays."""
    draft(connection, account_id, broadcast_id)
    broadcasts.remove(connection, account_id, broadcast_id)


def add_recipients(
    connection: Connection, account_id: int, broadcast_id: int, given: list[tuple[str, dict[str, Any]]], *, most: int
) -> int:
    """Add recipients to a draft; return how many it has. Raise NotFound, Conflict, BadField when there are too many."""
    draft(connection, account_id, broadcast_id)
    there = broadcasts.how_many_rows(connection, account_id, broadcast_id)
    if there + len(given) > most:
        raise BadField(
            "#", f"A broadcast takes {most} recipients beside its lists; it has {there}. Put them on a list."
        )
    return broadcasts.add_rows(connection, account_id, broadcast_id, given)


def clear_recipients(connection: Connection, account_id: int, broadcast_id: int) -> None:
    """Forget the recipients of a draft that were handed over. Raise NotFound, Conflict."""
    draft(connection, account_id, broadcast_id)
    broadcasts.clear_rows(connection, account_id, broadcast_id)


def start(
    connection: Connection, account_id: int, broadcast_id: int, *, message: Submission, was: str, now: Instant,
    scheduled_us: Instant | None, counted: int = 0,
) -> None:  # fmt: skip
    """Write the message down and let it begin, now or at its time.

    `was` is the content of which the message was made, `counted` of how many people its condition is true, about. Raise
    NotFound, Conflict, and BadField for an empty audience.
    """
    found = broadcasts.one(connection, account_id, broadcast_id, lock=True)
    _must_be(found, "start")
    if found.content != was:
        raise _cannot("The broadcast was changed at this moment; look at it, then start it.")
    list_ids = mailing_lists.numbers(connection, account_id, found.lists, "#/lists")
    if not list_ids and not found.where and not broadcasts.how_many_rows(connection, account_id, broadcast_id):
        raise BadField(
            "#/lists", "It has no audience: name lists, say where, or hand recipients over.", code="missing-field"
        )
    for outcome in record.accepted(connection, [message]):
        if isinstance(outcome, Exception):
            raise outcome
    common = msgspec.json.decode(found.content).get("data") or {}
    kept = msgspec.json.decode(found.audience) | {"list_ids": list_ids, "data": common}
    if found.where:
        kept["counted"] = counted
    audience = msgspec.json.encode(kept).decode()
    begins = {"started_us": now} if scheduled_us is None else {}
    broadcasts.change(
        connection, account_id, broadcast_id, message_id=message.message_id, audience=audience, changed_us=now,
        state=SENDING if scheduled_us is None else SCHEDULED, scheduled_us=scheduled_us, look_us=scheduled_us or now,
        **begins,
    )  # fmt: skip


def begin(connection: Connection, account_id: int, broadcast_id: int, *, now: Instant) -> None:
    """Let a broadcast begin whose time has come; whoever stands on its lists now is its audience."""
    found = broadcasts.one(connection, account_id, broadcast_id, lock=True)
    if found.state == SCHEDULED and (found.scheduled_us or 0) <= now:
        broadcasts.change(
            connection, account_id, broadcast_id, state=SENDING, started_us=now, changed_us=now, look_us=now
        )


def pause(connection: Connection, account_id: int, broadcast_id: int, *, now: Instant) -> None:
    """Stop a broadcast for now. Raise NotFound, Conflict."""
    found = broadcasts.one(connection, account_id, broadcast_id, lock=True)
    _must_be(found, "pause")
    sweep = int(found.started_us is not None)
    broadcasts.change(
        connection, account_id, broadcast_id, state=PAUSED, sweep=sweep, changed_us=now, look_us=now if sweep else None
    )


def resume(connection: Connection, account_id: int, broadcast_id: int, *, now: Instant) -> None:
    """Go on with a broadcast. Raise NotFound, Conflict."""
    found = broadcasts.one(connection, account_id, broadcast_id, lock=True)
    _must_be(found, "resume")
    begun = found.started_us is not None
    broadcasts.change(
        connection, account_id, broadcast_id, state=SENDING if begun else SCHEDULED, sweep=int(begun), changed_us=now,
        look_us=now if begun else max(now, found.scheduled_us or 0),
    )  # fmt: skip


def cancel(connection: Connection, account_id: int, broadcast_id: int, *, now: Instant) -> None:
    """Stop a broadcast for good: whoever has no copy yet is written down as cancelled. Raise NotFound, Conflict."""
    found = broadcasts.one(connection, account_id, broadcast_id, lock=True)
    _must_be(found, "cancel")
    begun = found.started_us is not None
    broadcasts.change(
        connection, account_id, broadcast_id, state=CANCELLED, sweep=int(begun), changed_us=now,
        look_us=now if begun else None, ended_us=None if begun else now,
    )  # fmt: skip
    if not begun:
        broadcasts.clear_rows(connection, account_id, broadcast_id)


def end(connection: Connection, found: Broadcast, *, now: Instant) -> None:
    """Write down that everybody of the audience has an end, unless the broadcast was changed meanwhile."""
    there = broadcasts.one(connection, found.account_id, found.id, lock=True)
    if (there.state, there.part, there.sweep) != (found.state, DONE, 0):
        return
    state = CANCELLED if there.state == CANCELLED else ENDED
    broadcasts.change(
        connection, found.account_id, found.id, state=state, ended_us=now, changed_us=now, look_us=None
    )  # fmt: skip
    broadcasts.clear_rows(connection, found.account_id, found.id)


def _must_be(found: Broadcast, verb: str) -> None:
    if found.state not in _FROM[verb] or found.ended_us is not None:
        allowed = " or ".join(_FROM[verb])
        raise _cannot(f"It is {found.state}; what can be {_DONE[verb]} is {allowed}.")


_DONE = {"start": "started", "pause": "paused", "resume": "resumed", "cancel": "cancelled"}


def _cannot(why: str) -> Conflict:
    return Conflict(why, code="broadcast-state")
