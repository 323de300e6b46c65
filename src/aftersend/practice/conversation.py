"""One connection to a practice server: the protocol is `aftersend.smtp`, the manners are those of the place and the address.

Beside what an address does, a place has its own ways: what it does not offer, how many it serves at once, how fast.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, Protocol, cast

from aftersend.practice.behaviours import Answer, At, Behaviour, Ending, behaviour_of
from aftersend.practice.mailbox import Mailbox, Memory, Received
from aftersend.practice.sites import Place, serves
from aftersend.smtp import server as smtp
from aftersend.smtp.reply import Reply

OK = Reply(250, "2.1.0", "Go on")
OK_RECIPIENT = Reply(250, "2.1.5", "Go on")
KEPT = Reply(250, "2.0.0", "Kept in the mailbox")
RELAYING = Reply(550, "5.7.1", "Relaying denied: this server does not take mail for that domain")
NO_EHLO = Reply(502, "5.5.1", "EHLO is not implemented here")
TOO_FAST = Reply(450, "4.7.28", "You are sending too fast; try again in 10 seconds")
TOO_MANY = Reply(421, "4.7.0", "Too many concurrent SMTP connections; please try again later")
EIGHT_BITS = Reply(554, "5.6.3", "This server takes 7-bit content only")


class Host(Protocol):
    """What a conversation needs of its server."""

    place: Place
    mailbox: Mailbox
    memory: Memory
    scale: float
    tls: ssl.SSLContext | None
    connections: set[Any]
    clock: Callable[[], int]
    profile: smtp.Profile

    def opened(self, conversation: Conversation) -> bool:
        """Take note of a connection; return False if it is one too many."""

    def may_send(self) -> bool:
        """Say whether one more message fits into the rate of the place, and count it."""

    def kept(self, message: Received, behaviour: Behaviour) -> None:
        """A message has been taken: see to what comes later."""

    def breach(self, what: str) -> None:
        """The sender broke a rule of SMTP."""

    def heard(self, data: bytes) -> None:
        """Bytes came in."""

    def said(self, data: bytes) -> None:
        """Bytes go out."""


class Conversation(asyncio.Protocol):
    """Feeds the session and answers as the recipient's local part says."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._transport: asyncio.Transport | None = None
        self._busy = False
        self._hello = ""
        self._tls = ""
        self._upgrading: asyncio.Task[None] | None = None
        self._in_content = False
        self._cuts_in_content = False
        self._sender: smtp.Sender | None = None
        self._answers: list[tuple[smtp.Recipient, Behaviour, Answer]] = []
        self._session: Any = None

    # ---- asyncio -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or not, as the place does."""
        self._transport = cast(asyncio.Transport, transport)
        if self._session is not None:
            return
        place = self._host.place
        if not self._host.opened(self):
            self._say(TOO_MANY.to_bytes())
            self._transport.close()
            return
        if place.is_silent:
            self._busy = True
            return
        if place.greeting is not None:
            self._say(Reply(*place.greeting).to_bytes())
            self._transport.close()
            return
        peer = transport.get_extra_info("peername") or ("unknown", 0)
        self._session = smtp.ServerSession(self._host.profile, peer=str(peer[0]), tls=False)
        self._session.greet()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Go on with the conversation."""
        self._host.heard(data)
        if self._session is None:
            return
        if self._in_content and self._cuts_in_content:
            self._cut()
            return
        if not self._in_content and "PIPELINING" in self._host.place.without and data.count(b"\r\n") > 1:
            self._host.breach("pipelining that was not offered")
        self._session.feed(data)
        if not self._busy:
            self._work()

    def eof_received(self) -> bool:
        """A sender that closes its side is done."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the connection."""
        self._busy = True
        self._host.connections.discard(self)

    # ---- the conversation ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._busy:
            event = self._session.next_event()
            if event is None:
                break
            _DOES.get(type(event), Conversation._nothing)(self, event)
        self._flush()

    def _flush(self) -> None:
        said = self._session.output()
        if not said:
            return
        if b"354 " in said[-200:]:
            self._in_content = True
        self._say(said)

    def _say(self, said: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._host.said(said)
            self._transport.write(said)

    def _cut(self) -> None:
        """End the connection without a further word; what was answered before still goes out."""
        self._flush()
        self._busy = True
        if self._transport is not None:
            self._transport.close()

    def _answer(self, answer: Answer) -> None:
        """Give an answer now or after a silence, or cut the connection. What answers 421 ends the session by that."""
        if answer.after_s:
            self._busy = True
            asyncio.get_running_loop().call_later(answer.after_s, self._answer_late, answer)
            return
        if answer.ending is Ending.DROPS:
            self._cut()
            return
        self._session.answer(answer.reply)

    def _answer_late(self, answer: Answer) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._busy = False
        self._answer(Answer(answer.at, answer.reply, answer.ending))
        if not self._busy:
            self._work()

    def _nothing(self, event: object) -> None:
        pass

    def _said_hello(self, event: smtp.Hello) -> None:
        self._hello = event.name
        if event.extended and "EHLO" in self._host.place.without:
            self._session.output()
            self._say(NO_EHLO.to_bytes())

    def _tls_wanted(self, event: smtp.TlsWanted) -> None:
        self._busy = True
        self._flush()
        self._upgrading = asyncio.ensure_future(self._start_tls())

    async def _start_tls(self) -> None:
        loop = asyncio.get_running_loop()
        assert self._host.tls is not None
        assert self._transport is not None
        try:
            transport = await loop.start_tls(self._transport, self, self._host.tls, server_side=True)
        except (OSError, ssl.SSLError, TimeoutError):
            self.close()
            return
        if transport is None:
            return
        self._transport = transport
        self._tls = str(transport.get_extra_info("ssl_object").version())
        self._session.tls_started()
        self._busy = False
        self._work()

    def _mail(self, event: smtp.Sender) -> None:
        self._in_content = False
        self._cuts_in_content = False
        self._sender = event
        self._answers = []
        self._session.answer(OK if self._host.may_send() else TOO_FAST)

    def _rcpt(self, event: smtp.Recipient) -> None:
        local, _, domain = event.address.rpartition("@")
        if not local:
            local, domain = event.address, self._host.place.name
        if not serves(self._host.place, ascii_domain(domain)):
            self._session.answer(RELAYING)
            return
        behaviour = behaviour_of(local)
        answer = self._chosen(behaviour, event.address)
        if answer.at is At.RECIPIENT and answer.ending is not Ending.CUTS_CONTENT:
            self._answer(answer)
            return
        if answer.ending is Ending.CUTS_CONTENT:
            self._cuts_in_content = True
        self._answers.append((event, behaviour, answer))
        self._session.answer(OK_RECIPIENT)

    def _chosen(self, behaviour: Behaviour, recipient: str) -> Answer:
        """Choose the answer by what is remembered of earlier attempts."""
        memory, sender = self._host.memory, self._sender.address if self._sender else ""
        attempts, since_us = memory.seen(sender, recipient.lower(), self._host.clock())
        if attempts and since_us < behaviour.not_before_s * self._host.scale * 1e6:
            return behaviour.answer(0)
        memory.count(sender, recipient.lower())
        return behaviour.answer(attempts)

    def _message(self, event: smtp.Message) -> None:
        self._in_content = False
        if self._cuts_in_content:
            self._cut()
            return
        if "8BITMIME" in self._host.place.without and not event.content.isascii():
            self._session.answer(EIGHT_BITS)
            return
        # One answer speaks for all recipients of the message: the first that is not the usual one.
        unusual = (a for _, _, a in self._answers if a.reply.code != 250 or a.ending is not Ending.STAYS or a.after_s)
        answer = next(unusual, None)
        if answer is None:
            answer = Answer(At.CONTENT, KEPT, keeps=True)
        if answer.keeps:
            self._keep(event, answer)
        self._answers = []
        self._answer(answer)

    def _keep(self, event: smtp.Message, answer: Answer) -> None:
        for recipient, behaviour, _ in self._answers:
            message = Received(
                recipient.address, event.sender.address, event.content, self._host.clock(), self._host.place.name, self._hello,
                self._tls, event.sender.parameters, recipient.parameters, answer.ending is not Ending.DROPS,
            )  # fmt: skip
            self._host.mailbox.keep(message)
            self._host.kept(message, behaviour)

    def _refused(self, event: smtp.Refused) -> None:
        self._host.breach(f"{event.what}: {event.reply.code} {event.reply.status} {event.reply.text}")

    def _end(self, event: object) -> None:
        self._flush()
        self._busy = True
        if self._transport is not None:
            self._transport.close()

    def close(self) -> None:
        """End it at once."""
        self._busy = True
        if self._transport is not None:
            self._transport.abort()


_DOES: dict[type, Callable[[Conversation, Any], None]] = {
    smtp.Hello: Conversation._said_hello,
    smtp.TlsWanted: Conversation._tls_wanted,
    smtp.Sender: Conversation._mail,
    smtp.Recipient: Conversation._rcpt,
    smtp.Message: Conversation._message,
    smtp.Refused: Conversation._refused,
    smtp.Quit: Conversation._end,
    smtp.Overrun: Conversation._end,
}


def ascii_domain(domain: str) -> str:
    """Return a domain in lower case as an A-label; as it is if it has none."""
    domain = domain.lower().rstrip(".")
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain
