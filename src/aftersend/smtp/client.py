"""A client's side of an SMTP connection (RFC 5321), without its socket: greeting, TLS, AUTH, then message after message.

    session = ClientSession("mail.example.net")
    session.feed(data); event = session.next_event(); send(session.output())      # until Ready
    session.send(Envelope(sender, recipients, content_chunks, tag))               # ends in one Outcome each, in order

Where the server offers PIPELINING (RFC 2920), MAIL, RCPT and DATA go out in one piece, and the next envelope's right
behind the final dot. The session never looks at the clock: when the server is silent for too long, the caller calls
`lost`. What the server says is hostile: bounded in length, of any encoding, and never in command of us.
"""

from __future__ import annotations

import binascii
from collections import deque
from collections.abc import Callable

from aftersend.smtp import extensions
from aftersend.smtp.commands import Transaction, made_ready
from aftersend.smtp.extensions import Extensions
from aftersend.smtp.outcome import Envelope, Event, Failed, Outcome, Ready, StartTls, shown
from aftersend.smtp.parameters import MailParameters, RcptParameters
from aftersend.smtp.reply import Reply, parse

__all__ = [
    "ClientSession",
    "Envelope",
    "Event",
    "Failed",
    "MailParameters",
    "Outcome",
    "RcptParameters",
    "Ready",
    "StartTls",
]

LINE_MOST = 8 * 1024
REPLY_MOST = 64 * 1024
REPLY_LINES_MOST = 100
"""Bounds of a reply; a server that says more is given up."""


class ClientSession:
    """One connection, from the greeting to QUIT. Not to be shared between threads.

    `start_tls` is `may` (use it where offered), `must` (never send mail in the clear) or `never` (it is encrypted already,
    or shall not be). Credentials (user, password) are never sent in the clear under `may` and `must`.
    """

    __slots__ = (
        "_closed", "_credentials", "_early", "_events", "_head", "_hello", "_is_open", "_is_ready", "_line", "_lines",
        "_lines_size", "_next", "_on_reply", "_out", "_queue", "_quitting", "_start_tls", "_started", "_tls",
        "_wants_pipelining", "extensions", "pipelining",
    )  # fmt: skip

    def __init__(
        self,
        hello_name: str,
        *,
        start_tls: str = "may",
        credentials: tuple[str, str] | None = None,
        pipelining: bool = True,
    ) -> None:
        if not hello_name or not hello_name.isprintable() or " " in hello_name:
            raise ValueError(f"{hello_name!r} is no name to say EHLO with")
        self._hello = hello_name
        self._start_tls = start_tls
        self._credentials = credentials
        self._wants_pipelining = pipelining
        self.pipelining = False
        """Whether several envelopes may be on the wire at once."""
        self.extensions = Extensions()
        """What the server offered last."""
        self._tls = False
        self._out: list[bytes] = []
        self._events: deque[Event] = deque()
        self._line = b""
        self._lines: list[bytes] = []
        self._lines_size = 0
        self._on_reply: Callable[[ClientSession, bytes], None] = ClientSession._greeting
        self._closed = False
        self._quitting = False
        self._is_ready = False
        self._early: list[Envelope] = []
        self._queue: deque[Transaction] = deque()
        self._head: Transaction | None = None
        self._next: Transaction | None = None
        """Sent already, behind the final dot of the head."""
        self._is_open = False
        """Whether the server may hold a transaction open that is over for us, so that RSET is due."""
        self._started = 0

    # ---- what the caller does ------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take octets that have come from the server."""
        if self._line:
            data = self._line + data
            self._line = b""
        start = 0
        end = data.find(b"\n")
        while end >= 0:
            line = data[start : end - 1] if data[end - 1] == 13 and end > start else data[start:end]
            if (
                line[3:4] == b" "
                and line[:3].isdigit()
                and 0x32 <= line[0] <= 0x35
                and not self._lines
                and end - start <= LINE_MOST
            ):
                self._on_reply(self, line)
            else:
                self._line_came(line)
            start = end + 1
            end = data.find(b"\n", start)
        if start < len(data):
            self._part_came(data[start:] if start else data)

    def next_event(self) -> Event | None:
        """Return what has happened next; None until there is more."""
        return self._events.popleft() if self._events else None

    def output(self) -> bytes:
        """Return what is to be sent, and forget it."""
        out = self._out
        if not out:
            return b""
        said = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return said

    def tls_started(self) -> None:
        """Say that the handshake is done: begin anew with EHLO (RFC 3207 §4.2)."""
        if self._on_reply is not ClientSession._before_tls:
            raise RuntimeError("no handshake is awaited")
        self._tls = True
        self.extensions = Extensions()
        self._say_ehlo()

    def send(self, envelope: Envelope) -> None:
        """Send an envelope now, or when its turn comes. It ends in exactly one Outcome."""
        if self._closed or self._quitting:
            self._events.append(Outcome(envelope.tag, envelope, [], untried=True, why="the connection is closing"))
        elif not self._is_ready:
            self._early.append(envelope)
        else:
            self._take(envelope)

    def quit(self) -> None:
        """Say QUIT when what is under way has ended; what is only queued comes back untried."""
        if self._closed or self._quitting:
            return
        self._quitting = True
        self._give_back("the connection is closing")
        if self._head is None:
            self._say_quit()

    def lost(self, why: str = "the connection broke") -> None:
        """Say that the connection is gone. Everything that was under way ends now.

        An envelope whose final dot may have been sent is `uncertain`. One about which nothing had been said, on a
        connection that had been used before, comes back `untried`: a server may close an idle connection at any
        time. Otherwise it has failed for now.
        """
        if self._closed:
            return
        if self._quitting and self._head is None:
            self._closed = True
            self._on_reply = ClientSession._over
        else:
            self._fail(None, why, self._stage())

    @property
    def awaits_final(self) -> bool:
        """Whether the reply to a final dot is awaited, for which RFC 5321 §4.5.3.2.6 gives ten minutes."""
        head = self._head
        return head is not None and len(head.said) == head.count + 2

    @property
    def is_tls(self) -> bool:
        """Whether STARTTLS has been done."""
        return self._tls

    @property
    def in_flight(self) -> int:
        """How many envelopes have no outcome yet."""
        return len(self._queue) + len(self._early) + (self._head is not None) + (self._next is not None)

    # ---- replies -------------------------------------------------------------------------------------------------

    def _part_came(self, part: bytes) -> None:
        """Keep a line of which the end is missing."""
        if self._on_reply is ClientSession._before_tls:
            self._before_tls(part)
        elif len(part) > LINE_MOST:
            self._fail(None, "a reply of the server is too long", self._stage())
        else:
            self._line = part

    def _line_came(self, line: bytes) -> None:
        """Gather the lines of a reply."""
        if self._closed:
            return
        if self._on_reply is ClientSession._before_tls:
            self._before_tls(line)
            return
        lines = self._lines
        is_last = line[3:4] in b" "
        if not line[:3].isdigit() or not (is_last or line[3:4] == b"-") or not 0x32 <= line[0] <= 0x35:
            self._fail(None, "the server does not speak SMTP", self._stage())
            return
        lines.append(line)
        self._lines_size += len(line)
        if len(line) >= LINE_MOST or len(lines) > REPLY_LINES_MOST or self._lines_size > REPLY_MOST:
            self._fail(None, "a reply of the server is too long", self._stage())
        elif is_last:
            lines[0] = line[:3] + lines[0][3:]  # the last line's code counts, should they differ: see `reply.parse`
            whole = b"\n".join(lines)
            lines.clear()
            self._lines_size = 0
            self._on_reply(self, whole)

    def _unasked(self, raw: bytes) -> None:
        """Nothing had been asked: the server closes, or it and we have lost each other."""
        reply = parse(raw)
        why = "the server closes the connection" if reply.code == 421 else "the server answered what was not asked"
        self._fail(reply, why, "idle")

    def _greeting(self, raw: bytes) -> None:
        reply = parse(raw)
        if reply.code // 100 != 2:
            self._fail(reply, "the server does not want to talk", "greeting")
            return
        self._say_ehlo()

    def _say_ehlo(self) -> None:
        self._out.append(f"EHLO {self._hello}\r\n".encode())
        self._on_reply = ClientSession._ehlo_said

    def _ehlo_said(self, raw: bytes) -> None:
        reply = parse(raw)
        if reply.code // 100 == 2:
            self.extensions = extensions.read(reply)
            self._after_hello()
        elif reply.code // 100 == 5 and not self._tls:
            self._out.append(f"HELO {self._hello}\r\n".encode())
            self._on_reply = ClientSession._helo_said
        else:
            self._fail(reply, "the server refused EHLO", "hello")

    def _helo_said(self, raw: bytes) -> None:
        reply = parse(raw)
        if reply.code // 100 != 2:
            self._fail(reply, "the server refused EHLO and HELO", "hello")
            return
        self._after_hello()

    def _after_hello(self) -> None:
        if not self._tls and self._start_tls != "never":
            if self.extensions.starttls:
                self._out.append(b"STARTTLS\r\n")
                self._on_reply = ClientSession._starttls_said
                return
            if self._start_tls == "must":
                self._fail(None, "TLS is demanded, but the server does not offer STARTTLS", "starttls")
                return
        self._log_in()

    def _starttls_said(self, raw: bytes) -> None:
        reply = parse(raw)
        if reply.code == 220:
            self._on_reply = ClientSession._before_tls
            self._events.append(StartTls())
        elif self._start_tls == "must" or reply.code == 421:
            self._fail(reply, "the server refused STARTTLS", "starttls")
        else:
            self._log_in()

    def _before_tls(self, raw: bytes) -> None:
        """Give up: whatever comes in the clear between 220 and the handshake was put there by somebody else."""
        self._events.clear()
        self._fail(None, "the server sent something between its answer to STARTTLS and the handshake", "starttls")

    # ---- AUTH ----------------------------------------------------------------------------------------------------

    def _log_in(self) -> None:
        if self._credentials is None:
            self._be_ready()
            return
        if not self._tls and self._start_tls != "never":
            self._fail(None, "the server does not offer TLS, and the password is not sent in the clear", "auth")
            return
        user, password = self._credentials
        if "PLAIN" in self.extensions.auth:
            self._out.append(b"AUTH PLAIN " + _base64(f"\0{user}\0{password}") + b"\r\n")
            self._on_reply = ClientSession._auth_said
        elif "LOGIN" in self.extensions.auth:
            self._out.append(b"AUTH LOGIN\r\n")
            self._on_reply = ClientSession._login_asks_user
        else:
            self._fail(None, "the server offers neither AUTH PLAIN nor AUTH LOGIN", "auth")

    def _login_asks_user(self, raw: bytes) -> None:
        assert self._credentials is not None
        if raw[:3] == b"334":
            self._out.append(_base64(self._credentials[0]) + b"\r\n")
            self._on_reply = ClientSession._login_asks_password
        else:
            self._auth_said(raw)

    def _login_asks_password(self, raw: bytes) -> None:
        assert self._credentials is not None
        if raw[:3] == b"334":
            self._out.append(_base64(self._credentials[1]) + b"\r\n")
            self._on_reply = ClientSession._auth_said
        else:
            self._auth_said(raw)

    def _auth_said(self, raw: bytes) -> None:
        reply = parse(raw)
        if reply.code // 100 != 2:
            self._fail(reply, "the server does not accept user and password", "auth")
            return
        self._be_ready()

    def _be_ready(self) -> None:
        self.pipelining = self.extensions.pipelining and self._wants_pipelining
        self._is_ready = True
        self._on_reply = ClientSession._unasked
        self._events.append(Ready(self.extensions))
        early, self._early = self._early, []
        for envelope in early:
            self._take(envelope)
        if self._quitting and self._head is None:
            self._say_quit()

    # ---- transactions --------------------------------------------------------------------------------------------

    def _take(self, envelope: Envelope) -> None:
        made = made_ready(envelope, self.extensions)
        if isinstance(made, Reply):
            self._events.append(Outcome(envelope.tag, envelope, [], local=made))
            return
        head = self._head
        if head is None:
            self._begin(made)
        elif self.pipelining and self._next is None and len(head.said) == head.count + 2:
            self._next = made
            self._out.append("".join(made.commands).encode())
        else:
            self._queue.append(made)

    def _begin(self, head: Transaction) -> None:
        self._head = head
        self._started += 1
        self._on_reply = ClientSession._transaction
        if self._is_open:
            self._is_open = False
            head.awaits_reset = True
            self._out.append(b"RSET\r\n")
            if not self.pipelining:
                return
        self._out.append(("".join(head.commands) if self.pipelining else head.commands[0]).encode())

    def _transaction(self, raw: bytes) -> None:
        """Take the reply to what comes next in the head: RSET, MAIL, each RCPT, DATA, the final dot."""
        head = self._head
        assert head is not None
        digit = raw[0]
        if digit == 0x34 and raw[:3] == b"421":
            self._closing(head, raw)
            return
        if head.awaits_reset:
            head.awaits_reset = False
            if not self.pipelining:
                self._out.append(head.commands[0].encode())
            return
        said = head.said
        position = len(said)
        count = head.count
        if digit < 0x34 and (digit == 0x33) != (position == count + 1):
            self._fail(
                None, f"the server answered {shown(raw[:200])!r}, which is no answer to that command", self._stage()
            )
            return
        said.append(raw)
        if position > count:
            if position > count + 1:
                self._ended(head)
            elif digit == 0x33:
                self._send_content(head)
            else:
                self._is_open = said[0][0] == 0x32
                self._ended(head)
            return
        if position and digit == 0x32 and said[0][0] == 0x32:
            head.accepted += 1
        if not self.pipelining:
            self._next_command(head, position)

    def _next_command(self, head: Transaction, position: int) -> None:
        """Go on step by step where the server does not take commands ahead of its answers."""
        if position == 0 and head.said[0][0] != 0x32:
            self._ended(head)
        elif position == head.count and not head.accepted:
            self._is_open = True
            self._ended(head)
        else:
            self._out.append(head.commands[position + 1].encode())

    def _send_content(self, head: Transaction) -> None:
        out = self._out
        if head.accepted:
            out.append(head.content)
        out.append(b".\r\n")  # alone if nobody is to have it: an empty message to nobody (RFC 2920 §3.1)
        head.content = b""
        if self.pipelining and self._queue:
            self._next = following = self._queue.popleft()
            out.append("".join(following.commands).encode())

    def _ended(self, head: Transaction) -> None:
        envelope = head.envelope
        self._events.append(Outcome(envelope.tag, envelope, head.said))
        following = self._next
        if following is not None:
            self._next = None
            self._head = following
            self._started += 1
        elif self._queue:
            self._begin(self._queue.popleft())
        else:
            self._head = None
            self._on_reply = ClientSession._unasked
            if self._quitting:
                self._say_quit()

    # ---- ends ----------------------------------------------------------------------------------------------------

    def _closing(self, head: Transaction, raw: bytes) -> None:
        """The server said 421 in the middle. The head has it as its reply, unless it had not been looked at yet."""
        reply = parse(raw)
        why = "the server closes the connection"
        if head.awaits_reset or (not head.said and self._started > 1):
            self._fail(reply, why, "mail")
            return
        stage = self._stage()
        head.said.append(raw)
        self._events.append(Outcome(head.envelope.tag, head.envelope, head.said, why=why))
        self._head = None
        self._fail(None, f"{why}: {reply}", stage)

    def _fail(self, reply: Reply | None, why: str, stage: str) -> None:
        """End the session: everything under way has its outcome, then the failure is told."""
        if self._closed:
            return
        self._closed = True
        self._on_reply = ClientSession._over
        self._out.clear()
        head = self._head
        if head is not None:
            self._head = None
            envelope = head.envelope
            is_sent = len(head.said) == head.count + 2
            is_untried = not head.said and self._started > 1
            outcome = Outcome(
                envelope.tag, envelope, head.said, uncertain=is_sent and head.accepted > 0, untried=is_untried, why=why
            )
            self._events.append(outcome)
        self._give_back(why)
        self._events.append(Failed(reply, why, stage))

    def _give_back(self, why: str) -> None:
        """Hand back what nobody has looked at."""
        waiting = [made.envelope for made in self._queue] + self._early
        self._queue.clear()
        self._early.clear()
        if self._closed and self._next is not None:
            waiting.insert(0, self._next.envelope)
            self._next = None
        for envelope in waiting:
            self._events.append(Outcome(envelope.tag, envelope, [], untried=True, why=why))

    def _say_quit(self) -> None:
        self._out.append(b"QUIT\r\n")
        self._on_reply = ClientSession._quit_said

    def _quit_said(self, raw: bytes) -> None:
        self._closed = True
        self._on_reply = ClientSession._over

    def _over(self, raw: bytes) -> None:
        """Take no more notice of what is said."""

    def _stage(self) -> str:
        """Name what is under way, for `Failed`."""
        head = self._head
        if head is None:
            return _STAGES.get(self._on_reply, "idle")
        position = len(head.said)
        if position == 0:
            return "mail"
        return "rcpt" if position <= head.count else "data" if position == head.count + 1 else "dot"


_STAGES: dict[Callable[[ClientSession, bytes], None], str] = {
    ClientSession._greeting: "greeting",
    ClientSession._ehlo_said: "hello",
    ClientSession._helo_said: "hello",
    ClientSession._starttls_said: "starttls",
    ClientSession._before_tls: "starttls",
    ClientSession._login_asks_user: "auth",
    ClientSession._login_asks_password: "auth",
    ClientSession._auth_said: "auth",
    ClientSession._quit_said: "quit",
}


def _base64(text: str) -> bytes:
    return binascii.b2a_base64(text.encode(), newline=False)
