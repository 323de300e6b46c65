"""Listen on port 25 for what comes back. Takes mail for return paths that we made and for postmaster and abuse; refuses
everything else at RCPT, so that nothing of ours ever bounces.

The 250 leaves when the mail is durable. What it says is read later.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from aftersend.clock import DAY, MINUTE, Clock
from aftersend.errors import TryLater
from aftersend.ids import IdSource
from aftersend.listening import Connection, Limits, Listener
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
OUR_FAULT = Reply(451, "4.3.0", "A fault of ours; nothing was kept, try again later")
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


class ReturnsServer(Listener):
    """The listening side; `start` returns once the ports are open."""

    def __init__(self, rules: Rules, place: Place, store: Store, clock: Clock, ids: IdSource) -> None:
        super().__init__(Limits(rules.max_connections, rules.max_connections_per_client, rules.idle_s, rules.tls))
        self.rules = rules
        self.place = place
        self.store = store
        self.clock = clock
        self.ids = ids
        self.taken = 0
        self.refused_in_all = 0
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

    def connection(self, *, implicit: bool) -> Remote:
        """Make the protocol of a new connection; `implicit`: it begins with TLS."""
        return Remote(self, implicit=implicit)

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
        self.store.leave(record.refused, row, hurry=False)
        log.info("return_refused", peer=peer, recipient=recipient[:320], because=code)


class Remote(Connection):
    """A server that sends something back. Whoever it is, the return path has to prove it."""

    __slots__ = ("_sender", "_server")

    def __init__(self, server: ReturnsServer, *, implicit: bool) -> None:
        super().__init__(server, implicit=implicit)
        self._server = server
        self._sender = ""

    def profile(self) -> smtp.Profile:
        """Offer the same to everybody."""
        return self._server.profile

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
                server.refused(self.client, self._sender, event.address, f"return-{found.name.lower()}", reply)
            self._session.answer(reply)
        else:
            self._session.answer(OK_RECIPIENT)

    def _message(self, event: smtp.Message) -> None:
        server = self._server
        now = server.clock()
        kept = [
            server.store.join(
                returned.keep,
                Returned(server.ids(), recipient.address, self._sender, self.client, event.content, now),
            )
            for recipient in event.recipients
        ]
        self._busy = True
        asyncio.gather(*kept).add_done_callback(self._written)

    def _written(self, done: asyncio.Future[Any]) -> None:
        error = (
            done.exception() if not done.cancelled() else TryLater("The service is stopping; try again in a minute.")
        )
        if error is None:
            self._server.taken += 1
            self._go_on(KEPT)
        elif isinstance(error, TryLater):
            code, status = error.smtp
            self._go_on(Reply(code, status, error.detail))
        else:
            log.error("write_fault", client=self.client, error=repr(error))
            self._go_on(OUR_FAULT)

    does: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = {
        smtp.Hello: Connection._nothing,
        smtp.TlsWanted: Connection._tls_wanted,
        smtp.Sender: _mail,
        smtp.Recipient: _rcpt,
        smtp.Message: _message,
        smtp.Refused: Connection._nothing,
        smtp.Quit: Connection._end,
        smtp.Overrun: Connection._end,
    }
