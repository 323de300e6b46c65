"""Workers take mail straight from intake: as much as they have room for, as long as they are heard of."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from typing import Any

from aftersend.app.hands import BELIEVED_S, HANDS, Grip, Hand, Hands
from aftersend.delivery.courier import BYTES_IN_HAND, STRAIGHT_MOST
from aftersend.ids import IdSource
from aftersend.store import record
from aftersend.store.queue import Claim
from given import Clock, submission

NODE = 7


class Wire:
    """Both ends of what is said between a worker and the process that takes mail in."""

    def __init__(self) -> None:
        self.brought: Any = None
        self.news: list[Any] = []

    def tell(self, name: str, value: Any) -> None:
        """Keep what the worker says."""
        assert name == HANDS
        self.news.append(value)


class Desk:
    """Takes claims as a courier does."""

    def __init__(self) -> None:
        self.is_behind = False
        self.stopping = False
        self.let_go: Any = None
        self.taken: list[Claim] = []
        self.body = b""

    def take(self, claims: list[Claim], body: bytes) -> None:
        """Deliver them."""
        self.taken += claims
        self.body = body


def a_hand(hands: Hands, wire: Wire | None = None) -> Hand:
    """A worker that keeps up and has just been heard of."""
    hand = Hand()
    if wire is not None:
        hand.give = lambda item: wire.brought(item)
    hands.join(hand)
    hand.hear((NODE, True, 0, 0), asyncio.get_running_loop().time())
    return hand


def claims_of(ids: IdSource, clock: Clock, *names: str) -> tuple[list[Claim], int]:
    """Claims as intake makes them, and the size of each."""
    fresh = submission(ids, clock(), *names)
    fresh.taken = fresh.entries
    return record.claims(fresh), record.size(fresh)


async def test_what_is_brought_arrives_whole(ids: IdSource, clock: Clock) -> None:
    """Over the wire and back: every part of a claim, the body, and the room that it took."""
    hands, wire, desk = Hands(), Wire(), Desk()
    hand = a_hand(hands, wire)
    grip = Grip(wire, desk, NODE)  # type: ignore[arg-type]
    claims, size = claims_of(ids, clock, "ann@example.net", "bob@example.org")
    assert hands.reserve(3, size) == NODE
    hands.bring(NODE, 3, size, claims, b"Hello\r\n")
    assert desk.body == b"Hello\r\n"
    for claim, found in zip(claims, desk.taken, strict=True):
        assert all(getattr(claim, part.name) == getattr(found, part.name) for part in fields(Claim))
    assert (hand.held, hand.bytes) == (2, 2 * size)
    desk.let_go(desk.taken[0])
    desk.let_go(claims_of(ids, clock, "cid@example.net")[0][0])  # that one came from the queue
    grip.tell()
    hand.hear(wire.news[-1], asyncio.get_running_loop().time())
    assert (hand.held, hand.bytes) == (1, size)


async def test_no_more_than_there_is_room_for() -> None:
    """In number and in bytes, while it keeps up with the queue, and while it is heard of."""
    hands = Hands()
    assert hands.reserve(1, 1) == 0
    hand = a_hand(hands)
    assert hands.reserve(1, BYTES_IN_HAND) == 0
    assert hands.reserve(STRAIGHT_MOST, 1) == NODE
    assert hands.reserve(1, 1) == 0
    now = asyncio.get_running_loop().time()
    hand.hear((NODE, True, STRAIGHT_MOST, STRAIGHT_MOST), now)
    assert hands.reserve(1, 1) == NODE
    hand.hear((NODE, False, 0, 0), now)
    assert hands.reserve(1, 1) == 0
    hand.hear((NODE, True, 0, 0), now - BELIEVED_S - 1)
    assert hands.reserve(1, 1) == 0


async def test_who_leaves_is_followed_only_when_all_is_durable(ids: IdSource, clock: Clock) -> None:
    """What was to be its own is written before its end or its successor frees what it held; nothing is lost between."""
    hands, wire, desk = Hands(), Wire(), Desk()
    hand = a_hand(hands, wire)
    Grip(wire, desk, NODE)  # type: ignore[arg-type]
    claims, size = claims_of(ids, clock, "ann@example.net")
    assert hands.reserve(1, size) == NODE
    leaving = asyncio.ensure_future(hands.leave(hand))
    await asyncio.sleep(0.03)
    assert not leaving.done()
    assert hands.reserve(1, size) == 0
    hands.bring(NODE, 1, size, claims, b"")
    await leaving
    assert desk.taken == []


async def test_the_one_with_most_room_is_chosen() -> None:
    """Several workers share what comes."""
    hands = Hands()
    first, second = a_hand(hands), a_hand(hands)
    second.node = NODE + 1
    assert [hands.reserve(1, 1) for _ in range(4)] == [NODE, NODE + 1, NODE, NODE + 1]
    assert first.held == second.held == 2
