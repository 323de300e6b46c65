"""Own what a server session tells its caller, and the profile that says how it behaves."""

from __future__ import annotations

from dataclasses import dataclass

from aftersend.smtp.content import count_lines_over
from aftersend.smtp.parameters import MailParameters, Offer, RcptParameters
from aftersend.smtp.reply import Reply


@dataclass(frozen=True, slots=True)
class Profile:
    """How a server behaves. Shared by all its sessions."""

    hostname: str
    max_size: int = 25 * 1024 * 1024
    """Octets of a message as it is stored; announced by SIZE (RFC 1870)."""
    max_recipients: int = 1000
    auth_mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    auth_without_tls: bool = False
    require_auth: bool = False
    starttls: bool = False
    require_tls: bool = False
    """Refuse MAIL until STARTTLS, whether or not AUTH is required."""
    pipelining: bool = True
    announce_size: bool = True
    eight_bit: bool = True
    smtputf8: bool = True
    chunking: bool = True
    dsn: bool = True
    future_release_s: int = 0
    """How far ahead HOLDFOR may reach (RFC 4865); 0: not offered."""
    bare_newlines: str = "refuse"
    """`refuse` a message with a lone CR or LF in it, or `repair` it."""
    max_errors: int = 10
    """After so many protocol errors: 421."""
    max_idle_commands: int = 200
    """After so many commands without a message: 421."""
    max_command_line: int = 2048
    """Octets: the 512 of RFC 5321 §4.5.3.1.4 and what the extensions above add. AUTH has 12288 (RFC 4954 §4)."""
    max_text_line: int = 64 * 1024
    """Octets. Lines over 998 are taken and counted, lines over this are refused."""
    buffer_most: int = 256 * 1024
    """Unread octets from which on `wants_pause` says so."""

    def offer(self) -> Offer:
        """Say which parameters MAIL and RCPT may carry."""
        return Offer(
            eight_bit=self.eight_bit,
            smtputf8=self.smtputf8,
            dsn=self.dsn,
            size=self.announce_size,
            auth=bool(self.auth_mechanisms),
            hold_for_most_s=self.future_release_s,
        )


@dataclass(slots=True)
class Hello:
    """The client named itself. Needs no answer; the session has given it."""

    name: str
    extended: bool
    """EHLO rather than HELO."""


@dataclass(slots=True)
class TlsWanted:
    """The client waits for a handshake: send `output`, upgrade, call `tls_started`."""


@dataclass(slots=True)
class Credentials:
    """Somebody wants to be let in. Answer 235, or 535."""

    mechanism: str
    user: str
    password: str

    def __repr__(self) -> str:
        """Show it without the password."""
        return f"Credentials({self.mechanism!r}, {self.user!r})"


@dataclass(slots=True)
class Sender:
    """A return path: "" for the null path. Answer 250, or why not."""

    address: str
    parameters: MailParameters | None
    """None if there were none."""


@dataclass(slots=True)
class Recipient:
    """A recipient. Answer 250, or why not. `postmaster` may come without a domain."""

    address: str
    parameters: RcptParameters | None


@dataclass(slots=True)
class Message:
    """A whole message for the recipients that were taken. Answer 250 once it is durable, or why not."""

    sender: Sender
    recipients: list[Recipient]
    content: bytes
    """CR LF line ends only, no dots stuffed, no NUL."""

    @property
    def long_lines(self) -> int:
        """How many lines have more than 998 octets (RFC 5322 §2.1.1); counted when asked."""
        return count_lines_over(self.content)


@dataclass(slots=True)
class Refused:
    """The session itself refused something. Needs no answer."""

    what: str
    """`command`, `hello`, `starttls`, `auth`, `sender`, `recipient` or `message`."""
    reply: Reply


@dataclass(slots=True)
class Quit:
    """The client said goodbye and was answered: send `output`, close."""


@dataclass(slots=True)
class Overrun:
    """A budget is used up, or the caller answered 421: send `output`, close."""

    reply: Reply


Event = Hello | TlsWanted | Credentials | Sender | Recipient | Message | Refused | Quit | Overrun
