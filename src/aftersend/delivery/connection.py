"""One connection to a receiving server: connect, perhaps TLS, then parcels until there are no more.

The protocol is `aftersend.smtp.client`; this is its socket. Several parcels are on the wire at once where the server
allows it; each has an end: taken, refused, handed back untried, or uncertain.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol, cast

from aftersend.delivery.lane import Lane
from aftersend.delivery.outcome import Attempt
from aftersend.delivery.parcel import FLAG_UTF8, Parcel
from aftersend.delivery.rules import Rules
from aftersend.delivery.tls import TlsContexts
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.logs import Logger
from aftersend.policy import outcomes
from aftersend.policy.diagnosis import Suppress, diagnose_reply
from aftersend.smtp import client as smtp
from aftersend.smtp.reply import Reply

log = Logger("delivery")

CONNECT_TIMEOUT_S = 30.0
COMMAND_TIMEOUT_S = 300.0
"""For greeting, MAIL, RCPT (RFC 5321 §4.5.3.2)."""
FINAL_TIMEOUT_S = 600.0
IN_FLIGHT = 2
"""Parcels on the wire at once where the server pipelines: the next envelope goes right behind the final dot."""
SAID_MOST = 500


class Office(Protocol):
    """Where connections report to; the courier."""

    rules: Rules
    tls: TlsContexts

    def finished(self, parcel: Parcel, attempt: Attempt, lane: Lane | None) -> None:
        """An attempt has ended."""

    def untried(self, parcel: Parcel, lane: Lane) -> None:
        """A parcel comes back that had not been begun."""

    def our_fault(self, parcel: Parcel) -> None:
        """A bug of ours met this parcel; called while the exception is at hand."""

    def too_wide(self, parcel: Parcel, lane: Lane) -> None:
        """The server takes no 8-bit content: it comes again, rewritten."""

    def unreachable(
        self, lane: Lane, why: str, *, timed_out: bool, refusal: Reply | None, evidence: dict[str, Any]
    ) -> None:
        """None of the site's hosts could be reached."""

    def connection_ended(self, lane: Lane) -> None:
        """A connection is gone, or never came to be."""


async def connect(courier: Office, lane: Lane) -> None:
    """Connect to the first host of a lane that answers; tell the courier if none does."""
    tried = []
    timed_out = False
    refusal: Reply | None = None
    loop = asyncio.get_running_loop()
    route = lane.route
    sources = (lane.source,) if lane.source else courier.rules.source_addresses
    places = [(host, place) for host in lane.hosts for place in host.addresses if lane.may_reach(place)]
    for host, place in places:
        for in_clear in lane.ways(place):
            connection = Connection(courier, lane, host.name, place, in_clear=in_clear)
            context = courier.tls.strict() if route.tls == "implicit" else None
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await loop.create_connection(
                        lambda connection=connection: connection,
                        place,
                        route.port,
                        ssl=context,
                        server_hostname=host.name if context else None,
                        local_addr=_local(sources, place),
                    )
            except TimeoutError:
                timed_out = True
                tried.append(f"{host.name}[{place}]:{route.port} did not answer")
            except (OSError, ssl.SSLError) as error:
                tried.append(f"{host.name}[{place}]:{route.port}: {_plain(error)}")
            else:
                if await _is_ready(connection):
                    return
                refusal = connection.refusal or refusal
                tried.append(f"{host.name}[{place}]:{route.port}: {connection.trouble}")
            if not connection.tls_failed:
                break
            lane.tls_failed(place)
    lane.connecting -= 1
    if not lane.connections:
        why = "; ".join(tried)[:SAID_MOST] or "no address to connect to"
        evidence = {"kind": "connection", "site": lane.name, "tried": tried}
        courier.unreachable(lane, why, timed_out=timed_out, refusal=refusal, evidence=evidence)
    courier.connection_ended(lane)


async def _is_ready(connection: Connection) -> bool:
    """Wait for the greeting and all that comes before mail; a server that says nothing is given up."""
    try:
        return await asyncio.wait_for(asyncio.shield(connection.ready), COMMAND_TIMEOUT_S)
    except TimeoutError:
        connection.give_up("the server said nothing")
        return False


def _local(sources: tuple[str, ...], place: str) -> tuple[str, int] | None:
    family = ":" in place
    return next(((source, 0) for source in sources if (":" in source) == family), None)


def _plain(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, socket.gaierror):
        return "no such address"
    return str(error)[:200] or type(error).__name__


class Connection(asyncio.Protocol):
    """A connection that fetches parcels from its lane as long as the server takes them."""

    def __init__(self, courier: Office, lane: Lane, host: str, place: str, *, in_clear: bool = False) -> None:
        self._courier = courier
        self._lane = lane
        self._host = host
        self._place = place
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._parcels: dict[object, Parcel] = {}
        self._sent = 0
        self._since = self._loop.time()
        self._tls = ""
        self._is_ready = False
        self._finishing = False
        self._upgrading = False
        self._handshake: asyncio.Task[None] | None = None
        self.trouble = ""
        self.refusal: Reply | None = None
        """What the server said when it did not want to talk to us at all."""
        self.tls_failed = False
        """Whether the server offered TLS that does not work."""
        self.ready: asyncio.Future[bool] = self._loop.create_future()
        """Resolved once: True when the server is ready for mail, False when it is not to be had."""
        route = lane.route
        self._session = smtp.ClientSession(
            courier.rules.hostname,
            start_tls="must" if route.tls == "must" else "never" if route.tls == "implicit" or in_clear else "may",
            credentials=(route.user, route.password) if route.user else None,
        )

    # ---- asyncio -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the greeting."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Feed the session and see what has come of it."""
        self._since = self._loop.time()
        self._session.feed(data)
        self._work()

    def connection_lost(self, error: Exception | None) -> None:
        """Everything on the wire has its end now."""
        if self._upgrading:
            return
        self._is_ready = False
        self._session.lost()
        self._work()
        if not self.ready.done():
            self.trouble = self.trouble or (_plain(error) if error else "the server closed the connection")
            self.ready.set_result(False)
        if self in self._lane.connections:
            self._lane.connections.discard(self)
            self._courier.connection_ended(self._lane)

    # ---- the conversation ----------------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether it could take a parcel at once."""
        return self._is_ready and not self._finishing and len(self._parcels) < self._width

    @property
    def _width(self) -> int:
        return IN_FLIGHT if self._session.pipelining else 1

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on the wire."""
        return not self._parcels

    def fetch(self) -> None:
        """Take parcels from the lane and send them."""
        self._work()

    def _work(self) -> None:
        """See what has happened, take more parcels, until neither brings anything new; then send."""
        session = self._session
        while True:
            while (event := session.next_event()) is not None:
                _DOES[type(event)](self, event)
            if not self._top_up():
                break
        self._flush()

    def _top_up(self) -> bool:
        """Take as many parcels as the connection has room for; whether there were any."""
        taken = False
        while self._is_ready and not self._finishing and len(self._parcels) < self._width:
            if self._sent >= MESSAGES_MOST:
                self.finish()
                break
            parcel = self._lane.pull()
            if parcel is None:
                break
            self._send(parcel)
            taken = True
        return taken

    def _send(self, parcel: Parcel) -> None:
        claim = parcel.claim
        if not self._parcels:
            self._since = self._loop.time()
        self._parcels[claim.delivery_id] = parcel
        self._sent += 1
        self._session.send(envelope_of(parcel, smart_host=self._lane.route.is_smart_host))

    def _flush(self) -> None:
        said = self._session.output()
        if said and self._transport is not None and not self._transport.is_closing():
            self._transport.write(said)

    def _ready(self, event: smtp.Ready) -> None:
        self._is_ready = True
        self._lane.connections.add(self)
        self._lane.connecting -= 1
        self.ready.set_result(True)

    def _tls_ready(self, event: smtp.StartTls) -> None:
        self._upgrading = True
        self._handshake = asyncio.ensure_future(self._start_tls())

    async def _start_tls(self) -> None:
        assert self._transport is not None
        must = self._lane.route.tls == "must"
        context = self._courier.tls.strict() if must else self._courier.tls.opportunistic()
        try:
            transport = await self._loop.start_tls(
                self._transport, self, context, server_hostname=self._host, ssl_handshake_timeout=60
            )
        except (OSError, ssl.SSLError, TimeoutError) as error:
            self._upgrading = False
            self.tls_failed = True
            self.trouble = f"TLS failed: {_plain(error)}"
            self._transport.abort()
            self.connection_lost(None)
            return
        self._upgrading = False
        self._transport = cast(asyncio.Transport, transport)
        found = self._transport.get_extra_info("ssl_object")
        self._tls = f"{found.version()} {found.cipher()[0]}" if found else "TLS"
        self._session.tls_started()
        self._flush()

    def _failed(self, event: smtp.Failed) -> None:
        """The server does not want us, or breaks the protocol."""
        reply: Reply | None = event.reply
        self.trouble = f"{reply.code} {reply.text}" if reply is not None else event.why
        self._is_ready = False
        self._close()
        if reply is not None:
            self.refusal = reply
            diagnosis = diagnose_reply(reply, command=event.stage)
            pause = outcomes.pushback_s(reply.code, reply.status, diagnosis.reason, diagnosis.detail, event.stage)
            if pause is not None:
                of_rate = diagnosis.detail == "rate_limited"
                self._lane.site.pushed_back(f"{self._host} said {self.trouble}"[:SAID_MOST], pause, of_rate=of_rate)

    def _outcome(self, event: smtp.Outcome) -> None:
        parcel = self._parcels.pop(event.tag)
        self._since = self._loop.time()
        try:
            self._ended(event, parcel)
        except Exception:
            self._courier.our_fault(parcel)

    def _ended(self, event: smtp.Outcome, parcel: Parcel) -> None:
        if event.untried:
            self._courier.untried(parcel, self._lane)
            return
        stage, reply = event.of(0)
        if stage == "local" and reply is not None and reply.status == NEEDS_8BIT and not parcel.is_7bit:
            self._courier.too_wide(parcel, self._lane)
            return
        attempt = self._attempt(event, stage, reply, parcel)
        if attempt.meaning.fact in _TAKEN:
            self._lane.site.went_well()
        elif reply is not None:
            self._heed(stage, reply, attempt.meaning)
        self._courier.finished(parcel, attempt, self._lane)

    def _heed(self, stage: str, reply: Reply, meaning: outcomes.Meaning) -> None:
        """See whether a refusal speaks of us rather than of the message."""
        pause = outcomes.pushback_s(reply.code, reply.status, meaning.reason, meaning.detail, stage)
        if pause is not None:
            why = f"{self._host} said {reply.code} {reply.text}"[:SAID_MOST]
            self._lane.site.pushed_back(why, pause, of_rate=True)

    def _attempt(self, event: smtp.Outcome, stage: str, reply: Reply | None, parcel: Parcel) -> Attempt:
        evidence: dict[str, Any] = {
            "kind": "smtp", "host": self._host, "ip": self._place, "tls": self._tls, "command": stage,
        }  # fmt: skip
        if reply is None:
            if event.uncertain:
                before = bool(parcel.claim.facts & _UNCERTAIN_BIT)
                why = "The connection broke before the last answer; the message may have arrived."
                return Attempt(outcomes.of_lost_reply(lost_before=before), why, evidence)
            why = event.why or self.trouble or "The connection broke."
            return Attempt(outcomes.of_no_connection(), why, evidence)
        evidence["code"], evidence["status"], evidence["text"] = reply.code, reply.status, reply.text[:4000]
        said = f"{reply.code} {reply.status} {reply.text}"[:SAID_MOST]
        if reply.code < 300:
            return Attempt(
                outcomes.of_acceptance(smart_host=self._lane.route.is_smart_host), said, evidence, reply.status
            )
        diagnosis = diagnose_reply(reply, command=stage)
        evidence["dialogue"] = "\n".join(event.dialogue())
        meaning = outcomes.of_refusal(
            reply.code, Reason(diagnosis.reason), diagnosis.detail, retry_after_s=diagnosis.retry_after_s
        )
        is_weak = diagnosis.suppress is not Suppress.NOW
        return Attempt(meaning, said, evidence, diagnosis.status or reply.status, is_weak=is_weak, command=stage)

    # ---- ends ----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Take no more parcels; quit when the last has ended."""
        self._finishing = True
        if not self._parcels and self._transport is not None:
            self._session.quit()
            self._flush()
            self._close()

    def give_up(self, why: str) -> None:
        """End it at once."""
        self.trouble = why
        if self._transport is not None:
            self._transport.abort()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def check_time(self, now: float) -> None:
        """End it when the server has been silent for too long, or nothing has been sent for a while."""
        silent = now - self._since
        if self._parcels:
            limit = FINAL_TIMEOUT_S if self._session.awaits_final else COMMAND_TIMEOUT_S
            if silent > limit:
                self.give_up(f"The server was silent for {int(silent)} s.")
        elif self._is_ready and (silent > self._courier.rules.limits.idle_s or self._finishing):
            self.finish()


_TAKEN = frozenset({Fact.DELIVERED, Fact.RELAYED})
_UNCERTAIN_BIT = Fact.UNCERTAIN.bit


def envelope_of(parcel: Parcel, *, smart_host: bool) -> smtp.Envelope:
    """Put a parcel into the envelope that the protocol wants, the domain as an A-label.

    A smart host is asked for reports, since it has the last word. Others report failures to our return path by
    themselves, and what the customer asked for we report ourselves (`intake.notices`).
    """
    claim = parcel.claim
    recipient = f"{claim.recipient.rpartition('@')[0]}@{claim.domain}"
    needs_utf8 = bool(claim.flags & FLAG_UTF8) or not recipient.isascii()
    said = None
    if smart_host or claim.orcpt:
        said = smtp.RcptParameters(notify="SUCCESS,FAILURE,DELAY" if smart_host else None, orcpt=claim.orcpt)
    asked = smtp.MailParameters(smtputf8=needs_utf8, envid=claim.envid) if needs_utf8 or claim.envid else None
    return smtp.Envelope(parcel.sender, ((recipient, said),), parcel.content, claim.delivery_id, asked)


MESSAGES_MOST = 1000
NEEDS_8BIT = "5.6.3"
_DOES: dict[type, Callable[[Connection, Any], None]] = {
    smtp.Ready: Connection._ready,
    smtp.StartTls: Connection._tls_ready,
    smtp.Failed: Connection._failed,
    smtp.Outcome: Connection._outcome,
}
