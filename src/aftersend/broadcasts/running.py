"""Keep broadcasts going: write their audiences down a page at a time, let what waits follow a pause or an end.

Crash-safe: each step is one transaction that moves the place in the audience with the rows that it writes. The queue is
kept short, so that a pause, a suppression or another customer's mail is heeded soon.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aftersend import ids
from aftersend.broadcasts import audience, steering
from aftersend.broadcasts.audience import Enter
from aftersend.broadcasts.steering import CANCELLED, PAUSED, SCHEDULED, SENDING
from aftersend.clock import SECOND, Clock, Instant
from aftersend.errors import TryLater
from aftersend.logs import Logger
from aftersend.store import Store, broadcasts
from aftersend.store.broadcasts import DONE, Broadcast
from aftersend.store.connection import Connection
from aftersend.store.queue import Stage

log = Logger("broadcasts")

Act = Callable[[Connection, int, str, Sequence[int]], Any]
"""Does a verb of the queue to deliveries of an account."""
PAGE = 500
"""So many people are written down in one transaction."""
PAGES_AT_ONCE = 20
"""So many pages of one broadcast are written before it is another's turn."""
BACKLOG_MOST = 3000
"""With so much bulk mail of the account that could go out and does not, nothing is added."""
LEASE = 15 * SECOND
"""For so long a broadcast that a node works on is left alone by the others."""
SOON = SECOND // 20
AGAIN_AFTER_FAULT = 30 * SECOND


class Runner:
    """Works on the broadcasts of a store, beside those of other nodes."""

    def __init__(self, store: Store, clock: Clock, *, node: int, enter: Enter, act: Act) -> None:
        self._store = store
        self._clock = clock
        self._node = node
        self._enter = enter
        self._act = act

    async def run_due(self) -> Instant | None:
        """Make one pass over the broadcasts that are to be looked at; return when one is next, None for no time known."""
        now = self._clock()
        look = await self._store.ask(broadcasts.first_look)
        if look is None or look > now:
            return look
        claimed = await self._store.run(broadcasts.claim, node=self._node, now=now, until=now + LEASE)
        for found in claimed:
            try:
                until = await self._step(found)
            except TryLater:
                raise
            except Exception as error:
                log.error("broadcast_failed", broadcast_id=ids.show("brd", found.id), exc_info=error)
                until = self._clock() + AGAIN_AFTER_FAULT
            await self._store.run(broadcasts.rest, found, node=self._node, until=until)
        return now if claimed else look

    async def _step(self, found: Broadcast) -> Instant | None:
        """Do what is to be done about a broadcast; return when it is to be looked at again."""
        if found.state == SCHEDULED:
            await self._store.run(steering.begin, found.account_id, found.id, now=self._clock())
            return found.scheduled_us
        if found.state == SENDING:
            if found.sweep:
                return await self._swept(found, "resume", (Stage.HELD,))
            return await self._sent(found)
        if found.state == CANCELLED:
            return await self._cancelled(found)
        if found.state == PAUSED:
            return await self._swept(found, "pause", (Stage.TREATMENT, Stage.DELIVERY))
        return None

    # ---- the audience ------------------------------------------------------------------------------------------------

    async def _sent(self, found: Broadcast) -> Instant | None:
        for _ in range(PAGES_AT_ONCE):
            if found.part == DONE:
                return await self._ended(found)
            waiting = await self._store.ask(
                broadcasts.backlog, found.account_id, now=self._clock(), most=BACKLOG_MOST
            )  # fmt: skip
            if waiting > BACKLOG_MOST - PAGE:
                return self._clock() + SOON
            moved = await self._written(found)
            if moved is None:
                break
            found = moved
        return self._clock()

    async def _written(self, found: Broadcast) -> Broadcast | None:
        """Write the next page down; return the broadcast as it stands then, None if somebody else has moved it."""
        onward = await self._store.ask(audience.page, found, PAGE)
        now = self._clock()
        wanted = audience.submission(found, onward.members, self._enter, now=now) if onward.members else None
        is_moved = await self._store.run(
            audience.write, found, onward, wanted, node=self._node, until=now + LEASE
        )  # fmt: skip
        return found.moved(onward.part, onward.place, len(onward.members)) if is_moved else None

    async def _ended(self, found: Broadcast) -> Instant | None:
        """Say that it has ended when nothing of it waits any more; what a relay has taken may stay with it for days."""
        assert found.message_id is not None
        stages = [stage for stage in Stage if stage is not Stage.RELAYED]
        left = await self._store.ask(
            broadcasts.waiting, found.account_id, found.message_id, stages=stages, limit=1, free=False
        )
        now = self._clock()
        if not left:
            await self._store.run(steering.end, found, now=now)
            return None
        begun = found.started_us or now
        return now + min(max((now - begun) // 10, SECOND // 5), 60 * SECOND)

    # ---- what waits --------------------------------------------------------------------------------------------------

    async def _cancelled(self, found: Broadcast) -> Instant | None:
        """Write the rest of the audience down as cancelled, then cancel what waits."""
        for _ in range(PAGES_AT_ONCE):
            if found.part == DONE:
                stages = (Stage.TREATMENT, Stage.DELIVERY, Stage.HELD, Stage.SET_ASIDE)
                if found.sweep:
                    return await self._swept(found, "cancel", stages)
                return await self._ended(found)
            moved = await self._written(found)
            if moved is None:
                break
            found = moved
        return self._clock()

    async def _swept(self, found: Broadcast, verb: str, stages: Sequence[Stage]) -> Instant | None:
        """Do a verb to a slice of what waits; look again soon while some is left, or is being worked on."""
        now = self._clock()
        left = await self._store.run(sweep, found, verb, stages, self._act, now=now)
        if left:
            return now + SOON
        # What was being tried when it was paused may come back to the queue much later.
        return now + min(max((now - found.changed_us) // 10, SECOND), 60 * SECOND)


SLICE = 500


def sweep(
    connection: Connection, found: Broadcast, verb: str, stages: Sequence[Stage], act: Act, *, now: Instant
) -> bool:
    """Do a verb to some of what waits of a broadcast; say whether there may be more. When there is none the sweep is over."""
    there = broadcasts.one(connection, found.account_id, found.id, lock=True)
    if there.state != found.state or there.message_id is None:
        return False
    waits = broadcasts.PAUSED_WITH_IT if verb == "resume" else None
    free = broadcasts.waiting(connection, found.account_id, there.message_id, stages=stages, limit=SLICE, waits=waits)
    if free:
        act(connection, found.account_id, verb, free)
        return True
    if verb == "cancel" and broadcasts.waiting(
        connection, found.account_id, there.message_id, stages=stages, limit=1, free=False
    ):
        return True
    if verb != "pause":
        broadcasts.change(connection, found.account_id, found.id, sweep=0, look_us=now)
    return False


class Works(Protocol):
    """What works on something that is due."""

    async def run_due(self) -> Instant | None:
        """Make one pass over it; return when something is next, None for no time known."""


async def run(runner: Works, bell: asyncio.Event, stopping: asyncio.Event, clock: Clock) -> None:
    """Work on what is due until the service stops."""
    while not stopping.is_set():
        bell.clear()
        try:
            due = await runner.run_due()
        except TryLater:
            await asyncio.sleep(1.0)
            continue
        wait = 5.0 if due is None else min(5.0, max(0.001, (due - clock()) / SECOND))
        try:
            await asyncio.wait_for(bell.wait(), wait)
        except TimeoutError:
            continue
