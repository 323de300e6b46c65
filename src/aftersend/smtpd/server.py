"""Listen for submissions and tie sessions and intake together.

A message is answered from the callback of the commit that made it durable.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from aftersend import ids
from aftersend.clock import Clock
from aftersend.control.keys import Keys
from aftersend.errors import AftersendError, TryLater
from aftersend.ids import IdSource
from aftersend.intake import Intake, Origin, Recipient, Request
from aftersend.listening import Connection, Limits, Listener
from aftersend.logs import Logger
from aftersend.mail import address
from aftersend.smtp import server as smtp
from aftersend.smtp.reply import Reply
from aftersend.store import Store, record

log = Logger("smtpd")

OK_SENDER = Reply(250, "2.1.0", "Sender taken")
OK_RECIPIENT = Reply(250, "2.1.5", "Recipient taken")
OUR_FAULT = Reply(451, "4.3.0", "A fault of ours; nothing was kept, try again later")


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


class SubmissionServer(Listener):
    """The listening side; `start` returns once the ports are open."""

    def __init__(
        self, rules: Submission, intake: Intake, keys: Keys, store: Store, clock: Clock, ids_: IdSource
    ) -> None:
        super().__init__(Limits(rules.max_connections, rules.max_connections_per_client, rules.idle_s, rules.tls))
        self.rules = rules
        self.intake = intake
        self.keys = keys
        self.store = store
        self.clock = clock
        self.ids = ids_
        self.taken = 0
        self._networks = [ipaddress.ip_network(name, strict=False) for name in rules.trusted_networks]
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

    def connection(self, *, implicit: bool) -> Client:
        """Make the protocol of a new connection; `implicit`: it begins with TLS."""
        return Client(self, implicit=implicit)

    @lru_cache(maxsize=4096)  # noqa: B019 - one server lives as long as the process
    def is_trusted(self, client: str) -> bool:
        """Whether a client's address may submit without AUTH and TLS."""
        try:
            peer = ipaddress.ip_address(client.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(peer, "ipv4_mapped", None)
        return any((mapped or peer) in network for network in self._networks)

    def refused(self, connection: Client, what: str, reply: Reply, sender: str, recipient: str) -> None:
        """Write down a refused submission (004: Error), beside everything else; nobody waits for it."""
        row = (
            connection.account_id, self.ids(), "smtp", connection.client, sender or None, recipient or None,
            what, f"{reply.code} {reply.status} {reply.text}"[:1000], None, self.clock(),
        )  # fmt: skip
        self.store.leave(record.refused, row)


class Client(Connection):
    """One client who hands mail in."""

    __slots__ = ("_key", "_recipients", "_sender", "_server", "account_id", "hello", "user")

    def __init__(self, server: SubmissionServer, *, implicit: bool) -> None:
        super().__init__(server, implicit=implicit)
        self._server = server
        self._key: int | None = None
        self._sender: smtp.Sender | None = None
        self._recipients: list[Recipient] = []
        self.user = ""
        self.hello = ""
        self.account_id = server.rules.trusted_account

    def profile(self) -> smtp.Profile:
        """Offer more to a client from a network that the operator trusts."""
        server = self._server
        return server.trusted_profile if server.is_trusted(self.client) else server.open_profile

    def _hello(self, event: smtp.Hello) -> None:
        self.hello = event.name

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
        origin = Origin(self.account_id, "smtp", self.client, self.hello, self.tls, self._key, self.user)
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

    does: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = {
        smtp.Hello: _hello,
        smtp.TlsWanted: Connection._tls_wanted,
        smtp.Credentials: _credentials,
        smtp.Sender: _mail,
        smtp.Recipient: _rcpt,
        smtp.Message: _message,
        smtp.Refused: _refused,
        smtp.Quit: Connection._end,
        smtp.Overrun: Connection._end,
    }


def _hold_until(parameters: smtp.MailParameters, now: int) -> int | None:
    if parameters.hold_for_s is not None:
        return now + parameters.hold_for_s * 1_000_000
    return parameters.hold_until_us
