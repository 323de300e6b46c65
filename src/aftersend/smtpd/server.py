"""Listen for submissions and tie sockets, sessions and intake together.

One protocol object for each connection, no task; a message is answered from the callback of the commit that made it
durable.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, cast

from aftersend import ids
from aftersend.clock import Clock
from aftersend.control.keys import Keys
from aftersend.errors import AftersendError, TryLater
from aftersend.ids import IdSource
from aftersend.intake import Intake, Origin, Recipient, Request
from aftersend.logs import Logger
from aftersend.mail import address
from aftersend.smtp import server as smtp
from aftersend.smtp.reply import Reply
from aftersend.store import Store, record

log = Logger("smtpd")

OK_SENDER = Reply(250, "2.1.0", "Sender taken")
OK_RECIPIENT = Reply(250, "2.1.5", "Recipient taken")
TOO_MANY = Reply(421, "4.3.2", "Too many connections; close some, then try again")
SHUTTING_DOWN = Reply(421, "4.3.2", "The service is stopping; try again in a minute")
OUR_FAULT = Reply(451, "4.3.0", "A fault of ours; nothing was kept, try again later")
TIMED_OUT = Reply(421, "4.4.2", "Nothing was heard for too long")


@dataclass(frozen=True, slots=True)
class Submission:
    """How submission is offered."""

    hostname: str
    max_size: int
    max_recipients: int
    max_connections: int
    max_connections_per_client: int
    idle_s: float
    bare_newlines: str
    trusted_networks: Sequence[str]
    trusted_account: int
    tls: ssl.SSLContext | None


class SubmissionServer:
    """The listening side; `start` returns once the ports are open."""

    def __init__(
        self, rules: Submission, intake: Intake, keys: Keys, store: Store, clock: Clock, ids_: IdSource
    ) -> None:
        self.rules = rules
        self.intake = intake
        self.keys = keys
        self.store = store
        self.clock = clock
        self.ids = ids_
        self.connections: set[_Connection] = set()
        self.by_client: Counter[str] = Counter()
        self.stopping = False
        self.taken = 0
        self._servers: list[asyncio.Server] = []
        self._networks = [ipaddress.ip_network(name, strict=False) for name in rules.trusted_networks]
        self._sweeping: asyncio.Task[None] | None = None
        self.open_profile = self._profile(trusted=False)
        self.trusted_profile = self._profile(trusted=True)

    def _profile(self, *, trusted: bool) -> smtp.Profile:
        return smtp.Profile(
            hostname=self.rules.hostname,
            max_size=self.rules.max_size,
            max_recipients=self.rules.max_recipients,
            starttls=self.rules.tls is not None,
            require_auth=not trusted,
            auth_without_tls=trusted,
            bare_newlines=self.rules.bare_newlines,
        )

    async def start(self, listen: Sequence[tuple[str, int]], listen_tls: Sequence[tuple[str, int]] = ()) -> list[tuple[str, int]]:  # fmt: skip
        """Open the ports; return the addresses really bound."""
        loop = asyncio.get_running_loop()
        for (host, port), implicit in [(a, False) for a in listen] + [(a, True) for a in listen_tls]:
            make = partial(_Connection, self, implicit)
            server = await loop.create_server(
                make, host, port, backlog=1024, ssl=self.rules.tls if implicit else None, reuse_address=True
            )
            self._servers.append(server)
        self._sweeping = asyncio.ensure_future(self._sweep())
        return [server.sockets[0].getsockname()[:2] for server in self._servers]

    @lru_cache(maxsize=4096)  # noqa: B019 - one server lives as long as the process
    def is_trusted(self, client: str) -> bool:
        """Whether a client's address may submit without AUTH and TLS."""
        try:
            peer = ipaddress.ip_address(client.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)
        return any((mapped or peer) in network for network in self._networks)

    def refused(self, connection: _Connection, what: str, reply: Reply, sender: str, recipient: str) -> None:
        """Write down a refused submission (004: Error), beside everything else; nobody waits for it."""
        row = (
            connection.account_id, self.ids(), "smtp", connection.client, sender or None, recipient or None,
            what, f"{reply.code} {reply.status} {reply.text}"[:1000], None, self.clock(),
        )  # fmt: skip
        self.store.join(record.refused, row).add_done_callback(_forget)

    async def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(5.0)
            deadline = loop.time() - self.rules.idle_s
            for connection in list(self.connections):
                connection.end_if_silent_since(deadline)

    async def stop(self, patience_s: float = 10.0) -> None:
        """Close the ports, tell clients 421, and wait for messages that are being written down."""
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

    __slots__ = (
        "_busy", "_implicit", "_key", "_last", "_paused", "_recipients", "_sender", "_server", "_session", "_task", "_tls", "_transport",
        "account_id", "client", "hello", "user",
    )  # fmt: skip

    def __init__(self, server: SubmissionServer, implicit: bool) -> None:
        self._server = server
        self._implicit = implicit
        self._busy = False
        self._paused = False
        self._key: int | None = None
        self._tls = ""
        self._sender: smtp.Sender | None = None
        self._recipients: list[Recipient] = []
        self._task: asyncio.Task[None] | None = None
        self.user = ""
        self.hello = ""
        self.account_id = server.rules.trusted_account
        self.client = ""
        self._last = 0.0

    # ---- asyncio -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or say that there are too many."""
        server = self._server
        self._transport = cast(asyncio.Transport, transport)
        upgraded = bool(self.client)
        if upgraded:
            return
        peer = transport.get_extra_info("peername") or ("unknown", 0)
        self.client = str(peer[0])
        self._last = asyncio.get_running_loop().time()
        trusted = server.is_trusted(self.client)
        profile = server.trusted_profile if trusted else server.open_profile
        self._session = smtp.ServerSession(profile, peer=self.client, tls=self._implicit)
        if self._implicit:
            self._tls = _tls_name(transport)
        if server.stopping:
            self._transport.write(SHUTTING_DOWN.to_bytes())
            self._transport.close()
            return
        full = len(server.connections) >= server.rules.max_connections
        if full or server.by_client[self.client] >= server.rules.max_connections_per_client:
            self._transport.write(TOO_MANY.to_bytes())
            self._transport.close()
            return
        server.connections.add(self)
        server.by_client[self.client] += 1
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
            server.by_client[self.client] -= 1
            if server.by_client[self.client] <= 0:
                del server.by_client[self.client]
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
        if self._server.stopping:
            self.say_goodbye()

    def _go_on(self, reply: Reply) -> None:
        """Answer what had to wait, then go on with what has come meanwhile."""
        self._busy = False
        if self._transport.is_closing():
            self._busy = True
            return
        self._session.answer(reply)
        self._work()

    def _hello(self, event: smtp.Hello) -> None:
        self.hello = event.name

    def _tls_wanted(self, event: smtp.TlsWanted) -> None:
        self._busy = True
        self._transport.write(self._session.output())
        self._task = asyncio.ensure_future(self._start_tls())

    async def _start_tls(self) -> None:
        loop = asyncio.get_running_loop()
        context = self._server.rules.tls
        assert context is not None
        try:
            transport = await loop.start_tls(self._transport, self, context, server_side=True, ssl_handshake_timeout=30)
        except (OSError, ssl.SSLError, ConnectionError, TimeoutError):
            self._transport.abort()
            self.connection_lost(None)
            return
        if transport is None:
            return
        self._transport = transport
        self._tls = _tls_name(transport)
        self._session.tls_started()
        self._busy = False
        self._work()

    def _credentials(self, event: smtp.Credentials) -> None:
        self._busy = True
        self._task = asyncio.ensure_future(self._authenticate(event))

    async def _authenticate(self, event: smtp.Credentials) -> None:
        keys = self._server.keys
        try:
            key = await keys.authenticate(event.password, self.client, scope="send")
        except TryLater as error:
            self._go_on(Reply(454, "4.7.0", error.detail))
            return
        except AftersendError as error:
            await asyncio.sleep(keys.delay_after_failure(self.client))
            reply = Reply(535, "5.7.8", error.detail)
            log.warning("auth_failed", client=self.client, user=event.user[:60])
            self._server.refused(self, "auth", reply, "", "")
            self._go_on(reply)
            return
        except Exception:
            log.exception("auth_error")
            self._go_on(Reply(454, "4.7.0", "A fault of ours; try again later"))
            return
        self.account_id, self._key, self.user = key.account_id, key.id, key.name
        self._go_on(Reply(235, "2.7.0", "Welcome"))

    def _mail(self, event: smtp.Sender) -> None:
        self._sender = event
        self._recipients = []
        if event.address:
            try:
                address.parse(event.address)
            except ValueError as error:
                reply = Reply(553, "5.1.7", f"The sender cannot be used: {error}")
                self._server.refused(self, "sender", reply, event.address, "")
                self._session.answer(reply)
                return
        self._session.answer(OK_SENDER)

    def _rcpt(self, event: smtp.Recipient) -> None:
        try:
            found = address.parse(event.address)
        except ValueError as error:
            reply = Reply(553, "5.1.3", str(error))
            self._server.refused(self, "recipient", reply, self._sender.address if self._sender else "", event.address)
            self._session.answer(reply)
            return
        said = event.parameters
        self._recipients.append(
            Recipient(
                event.address, found.folded, found.domain, said.notify if said else None, said.orcpt if said else None
            )
        )
        self._session.answer(OK_RECIPIENT)

    def _message(self, event: smtp.Message) -> None:
        said = event.sender.parameters
        origin = Origin(self.account_id, "smtp", self.client, self.hello, self._tls, self._key, self.user)
        request = Request(
            origin, event.sender.address, self._recipients, event.content,
            envid=said.envid if said else None, ret=said.ret if said else None,
            smtputf8=bool(said and said.smtputf8),
            send_at=_hold_until(said, self._server.clock()) if said else None,
        )  # fmt: skip
        try:
            waiting = self._server.intake.accept(request)
        except AftersendError as error:
            self._refuse_message(error, request)
            return
        except Exception:
            log.exception("intake_fault", client=self.client)
            self._session.answer(OUR_FAULT)
            return
        self._busy = True
        waiting.add_done_callback(self._written)

    def _written(self, done: asyncio.Future[record.Receipt]) -> None:
        error = (
            done.exception() if not done.cancelled() else TryLater("The service is stopping; try again in a minute.")
        )
        if error is None:
            self._server.taken += 1
            receipt = done.result()
            again = " (taken before)" if receipt.replayed else ""
            self._go_on(Reply(250, "2.0.0", f"queued as {ids.show('msg', receipt.message_id)}{again}"))
        elif isinstance(error, AftersendError):
            self._busy = False
            if not self._transport.is_closing():
                self._refuse_message(error, None)
                self._work()
        else:
            log.error("write_fault", client=self.client, error=repr(error))
            self._go_on(OUR_FAULT)

    def _refuse_message(self, error: AftersendError, request: Request | None) -> None:
        code, status = error.smtp
        where = getattr(error, "pointer", "").removeprefix("#/")
        reply = Reply(code, status, f"{where + ': ' if where else ''}{error.detail}")
        sender = self._sender.address if self._sender else ""
        first = self._recipients[0].address if self._recipients else ""
        if not isinstance(error, TryLater):
            self._server.refused(self, error.code, reply, sender, first)
        self._session.answer(reply)

    def _refused(self, event: smtp.Refused) -> None:
        sender = self._sender.address if self._sender else ""
        self._server.refused(self, event.what, event.reply, sender, "")

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
        """Close now, or after the message that is being written down."""
        if not self._busy and not self._transport.is_closing():
            self._transport.write(SHUTTING_DOWN.to_bytes())
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()


_DOES: dict[type, Callable[[_Connection, Any], None]] = {
    smtp.Hello: _Connection._hello,
    smtp.TlsWanted: _Connection._tls_wanted,
    smtp.Credentials: _Connection._credentials,
    smtp.Sender: _Connection._mail,
    smtp.Recipient: _Connection._rcpt,
    smtp.Message: _Connection._message,
    smtp.Refused: _Connection._refused,
    smtp.Quit: _Connection._end,
    smtp.Overrun: _Connection._end,
}


def _hold_until(parameters: smtp.MailParameters, now: int) -> int | None:
    if parameters.hold_for_s is not None:
        return now + parameters.hold_for_s * 1_000_000
    return parameters.hold_until_us


def _tls_name(transport: asyncio.BaseTransport) -> str:
    found = transport.get_extra_info("ssl_object")
    return str(found.version()) if found is not None else "TLS"
