"""Take files of contacts in beside everything else: read them a page at a time, then keep all of it in one transaction.

Crash-safe: a file whose reader died is read again from its beginning, and one that was read is kept whole or not at all.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable, Iterator
from itertools import islice

from aftersend import ids
from aftersend.broadcasts import importing
from aftersend.broadcasts.importing import Fault
from aftersend.clock import SECOND, Clock, Instant
from aftersend.errors import AftersendError, BadField, TryLater
from aftersend.logs import Logger
from aftersend.store import Store, imports
from aftersend.store.contacts import Row
from aftersend.store.imports import KEEPING, READING, WAITING, Import

log = Logger("imports")

PAGE = 500
"""So many rows are read before others have their turn."""
PAGES_AT_ONCE = 4
"""So many pages are kept in one transaction."""
ROWS_MOST = 500_000
LEASE = 30 * SECOND


class Taker:
    """Takes in the files of a store, one after the other, beside other nodes."""

    def __init__(self, store: Store, clock: Clock, *, node: int, new_id: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._node = node
        self._new_id = new_id
        self._is_swept = False

    async def run_due(self) -> Instant | None:
        """Take one file a step further; return when one is next, None for no time known."""
        now = self._clock()
        look = await self._store.ask(imports.first_look)
        if look is not None and look <= now:
            self._is_swept = False
            found = await self._store.run(imports.claim, node=self._node, now=now, until=now + LEASE)
            if found is not None:
                await self._step(found)
            return now
        if not self._is_swept:
            self._is_swept = not await self._store.run(imports.sweep)
            return now
        return look

    async def _step(self, found: Import) -> None:
        try:
            if found.state in (WAITING, READING):
                await self._read(found)
            elif found.state == KEEPING:
                await self._store.run(imports.keep, found, node=self._node, now=self._clock())
        except (TryLater, asyncio.CancelledError):
            raise
        except AftersendError as error:
            await self._store.run(imports.fail, found, error.detail, now=self._clock())
        except Exception as error:
            # It is tried again when the lease is over.
            log.error("import_failed", import_id=ids.show("imp", found.id), exc_info=error)

    async def _read(self, found: Import) -> None:
        content = await self._store.run(imports.begin, found)
        if content is None:
            raise BadField("", "The file is gone.", code="invalid-file")
        text = importing.text_of(content)
        rows = importing.walk(importing.rows(text), found.wanted.columns, self._new_id)
        number = 0
        while True:
            people: list[Row] = []
            wrong: list[tuple[int, str, str]] = []
            for _ in range(PAGES_AT_ONCE):
                for each in _some(rows):
                    if isinstance(each, Fault):
                        wrong.append((each.line, each.row, each.why))
                    else:
                        people.append(each)
                await asyncio.sleep(0)
            if not people and not wrong:
                break
            number += len(people) + len(wrong)
            if number > ROWS_MOST:
                why = f"A file has {ROWS_MOST} rows at most; cut it into several."
                raise BadField("", why, code="invalid-file")
            until = self._clock() + LEASE
            if not await self._store.run(imports.stage, found, people, wrong, node=self._node, until=until):
                return
        await self._store.run(imports.read, found, node=self._node, now=self._clock())


def _some(rows: Iterator[Row | Fault]) -> list[Row | Fault]:
    try:
        return list(islice(rows, PAGE))
    except csv.Error as error:
        raise importing.not_csv(error) from None
