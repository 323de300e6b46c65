"""One set of mail servers: the line of parcels that wait for them, and the connections to them.

How many connections, how fast, and when to leave them alone is the site's business, which may have several lanes.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from aftersend.clock import SECOND, Clock
from aftersend.delivery.names import Host
from aftersend.delivery.parcel import Parcel
from aftersend.delivery.routes import Route
from aftersend.delivery.site import Site
from aftersend.delivery.waiting import Waiting

DEPTH = 4
"""So many parcels for each connection before another one is opened."""
BROKEN_TLS_REMEMBERED_US = 3600 * SECOND


class Line(Protocol):
    """A connection, as its lane sees it."""

    @property
    def is_idle(self) -> bool:
        """Whether it could take a parcel at once."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on the wire."""

    def fetch(self) -> None:
        """Take parcels from the lane and send them."""

    def finish(self) -> None:
        """Take no more; quit when the last has ended."""

    def check_time(self, now: float) -> None:
        """End it if it has been silent for too long."""


class Opener(Protocol):
    """Opens connections for a lane; the courier."""

    def open_connection(self, lane: Lane) -> None:
        """Begin to connect; the connection asks the lane for parcels, or the lane is told that it failed."""

    def may_open(self) -> bool:
        """Whether one more connection fits into the limit for all sites together."""


class Lane:
    """The line to one set of servers."""

    def __init__(
        self, site: Site, hosts: tuple[Host, ...], route: Route, opener: Opener, clock: Clock, source: str = ""
    ) -> None:
        self.site = site
        self.source = source
        """The address of ours from which its connections come; "" for any."""
        self.hosts = hosts
        self.route = route
        self.waiting = Waiting()
        self.connections: set[Line] = set()
        self.connecting = 0
        self._opener = opener
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._broken_tls: dict[str, int] = {}
        self._waits_since = 0
        site.lanes.add(self)

    @property
    def name(self) -> str:
        """The site's name, for people."""
        return self.site.name

    @property
    def open(self) -> int:
        """Connections there are or are being made."""
        return len(self.connections) + self.connecting

    def let_one_go(self) -> bool:
        """End an idle connection, so that another lane may have one; whether there was one."""
        if self.waiting:
            return False
        for connection in self.connections:
            if connection.is_idle and connection.is_empty:
                connection.finish()
                return True
        return False

    def may_reach(self, place: str) -> bool:
        """Whether an address is of the family from which this lane sends."""
        return not self.source or (":" in self.source) == (":" in place)

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

    def room_at(self, *, is_urgent: bool) -> int:
        """When the line has room for one more (microseconds), 0 if it has now.

        Who is urgent does not stand behind those who are not, and finds room where they find none.
        """
        if not self.site.is_full(self.waiting.before(is_urgent=is_urgent), self._waits_since):
            return 0
        return self._clock() + int(self.site.seconds_to_room(self._waits_since) * SECOND)

    def add(self, parcel: Parcel, *, is_urgent: bool = False) -> None:
        """Put a parcel in the line."""
        self._begin()
        self.waiting.add(parcel, is_urgent=is_urgent)

    def put_back(self, parcel: Parcel) -> None:
        """Put a parcel that a connection did not send before all others."""
        self._begin()
        self.waiting.put_back(parcel)

    def _begin(self) -> None:
        if not self.waiting:
            self._waits_since = self._clock()

    def press(self) -> None:
        """Let idle connections fetch, then open as many as the line deserves and the limits allow."""
        if not self.waiting:
            return
        closed = self.site.closed_until()
        if closed:
            self._again_in((closed - self._clock()) / SECOND)
            return
        for connection in list(self.connections):
            if not self.waiting:
                return
            if connection.is_idle:
                connection.fetch()
        while len(self.waiting) > DEPTH * self.connecting and self._opener.may_open() and self.site.may_open():
            self.connecting += 1
            self._opener.open_connection(self)
        if self.waiting and not self.open:
            self._again_in(LOOK_AGAIN_S)

    def pull(self) -> Parcel | None:
        """Give the next parcel to a connection, or None when there is none or the site must wait."""
        if not self.waiting:
            return None
        wait = self.site.seconds_to_wait()
        if wait > 0:
            self._again_in(wait)
            return None
        return self.waiting.take()

    def _again_in(self, seconds: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self.press()

    def take_waiting(self) -> list[Parcel]:
        """Empty the line and return what stood in it."""
        return self.waiting.take_all()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing waits and nothing is open, so that it may be forgotten."""
        return not (self.waiting or self.connections or self.connecting)


LOOK_AGAIN_S = 0.25
"""How soon a lane that found no room for a connection looks again; other lanes' connections end in between."""
