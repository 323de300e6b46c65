"""A running node: what its parts share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from aftersend import clock, ids
from aftersend.clock import Doubts
from aftersend.config import Settings
from aftersend.logs import Logger
from aftersend.store import Engine, Store, accounts, nodes, paces

log = Logger("app")

PARTS = ("smtp", "web", "treatment", "delivery", "returns", "tracking", "webhooks", "upkeep")


@dataclass
class Service:
    """A running node, as `running` hands it out: for the command line, the demo and the tests."""

    settings: Settings
    engine: Engine | None
    """The database; None in a process that works through another one's store."""
    store: Store
    ids: ids.IdSource
    node: int
    incarnation: str
    secret: Any
    clock: clock.Clock
    workers: int = 0
    """How many processes beside this one deliver in its place."""
    addresses: dict[str, tuple[str, int]] = field(default_factory=dict)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    has_failed: bool = False
    intake: Any = None
    keys: Any = None
    courier: Any = None
    hands: Any = None
    """The workers, as far as they take mail straight from intake."""
    signer: Any = None
    resolver: Any = None
    visits: Callable[[], dict[str, int]] | None = None
    """Numbers about the visits that this process answers."""
    panel: Any = None
    """The spam filters of this installation; there may be none."""
    guard: Any = None
    webhooks: Any = None
    meter: Any = None
    """What is counted of attempts."""
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    closers: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    doubts: Doubts = field(init=False)
    """Whether the clock was put far ahead: then nothing is given up or forgotten for its age, which nobody could undo."""

    def __post_init__(self) -> None:
        """Begin to watch the clock."""
        self.doubts = Doubts(self.clock)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a loop until the service stops; a loop that dies takes the service down, loudly."""
        task = asyncio.ensure_future(work)
        task.add_done_callback(self._ended)
        self.tasks.append(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None and not self.stopping.is_set():
            log.critical("loop_died", exc_info=task.exception())
            self.fail()

    def fail(self) -> None:
        """Stop, and say at the end that it was not in good order, so that whoever watches the process starts it again."""
        self.has_failed = True
        self.stopping.set()

    async def refresh(self) -> None:
        """Read again what the hot paths keep in memory: streams, domains, whose mail costs credits, signing keys, how many nodes there are."""
        await self.intake.refresh()
        if self.signer is not None:
            from aftersend.control import seal

            kept = await self.store.ask(accounts.dkim_keys_of)
            self.signer.reload(
                [
                    (row.account_id, row.domain, row.selector, seal.opener(self.secret, row))
                    for row in kept
                    if row.active_us is not None and row.retired_us is None
                ]
            )
        if self.courier is not None:
            self.courier.nodes = max(1, await self.store.ask(nodes.delivering))
            await self._share_sources()

    async def _share_sources(self) -> None:
        """Learn how far the rates of this node and its addresses are used up, by it before it started and by others."""
        sources = self.courier.sources
        sources.follow(self.intake.throttles)
        if sources.is_limited:
            sources.know(await self.store.ask(paces.read, sources.places))
