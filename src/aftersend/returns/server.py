"""Listen on port 25 for what comes back. Takes mail for return paths that we made and for postmaster and abuse; refuses
everything else at RCPT, so that nothing of ours ever bounces.

One protocol object for each connection, no task; the 250 leaves when the mail is durable. What it says is read later.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from aftersend.clock import DAY, MINUTE, Clock
from aftersend.errors import TryLater
from aftersend.ids import IdSource
from aftersend.logs import Logger
from aftersend.mail.verp import Refusal
from aftersend.returns.tokens import Place, of_address
from aftersend.smtp import server as smtp
from aftersend.smtp.reply import Reply
from aftersend.store import Store, record, returned
from aftersend.store.accounts import FIRST_ACCOUNT
from aftersend.store.returned import Returned

log = Logger("returns")

OK_SENDER = Reply(250, "2.1.0", "Sender taken")
OK_RECIPIENT = Reply(250, "2.1.5", "Recipient taken")
KEPT = Reply(250, "2.0.0", "Kept")
NOT_HERE = Reply(550, "5.7.1", "This server takes only what comes back to its own messages")
TOO_MANY = Reply(421, "4.3.2", "Too many connections; close some, then try again")
SHUTTING_DOWN = Reply(421, "4.3.2", "The service is stopping; try again in a minute")
OUR_FAULT = Reply(451, "4.3.0", "A fault of ours; nothing was kept, try again later")
TIMED_OUT = Reply(421, "4.4.2", "Nothing was heard for too long")
LOGGED_MOST = 60
"""So many refusals a minute are written down; a flood of forged mail fills no disk."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How returns are taken."""

    hostname: str
    tls: ssl.SSLContext | None = None
    max_size: int = 30 * 1024 * 1024
    """A bounce may hold the whole message that it returns."""
    max_recipients: int = 100
    max_connections: int = 500
    max_connections_per_client: int = 50
    idle_s: float = 300.0


class ReturnsServer:
    """The listening side; `start` returns once the ports are open."""

    def __init__(self, rules: Rules, place: Place, store: Store, clock: Clock, ids: IdSource) -> None:
        self.rules = rules
        self.place = place
        self.store = store
        self.clock = clock
        self.ids = ids
        self.connections: set[_Connection] = set()
        self.by_client: Counter[str] = Counter()
        self.stopping = False
        self.taken = 0
        self.refused_in_all = 0
        self._servers: list[asyncio.Server] = []
        self._sweeping: asyncio.Task[None] | None = None
        self._logged = (0, 0)
        # Bounces are written by all sorts of systems; what they say is not passed on, so their line ends may be mended.
        self.profile = smtp.Profile(
            hostname=rules.hostname,
            max_size=rules.max_size,
            max_recipients=rules.max_recipients,
            auth_mechanisms=(),
            starttls=rules.tls is not None,
            bare_newlines="repair",
        )

    async def start(self, listen: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Open the ports; return the addresses really bound."""
        loop = asyncio.get_running_loop()
        for host, port in listen:
            make = partial(_Connection, self)
            self._servers.append(await loop.create_server(make, host, port, backlog=256, reuse_address=True))
        self._sweeping = asyncio.ensure_future(self._sweep())
        return [server.sockets[0].getsockname()[:2] for server in self._servers]

    def refused(self, peer: str, sender: str, recipient: str, code: str, reply: Reply) -> None:
        """Write down a return path that was forged, altered or too old."""
        self.refused_in_all += 1
        minute = self.clock() // MINUTE
        since, number = self._logged
        number = number + 1 if since == minute else 1
        self._logged = (minute, number)
        if number > LOGGED_MOST:
            return
        said = f"{reply.code} {reply.status} {reply.text}"
        row = (
            FIRST_ACCOUNT, self.ids(), "returns", peer, sender[:320] or None, recipient[:320], code, said, None, self.clock()
        )  # fmt: skip
        self.store.join(record.refused, row, hurry=False).add_done_callback(_forget)
        log.info("return_refused", peer=peer, recipient=recipient[:320], because=code)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(5.0)
            deadline = loop.time() - self.rules.idle_s
            for connection in list(self.connections):
                connection.end_if_silent_since(deadline)

    async def stop(self, patience_s: float = 10.0) -> None:
        """Close the ports, tell clients 421, and wait for mail that is being written down."""
        self.stopping = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        for server in self._servers:
            server.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + patience_s
        for connection in list(self.connections):
            connection.say_goodbye()
        while self.connections and loop.time() < end:
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.abort()


def _forget(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()


class _Connection(asyncio.Protocol):
    """One client. Feeds the session, answers its questions, writes what it says."""

    def __init__(self, server: ReturnsServer) -> None:
        self._server = server
        self._busy = False
        self._paused = False
        self._sender = ""
        self._client = ""
        self._last = 0.0
        self._task: asyncio.Task[None] | None = None

    # ---- asyncio -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or say that there are too many."""
        server = self._server
        self._transport = cast(asyncio.Transport, transport)
        if self._client:
            return
        peer = transport.get_extra_info("peername") or ("unknown", 0)
        self._client = str(peer[0])
        self._last = asyncio.get_running_loop().time()
        self._session = smtp.ServerSession(server.profile, peer=self._client, tls=False)
        full = len(server.connections) >= server.rules.max_connections
        if server.stopping or full or server.by_client[self._client] >= server.rules.max_connections_per_client:
            self._transport.write((SHUTTING_DOWN if server.stopping else TOO_MANY).to_bytes())
            self._transport.close()
            return
        server.connections.add(self)
        server.by_client[self._client] += 1
        self._session.greet()
        self._transport.write(self._session.output())

    def data_received(self, data: bytes) -> None:
        """Feed the session and do what it asks for."""
        self._last = asyncio.get_running_loop().time()
        self._session.feed(data)
        if not self._busy:
            self._work()
        if self._session.wants_pause and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """A client that closes its side is done."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        server = self._server
        if self in server.connections:
            server.connections.discard(self)
            server.by_client[self._client] -= 1
            if server.by_client[self._client] <= 0:
                del server.by_client[self._client]
        self._busy = True

    def pause_writing(self) -> None:
        """The client does not read our answers: stop reading its commands."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        if not self._paused:
            self._transport.resume_reading()

    # ---- the conversation ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        session = self._session
        while not self._busy:
            event = session.next_event()
            if event is None:
                break
            _DOES[type(event)](self, event)
        said = session.output()
        if said and not self._transport.is_closing():
            self._transport.write(said)
        if self._paused and not session.wants_pause and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()

    def _hello(self, event: smtp.Hello) -> None:
        """Whoever they are, the return path has to prove it."""

    def _tls_wanted(self, event: smtp.TlsWanted) -> None:
        self._busy = True
        self._transport.write(self._session.output())
        self._task = asyncio.ensure_future(self._start_tls())

    async def _start_tls(self) -> None:
        context = self._server.rules.tls
        assert context is not None
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(self._transport, self, context, server_side=True, ssl_handshake_timeout=30)
        except (OSError, ssl.SSLError, ConnectionError, TimeoutError):
            self._transport.abort()
            self.connection_lost(None)
            return
        if transport is None:
            return
        self._transport = transport
        self._session.tls_started()
        self._busy = False
        self._work()

    def _mail(self, event: smtp.Sender) -> None:
        self._sender = event.address
        self._session.answer(OK_SENDER)

    def _rcpt(self, event: smtp.Recipient) -> None:
        server = self._server
        found = of_address(event.address, server.place, server.clock() // DAY)
        if found is None:
            self._session.answer(NOT_HERE)
        elif isinstance(found, Refusal):
            reply = Reply(550, "5.1.1", found.value)
            if found is not Refusal.MALFORMED:
                server.refused(self._client, self._sender, event.address, f"return-{found.name.lower()}", reply)
            self._session.answer(reply)
        else:
            self._session.answer(OK_RECIPIENT)

    def _message(self, event: smtp.Message) -> None:
        server = self._server
        now = server.clock()
        kept = [
            server.store.join(
                returned.keep,
                Returned(server.ids(), recipient.address, self._sender, self._client, event.content, now),
            )
            for recipient in event.recipients
        ]
        self._busy = True
        asyncio.gather(*kept).add_done_callback(self._written)

    def _written(self, done: asyncio.Future[Any]) -> None:
        error = (
            done.exception() if not done.cancelled() else TryLater("The service is stopping; try again in a minute.")
        )
        self._busy = False
        if self._transport.is_closing():
            self._busy = True
            return
        if error is None:
            self._server.taken += 1
            self._session.answer(KEPT)
        elif isinstance(error, TryLater):
            code, status = error.smtp
            self._session.answer(Reply(code, status, error.detail))
        else:
            log.error("write_fault", client=self._client, error=repr(error))
            self._session.answer(OUR_FAULT)
        self._work()

    def _nothing(self, event: object) -> None:
        """The session has answered."""

    def _end(self, event: object) -> None:
        said = self._session.output()
        if said:
            self._transport.write(said)
        self._busy = True
        self._transport.close()

    # ---- ends ----------------------------------------------------------------------------------------------------

    def end_if_silent_since(self, deadline: float) -> None:
        """Close a connection that has said nothing for too long; one that waits for us is not silent."""
        if self._last < deadline and not self._busy:
            self._transport.write(TIMED_OUT.to_bytes())
            self._transport.close()

    def say_goodbye(self) -> None:
        """Close now, or after the mail that is being written down."""
        if not self._busy:
            self._transport.write(SHUTTING_DOWN.to_bytes())
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()


_DOES: dict[type, Callable[[_Connection, Any], None]] = {
    smtp.Hello: _Connection._hello,
    smtp.TlsWanted: _Connection._tls_wanted,
    smtp.Sender: _Connection._mail,
    smtp.Recipient: _Connection._rcpt,
    smtp.Message: _Connection._message,
    smtp.Refused: _Connection._nothing,
    smtp.Quit: _Connection._end,
    smtp.Overrun: _Connection._end,
}
