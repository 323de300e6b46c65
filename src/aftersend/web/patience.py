"""Wait a moment for mail that is being worked on, so that a person need not ask again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aftersend.control import queue_verbs
from aftersend.control.queue_verbs import AGAIN_S, PATIENCE_S, Done
from aftersend.errors import Conflict

T = TypeVar("T")


async def one(act: Callable[[], Awaitable[T]]) -> T:
    """Do something about one delivery or message; again for as long as it is being worked on, up to `PATIENCE_S`."""
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await act()
        except Conflict as error:
            if not queue_verbs.is_in_progress(error) or time.monotonic() > end:
                raise
        await asyncio.sleep(AGAIN_S)


async def many(done: Done, act: Callable[[Sequence[int]], Awaitable[Done]]) -> None:
    """Do a verb once more to what was being worked on, as it becomes free, up to `PATIENCE_S`."""
    end = time.monotonic() + PATIENCE_S
    while (busy := done.in_progress) and time.monotonic() < end:
        await asyncio.sleep(AGAIN_S)
        for first in range(0, len(busy), queue_verbs.SLICE):
            done.again(await act(busy[first : first + queue_verbs.SLICE]))
