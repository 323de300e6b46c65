"""One client: socket, session, and the answers in between. One protocol object for each connection, no task."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast

from aftersend.listening.listener import Listener
from aftersend.smtp import server as smtp
from aftersend.smtp.reply import Reply

TOO_MANY = Reply(421, "4.3.2", "Too many connections; close some, then try again")
SHUTTING_DOWN = Reply(421, "4.3.2", "The service is stopping; try again in a minute")
TIMED_OUT = Reply(421, "4.4.2", "Nothing was heard for too long")
HANDSHAKE_S = 30


class Connection(asyncio.Protocol):
    """Feeds the session and writes what it says. What an event of the session means is in the table `does`.

    While `_busy`, nothing more is read from the session: something has to be answered first, by `_go_on`.
    """

    __slots__ = ("_busy", "_implicit", "_last", "_listener", "_paused", "_session", "_task", "_transport", "client", "tls")  # fmt: skip

    does: ClassVar[Mapping[type, Callable[[Any, Any], None]]] = {}

    def __init__(self, listener: Listener, *, implicit: bool) -> None:
        self._listener = listener
        self._implicit = implicit
        self._busy = False
        self._paused = False
        self._task: asyncio.Task[None] | None = None
        self._last = 0.0
        self.client = ""
        self.tls = ""
        """The version of TLS, or nothing."""

    def profile(self) -> smtp.Profile:
        """Say what is offered to this client; its address is known."""
        raise NotImplementedError

    # ---- asyncio -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or say that there are too many."""
        self._transport = cast(asyncio.Transport, transport)
        is_upgraded = bool(self.client)
        if is_upgraded:
            return
        peer = transport.get_extra_info("peername") or ("unknown", 0)
        self.client = str(peer[0])
        self._last = asyncio.get_running_loop().time()
        self._session = smtp.ServerSession(self.profile(), peer=self.client, tls=self._implicit)
        if self._implicit:
            self.tls = _tls_name(transport)
        if self._listener.stopping or not self._listener.admit(self, self.client):
            self._part((SHUTTING_DOWN if self._listener.stopping else TOO_MANY).to_bytes())
            return
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
        self._listener.leave(self)
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
        does = self.does
        while not self._busy:
            event = session.next_event()
            if event is None:
                break
            does[type(event)](self, event)
        said = session.output()
        if said and not self._transport.is_closing():
            self._transport.write(said)
        if self._paused and not session.wants_pause and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
        if self._listener.stopping:
            self.say_goodbye()

    def _go_on(self, reply: Reply) -> None:
        """Answer what had to wait, then go on with what has come meanwhile."""
        self._busy = False
        if self._transport.is_closing():
            self._busy = True
            return
        self._session.answer(reply)
        self._work()

    def _tls_wanted(self, event: smtp.TlsWanted) -> None:
        self._busy = True
        self._transport.write(self._session.output())
        self._task = asyncio.ensure_future(self._start_tls())

    async def _start_tls(self) -> None:
        context = self._listener.limits.tls
        assert context is not None
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(
                self._transport, self, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, ssl.SSLError, ConnectionError, TimeoutError):
            self._transport.abort()
            self.connection_lost(None)
            return
        if transport is None:
            return
        self._transport = transport
        self.tls = _tls_name(transport)
        self._session.tls_started()
        self._busy = False
        self._work()

    def _nothing(self, event: object) -> None:
        """The session has answered already."""

    def _end(self, event: object) -> None:
        self._busy = True
        self._part(self._session.output())

    # ---- ends ----------------------------------------------------------------------------------------------------

    def end_if_silent_since(self, deadline: float) -> None:
        """Close a connection that has said nothing for too long; one that waits for us is not silent."""
        if self._last < deadline and not self._busy:
            self._part(TIMED_OUT.to_bytes())

    def say_goodbye(self) -> None:
        """Close now, or after the mail that is being written down."""
        if not self._busy and not self._transport.is_closing():
            self._part(SHUTTING_DOWN.to_bytes())

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def _part(self, last_words: bytes) -> None:
        if last_words:
            self._transport.write(last_words)
        self._transport.close()


def _tls_name(transport: asyncio.BaseTransport) -> str:
    found = transport.get_extra_info("ssl_object")
    return str(found.version()) if found is not None else "TLS"
