"""The loop of labels: fetch the deliveries that were visited, read their hits, write down what follows."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Sequence
from functools import partial

from aftersend.clock import MINUTE, SECOND, Clock
from aftersend.errors import TryLater
from aftersend.logs import Logger
from aftersend.store import Store, hits, judged, record
from aftersend.store.connection import Connection
from aftersend.store.hits import Visited
from aftersend.store.judged import Looked
from aftersend.tracking.origins import Origins
from aftersend.tracking.reading import Pace, Read, read

log = Logger("tracking")

BATCH, AT_ONCE = 100, 5
LOOK_S = 5.0


class Labels:
    """Says who made the hits that came in. Any number of nodes may: what two of them write is the same."""

    def __init__(self, store: Store, clock: Clock, origins: Origins, pace: Pace) -> None:
        self._store = store
        self._clock = clock
        self._origins = origins
        self._pace = pace
        self._bell = store.bell(hits.BELL)

    async def run(self) -> None:
        """Look at what was visited until cancelled."""
        while True:
            self._bell.clear()
            try:
                if await self.label_due():
                    continue
                due = await self._store.ask(hits.next_due)
            except TryLater:
                await asyncio.sleep(1.0)
                continue
            wait = LOOK_S if due is None else min(LOOK_S, max(0.01, (due - self._clock()) / SECOND))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), wait)

    async def label_due(self) -> int:
        """Make one pass over the deliveries that are to be looked at; return how many were.

        Crash-safe: a delivery stays to be looked at until what follows is written, and writing it twice changes nothing.
        """
        now = self._clock()
        places = await self._store.ask(hits.waiting, now=now, limit=BATCH)
        if not places:
            return 0
        found: list[Visited] = await self._store.ask(hits.visited, places, within_us=self._pace.after(MINUTE))
        origins = await self._origins.of(hit.ip for each in found for hit in each.hits if hit.ip)
        made = []
        for number, each in enumerate(found):
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)  # visitors are answered on the same thread
            try:
                made.append(read(each, origins, now=now, pace=self._pace))
            except Exception:
                log.error("hits_not_read", delivery=each.delivery_id, traceback=traceback.format_exc())
                again = Looked(each.account_id, each.delivery_id, each.last_id, [], None, [], now + 60 * MINUTE)
                made.append(Read(again, []))
        there = {(each.account_id, each.delivery_id) for each in found}
        gone = [place for place in places if place[:2] not in there]
        await self._store.run(partial(_write, made, gone))
        return len(places)


def _write(made: Sequence[Read], gone: Sequence[tuple[int, int, int]], connection: Connection) -> None:
    record.steps(connection, [step for each in made for step in each.steps])
    judged.looked(connection, [each.looked for each in made])
    judged.forgotten(connection, gone)
