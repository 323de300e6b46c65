"""The practice world as a whole: its mail servers and its DNS, started and stopped together.

Every server listens on the same port at a loopback address of its own, as real ones all listen on port 25.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from aftersend import clock as clocks
from aftersend.practice import visitors
from aftersend.practice.behaviours import Behaviour, Later
from aftersend.practice.certificate import self_made
from aftersend.practice.conversation import Conversation
from aftersend.practice.mailbox import Mailbox, Memory, Received
from aftersend.practice.names import Names, NameServer
from aftersend.practice.reports import answer_to
from aftersend.practice.sending import send
from aftersend.practice.sites import PLACES, RELAY, RELAYED, Place
from aftersend.smtp import server as smtp

log = structlog.get_logger(room="practice")

NETWORK = "127.0.10"
TIME_SCALE = 1 / 600
"""Ten minutes take a second."""
LATER_SCALE = 1 / 86_400
"""What comes back days later comes back seconds later."""
WIRE_MOST = 10_000


class World:
    """Everything that runs. Make it with `start`."""

    def __init__(
        self,
        *,
        network: str = NETWORK,
        time_scale: float = TIME_SCALE,
        later_scale: float = LATER_SCALE,
        returns: tuple[str, int] | None = None,
        keeps_wire: bool = False,
        clock: Callable[[], int] = clocks.now,
    ) -> None:
        self.network = network
        self.time_scale = time_scale
        self.later_scale = later_scale
        self.returns = returns
        """Where what comes back is handed in; None: nothing comes back."""
        self.visits = ""
        """How the links begin that visitors may follow; "": nobody visits anything."""
        self.networks = visitors.networks(network)
        """Whose the addresses are that visitors come from, as `tracking.networks` says it."""
        self.clock = clock
        self.mailbox = Mailbox()
        self.memory = Memory()
        self.names = Names(network)
        self.dns: tuple[str, int] = ("", 0)
        self.port = 0
        self.breaches: Counter[str] = Counter()
        """What senders did against the rules of SMTP, and how often."""
        self.wire: deque[tuple[str, str, bytes]] | None = deque(maxlen=WIRE_MOST) if keeps_wire else None
        """Server, `in` or `out`, and the bytes, if asked for."""
        self.servers: dict[str, PlaceServer] = {}
        self._name_server = NameServer(self.names)
        self._timers: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[Any]] = set()

    @classmethod
    async def start(cls, *, port: int = 0, dns_port: int = 0, **options: Any) -> World:
        """Start every server; return when all ports are open. Raises OSError when a given port is taken."""
        world = cls(**options)
        try:
            world.dns = await world._name_server.start("127.0.0.1", dns_port)
            await world._listen(port)
        except BaseException:
            await world.stop()
            raise
        return world

    async def _listen(self, port: int) -> None:
        tls = self_made([name for name, place in PLACES.items() if place.offers_tls], self.clock())
        for attempt in range(20):
            chosen = port
            try:
                for place in PLACES.values():
                    if place.is_down:
                        continue
                    server = PlaceServer(self, place, tls if place.offers_tls else None)
                    chosen = await server.start(self.address(place.name), chosen)
                    self.servers[place.name] = server
            except OSError:
                for server in self.servers.values():
                    await server.stop()
                self.servers.clear()
                if port or attempt == 19:
                    raise
            else:
                self.port = chosen
                return

    def address(self, place: str) -> str:
        """Return the address of a server."""
        return f"{self.network}.{PLACES[place].last_octet}"

    @property
    def routes(self) -> dict[str, str]:
        """The route that makes RELAYED go through the practice smart host."""
        return {RELAYED: f"{self.address(RELAY)}:{self.port}"}

    def kept(self, message: Received, behaviour: Behaviour) -> None:
        """Plan what comes back for a message, and who visits what it links to."""
        for later in behaviour.later:
            if not later.what.is_mail:
                if self.visits:
                    self._plan(later.after_s * self.time_scale, partial(self._visit, message, later))
            elif self.returns is not None and message.sender:
                self._plan(later.after_s * self.later_scale, partial(self._come_back, message, later.what))

    def _plan(self, seconds: float, what: Callable[[], None]) -> None:
        def due() -> None:
            self._timers.discard(timer)
            what()

        timer = asyncio.get_running_loop().call_later(seconds, due)
        self._timers.add(timer)

    def _come_back(self, message: Received, what: Any) -> None:
        assert self.returns is not None
        content = answer_to(message, what, self.clock())
        task = asyncio.ensure_future(self._hand_in(message, content))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _visit(self, message: Received, later: Later) -> None:
        visiting = visitors.visit(message.content, later, prefix=self.visits, network=self.network)
        task = asyncio.ensure_future(visiting)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_in(self, message: Received, content: bytes) -> None:
        assert self.returns is not None
        try:
            await send(self.returns, hello=message.place, sender="", recipient=message.sender, content=content)
        except (OSError, TimeoutError) as error:
            log.warning("return_not_taken", to=message.sender, error=str(error))

    def forget(self) -> None:
        """Empty the mailboxes and forget all attempts."""
        self.mailbox.clear()
        self.memory.clear()
        self.breaches.clear()

    async def stop(self) -> None:
        """Close every port and cut every connection."""
        for timer in self._timers:
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self.servers.values():
            await server.stop()
        await self._name_server.stop()


class PlaceServer:
    """One server: its port, its connections, its limits."""

    def __init__(self, world: World, place: Place, tls: ssl.SSLContext | None) -> None:
        self.place = place
        self.world = world
        self.tls = tls
        self.mailbox = world.mailbox
        self.memory = world.memory
        self.scale = world.time_scale
        self.clock = world.clock
        self.connections: set[Any] = set()
        self.connections_in_all = 0
        self.turned_away = 0
        """Connections that were one too many, and messages that came too fast."""
        self.most_at_once = 0
        self._allowance = place.messages_per_s or 0.0
        self._refilled = time.monotonic()
        self._server: asyncio.Server | None = None
        self.profile = smtp.Profile(
            hostname=place.name,
            max_size=place.max_size,
            max_recipients=1000,
            auth_mechanisms=(),
            starttls=tls is not None,
            require_tls=place.demands_tls,
            pipelining="PIPELINING" not in place.without,
            announce_size="SIZE" not in place.without,
            eight_bit="8BITMIME" not in place.without,
            smtputf8="SMTPUTF8" not in place.without,
            chunking="CHUNKING" not in place.without,
            max_idle_commands=100_000,
        )

    async def start(self, host: str, port: int) -> int:
        """Open the port; return its number."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Conversation(self), host, port, backlog=512)
        return int(self._server.sockets[0].getsockname()[1])

    def opened(self, conversation: Conversation) -> bool:
        """Take note of a connection; False if it is one too many."""
        most = self.place.connections_most
        if most is not None and len(self.connections) >= most:
            self.turned_away += 1
            return False
        self.connections.add(conversation)
        self.connections_in_all += 1
        self.most_at_once = max(self.most_at_once, len(self.connections))
        return True

    def may_send(self) -> bool:
        """Count a message against the rate of the place; False if it came too fast."""
        rate = self.place.messages_per_s
        if rate is None:
            return True
        now = time.monotonic()
        self._allowance = min(rate, self._allowance + (now - self._refilled) * rate)
        self._refilled = now
        if self._allowance < 1:
            self.turned_away += 1
            return False
        self._allowance -= 1
        return True

    def kept(self, message: Received, behaviour: Behaviour) -> None:
        """Hand on what was taken."""
        self.world.kept(message, behaviour)

    def breach(self, what: str) -> None:
        """Count what a sender did against the rules."""
        self.world.breaches[what] += 1

    def heard(self, data: bytes) -> None:
        """Keep what came in, if asked for."""
        if self.world.wire is not None:
            self.world.wire.append((self.place.name, "in", data))

    def said(self, data: bytes) -> None:
        """Keep what goes out, if asked for."""
        if self.world.wire is not None:
            self.world.wire.append((self.place.name, "out", data))

    async def stop(self) -> None:
        """Close the port and cut its connections."""
        if self._server is not None:
            self._server.close()
        for conversation in list(self.connections):
            conversation.close()
