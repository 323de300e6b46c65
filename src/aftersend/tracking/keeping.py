"""Keep hits: answered first, written a moment later, many in one transaction. What does not fit is counted, never waited for."""

from __future__ import annotations

import asyncio

from aftersend.errors import TryLater
from aftersend.logs import Logger
from aftersend.store import Store, hits
from aftersend.store.hits import Row

log = Logger("tracking")

WAITING_MOST = 200_000
"""Hits that wait to be written; ten seconds of the most that comes in."""
BATCH = 5000
SOON_S = 0.1


class Keeper:
    """Takes rows of hits, and writes them within a fraction of a second. One for each process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[Row] = []
        self._some = asyncio.Event()
        self._is_ending = False
        self._is_writing = False
        self.kept = 0
        self.lost = 0
        """Hits that were answered and could not be kept."""

    @property
    def waiting(self) -> int:
        """How many hits are still to be written."""
        return len(self._waiting)

    def keep(self, row: Row) -> bool:
        """Take a hit; False if too many wait."""
        if len(self._waiting) >= WAITING_MOST:
            self.lost += 1
            return False
        self._waiting.append(row)
        if not self._some.is_set():
            self._some.set()
        return True

    async def run(self) -> None:
        """Write what was taken, until `end`; then write the rest."""
        said = 0
        while not (self._is_ending and not self._waiting):
            await self._some.wait()
            if not self._is_ending:
                await asyncio.sleep(SOON_S)
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                if not await self._written(batch):
                    break
            if not self._waiting and not self._is_ending:
                self._some.clear()
            if self.lost > said:
                log.warning("hits_lost", lost=self.lost, because="more came in than could be written")
                said = self.lost

    async def _written(self, batch: list[Row]) -> bool:
        """Write a batch, or put it back for another try."""
        self._is_writing = True
        try:
            await self._store.join(hits.keep, batch)
        except TryLater as error:
            if self._is_ending and self._store.is_closed:
                self.lost += len(batch)
                return True
            log.warning("hits_wait", waiting=len(self._waiting) + len(batch), error=str(error))
            self._waiting = batch + self._waiting
            await asyncio.sleep(0.2 if self._is_ending else 1.0)
            return False
        finally:
            self._is_writing = False
        self.kept += len(batch)
        return True

    async def end(self, within_s: float = 20.0) -> None:
        """Write what is still waiting; called when no more can come."""
        self._is_ending = True
        self._some.set()
        end = asyncio.get_running_loop().time() + within_s
        while (self._waiting or self._is_writing) and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)
