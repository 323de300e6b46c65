"""The loop of returns: fetch what waits, read it on a thread, apply it, one transaction a batch."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

from aftersend.clock import Clock
from aftersend.errors import TryLater
from aftersend.logs import Logger
from aftersend.policy.breaker import Breaker
from aftersend.policy.counters import SuppressionRules
from aftersend.returns import reading
from aftersend.returns.applying import Came, Desk, apply
from aftersend.returns.reading import Read
from aftersend.returns.tokens import Place
from aftersend.store import Store, doubts, returned
from aftersend.store.accounts import FIRST_ACCOUNT
from aftersend.store.connection import Connection
from aftersend.store.returned import Returned

log = Logger("returns")

BATCH = 50
IDLE_LOOK_S = 5.0


class Returns:
    """Reads what came back. One for each process."""

    def __init__(self, store: Store, clock: Clock, place: Place, rules: SuppressionRules) -> None:
        self._store, self._clock = store, clock
        self.desk = Desk(place, rules, Breaker(), clock)
        self._bell = store.bell(returned.BELL)
        self.applied = 0

    async def run(self) -> None:
        """Read what comes back until cancelled."""
        while True:
            self._bell.clear()
            try:
                if await self.read_waiting():
                    continue
            except TryLater:
                await asyncio.sleep(1.0)
                continue
            try:
                await asyncio.wait_for(self._bell.wait(), IDLE_LOOK_S)
            except TimeoutError:
                pass

    async def read_waiting(self) -> int:
        """Make one pass over what waits; return how many mails were looked at.

        Crash-safe: a mail goes in the transaction that writes down what follows from it.
        """
        items: list[Returned] = await self._store.ask(returned.waiting, limit=BATCH)
        if not items:
            return 0
        self.desk.breaker.heed(await self._store.ask(doubts.standing, now=self._clock()))
        loop = asyncio.get_running_loop()
        mails = await loop.run_in_executor(None, _read_all, items)
        try:
            came = await self._store.run(_apply_all, items, mails, self.desk)
        except TryLater:
            raise
        except Exception:
            came = [await self._apply_alone(item, mail) for item, mail in zip(items, mails, strict=True)]
        self.applied += sum(one is Came.APPLIED for one in came)
        return len(items)

    async def _apply_alone(self, item: Returned, mail: Read) -> Came:
        try:
            result: Came = await self._store.run(apply, item, mail, self.desk)
        except TryLater:
            raise
        except Exception:
            trace = traceback.format_exc()
            log.error("return_not_applied", id=item.id, traceback=trace)
            await self._store.run(returned.fault, item, FIRST_ACCOUNT, trace)
            return Came.UNREAD
        return result


def _read_all(items: list[Returned]) -> list[Read]:
    return [reading.read(item.raw, item.peer) for item in items]


def _apply_all(connection: Connection, items: list[Returned], mails: list[Read], desk: Desk) -> list[Any]:
    return [apply(connection, item, mail, desk) for item, mail in zip(items, mails, strict=True)]
