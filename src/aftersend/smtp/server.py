"""A server's side of an SMTP connection (RFC 5321 and what `extensions.offered` lists), without its socket.

    session = ServerSession(profile, peer="192.0.2.1", tls=False)
    session.greet()
    session.feed(data); event = session.next_event(); session.answer(reply); send(session.output())

The session keeps the order of commands and answers everything that needs no decision. While an event waits for its
`answer`, nothing more is read; what comes meanwhile is kept. It never looks at the clock: time limits are the caller's.
"""

from __future__ import annotations

import binascii
from collections import deque
from collections.abc import Callable
from typing import Final

from aftersend.smtp import content as wire
from aftersend.smtp import parameters, paths
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

_GO_ON: Final = Quit()
"""Told by a reader that has read something which is no event."""

OK = Reply(250, "2.0.0", "OK")
GO_AHEAD = b"354 End data with <CR><LF>.<CR><LF>\r\n"
HELP = Reply(214, "2.0.0", "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP VRFY QUIT (RFC 5321)")
BYE = Reply(221, "2.0.0", "Bye")
CANNOT_VERIFY = Reply(252, "2.5.2", "Addresses are not verified here; send the message and see")
NO_EXPN = Reply(502, "5.5.1", "EXPN is not offered")
UNKNOWN = Reply(500, "5.5.1", "Command unknown")
BARE_COMMAND = Reply(500, "5.5.2", "End every line with CR LF; a lone CR or LF is refused")
ILLEGAL = Reply(500, "5.5.2", "There are control characters, or octets that are no UTF-8, in the command")
TOO_LONG = Reply(500, "5.5.2", "The command line is too long")
HELLO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
HELLO_NAME = Reply(501, "5.5.4", "Say who you are: EHLO name.example.com")
NO_ARGUMENT = Reply(501, "5.5.4", "The command takes no argument")
MAIL_FIRST = Reply(503, "5.5.1", "Say MAIL first")
MAIL_TWICE = Reply(503, "5.5.1", "A sender was named already; say RSET to begin anew")
MAIL_SYNTAX = Reply(501, "5.5.2", "Write MAIL FROM:<name@example.com>, the address in angle brackets")
RCPT_SYNTAX = Reply(501, "5.5.2", "Write RCPT TO:<name@example.com>, the address in angle brackets")
NEEDS_UTF8_SENDER = Reply(553, "5.6.7", "An address that is not ASCII needs the parameter SMTPUTF8 with MAIL")
TOO_MANY = Reply(452, "4.5.3", "Too many recipients; send the message again to those that are left")
NO_RECIPIENTS = Reply(554, "5.5.1", "No valid recipients")
RCPT_AFTER_BDAT = Reply(503, "5.5.1", "The message has begun; no more recipients can be named")
DATA_AFTER_BDAT = Reply(503, "5.5.1", "The message was begun with BDAT; go on with BDAT or say RSET")
NEEDS_TLS = Reply(530, "5.7.0", "Say STARTTLS first")
NEEDS_AUTH = Reply(530, "5.7.0", "Authentication is needed: say AUTH with an API key as password")
TLS_READY = Reply(220, "2.0.0", "Ready to start TLS")
TLS_TWICE = Reply(503, "5.5.1", "TLS is in use already")
NO_TLS = Reply(502, "5.5.1", "STARTTLS is not offered")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Say STARTTLS first; no password is taken without encryption")
NO_AUTH = Reply(502, "5.5.1", "AUTH is not offered")
AUTH_TWICE = Reply(503, "5.5.1", "You are authenticated already")
AUTH_IN_MAIL = Reply(503, "5.5.1", "AUTH may not come inside a mail transaction")
NO_MECHANISM = Reply(504, "5.5.4", "That mechanism is not offered")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
AUTH_SYNTAX = Reply(501, "5.5.2", "That is no base64 of what the mechanism needs")
AUTH_FOR_OTHERS = Reply(535, "5.7.8", "Acting for another user is not offered; leave the authorization identity empty")
BARE_NEWLINE = Reply(550, "5.5.2", "There is a lone CR or LF in the message; end every line with CR LF")
NUL = Reply(550, "5.6.0", "There is a NUL octet in the message; encode it as base64 or quoted-printable")
LINE_TOO_LONG = "A line of the message has more than {} octets; encode it as base64 or quoted-printable"
MESSAGE_TOO_LARGE = "The message is larger than {} octets"
TOO_MUCH = Reply(421, "4.7.0", "A line without an end; closing the connection")
ERRORS = Reply(421, "4.7.0", "Too many errors; closing the connection")
IDLE_COMMANDS = Reply(421, "4.7.0", "Too many commands without a message; closing the connection")
NO_SMTP = Reply(421, "4.7.0", "This is not how SMTP is spoken; closing the connection")
BDAT_LOST = Reply(421, "4.7.0", "BDAT needs a number of octets; closing the connection")

_FOREIGN = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"CONNECT", b"HOST:", b"USER-AGENT:"})
"""First words by which somebody else's protocol gives itself away; a browser can be made to speak here."""


class ServerSession:
    """One connection, from the greeting to the end. Not to be shared between threads."""

    __slots__ = (
        "_after",
        "_at",
        "_auth_step",
        "_auth_user",
        "_backlog",
        "_body",
        "_body_limit",
        "_buffer",
        "_chunk_is_last",
        "_chunk_left",
        "_chunk_size",
        "_dropping",
        "_errors",
        "_hello",
        "_idle",
        "_line_most",
        "_is_authenticated",
        "_offer",
        "_out",
        "_read",
        "_recipients",
        "_refusal",
        "_sender",
        "_skipped",
        "_spoilt",
        "_tls",
        "_waiting",
        "peer",
        "profile",
    )

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
        self._auth_step = ""
        self._auth_user = ""
        self._errors = 0
        self._idle = 0
        self._skipped = 0
        self._sender: Sender | None = None
        self._recipients: list[Recipient] = []
        self._spoilt = False
        self._body: bytearray | None = None
        self._dropping = False
        self._refusal: Reply | None = None
        self._chunk_left = 0
        self._chunk_size = 0
        self._chunk_is_last = False
        # Each three octets of content take at most four on the wire (a line that is one dot), so what is
        # over this limit on the wire is over the limit of size however the dots fall.
        self._body_limit = profile.max_size + profile.max_size // 3 + 16

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
            return self._refuse("command", BARE_COMMAND)
        line = buffer[at : end - 1]
        verb, _, rest = line.partition(b" ")
        move = _MOVES.get(verb) or _MOVES.get(verb.upper())
        if len(line) > self._line_most and move is not ServerSession._auth:
            return self._refuse("command", TOO_LONG)
        if move is not None:
            return move(self, rest)
        if verb.upper() in _FOREIGN:
            return self._overrun(NO_SMTP)
        return self._refuse("command", UNKNOWN if _is_text(line) else ILLEGAL)

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
        event = self._refuse(what, TOO_LONG)
        if length > SKIPPED_MOST:
            self._give_up(TOO_MUCH)
        return event

    def _too_long(self, what: str, length: int) -> Event:
        """Refuse a whole line that is too long, and give the connection up if it is out of all measure."""
        self._read = ServerSession._command
        event = self._refuse(what, TOO_LONG)
        if length > SKIPPED_MOST:
            self._give_up(TOO_MUCH)
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
            return self._overrun(TOO_MUCH)
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
        name = _text(rest)
        if name is None:
            return self._refuse("hello", ILLEGAL)
        name = name.strip(" ")
        if not name or " " in name or len(name) > 255:
            return self._refuse("hello", HELLO_NAME)
        self._end_transaction()
        self._hello = name
        if not self._is_within_budget():
            return self._overrun(IDLE_COMMANDS)
        if extended:
            self._out.append(offered(self.profile, tls=self._tls))
        else:
            self._out.append(Reply(250, "", self.profile.hostname).to_bytes())
        return Hello(name, extended)

    def _starttls(self, rest: bytes) -> Event:
        if not self.profile.starttls:
            return self._refuse("starttls", NO_TLS)
        if self._tls:
            return self._refuse("starttls", TLS_TWICE)
        if rest.strip(b" "):
            return self._refuse("starttls", NO_ARGUMENT)
        self._say(TLS_READY)
        self._read = ServerSession._deaf
        return TlsWanted()

    def _mail(self, rest: bytes) -> Event:
        profile = self.profile
        self._idle += 1
        if self._idle > profile.max_idle_commands:
            return self._overrun(IDLE_COMMANDS)
        if not self._hello:
            return self._spoil("sender", HELLO_FIRST)
        if self._sender is not None:
            return self._refuse("sender", MAIL_TWICE)
        if not self._tls and (profile.require_tls or (profile.require_auth and not profile.auth_without_tls)):
            return self._spoil("sender", NEEDS_TLS)
        if profile.require_auth and not self._is_authenticated:
            return self._spoil("sender", NEEDS_AUTH)
        self._spoilt = False
        self._recipients = []
        if rest[:6] == b"FROM:<" and rest[-1:] == b">" and (address := paths.plain(rest[6:-1])) is not None:
            self._waiting = event = Sender(address, None)
            return event
        return self._mail_slowly(rest)

    def _mail_slowly(self, rest: bytes) -> Event:
        text = _text(rest)
        if text is None:
            return self._spoil("sender", ILLEGAL)
        if text[:5].upper() != "FROM:" or (found := paths.read(text[5:].lstrip(" "))) is None:
            return self._spoil("sender", MAIL_SYNTAX)
        address, tail = found
        words = tail.split()
        said = parameters.read_mail(words, self._offer) if words else None
        if isinstance(said, Reply):
            return self._spoil("sender", said)
        if address and (wrong := paths.trouble(address)):
            return self._spoil("sender", Reply(553, "5.1.7", f"The sender's address cannot be read: {wrong}"))
        if not address.isascii() and not (said and said.smtputf8):
            return self._spoil("sender", NEEDS_UTF8_SENDER)
        if said and said.size is not None and said.size > self.profile.max_size:
            return self._spoil("sender", self._too_large())
        self._waiting = event = Sender(address, said)
        return event

    def _rcpt(self, rest: bytes) -> Event:
        if self._sender is None:
            return self._out_of_order("recipient", MAIL_FIRST)
        if self._body is not None:
            return self._refuse("recipient", RCPT_AFTER_BDAT)
        if len(self._recipients) >= self.profile.max_recipients:
            if self._is_beyond_patience():
                return self._overrun(IDLE_COMMANDS)
            return self._refuse("recipient", TOO_MANY, counts=False)
        if rest[:4] == b"TO:<" and rest[-1:] == b">" and (address := paths.plain(rest[4:-1])) is not None:
            self._waiting = event = Recipient(address, None)
            return event
        return self._rcpt_slowly(rest)

    def _rcpt_slowly(self, rest: bytes) -> Event:
        self._spoilt = True  # until it is seen to be well formed
        text = _text(rest)
        if text is None:
            return self._refuse("recipient", ILLEGAL)
        if text[:3].upper() != "TO:" or (found := paths.read(text[3:].lstrip(" "))) is None or not found[0]:
            return self._refuse("recipient", RCPT_SYNTAX)
        address, tail = found
        if address.lower() != "postmaster" and (wrong := paths.trouble(address)):
            reply = Reply(553, "5.1.3", f"The recipient's address cannot be read: {wrong}")
            return self._refuse("recipient", reply)
        sender = self._sender
        assert sender is not None
        if not address.isascii() and not (sender.parameters and sender.parameters.smtputf8):
            return self._refuse("recipient", NEEDS_UTF8_SENDER)
        words = tail.split()
        said = parameters.read_rcpt(words, self._offer) if words else None
        if isinstance(said, Reply):
            return self._refuse("recipient", said)
        self._spoilt = False
        self._waiting = event = Recipient(address, said)
        return event

    def _data(self, rest: bytes) -> Event:
        if rest.strip(b" "):
            return self._refuse("command", NO_ARGUMENT)
        if self._body is not None:
            return self._refuse("command", DATA_AFTER_BDAT)
        if not self._recipients:
            return self._out_of_order("command", MAIL_FIRST if self._sender is None else NO_RECIPIENTS)
        self._out.append(GO_AHEAD)
        self._read = ServerSession._text_of_message
        return _GO_ON

    def _rset(self, rest: bytes) -> Event:
        if rest.strip(b" "):
            return self._refuse("command", NO_ARGUMENT)
        self._end_transaction()
        return self._small(OK)

    def _noop(self, rest: bytes) -> Event:
        return self._small(OK)

    def _vrfy(self, rest: bytes) -> Event:
        return self._small(CANNOT_VERIFY)

    def _expn(self, rest: bytes) -> Event:
        return self._refuse("command", NO_EXPN)

    def _help(self, rest: bytes) -> Event:
        return self._small(HELP)

    def _quit(self, rest: bytes) -> Event:
        if rest.strip(b" "):
            return self._refuse("command", NO_ARGUMENT)
        self._say(BYE)
        self._read = ServerSession._deaf
        return Quit()

    def _small(self, reply: Reply) -> Event:
        if not self._is_within_budget():
            return self._overrun(IDLE_COMMANDS)
        self._say(reply)
        return _GO_ON

    def _is_within_budget(self) -> bool:
        self._idle += 1
        return self._idle <= self.profile.max_idle_commands

    # ---- AUTH (RFC 4954) -----------------------------------------------------------------------------------------

    def _auth(self, rest: bytes) -> Event:
        profile = self.profile
        if not profile.auth_mechanisms:
            return self._refuse("auth", NO_AUTH)
        if not self._tls and not profile.auth_without_tls:
            return self._refuse("auth", AUTH_NEEDS_TLS)
        if not self._hello:
            return self._refuse("auth", HELLO_FIRST)
        if self._is_authenticated:
            return self._refuse("auth", AUTH_TWICE)
        if self._sender is not None:
            return self._refuse("auth", AUTH_IN_MAIL)
        words = rest.upper().split()
        mechanism = words[0].decode("ascii", "replace") if words else ""
        if mechanism not in profile.auth_mechanisms or mechanism not in _AUTH_STEPS:
            return self._refuse("auth", NO_MECHANISM)
        self._auth_step, challenge = _AUTH_STEPS[mechanism]
        if len(words) == 1:
            self._out.append(challenge)
            self._read = ServerSession._auth_line
            return _GO_ON
        return self._auth_said(rest.split(None, 1)[1])

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
            return self._refuse("auth", BARE_COMMAND)
        line = buffer[at : end - 1]
        if line == b"*":
            return self._refuse("auth", AUTH_CANCELLED)
        return self._auth_said(line)

    def _auth_said(self, line: bytes) -> Event:
        try:
            said = b"" if line == b"=" else binascii.a2b_base64(line.strip(b" "), strict_mode=True)
            text = said.decode()
        except ValueError:
            return self._refuse("auth", AUTH_SYNTAX)
        step = self._auth_step
        if step == "user":
            self._auth_user = text
            self._auth_step = "password"
            self._out.append(b"334 UGFzc3dvcmQ6\r\n")
            self._read = ServerSession._auth_line
            return _GO_ON
        if step == "password":
            return self._credentials("LOGIN", self._auth_user, text)
        parts = text.split("\0")
        if len(parts) != 3:
            return self._refuse("auth", AUTH_SYNTAX)
        acting_for, user, password = parts
        if acting_for not in ("", user):
            return self._refuse("auth", AUTH_FOR_OTHERS)
        return self._credentials("PLAIN", user, password)

    def _credentials(self, mechanism: str, user: str, password: str) -> Event:
        self._auth_user = ""
        if not password or "\0" in user or "\0" in password:
            return self._refuse("auth", AUTH_SYNTAX)
        self._waiting = event = Credentials(mechanism, user, password)
        return event

    # ---- content by DATA -----------------------------------------------------------------------------------------

    def _text_of_message(self) -> Event | None:
        """Look for the end of data, CR LF . CR LF and nothing else, in what has come."""
        body = self._body
        if body is None:
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
            body = self._body = bytearray(b"\r\n")  # the line end of DATA itself, which an empty message shares
        start = max(len(body) - 4, 0)
        if self._at < len(self._buffer):
            body += self._buffer[self._at :] if self._at else self._buffer
            self._buffer = b""
            self._at = 0
        if self._backlog:
            body += self._backlog
            self._backlog.clear()
        end = body.find(END, start)
        if end < 0:
            if len(body) > self._body_limit:
                self._dropping = True
                del body[:-4]
            return None
        self._buffer = bytes(body[end + 5 :])
        content = b"" if self._dropping else wire.unstuffed(bytes(memoryview(body)[2 : end + 2]))
        return self._content(content)

    # ---- content by BDAT (RFC 3030) ------------------------------------------------------------------------------

    def _bdat(self, rest: bytes) -> Event:
        size, _, last = rest.strip(b" ").partition(b" ")
        last = last.strip(b" ").upper()
        if not self.profile.chunking:
            return self._refuse("command", UNKNOWN)
        if not size.isdigit() or len(size) > 18 or last not in (b"", b"LAST"):
            return self._overrun(BDAT_LOST)  # where the octets of the chunk end is not known
        self._chunk_size = self._chunk_left = int(size)
        self._chunk_is_last = bool(last)
        self._refusal = None
        if not self._recipients:
            self._refusal = MAIL_FIRST if self._sender is None else NO_RECIPIENTS
        else:
            self._body = bytearray() if self._body is None else self._body
            if self._dropping or len(self._body) + self._chunk_size > self.profile.max_size:
                self._dropping = True
                self._body.clear()
                self._refusal = self._too_large()
        self._read = ServerSession._octets_of_chunk
        return _GO_ON if self._chunk_left else self._chunk_ended()

    def _octets_of_chunk(self) -> Event | None:
        if self._at >= len(self._buffer):
            self._take_backlog()
        taken = min(self._chunk_left, len(self._buffer) - self._at)
        if self._refusal is None:
            assert self._body is not None
            self._body += memoryview(self._buffer)[self._at : self._at + taken]
        self._at += taken
        self._chunk_left -= taken
        return _GO_ON if self._chunk_left else self._chunk_ended()

    def _chunk_ended(self) -> Event:
        self._read = ServerSession._command
        if self._refusal is not None and self._body is None:
            if not self._is_within_budget():
                return self._overrun(IDLE_COMMANDS)
            return self._out_of_order("command", self._refusal)
        if self._chunk_is_last:
            body = bytes(self._body or b"")
            if body and not body.endswith(b"\n"):
                body += b"\n" if body.endswith(b"\r") else b"\r\n"  # the next hop may have no BDAT to say it with
            return self._content(body)
        if self._chunk_size < 1024 and not self._is_within_budget():
            return self._overrun(IDLE_COMMANDS)
        if self._refusal is not None:
            self._say(self._refusal)
        else:
            self._say(Reply(250, "2.0.0", f"{self._chunk_size} octets taken"))
        return _GO_ON

    # ---- a message -----------------------------------------------------------------------------------------------

    def _content(self, content: bytes) -> Event:
        """Hand over a whole message, or refuse it."""
        self._read = ServerSession._command
        profile = self.profile
        dropped = self._dropping
        self._body = None
        self._dropping = False
        if dropped or len(content) > profile.max_size:
            return self._refuse_message(self._too_large())
        if b"\0" in content:
            return self._refuse_message(NUL)
        if wire.has_bare_newline(content):
            if profile.bare_newlines != "repair":
                return self._refuse_message(BARE_NEWLINE)
            content = wire.repaired(content)
        if len(content) > profile.max_text_line and wire.has_line_over(content, profile.max_text_line):
            return self._refuse_message(Reply(550, "5.6.0", LINE_TOO_LONG.format(profile.max_text_line)))
        sender = self._sender
        assert sender is not None
        self._waiting = event = Message(sender, self._recipients, content)
        return event

    def _refuse_message(self, reply: Reply) -> Event:
        self._end_transaction()
        return self._refuse("message", reply)

    def _too_large(self) -> Reply:
        return Reply(552, "5.3.4", MESSAGE_TOO_LARGE.format(self.profile.max_size))

    def _end_transaction(self) -> None:
        self._sender = None
        self._recipients = []
        self._spoilt = False
        self._body = None
        self._dropping = False

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
            return self._overrun(IDLE_COMMANDS)
        self._say(reply)
        return _GO_ON

    def _is_beyond_patience(self) -> bool:
        """Count a command that is in vain but may have been sent ahead of our answer, as one for every recipient may."""
        self._idle += 1
        return self._idle > self.profile.max_idle_commands + self.profile.max_recipients

    def _count_error(self) -> None:
        self._errors += 1
        if self._errors >= self.profile.max_errors:
            self._give_up(ERRORS)

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


_AUTH_STEPS = {"PLAIN": ("plain", b"334 \r\n"), "LOGIN": ("user", b"334 VXNlcm5hbWU6\r\n")}
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


def _text(line: bytes) -> str | None:
    """Decode a command; None if it is no UTF-8 or has control characters."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _is_text(line: bytes) -> bool:
    return _text(line) is not None
