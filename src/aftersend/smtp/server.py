"""A server's side of an SMTP connection (RFC 5321 and what `extensions.offered` lists), without its socket.

    session = ServerSession(profile, peer="192.0.2.1", tls=False)
    session.greet()
    session.feed(data); event = session.next_event(); session.answer(reply); send(session.output())

The session keeps the order of commands and answers everything that needs no decision. While an event waits for its
`answer`, nothing more is read; what comes meanwhile is kept. It never looks at the clock: time limits are the caller's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from aftersend.smtp import answers, parameters, paths
from aftersend.smtp import content as wire
from aftersend.smtp.content import END
from aftersend.smtp.events import (
    Credentials,
    Event,
    Hello,
    Message,
    Overrun,
    Profile,
    Quit,
    Recipient,
    Refused,
    Sender,
    TlsWanted,
)
from aftersend.smtp.extensions import offered
from aftersend.smtp.gathering import Chunks, Text
from aftersend.smtp.login import MECHANISMS, Login
from aftersend.smtp.parameters import MailParameters, RcptParameters
from aftersend.smtp.reply import Reply

__all__ = [
    "Credentials",
    "Event",
    "Hello",
    "MailParameters",
    "Message",
    "Overrun",
    "Profile",
    "Quit",
    "RcptParameters",
    "Recipient",
    "Refused",
    "Sender",
    "ServerSession",
    "TlsWanted",
]

AUTH_LINE_MOST = 12288
"""Octets of a line of AUTH with its CRLF (RFC 4954 §4)."""
SKIPPED_MOST = 64 * 1024
"""So much of a line that is too long is skipped before the connection is given up."""
SMALL_CHUNK = 1024
"""Octets of a chunk of BDAT up to which it counts as a command that leads to nothing."""

_GO_ON: Final = Quit()
"""Told by a reader that has read something which is no event."""

_FOREIGN = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"HOST:", b"USER-AGENT:"})
"""First words by which somebody else's protocol gives itself away; a browser can be made to speak here."""


class ServerSession:
    """One connection, from the greeting to the end. Not to be shared between threads."""

    __slots__ = (
        "_after", "_at", "_backlog", "_buffer", "_chunks", "_errors", "_hello", "_idle", "_is_authenticated", "_line_most",
        "_login", "_offer", "_out", "_read", "_recipients", "_sender", "_skipped", "_spoilt", "_text", "_tls", "_waiting",
        "peer", "profile",
    )  # fmt: skip

    def __init__(self, profile: Profile, *, peer: str = "", tls: bool = False) -> None:
        self.profile = profile
        self.peer = peer
        self._tls = tls
        self._offer = profile.offer()
        self._line_most = profile.max_command_line - 2
        self._buffer = b""
        self._at = 0
        self._backlog = bytearray()
        self._out: list[bytes] = []
        self._after: deque[Event] = deque()
        self._waiting: Event | None = None
        self._read: Callable[[ServerSession], Event | None] = ServerSession._command
        self._hello = ""
        self._is_authenticated = False
        self._login: Login | None = None
        self._errors = 0
        self._idle = 0
        self._skipped = 0
        self._sender: Sender | None = None
        self._recipients: list[Recipient] = []
        self._spoilt = False
        self._text: Text | None = None
        self._chunks: Chunks | None = None

    # ---- what the caller does ------------------------------------------------------------------------------------

    def greet(self) -> None:
        """Say the greeting. Called once, before the first `feed`."""
        self._out.append(Reply(220, "", f"{self.profile.hostname} ESMTP").to_bytes())

    def feed(self, data: bytes) -> None:
        """Take octets that have come from the client."""
        if self._at >= len(self._buffer) and not self._backlog:
            self._buffer = data
            self._at = 0
        else:
            self._backlog += data

    def next_event(self) -> Event | None:
        """Return what is to be done next; None until there is more to read, or while an answer is awaited."""
        if self._waiting is not None:
            return None
        while self._at < len(self._buffer) or self._after or self._backlog:
            if self._after:
                return self._after.popleft()
            event = self._read(self)
            if event is not _GO_ON:
                return event
        return None

    def answer(self, reply: Reply) -> None:
        """Give the reply to the event that waits for one. 421 ends the session."""
        event = self._waiting
        if event is None:
            raise RuntimeError("no event waits for an answer")
        self._waiting = None
        self._out.append(reply.to_bytes())
        is_yes = reply.code < 400
        kind = type(event)
        if kind is Recipient:
            if is_yes:
                self._recipients.append(event)  # type: ignore[arg-type]
            else:
                self._spoilt = True
                if self._is_beyond_patience():
                    self._give_up(answers.IDLE_COMMANDS)
        elif kind is Sender:
            if is_yes:
                self._sender = event  # type: ignore[assignment]
            else:
                self._spoilt = True
        elif kind is Message:
            self._idle = 0
            self._end_transaction()
        elif is_yes:
            self._is_authenticated = True
        else:
            self._count_error()
        if reply.code == 421 and self._read is not ServerSession._deaf:
            self._end(Overrun(reply))

    def output(self) -> bytes:
        """Return what is to be sent, and forget it."""
        out = self._out
        if not out:
            return b""
        said = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return said

    def tls_started(self) -> None:
        """Begin anew inside TLS: everything said or sent before the handshake is forgotten (RFC 3207 §4.2).

        What came in the clear behind STARTTLS is dropped unread, else somebody in the middle could put words into
        the client's mouth (CVE-2011-0411).
        """
        self._tls = True
        self._buffer = b""
        self._at = 0
        self._backlog.clear()
        self._hello = ""
        self._is_authenticated = False
        self._end_transaction()
        self._read = ServerSession._command

    @property
    def wants_pause(self) -> bool:
        """Whether so much is unread that the caller should stop reading from the socket."""
        return len(self._buffer) - self._at + len(self._backlog) > self.profile.buffer_most

    @property
    def is_authenticated(self) -> bool:
        """Whether the client has been let in by AUTH."""
        return self._is_authenticated

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self._tls

    @property
    def is_idle(self) -> bool:
        """Whether nothing has been begun: no transaction, no command in part, nothing that waits for an answer."""
        return self._waiting is None and self._sender is None and self._at >= len(self._buffer) and not self._backlog

    # ---- reading commands ----------------------------------------------------------------------------------------

    def _command(self) -> Event | None:
        buffer = self._buffer
        at = self._at
        end = buffer.find(b"\n", at)
        if end < 0:
            return self._more("command")
        self._at = end + 1
        if end - at >= AUTH_LINE_MOST:
            return self._too_long("command", end + 1 - at)
        if end == at or buffer[end - 1] != 13:
            return self._refuse("command", answers.BARE_COMMAND)
        line = buffer[at : end - 1]
        verb, _, rest = line.partition(b" ")
        move = _MOVES.get(verb) or _MOVES.get(verb.upper())
        if len(line) > self._line_most and move is not ServerSession._auth:
            return self._refuse("command", answers.TOO_LONG)
        if move is not None:
            return move(self, rest)
        if verb.upper() in _FOREIGN:
            return self._overrun(answers.NO_SMTP)
        return self._refuse("command", answers.UNKNOWN if _is_text(line) else answers.ILLEGAL)

    def _more(self, what: str) -> Event | None:
        """Put what has come meanwhile behind a line of which the end is missing; give up on one that is too long."""
        if self._backlog:
            self._take_backlog()
            return _GO_ON
        length = len(self._buffer) - self._at
        if length <= AUTH_LINE_MOST:
            return None
        self._at = len(self._buffer)
        self._skipped = length
        self._read = ServerSession._skip
        event = self._refuse(what, answers.TOO_LONG)
        if length > SKIPPED_MOST:
            self._give_up(answers.TOO_MUCH)
        return event

    def _too_long(self, what: str, length: int) -> Event:
        """Refuse a whole line that is too long, and give the connection up if it is out of all measure."""
        self._read = ServerSession._command
        event = self._refuse(what, answers.TOO_LONG)
        if length > SKIPPED_MOST:
            self._give_up(answers.TOO_MUCH)
        return event

    def _skip(self) -> Event:
        """Drop the rest of a line that is too long."""
        if self._at >= len(self._buffer):
            self._take_backlog()
        end = self._buffer.find(b"\n", self._at)
        upto = len(self._buffer) if end < 0 else end + 1
        self._skipped += upto - self._at
        self._at = upto
        if self._skipped > SKIPPED_MOST:
            return self._overrun(answers.TOO_MUCH)
        if end >= 0:
            self._read = ServerSession._command
        return _GO_ON

    def _take_backlog(self) -> None:
        self._buffer = (
            self._buffer[self._at :] + self._backlog if self._at < len(self._buffer) else bytes(self._backlog)
        )
        self._at = 0
        self._backlog.clear()

    # ---- moves ---------------------------------------------------------------------------------------------------

    def _ehlo(self, rest: bytes) -> Event:
        return self._greeted(rest, extended=True)

    def _helo(self, rest: bytes) -> Event:
        return self._greeted(rest, extended=False)

    def _greeted(self, rest: bytes, *, extended: bool) -> Event:
        name = _decoded(rest)
        if name is None:
            return self._refuse("hello", answers.ILLEGAL)
        name = name.strip(" ")
        if not name or " " in name or len(name) > 255:
            return self._refuse("hello", answers.HELLO_NAME)
        self._end_transaction()
        self._hello = name
        if not self._is_within_budget():
            return self._overrun(answers.IDLE_COMMANDS)
        if extended:
            self._out.append(offered(self.profile, tls=self._tls))
        else:
            self._out.append(Reply(250, "", self.profile.hostname).to_bytes())
        return Hello(name, extended)

    def _starttls(self, rest: bytes) -> Event:
        if not self.profile.starttls:
            return self._refuse("starttls", answers.NO_TLS)
        if self._tls:
            return self._refuse("starttls", answers.TLS_TWICE)
        if rest.strip(b" "):
            return self._refuse("starttls", answers.NO_ARGUMENT)
        self._say(answers.TLS_READY)
        self._read = ServerSession._deaf
        return TlsWanted()

    def _mail(self, rest: bytes) -> Event:
        profile = self.profile
        self._idle += 1
        if self._idle > profile.max_idle_commands:
            return self._overrun(answers.IDLE_COMMANDS)
        if not self._hello:
            return self._spoil("sender", answers.HELLO_FIRST)
        if self._sender is not None:
            return self._refuse("sender", answers.MAIL_TWICE)
        if not self._tls and (profile.require_tls or (profile.require_auth and not profile.auth_without_tls)):
            return self._spoil("sender", answers.NEEDS_TLS)
        if profile.require_auth and not self._is_authenticated:
            return self._spoil("sender", answers.NEEDS_AUTH)
        self._spoilt = False
        self._recipients = []
        if rest[:6] == b"FROM:<" and rest[-1:] == b">" and (address := paths.plain(rest[6:-1])) is not None:
            self._waiting = event = Sender(address, None)
            return event
        return self._mail_slowly(rest)

    def _mail_slowly(self, rest: bytes) -> Event:
        text = _decoded(rest)
        if text is None:
            return self._spoil("sender", answers.ILLEGAL)
        if text[:5].upper() != "FROM:" or (found := paths.read(text[5:].lstrip(" "))) is None:
            return self._spoil("sender", answers.MAIL_SYNTAX)
        address, tail = found
        words = tail.split()
        said = parameters.read_mail(words, self._offer) if words else None
        if isinstance(said, Reply):
            return self._spoil("sender", said)
        if address and (wrong := paths.trouble(address)):
            return self._spoil("sender", Reply(553, "5.1.7", f"The sender's address cannot be read: {wrong}"))
        if not address.isascii() and not (said and said.smtputf8):
            return self._spoil("sender", answers.NEEDS_UTF8_SENDER)
        if said and said.size is not None and said.size > self.profile.max_size:
            return self._spoil("sender", self._too_large())
        self._waiting = event = Sender(address, said)
        return event

    def _rcpt(self, rest: bytes) -> Event:
        if self._sender is None:
            return self._out_of_order("recipient", answers.MAIL_FIRST)
        if self._chunks is not None:
            return self._refuse("recipient", answers.RCPT_AFTER_BDAT)
        if len(self._recipients) >= self.profile.max_recipients:
            if self._is_beyond_patience():
                return self._overrun(answers.IDLE_COMMANDS)
            return self._refuse("recipient", answers.TOO_MANY, counts=False)
        if rest[:4] == b"TO:<" and rest[-1:] == b">" and (address := paths.plain(rest[4:-1])) is not None:
            self._waiting = event = Recipient(address, None)
            return event
        return self._rcpt_slowly(rest)

    def _rcpt_slowly(self, rest: bytes) -> Event:
        self._spoilt = True  # until it is seen to be well formed
        text = _decoded(rest)
        if text is None:
            return self._refuse("recipient", answers.ILLEGAL)
        if text[:3].upper() != "TO:" or (found := paths.read(text[3:].lstrip(" "))) is None or not found[0]:
            return self._refuse("recipient", answers.RCPT_SYNTAX)
        address, tail = found
        if address.lower() != "postmaster" and (wrong := paths.trouble(address)):
            reply = Reply(553, "5.1.3", f"The recipient's address cannot be read: {wrong}")
            return self._refuse("recipient", reply)
        sender = self._sender
        assert sender is not None
        if not address.isascii() and not (sender.parameters and sender.parameters.smtputf8):
            return self._refuse("recipient", answers.NEEDS_UTF8_SENDER)
        words = tail.split()
        said = parameters.read_rcpt(words, self._offer) if words else None
        if isinstance(said, Reply):
            return self._refuse("recipient", said)
        self._spoilt = False
        self._waiting = event = Recipient(address, said)
        return event

    def _data(self, rest: bytes) -> Event:
        if rest.strip(b" "):
            return self._refuse("command", answers.NO_ARGUMENT)
        if self._chunks is not None:
            return self._refuse("command", answers.DATA_AFTER_BDAT)
        if not self._recipients:
            return self._out_of_order("command", answers.MAIL_FIRST if self._sender is None else answers.NO_RECIPIENTS)
        self._out.append(answers.GO_AHEAD)
        self._read = ServerSession._text_of_message
        return _GO_ON

    def _rset(self, rest: bytes) -> Event:
        if rest.strip(b" "):
            return self._refuse("command", answers.NO_ARGUMENT)
        self._end_transaction()
        return self._small(answers.OK)

    def _noop(self, rest: bytes) -> Event:
        return self._small(answers.OK, rest)

    def _vrfy(self, rest: bytes) -> Event:
        return self._small(answers.CANNOT_VERIFY, rest)

    def _expn(self, rest: bytes) -> Event:
        return self._refuse("command", answers.NO_EXPN)

    def _help(self, rest: bytes) -> Event:
        return self._small(answers.HELP, rest)

    def _quit(self, rest: bytes) -> Event:
        if rest.strip(b" "):
            return self._refuse("command", answers.NO_ARGUMENT)
        self._say(answers.BYE)
        self._read = ServerSession._deaf
        return Quit()

    def _small(self, reply: Reply, rest: bytes = b"") -> Event:
        if rest and not _is_text(rest):
            return self._refuse("command", answers.ILLEGAL)
        if not self._is_within_budget():
            return self._overrun(answers.IDLE_COMMANDS)
        self._say(reply)
        return _GO_ON

    def _is_within_budget(self) -> bool:
        self._idle += 1
        return self._idle <= self.profile.max_idle_commands

    # ---- AUTH (RFC 4954) -----------------------------------------------------------------------------------------

    def _auth(self, rest: bytes) -> Event:
        profile = self.profile
        if not profile.auth_mechanisms:
            return self._refuse("auth", answers.NO_AUTH)
        if not self._tls and not profile.auth_without_tls:
            return self._refuse("auth", answers.AUTH_NEEDS_TLS)
        if not self._hello:
            return self._refuse("auth", answers.HELLO_FIRST)
        if self._is_authenticated:
            return self._refuse("auth", answers.AUTH_TWICE)
        if self._sender is not None:
            return self._refuse("auth", answers.AUTH_IN_MAIL)
        mechanism, _, response = rest.strip(b" ").partition(b" ")
        name = mechanism.decode("ascii", "replace").upper()
        if name not in profile.auth_mechanisms or name not in MECHANISMS:
            return self._refuse("auth", answers.NO_MECHANISM)
        self._login = Login(name)
        return self._auth_said(response) if response else self._auth_asks()

    def _auth_asks(self) -> Event:
        assert self._login is not None
        self._out.append(self._login.challenge)
        self._read = ServerSession._auth_line
        return _GO_ON

    def _auth_line(self) -> Event | None:
        buffer = self._buffer
        at = self._at
        end = buffer.find(b"\n", at)
        if end < 0:
            return self._more("auth")
        self._at = end + 1
        if end - at >= AUTH_LINE_MOST:
            return self._too_long("auth", end + 1 - at)
        self._read = ServerSession._command
        if end == at or buffer[end - 1] != 13:
            return self._refuse("auth", answers.BARE_COMMAND)
        line = buffer[at : end - 1]
        if line == b"*":
            return self._refuse("auth", answers.AUTH_CANCELLED)
        return self._auth_said(line)

    def _auth_said(self, line: bytes) -> Event:
        assert self._login is not None
        found = self._login.said(line)
        if found is None:
            return self._auth_asks()
        self._login = None
        if isinstance(found, Reply):
            return self._refuse("auth", found)
        self._waiting = found
        return found

    # ---- content by DATA -----------------------------------------------------------------------------------------

    def _text_of_message(self) -> Event | None:
        """Look for the end of data, CR LF . CR LF and nothing else, in what has come."""
        if self._text is None:
            if self._backlog:
                self._take_backlog()
            buffer = self._buffer
            at = self._at
            if buffer.startswith(b".\r\n", at):
                self._at = at + 3
                return self._content(b"")
            end = buffer.rfind(END, at)
            if end >= 0:
                if buffer.rfind(b"\r\n.", at, end) < 0:
                    # The usual case: there is one end, and no line before it begins with a dot.
                    content = buffer[at : end + 2]
                    self._at = end + 5
                    return self._content(content[1:] if content[0] == 46 else content)
                end = buffer.find(END, at)
                self._at = end + 5
                return self._content(wire.unstuffed(buffer[at : end + 2]))
            self._text = Text(self.profile.max_size)
        text = self._text
        has_ended = text.add(self._buffer[self._at :] if self._at else self._buffer, self._backlog)
        self._buffer = text.rest
        self._at = 0
        self._backlog.clear()
        if not has_ended:
            return None
        return self._refuse_message(self._too_large()) if text.is_too_large else self._content(text.content)

    # ---- content by BDAT (RFC 3030) ------------------------------------------------------------------------------

    def _bdat(self, rest: bytes) -> Event:
        size, _, last = rest.strip(b" ").partition(b" ")
        last = last.strip(b" ").upper()
        if not self.profile.chunking:
            return self._refuse("command", answers.UNKNOWN)
        if not size.isdigit() or len(size) > 18 or last not in (b"", b"LAST"):
            return self._overrun(answers.BDAT_LOST)  # where the octets of the chunk end is not known
        chunks = self._chunks
        if chunks is None:
            chunks = self._chunks = Chunks(self.profile.max_size)
            chunks.is_unwanted = not self._recipients
        chunks.begin(int(size), is_last=bool(last))
        self._read = ServerSession._octets_of_chunk
        return _GO_ON if chunks.left else self._chunk_ended(chunks)

    def _octets_of_chunk(self) -> Event | None:
        chunks = self._chunks
        assert chunks is not None
        if self._at >= len(self._buffer):
            self._take_backlog()
        self._at += chunks.take(self._buffer, self._at)
        return _GO_ON if chunks.left else self._chunk_ended(chunks)

    def _chunk_ended(self, chunks: Chunks) -> Event:
        self._read = ServerSession._command
        if chunks.is_unwanted:
            self._chunks = None
            return self._out_of_order("command", answers.MAIL_FIRST if self._sender is None else answers.NO_RECIPIENTS)
        if chunks.is_last:
            return self._refuse_message(self._too_large()) if chunks.is_too_large else self._content(chunks.content())
        if chunks.size < SMALL_CHUNK and not self._is_within_budget():
            return self._overrun(answers.IDLE_COMMANDS)
        self._say(self._too_large() if chunks.is_too_large else Reply(250, "2.0.0", f"{chunks.size} octets taken"))
        return _GO_ON

    # ---- a message -----------------------------------------------------------------------------------------------

    def _content(self, content: bytes) -> Event:
        """Hand over a whole message, or refuse it."""
        self._read = ServerSession._command
        self._text = None
        self._chunks = None
        profile = self.profile
        if len(content) > profile.max_size:
            return self._refuse_message(self._too_large())
        if b"\0" in content:
            return self._refuse_message(answers.NUL)
        if wire.has_bare_newline(content):
            if profile.bare_newlines != "repair":
                return self._refuse_message(answers.BARE_NEWLINE)
            content = wire.repaired(content)
        if len(content) > profile.max_text_line and wire.has_line_over(content, profile.max_text_line):
            return self._refuse_message(Reply(550, "5.6.0", answers.LINE_TOO_LONG.format(profile.max_text_line)))
        sender = self._sender
        assert sender is not None
        self._waiting = event = Message(sender, self._recipients, content)
        return event

    def _refuse_message(self, reply: Reply) -> Event:
        self._read = ServerSession._command
        self._end_transaction()
        return self._refuse("message", reply)

    def _too_large(self) -> Reply:
        return Reply(552, "5.3.4", answers.MESSAGE_TOO_LARGE.format(self.profile.max_size))

    def _end_transaction(self) -> None:
        self._sender = None
        self._recipients = []
        self._spoilt = False
        self._text = None
        self._chunks = None

    # ---- refusing and ending -------------------------------------------------------------------------------------

    def _say(self, reply: Reply) -> None:
        self._out.append(reply.to_bytes())

    def _refuse(self, what: str, reply: Reply, *, counts: bool = True) -> Event:
        self._out.append(reply.to_bytes())
        if counts:
            self._count_error()
        return Refused(what, reply)

    def _spoil(self, what: str, reply: Reply) -> Event:
        """Refuse a sender; RCPT and DATA that were sent right behind it (RFC 2920) are no further errors."""
        self._spoilt = True
        return self._refuse(what, reply)

    def _out_of_order(self, what: str, reply: Reply) -> Event:
        """Refuse what makes no sense without what came before; it is not told again if that was refused just now."""
        if not self._spoilt:
            return self._refuse(what, reply)
        if self._is_beyond_patience():
            return self._overrun(answers.IDLE_COMMANDS)
        self._say(reply)
        return _GO_ON

    def _is_beyond_patience(self) -> bool:
        """Count a command that is in vain but may have been sent ahead of our answer, as one for every recipient may."""
        self._idle += 1
        return self._idle > self.profile.max_idle_commands + self.profile.max_recipients

    def _count_error(self) -> None:
        self._errors += 1
        if self._errors >= self.profile.max_errors:
            self._give_up(answers.ERRORS)

    def _give_up(self, reply: Reply) -> None:
        """Say 421 behind what has been said, and end."""
        if self._read is not ServerSession._deaf:
            self._say(reply)
            self._end(Overrun(reply))

    def _overrun(self, reply: Reply) -> Event:
        self._say(reply)
        self._read = ServerSession._deaf
        return Overrun(reply)

    def _end(self, event: Event) -> None:
        self._after.append(event)
        self._read = ServerSession._deaf

    def _deaf(self) -> None:
        """Read nothing: before the handshake, and after the end."""
        self._buffer = b""
        self._at = 0
        self._backlog.clear()


_MOVES: dict[bytes, Callable[[ServerSession, bytes], Event | None]] = {
    b"EHLO": ServerSession._ehlo,
    b"HELO": ServerSession._helo,
    b"STARTTLS": ServerSession._starttls,
    b"AUTH": ServerSession._auth,
    b"MAIL": ServerSession._mail,
    b"RCPT": ServerSession._rcpt,
    b"DATA": ServerSession._data,
    b"BDAT": ServerSession._bdat,
    b"RSET": ServerSession._rset,
    b"NOOP": ServerSession._noop,
    b"VRFY": ServerSession._vrfy,
    b"EXPN": ServerSession._expn,
    b"HELP": ServerSession._help,
    b"QUIT": ServerSession._quit,
}


def _decoded(line: bytes) -> str | None:
    """Decode a command; None if it is no UTF-8 or has control characters."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _is_text(line: bytes) -> bool:
    return _decoded(line) is not None
