"""What waits for one set of servers: urgent parcels before others, which get a quarter all the same."""

from __future__ import annotations

from collections import deque

from aftersend.delivery.parcel import Parcel
from aftersend.store.turns import BULK_SHARE


class Waiting:
    """A line of parcels, in the order in which they go."""

    __slots__ = ("_others", "_turn", "_urgent")

    def __init__(self) -> None:
        self._urgent: deque[Parcel] = deque()
        self._others: deque[Parcel] = deque()
        self._turn = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._others)

    def __bool__(self) -> bool:
        return bool(self._urgent or self._others)

    def before(self, *, is_urgent: bool) -> int:
        """How many one more parcel would find before it, those aside that take turns with it."""
        return len(self._urgent if is_urgent else self._others)

    def add(self, parcel: Parcel, *, is_urgent: bool) -> None:
        """Put one behind all others of its kind."""
        (self._urgent if is_urgent else self._others).append(parcel)

    def put_back(self, parcel: Parcel) -> None:
        """Put one before all others; it had its turn, and was handed back."""
        self._urgent.appendleft(parcel)

    def take(self) -> Parcel:
        """Take the next one. Raise IndexError when there is none."""
        if not self._urgent:
            return self._others.popleft()
        if self._others:
            self._turn += 1
            if self._turn % BULK_SHARE == 0:
                return self._others.popleft()
        return self._urgent.popleft()

    def take_all(self) -> list[Parcel]:
        """Empty the line and return what stood in it."""
        taken = [*self._urgent, *self._others]
        self._urgent.clear()
        self._others.clear()
        return taken
