"""Ports, and the connections that came in through them."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

SWEEP_S = 5.0
"""So often silent connections are looked for."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many may be connected, and how long one may be silent."""

    connections: int
    connections_per_client: int
    idle_s: float
    tls: ssl.SSLContext | None = None


class Guest(Protocol):
    """A connection, as far as a listener knows it."""

    def end_if_silent_since(self, deadline: float) -> None:
        """End it if nothing was heard since."""

    def say_goodbye(self) -> None:
        """End it now, or as soon as what it sent is written down."""

    def abort(self) -> None:
        """End it at once."""


class Listener:
    """Some ports and their connections."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.stopping = False
        self._guests: dict[Guest, str] = {}
        self._by_client: Counter[str] = Counter()
        self._servers: list[asyncio.Server] = []
        self._sweeping: asyncio.Task[None] | None = None

    @property
    def connected(self) -> int:
        """How many are connected now."""
        return len(self._guests)

    async def start(
        self, listen: Sequence[tuple[str, int]], listen_tls: Sequence[tuple[str, int]] = ()
    ) -> list[tuple[str, int]]:
        """Open ports, those with TLS from the first byte last. Return the addresses really bound."""
        loop = asyncio.get_running_loop()
        for places, implicit in ((listen, False), (listen_tls, True)):
            for host, port in places:
                tls = self.limits.tls if implicit else None
                made = partial(self.connection, implicit=implicit)
                self._servers.append(
                    await loop.create_server(made, host, port, backlog=1024, ssl=tls, reuse_address=True)
                )
        self._sweeping = asyncio.ensure_future(self._sweep())
        return [server.sockets[0].getsockname()[:2] for server in self._servers]

    def connection(self, *, implicit: bool) -> asyncio.Protocol:
        """Make the protocol of a new connection; `implicit`: it begins with TLS."""
        raise NotImplementedError

    def admit(self, guest: Guest, client: str) -> bool:
        """Count a connection in, unless there are too many, in all or of this client."""
        if self.connected >= self.limits.connections or self._by_client[client] >= self.limits.connections_per_client:
            return False
        self._guests[guest] = client
        self._by_client[client] += 1
        return True

    def leave(self, guest: Guest) -> None:
        """Count a connection out; one that was never let in, or left before, changes nothing."""
        client = self._guests.pop(guest, None)
        if client is None:
            return
        self._by_client[client] -= 1
        if self._by_client[client] <= 0:
            del self._by_client[client]

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.end_silent(asyncio.get_running_loop().time() - self.limits.idle_s)

    def end_silent(self, deadline: float) -> None:
        """End every connection from which nothing was heard since, in seconds of the loop's clock."""
        for guest in list(self._guests):
            guest.end_if_silent_since(deadline)

    async def stop(self, patience_s: float = 10.0) -> None:
        """Close the ports, tell clients 421, and wait for mail that is being written down."""
        self.stopping = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for server in self._servers:
            server.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + patience_s
        for guest in list(self._guests):
            guest.say_goodbye()
        while self._guests and loop.time() < end:
            await asyncio.sleep(0.02)
        for guest in list(self._guests):
            guest.abort()
