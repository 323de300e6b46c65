"""Own what the HTTP face works with: one value, made by the wiring, passed to everything here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aftersend.clock import Clock
from aftersend.control.keys import Keys
from aftersend.ids import IdSource
from aftersend.intake import Intake
from aftersend.policy.counters import SuppressionRules
from aftersend.policy.proxies import Proxies
from aftersend.store import Engine, Store
from aftersend.web.meter import Meter


@dataclass(frozen=True, slots=True)
class Rules:
    """How the HTTP face is offered."""

    hostname: str
    """The name of this server."""
    return_domain: str
    """The domain of return paths."""
    url: str = ""
    """How people reach this server, without a slash at the end; "" for what a request says itself."""
    smtp: str = ""
    """Where mail can be submitted by SMTP, for people to read; "" for nowhere."""
    max_body: int = 40 * 1024 * 1024
    """The largest request taken, in bytes."""
    max_recipients: int = 1000
    """The most recipients of one message."""
    requests_per_minute: int = 0
    """How many requests a key may make in a minute; 0 for any number."""
    quality_least: int = 0
    """The score that a broadcast must have to be started; 0 for none."""
    metrics_token: str = ""
    """What must be shown for metrics; "" for no metrics."""
    is_practice: bool = False
    """Whether all mail goes to the practice world."""
    proxies: Proxies = field(default_factory=Proxies)
    """Who is believed to say whose request it passes on."""


@dataclass(frozen=True, slots=True)
class Desk:
    """All that requests need: where things are kept, who may ask, and how mail is taken in."""

    rules: Rules
    store: Store
    engine: Engine
    clock: Clock
    ids: IdSource
    intake: Intake
    keys: Keys
    version: str
    node: int = 0
    started_us: int = 0
    refresh: Callable[[], Awaitable[None]] | None = None
    """Reads again what the hot paths keep in memory, after streams or domains were changed."""
    secret: Any = None
    """The installation's secret, which seals signing keys."""
    guard: Any = None
    """Decides whether a webhook's URL may be asked."""
    resolver: Any = None
    """Answers questions of names, for the check of a sending domain."""
    scorer: Any = None
    """Scores messages before they are sent."""
    suppression: SuppressionRules = field(default_factory=SuppressionRules)
    """When the platform stops writing to an address, once a person has said what a returned mail means."""
    meter: Meter = field(default_factory=Meter)
    visits: Callable[[], dict[str, int]] | None = None
    """Numbers about the visits that this process answers; None if it answers none."""
    attempts: Any = None
    """What is counted of attempts to deliver, where this process delivers."""
    told: Any = None
    """What is counted of requests to webhooks, by outcome, where this process serves them."""
    settings: Any = ()
    """All settings, as people see them; secrets are left out."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the service stops: whoever follows what happens is let go."""
    followers: Counter[int] = field(default_factory=Counter)
    """How many follow what happens, by account."""

    async def changed(self) -> None:
        """Make a change of streams, domains or keys felt at once in this process."""
        self.keys.forget()
        if self.refresh is not None:
            await self.refresh()
