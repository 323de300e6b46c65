"""Find what is wrong with messages as such, each read once, and remembered for as long as its deliveries come by."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from aftersend.mail import compiled
from aftersend.policy import structure
from aftersend.policy.gates import Fault
from aftersend.store import Store, content
from aftersend.store.queue import Claim

REMEMBERED = 10_000
Message = tuple[int, int]
"""Account and message."""


class Faults:
    """What is wrong with messages; most have no fault. One for each process."""

    def __init__(self) -> None:
        self._seen: OrderedDict[Message, Fault | None] = OrderedDict()

    async def of(self, store: Store, claimed: Sequence[Claim]) -> dict[Message, Fault]:
        """Return the fault of each message that has one."""
        messages: dict[Message, Claim] = {}
        for item in claimed:
            messages.setdefault((item.account_id, item.message_id), item)
        fresh = [place for place in messages if place not in self._seen]
        if fresh:
            bodies = await store.ask(content.load, [(place[0], bytes(messages[place].body)) for place in fresh])
            for place, body in zip(fresh, bodies, strict=True):
                self._seen[place] = None if body is None else _fault(messages[place], body)
        found = {place: fault for place in messages if (fault := self._seen[place]) is not None}
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return found


def _fault(item: Claim, body: bytes) -> Fault | None:
    if item.flags & compiled.FLAG_COMPILED:
        return structure.fault(*compiled.decode(body).shown(), is_template=True)
    return structure.fault(bytes(item.headers), body)
