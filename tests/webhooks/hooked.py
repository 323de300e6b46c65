"""Mail that happens and webhooks that are told, on a clock that is moved by hand."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from aftersend.clock import Instant
from aftersend.control import hooks as control
from aftersend.control.hooks import Wish
from aftersend.control.secret import Secret
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.reports import stream
from aftersend.store import Store, hooks, record
from aftersend.store.hooks import Hook
from aftersend.webhooks.sending import Over, Sender, Tools
from given import ACCOUNT, NODE, Clock, step, submission

SECRET = Secret("a secret of the tests")


async def no_names(host: str) -> list[str]:
    """A DNS in which there is nothing."""
    return []


@dataclass
class Post:
    """Mail that happens, and the webhooks that are told."""

    store: Store
    clock: Clock
    ids: IdSource
    tools: Tools
    pauses: list[str] = field(default_factory=list)
    secrets: dict[int, str] = field(default_factory=dict)
    deliveries: list[int] = field(default_factory=list)

    async def hook(self, url: str, **wish: Any) -> Hook:
        """Make a webhook, which this node serves."""
        hook_id = self.ids()
        _, text = await self.store.run(
            control.create, ACCOUNT, hook_id, Wish(url=url, **wish), secret=SECRET, now=self.clock()
        )
        self.secrets[hook_id] = text
        await self.store.run(hooks.claim, NODE)
        return await self.now(hook_id)

    async def now(self, hook_id: int) -> Hook:
        """A webhook as it is kept."""
        return await self.store.ask(hooks.one, ACCOUNT, hook_id)

    async def send(self, *recipients: str) -> list[int]:
        """Take a mail in; return its deliveries."""
        made = submission(self.ids, self.clock(), *recipients)
        await self.store.join(record.accepted, made)
        ids = [entry.id for entry in made.entries]
        self.deliveries += ids
        return ids

    async def happen(self, delivery_id: int, fact: Fact) -> None:
        """Let something happen to a delivery."""
        await self.store.join(record.steps, step(delivery_id, self.clock(), fact, keys=[self.ids()]))

    async def some(self, number: int, chance: random.Random, people: int = 12) -> None:
        """Let many things happen to the mail of some people."""
        while number > 0:
            people_now = [f"r{chance.randrange(people)}@example.net" for _ in range(chance.randint(1, 4))]
            for delivery_id in await self.send(*people_now):
                number -= 2
                for fact in (Fact.DEFERRED, Fact.DEFERRED, Fact.DELIVERED, Fact.OPENED):
                    if chance.random() < 0.5:
                        await self.happen(delivery_id, fact)
                        number -= 1

    async def every(self) -> dict[int, dict[str, Any]]:
        """All events there are, by sequence."""
        part = await self.store.ask(stream.read, ACCOUNT, 0, limit=100_000)
        return {told.sequence: told.as_dict for told in part.events}

    def sender(self, hook: Hook) -> Sender:
        """One who serves a webhook, as a process that has just begun."""
        return Sender(self.tools, hook.account_id, hook.id)

    async def until(self, sender: Sender, moment: Instant, *, most: int = 5000) -> None:
        """Make turns, moving the clock on to the next one that is due, until a moment; or until nothing is to be done."""
        for _ in range(most):
            try:
                due = await sender.turn()
            except Over:
                return
            if due is None or due > moment:
                break
            self.clock.now = max(self.clock.now, due)
        else:
            raise AssertionError("it makes turns for ever")
        self.clock.now = max(self.clock.now, moment)

    async def drain(self, sender: Sender) -> None:
        """Make turns until nothing is to be done any more."""
        for _ in range(5000):
            try:
                due = await sender.turn()
            except Over:
                return
            if due is None:
                return
            self.clock.now = max(self.clock.now, due)
        raise AssertionError("it makes turns for ever")
