"""End what has waited for its time in vain: nothing waits without an end.

Mail that a person held expires, as does mail for which no credits came and to which no moderator said yes; mail that a smart
host took rests as Sent when no news came in the time we wait for it; mail that our own fault kept aside is given up when its
lifetime is over.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import msgspec

from aftersend.clock import Clock
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.ledger.vocabularies.bounces import counted
from aftersend.store import Store, credits, queue, record
from aftersend.store.queue import Claim, ClaimRequest, Stage

BATCH = 500


@dataclass(frozen=True, slots=True)
class Ending:
    """How a wait ends."""

    kind: str
    fact: Fact | None
    why: str


ENDINGS: dict[Stage, Ending] = {
    Stage.HELD: Ending("expired", Fact.EXPIRED, "It was held by a person and not released in time."),
    Stage.RELAYED: Ending("no_news", None, "The smart host took it and has sent no news since."),
    Stage.DEPLETED: Ending("expired", Fact.EXPIRED, "There were no credits to send it, and none came within 24 hours."),
    Stage.MODERATION: Ending("expired", Fact.EXPIRED, "No moderator said yes to it in the time for which it is kept."),
    Stage.SET_ASIDE: Ending(
        "gave_up", Fact.GAVE_UP, "A fault of ours kept it from being sent until its time was over."
    ),
}


async def end_overdue(store: Store, clock: Clock, ids: IdSource, *, node: int) -> int:
    """Make one pass over what has waited too long; return how many deliveries were ended."""
    ended = 0
    # What was paid for in time goes, however late its turn comes to be looked at.
    woken = 1
    while woken and bool(await store.ask(credits.are_waited_for)):
        woken = await store.run(credits.wake, now=clock(), is_over=True)
    for stage, ending in ENDINGS.items():
        claimed: list[Claim] = await store.join(queue.claim, ClaimRequest(stage, clock(), node, BATCH))
        now = clock()
        steps = [step_for(item, ending, now=now, key=ids(), node=node) for item in claimed]
        await asyncio.gather(*(store.join(record.steps, step) for step in steps))
        ended += len(steps)
    return ended


def step_for(item: Claim, ending: Ending, *, now: int, key: int, node: int) -> record.Step:
    """Say what is to be recorded."""
    fact = ending.fact
    event = record.event_row(
        item.account_id, item.delivery_id, key, ending.kind, None if fact is None else int(fact), now, now,
        evidence=msgspec.json.encode({"why": ending.why}).decode(),
    )  # fmt: skip
    pairs = [counted(None).words] if fact is Fact.GAVE_UP else []
    return record.Step(
        item.account_id, item.delivery_id, [event], 0 if fact is None else fact.bit, now, None, node,
        said=None if fact is None else ending.why, pairs=pairs,
    )  # fmt: skip
