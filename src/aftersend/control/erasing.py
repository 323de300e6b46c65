"""Erase one person in one call: contact, addresses in the log, what was said to them, every trace of evidence.

What is counted stays counted. A suppression stays as a hash, so that whoever opted out is not written to again. What
still waits for the person is cancelled first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aftersend.clock import Clock
from aftersend.control import queue_verbs
from aftersend.control.queue_verbs import Actor
from aftersend.errors import NotFound
from aftersend.ids import IdSource
from aftersend.mail import address
from aftersend.policy.score.providers import REAL
from aftersend.store import Store, accounts, contacts, erasure
from aftersend.store.connection import Connection

SLICE = 200
"""So much is changed in one transaction."""
PATIENCE_S = 20.0
"""For so long an attempt under way is waited for."""


@dataclass(slots=True)
class Erased:
    """What was done."""

    contacts: int = 0
    addresses: int = 0
    cancelled: int = 0
    deliveries: int = 0
    messages: int = 0
    suppressions: int = 0
    later: int = 0
    """What cannot be erased yet, since it is being sent just now, or to others too: ask again later."""

    def as_dict(self) -> dict[str, int]:
        """Say it in numbers."""
        return {name: getattr(self, name) for name in self.__slots__}


async def erase(
    store: Store,
    clock: Clock,
    ids: IdSource,
    account_id: int,
    *,
    by: str,
    text: str = "",
    contact_id: int | None = None,
) -> Erased:
    """Erase whoever has an address, or a contact with all addresses. Raise BadField, or NotFound for no such contact.

    Done in slices, each durable by itself; a call that was cut short is simply made again.
    """
    folded = [address.parse(text.strip(), pointer="#/address").folded] if text or contact_id is None else []
    number, folded = await store.ask(_addresses, account_id, folded, contact_id)
    told = Erased(addresses=len(folded))
    if number is not None:
        await store.run(contacts.remove, account_id, number)
        told.contacts = 1
    told.later = await _stopped(store, clock, ids, account_id, folded, by, told)
    seen: set[int] = set()
    while (found := await store.run(erasure.from_deliveries, account_id, folded, shared=REAL, limit=SLICE)).deliveries:
        told.deliveries += found.deliveries
        seen |= found.messages
    numbers = sorted(seen)
    for at in range(0, len(numbers), SLICE):
        emptied, later = await store.run(erasure.from_messages, account_id, folded, numbers[at : at + SLICE])
        told.messages += emptied
        told.later += later
    told.suppressions = await store.run(erasure.from_the_rest, account_id, folded)
    await store.run(
        accounts.note,
        account_id,
        ids(),
        who=by,
        did="erased a person",
        what=f"{told.deliveries} deliveries",
        now=clock(),
    )
    return told


def _addresses(
    connection: Connection, account_id: int, folded: Sequence[str], contact_id: int | None
) -> tuple[int | None, list[str]]:
    """The contact, if there is one, and all addresses of the person."""
    if contact_id is None:
        try:
            contact_id = contacts.owner(connection, account_id, folded[0])
        except NotFound:
            return None, list(folded)
    spots: list[dict[str, Any]] = contacts.one(connection, account_id, contact_id)["addresses"]
    theirs = [address.parse(spot["address"]).folded for spot in spots]
    return contact_id, list(dict.fromkeys([*folded, *theirs]))


async def _stopped(
    store: Store, clock: Clock, ids: IdSource, account_id: int, folded: Sequence[str], by: str, told: Erased
) -> int:
    """Cancel what waits; return how much is still being sent after some patience."""
    end = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        left = await store.ask(erasure.waiting, account_id, folded)
        for at in range(0, len(left.free), SLICE):
            done = await store.run(
                queue_verbs.act, account_id, "cancel", left.free[at : at + SLICE],
                by=Actor(by, "the person was erased"), ids=ids, now=clock(),
            )  # fmt: skip
            told.cancelled += len(done.done)
        if not left.busy and not left.free:
            return left.relayed
        if asyncio.get_running_loop().time() > end:
            return left.busy + len(left.free) + left.relayed
        await asyncio.sleep(0.1)
