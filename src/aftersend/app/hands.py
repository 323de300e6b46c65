"""Mail goes from the process that takes it in straight to a worker, while nothing waits in the queue.

It is written as taken by the worker's node, and the worker gets it with its body once it is durable. What a worker has in
hand is bounded; it says what it let go, and whether it keeps up with the queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from aftersend.delivery.courier import BYTES_IN_HAND, STRAIGHT_MOST, Courier
from aftersend.store.queue import Claim
from aftersend.store.remote import RemoteStore

HANDS = "hands"
"""The name of the news in which a worker says how it stands."""
BELIEVED_S = 10.0
"""News that are older count for nothing: a worker that hangs gets no more. Far less than a node's lease."""
TELL_APART_S = 0.004
_parts = attrgetter(*(part.name for part in fields(Claim)))


def _nowhere(item: Any) -> None:
    """Lose it."""


@dataclass(slots=True)
class Hand:
    """A worker as the process that takes mail in sees it."""

    give: Callable[[Any], None] = _nowhere
    """Hands something over to its process."""
    node: int = 0
    is_open: bool = False
    heard_at: float = 0.0
    held: int = 0
    bytes: int = 0
    unwritten: int = 0
    """Reservations that are not durable yet."""

    def hear(self, news: tuple[int, bool, int, int], now: float) -> None:
        """Take what the worker says: its node, whether it keeps up, how many deliveries and bytes it let go."""
        self.node, self.is_open, gone, size = news
        self.held -= gone
        self.bytes -= size
        self.heard_at = now

    def can_take(self, deliveries: int, size: int, now: float) -> bool:
        """Whether it has room."""
        return (
            self.is_open
            and now - self.heard_at < BELIEVED_S
            and self.held + deliveries <= STRAIGHT_MOST
            and self.bytes + deliveries * size <= BYTES_IN_HAND // 2
        )


class Hands:
    """All workers of this process, as intake sees them."""

    def __init__(self) -> None:
        self._all: list[Hand] = []
        self._reserved: dict[int, Hand] = {}
        self._loop = asyncio.get_running_loop()

    def join(self, hand: Hand) -> None:
        """A worker is there."""
        self._all.append(hand)

    async def leave(self, hand: Hand) -> None:
        """Give a worker nothing more; return when all is durable that was to be its own: then its end, or the one that
        follows it, frees that too."""
        if hand in self._all:
            self._all.remove(hand)
        hand.is_open = False
        while hand.unwritten:
            await asyncio.sleep(0.01)

    def reserve(self, deliveries: int, size: int) -> int:
        """Return the node of the worker that takes so many deliveries of so many bytes each; 0 if none has room."""
        now = self._loop.time()
        hand = min(self._all, key=attrgetter("held"), default=None)
        if hand is None or not hand.can_take(deliveries, size, now):
            return 0
        hand.held += deliveries
        hand.bytes += deliveries * size
        hand.unwritten += 1
        self._reserved[hand.node] = hand
        return hand.node

    def bring(self, node: int, deliveries: int, size: int, claims: Sequence[Claim], body: bytes) -> None:
        """Hand over what became of a reservation; where its worker has left meanwhile, the next one is given it."""
        hand = self._reserved[node]
        hand.unwritten -= 1
        hand.held -= deliveries - len(claims)
        hand.bytes -= (deliveries - len(claims)) * size
        if claims and hand in self._all:
            hand.give(([_parts(claim) for claim in claims], body))


class Grip:
    """The other side: takes what is handed over, and tells how this worker stands."""

    def __init__(self, store: RemoteStore, courier: Courier, node: int) -> None:
        self._store = store
        self._courier = courier
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._taken: set[int] = set()
        self._gone = self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        store.brought = self._take
        courier.let_go = self._let_go

    def _take(self, item: tuple[list[tuple[Any, ...]], bytes]) -> None:
        rows, body = item
        claims = [Claim(*row) for row in rows]
        self._taken.update(claim.delivery_id for claim in claims)
        self._courier.take(claims, body)

    def _let_go(self, claim: Claim) -> None:
        if claim.delivery_id in self._taken:
            self._taken.discard(claim.delivery_id)
            self._gone += 1
            self._bytes += claim.size
            if self._timer is None:
                self._timer = self._loop.call_later(TELL_APART_S, self.tell)

    def tell(self) -> None:
        """Say how things stand; to be called every second too, so that a worker that hangs is known by its silence."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        is_open = not self._courier.is_behind and not self._courier.stopping
        self._store.tell(HANDS, (self._node, is_open, self._gone, self._bytes))
        self._gone = self._bytes = 0
