"""One receiving site as this node sees it: what waits for it, the connections to it, and how hard it may be pressed."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import replace
from typing import Protocol

from aftersend.clock import SECOND, Clock
from aftersend.delivery.names import Host
from aftersend.delivery.parcel import Parcel
from aftersend.delivery.routes import Route
from aftersend.policy import limits
from aftersend.policy.limits import Limits, SiteState
from aftersend.store.sites import Lesson

FIRST_RATE = 20.0
DEPTH = 4
"""So many parcels for each connection before another one is opened."""
BROKEN_TLS_REMEMBERED_US = 3600 * SECOND


class Line(Protocol):
    """A connection, as its site sees it."""

    @property
    def is_idle(self) -> bool:
        """Whether it could take a parcel at once."""

    def fetch(self) -> None:
        """Take parcels from the site and send them."""

    def finish(self) -> None:
        """Take no more; quit when the last has ended."""

    def check_time(self, now: float) -> None:
        """End it if it has been silent for too long."""


class Opener(Protocol):
    """Opens connections for a site; the courier."""

    def open_connection(self, site: Site) -> None:
        """Begin to connect; the connection asks the site for parcels, or the site is told that it failed."""

    def may_open(self) -> bool:
        """Whether one more connection fits into the limit for all sites together."""


class Site:
    """All that shares one set of mail servers."""

    def __init__(
        self, name: str, hosts: tuple[Host, ...], route: Route, opener: Opener, clock: Clock, rules: Limits
    ) -> None:
        self.name = name
        self.hosts = hosts
        self.route = route
        self.waiting: deque[Parcel] = deque()
        self.connections: set[Line] = set()
        self.connecting = 0
        self.state: SiteState = limits.fresh(rules)
        self.nodes = 1
        self.has_news = False
        """Whether something was learnt that the other nodes should know."""
        self._opener = opener
        self._clock = clock
        self._rules = rules
        self._next_slot = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._sent: deque[int] = deque(maxlen=50)
        self._broken_tls: dict[str, int] = {}

    @property
    def limit(self) -> int:
        """Connections that this node may have to the site now."""
        return limits.share(self.state.connections, self.nodes)

    def closed_until(self) -> int:
        """Until when the site is left alone (microseconds), 0 if it is open."""
        until = self.state.closed_until_us
        return until if until > self._clock() else 0

    def ways(self, place: str) -> tuple[bool, ...]:
        """Say how to connect to an address, in order: False as it offers, True without TLS.

        Broken TLS must not hold mail back where no policy demands TLS (RFC 7435): it could come in the clear anyway.
        """
        if self.route.tls != "may":
            return (False,)
        since = self._broken_tls.get(place)
        return (False, True) if since is None or since + BROKEN_TLS_REMEMBERED_US < self._clock() else (True,)

    def tls_failed(self, place: str) -> None:
        """An address offered TLS that does not work; for an hour it is not asked for it."""
        self._broken_tls[place] = self._clock()

    def add(self, parcel: Parcel) -> None:
        """Put a parcel in the line and see that somebody fetches it."""
        self.waiting.append(parcel)

    def press(self) -> None:
        """Let idle connections fetch, then open as many as the line deserves and the limit allows."""
        if not self.waiting:
            return
        closed = self.closed_until()
        if closed:
            self._again_at((closed - self._clock()) / SECOND)
            return
        for connection in list(self.connections):
            if not self.waiting:
                return
            if connection.is_idle:
                connection.fetch()
        while (
            self.waiting
            and len(self.connections) + self.connecting < self.limit
            and len(self.waiting) > DEPTH * self.connecting
            and self._opener.may_open()
        ):
            self.connecting += 1
            self._opener.open_connection(self)

    def pull(self) -> Parcel | None:
        """Give the next parcel to a connection, or None when there is none or the site's rate forbids one now."""
        if not self.waiting:
            return None
        closed = self.closed_until()
        if closed:
            self._again_at((closed - self._clock()) / SECOND)
            return None
        rate = self.state.rate_per_s
        if rate is not None:
            now = self._clock() / SECOND
            if now < self._next_slot:
                self._again_at(self._next_slot - now)
                return None
            self._next_slot = max(self._next_slot, now - 1 / rate) + 1 / rate
        return self.waiting.popleft()

    def _again_at(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._slot_is_free)

    def _slot_is_free(self) -> None:
        self._timer = None
        self.press()

    def went_well(self) -> None:
        """A message was taken."""
        self._sent.append(self._clock())
        self.state = limits.after_success(self.state, self._rules)

    def lesson(self) -> Lesson:
        """What the other nodes should know."""
        state = self.state
        return Lesson(self.name, max(1, int(state.connections)), state.closed_until_us, state.why)

    def heed(self, lesson: Lesson) -> None:
        """Take what another node has learnt: the fewer connections, the longer pause."""
        self.state = replace(
            self.state,
            connections=min(self.state.connections, float(lesson.connections)),
            closed_until_us=max(self.state.closed_until_us, lesson.closed_until_us),
            why=lesson.why,
            good=0,
        )

    def pushed_back(self, why: str, pause_s: float, *, of_rate: bool) -> None:
        """The site said that we are too much; `of_rate` when it spoke of messages rather than of connections."""
        self.has_news = True
        self.state = limits.after_pushback(
            self.state,
            now=self._clock(),
            open_connections=len(self.connections),
            seen_rate=self._rate_seen() if of_rate else None,
            why=why,
            pause_s=pause_s * self._rules.pause_scale,
        )

    def could_not_be_reached(self, why: str, *, timed_out: bool) -> None:
        """None of its hosts answered."""
        self.has_news = True
        self.state = limits.after_no_connection(
            self.state, self._rules, now=self._clock(), timed_out=timed_out, why=why
        )

    def _rate_seen(self) -> float:
        """Messages a second that the site took lately; a guess where it has taken too few to tell."""
        if len(self._sent) < 10:
            return FIRST_RATE
        seconds = (self._clock() - self._sent[0]) / SECOND
        return len(self._sent) / max(seconds, 0.001)

    def take_waiting(self) -> list[Parcel]:
        """Empty the line and return what stood in it."""
        taken = list(self.waiting)
        self.waiting.clear()
        return taken

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits and nothing is open, so that it may be forgotten."""
        return not (self.waiting or self.connections or self.connecting)
