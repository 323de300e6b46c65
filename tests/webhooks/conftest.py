"""A node's webhooks over a real store and real sockets, on a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from hooked import SECRET, Post, no_names

from aftersend.clock import Instant
from aftersend.control import hooks as control
from aftersend.ids import IdSource
from aftersend.reports import stream
from aftersend.store import Store, nodes
from aftersend.store.hooks import Hook
from aftersend.webhooks.client import Client
from aftersend.webhooks.guard import Allowance, Guard
from aftersend.webhooks.sending import Tools
from given import NODE, Clock


@pytest.fixture
def post(store: Store, clock: Clock, ids: IdSource, runner: asyncio.Runner) -> Iterator[Post]:
    """Mail and webhooks, on each engine."""
    guard = Guard(no_names, Allowance.of(["127.0.0.0/8"]))

    async def make() -> Post:
        client = Client(guard)
        await store.run(nodes.enter, "here", "one", now=clock(), take_over=False)
        pauses: list[str] = []

        async def paused(hook: Hook, why: str) -> None:
            pauses.append(why)

        def keys_of(hook: Hook, now: Instant) -> list[bytes]:
            return control.keys_of(SECRET, hook, now)

        chance = random.Random(7)
        tools = Tools(store, clock, ids, NODE, client, stream, keys_of, chance.random, paused)
        return Post(store, clock, ids, tools, pauses)

    made = runner.run(make())
    yield made
    runner.run(made.tools.client.close())
