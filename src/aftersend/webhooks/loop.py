"""Serve all webhooks of a node: one task for each that it holds, so that one slow endpoint keeps nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib

from aftersend import ids
from aftersend.clock import SECOND
from aftersend.errors import TryLater
from aftersend.logs import Logger
from aftersend.store import feed, hooks
from aftersend.webhooks.sending import Over, Sender, Tools

log = Logger("webhooks")

LOOK_EVERY_S = 5.0
GATHER_S = 0.02
"""So long it is waited after a bell, so that what happens at once is read at once."""
AFTER_A_FAULT_S = 60.0
STOP_WITHIN_S = 16.0


class Webhooks:
    """The webhooks of a node."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._serving: dict[tuple[int, int], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Take the webhooks that nobody serves, and serve them, until cancelled."""
        store, node = self._tools.store, self._tools.node
        bell = store.bell(hooks.BELL)
        while not self._tools.stopping.is_set():
            bell.clear()
            with contextlib.suppress(TryLater):
                mine, are_free = await store.ask(hooks.to_serve, node)
                if are_free:
                    await store.run(hooks.claim, node)
                    mine, _ = await store.ask(hooks.to_serve, node)
                self._serve(mine)
                feed.readers.there = feed.readers.there or await store.ask(hooks.are_there)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), LOOK_EVERY_S)

    def _serve(self, mine: set[tuple[int, int]]) -> None:
        self._serving = {place: task for place, task in self._serving.items() if not task.done()}
        for place in mine - set(self._serving):
            self._serving[place] = asyncio.ensure_future(self._one(*place))

    async def _one(self, account_id: int, hook_id: int) -> None:
        """Serve one webhook until it is no longer ours to serve."""
        tools = self._tools
        sender = Sender(tools, account_id, hook_id)
        news, changes = feed.bell_of(account_id), hooks.BELL
        bell = tools.store.bell(news)
        changed = tools.store.bell(changes)
        try:
            while not tools.stopping.is_set():
                bell.clear()
                changed.clear()
                try:
                    due = await sender.turn()
                except Over:
                    return
                except TryLater:
                    due = tools.clock() + SECOND
                except Exception:
                    log.exception("webhook_fault", webhook_id=ids.show("whk", hook_id))
                    await asyncio.sleep(AFTER_A_FAULT_S)
                    continue
                wait = LOOK_EVERY_S if due is None else min(LOOK_EVERY_S, (due - tools.clock()) / SECOND)
                if wait > 0:
                    await _first_of(bell, changed, tools.stopping, within_s=wait)
                    await asyncio.sleep(GATHER_S)
        finally:
            tools.store.unhook(news, bell)
            tools.store.unhook(changes, changed)

    async def stop(self) -> None:
        """Let the requests that are under way end, write down what came of them, and let go of all webhooks."""
        self._tools.stopping.set()
        tasks = list(self._serving.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_WITHIN_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self._tools.client.close()
        with contextlib.suppress(TryLater):
            await self._tools.store.run(hooks.release, self._tools.node)


async def _first_of(*events: asyncio.Event, within_s: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()
