"""A thread that does one thing after the other: what `ThreadPoolExecutor(1)` is, without a future, a semaphore and three
locks for each, which at a thousand commits a second cost more than what is done."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Hand:
    """One thread, and what it has yet to do. What it is given must not raise."""

    def __init__(self, name: str) -> None:
        self._given: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def give(self, act: Callable[[], None]) -> None:
        """Have something done after all that was given before."""
        self._given.put(act)

    def rest(self) -> None:
        """Wait until all is done, and take no more."""
        self._given.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (act := self._given.get()) is not None:
            act()
