"""Own what a person may do to mail that has not ended: hold it, release it, try it now, cancel it.

A delivery that is being worked on at this very moment is left alone, and the answer says so; who asks waits a moment
(`PATIENCE_S`) and asks again by himself, before he says so to a person. Every verb leaves an event in the ledger that says who did it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from aftersend.clock import DAY, HOUR, Instant
from aftersend.errors import BadField, Conflict, NotFound
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.store import deliveries, record, verbs
from aftersend.store.broadcasts import PAUSED_WITH_IT as PAUSED
from aftersend.store.connection import Connection
from aftersend.store.queue import Stage
from aftersend.store.verbs import Waiting

HOLD_LASTS_US = 7 * DAY
"""After so long a held delivery ends by itself, so that nothing waits for ever."""
PATIENCE_S = 3.0
"""For so long those who ask wait for what is being worked on."""
AGAIN_S = 0.05
SLICE = 500
"""So many deliveries are changed in one transaction."""

ENDED = "ended"
IN_PROGRESS = "in_progress"
NOT_HELD = "not_held"
HELD = "held"
HANDED_OVER = "handed_over"

SKIPPED_BECAUSE = {
    ENDED: "It has ended; send it again as a new message.",
    IN_PROGRESS: "It is being worked on at this moment; ask again in a moment.",
    NOT_HELD: "It is not on hold.",
    HELD: "It is on hold; release it first.",
    HANDED_OVER: "The mail relay has it already; it can no longer be changed from here.",
}
"""Why a verb left a delivery alone, in plain words."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks, for the ledger and the audit: a name such as “key web shop” or “console ann”."""

    name: str
    why: str = ""


@dataclass(slots=True)
class Done:
    """What a verb did."""

    done: list[int] = field(default_factory=list)
    skipped: dict[int, str] = field(default_factory=dict)
    """Why each of the others was left alone: a word of SKIPPED_BECAUSE."""

    def add(self, other: Done) -> None:
        """Take in what was done to further deliveries."""
        self.done += other.done
        self.skipped |= other.skipped

    @property
    def in_progress(self) -> list[int]:
        """Those that were left alone because they were being worked on."""
        return [delivery_id for delivery_id, why in self.skipped.items() if why == IN_PROGRESS]

    def again(self, other: Done) -> None:
        """Take in what came of asking once more about some that were left alone."""
        for delivery_id in other.done:
            self.skipped.pop(delivery_id, None)
        self.add(other)

    def as_dict(self) -> dict[str, Any]:
        """Say it in numbers, as the API and the command line do."""
        return {"done": len(self.done), "skipped": dict(sorted(Counter(self.skipped.values()).items()))}


Plan = Callable[[Waiting, Instant], "record.Next | str | None"]


def _stage_before(item: Waiting) -> Stage:
    return Stage.DELIVERY if item.facts & Fact.TREATED.bit else Stage.TREATMENT


def _hold(item: Waiting, now: Instant) -> record.Next | str | None:
    if item.stage is Stage.HELD:
        return HELD
    if item.stage is Stage.RELAYED:
        return HANDED_OVER
    until = now + HOLD_LASTS_US
    # The time left for trying stands still while it is held: it is counted from the end of the hold.
    return record.Next(Stage.HELD, until, HELD, item.tries, item.site, item.expires_us + (until - now))


def _pause(item: Waiting, now: Instant) -> record.Next | str | None:
    onward = _hold(item, now)
    return replace(onward, waits=PAUSED) if isinstance(onward, record.Next) else onward


def _release(item: Waiting, now: Instant) -> record.Next | str | None:
    if item.stage is not Stage.HELD:
        return NOT_HELD
    expires = max(item.expires_us - (item.due_us - now), now + HOUR)
    return record.Next(_stage_before(item), now, "released", item.tries, item.site, expires)


def _resume(item: Waiting, now: Instant) -> record.Next | str | None:
    """What a person holds by itself stays on hold when its broadcast goes on."""
    return _release(item, now) if item.waits == PAUSED else HELD


def _retry(item: Waiting, now: Instant) -> record.Next | str | None:
    if item.stage is Stage.HELD:
        return HELD
    if item.stage is Stage.RELAYED:
        return HANDED_OVER
    return record.Next(_stage_before(item), now, "retry", item.tries, item.site, max(item.expires_us, now + HOUR))


def _cancel(item: Waiting, now: Instant) -> record.Next | str | None:
    return HANDED_OVER if item.stage is Stage.RELAYED else None


_PLANS: dict[str, tuple[Plan, str]] = {
    "hold": (_hold, "held"),
    "release": (_release, "released"),
    "retry": (_retry, "retried"),
    "cancel": (_cancel, Fact.CANCELLED.word),
}
"""Each verb: what becomes of a waiting delivery, and the kind of event that says so."""
VERBS = tuple(_PLANS)
_OF_BROADCASTS: dict[str, tuple[Plan, str]] = {"pause": (_pause, "held"), "resume": (_resume, "released")}
"""What happens to deliveries when their broadcast is paused and goes on; nobody asks for these by themselves."""


def act(
    connection: Connection,
    account_id: int,
    verb: str,
    delivery_ids: Sequence[int],
    *,
    by: Actor,
    ids: IdSource,
    now: Instant,
) -> Done:
    """Do a verb to some deliveries, in one transaction; ids that are not this account's are as good as ended."""
    plan, kind = (_PLANS | _OF_BROADCASTS)[verb]
    waiting = verbs.lock(connection, account_id, delivery_ids)
    told = Done()
    steps = []
    for delivery_id in delivery_ids:
        item = waiting.get(delivery_id)
        onward: record.Next | str | None = (
            ENDED if item is None else IN_PROGRESS if item.is_claimed else plan(item, now)
        )
        if isinstance(onward, str):
            told.skipped[delivery_id] = onward
            continue
        fact = Fact.CANCELLED if verb == "cancel" else None
        evidence = {"kind": "person", "by": by.name} | ({"why": by.why} if by.why else {})
        event = record.event_row(
            account_id, delivery_id, ids(), kind, None if fact is None else int(fact), now, now,
            evidence=msgspec.json.encode(evidence).decode(),
        )  # fmt: skip
        steps.append(record.Step(account_id, delivery_id, [event], fact.bit if fact else 0, now, onward))
        told.done.append(delivery_id)
    if steps:
        record.steps(connection, steps)
        if verb in ("retry", "release", "resume"):
            verbs.forgive(connection, account_id, told.done)
            verbs.look_again(connection, account_id, told.done, now=now)
    return told


def act_on_one(
    connection: Connection, account_id: int, verb: str, delivery_id: int, *, by: Actor, ids: IdSource, now: Instant
) -> None:
    """Do a verb to one delivery. Raise NotFound, or Conflict that says why it cannot be done."""
    if not verbs.exist(connection, account_id, [delivery_id]):
        raise NotFound("There is no such delivery.")
    told = act(connection, account_id, verb, [delivery_id], by=by, ids=ids, now=now)
    for reason in told.skipped.values():
        raise Conflict(SKIPPED_BECAUSE[reason], code=f"cannot-{verb}")


def act_on_message(
    connection: Connection, account_id: int, verb: str, message_id: int, *, by: Actor, ids: IdSource, now: Instant
) -> Done:
    """Do a verb to all deliveries of a message. Raise NotFound if there is no such message."""
    deliveries.message(connection, account_id, message_id)
    return act(
        connection, account_id, verb, verbs.of_message(connection, account_id, message_id), by=by, ids=ids, now=now
    )


def is_in_progress(error: Exception) -> bool:
    """Say whether a verb on one was refused only because it was being worked on at that moment."""
    return isinstance(error, Conflict) and error.detail == SKIPPED_BECAUSE[IN_PROGRESS]


def checked_verb(verb: str, pointer: str = "#/action") -> str:
    """Return the verb. Raise BadField that lists the verbs."""
    if verb not in _PLANS:
        raise BadField(pointer, f"{verb[:40]!r} cannot be done; choose {', '.join(_PLANS)}.", code="unknown-action")
    return verb
