"""Own what a client session is given and what it tells: envelopes, and how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from aftersend.smtp.extensions import Extensions
from aftersend.smtp.parameters import MailParameters, RcptParameters
from aftersend.smtp.reply import Reply, parse

DIALOGUE_MOST = 4096
"""Characters of a dialogue that is kept as evidence."""


@dataclass(slots=True)
class Envelope:
    """A message to be sent."""

    sender: str
    recipients: Sequence[tuple[str, RcptParameters | None]]
    content_chunks: tuple[bytes, ...]
    """Joined, the message: CR LF line ends, not dot-stuffed."""
    tag: object = None
    """Comes back with the outcome."""
    mail_parameters: MailParameters | None = None
    """RET, ENVID and AUTH are passed on where offered. `smtputf8` says that it may be needed; SIZE and BODY are ours."""


@dataclass(slots=True)
class Ready:
    """The server takes mail."""

    extensions: Extensions


@dataclass(slots=True)
class StartTls:
    """The server waits for a handshake: upgrade, call `tls_started`, send `output`."""


@dataclass(slots=True)
class Failed:
    """The session is over: nothing more can be sent, close. Outcomes of what was under way come as well."""

    reply: Reply | None
    """What the server said, unless an outcome has it already or it said nothing."""
    why: str
    stage: str
    """`greeting`, `hello`, `starttls`, `auth`, or where in a message: see `Outcome.stage`."""


@dataclass(slots=True)
class Outcome:
    """How sending an envelope ended. Replies are read from their octets when asked for."""

    tag: object
    envelope: Envelope
    said: list[bytes]
    """The replies in order: to MAIL, to each RCPT, to DATA, to the final dot; as many as came."""
    uncertain: bool = False
    """The connection was lost between the final dot and its reply: it may have arrived."""
    untried: bool = False
    """Nothing was said about this envelope, and the connection's end was not its fault: try it at once elsewhere."""
    why: str = ""
    """What went wrong where no reply tells."""
    local: Reply | None = None
    """We refused it ourselves, by what the server had announced."""

    @property
    def sender_reply(self) -> Reply | None:
        """The reply to MAIL."""
        return self._reply(0)

    @property
    def recipient_replies(self) -> list[Reply | None]:
        """The replies to RCPT, one for each recipient in order; None where none came."""
        return [self._reply(i + 1) for i in range(len(self.envelope.recipients))]

    @property
    def data_reply(self) -> Reply | None:
        """The reply to DATA."""
        return self._reply(len(self.envelope.recipients) + 1)

    @property
    def final_reply(self) -> Reply | None:
        """The reply to the final dot."""
        return self._reply(len(self.envelope.recipients) + 2)

    @property
    def reply(self) -> Reply | None:
        """What decided about the first recipient, or None if nothing did."""
        return self.of(0)[1]

    @property
    def stage(self) -> str:
        """What that reply answers: `mail`, `rcpt`, `data` or `dot`; `local` if it is our own."""
        return self.of(0)[0]

    def of(self, recipient: int) -> tuple[str, Reply | None]:
        """Say what decided about one recipient: the first refusal on its way, or the last reply; and its stage."""
        if self.local is not None:
            return "local", self.local
        said = self.said
        count = len(self.envelope.recipients)
        steps = (("mail", 0), ("rcpt", recipient + 1), ("data", count + 1), ("dot", count + 2))
        for stage, position in steps:
            if position >= len(said):
                return stage, None
            if stage == "dot" or said[position][0] > 0x33:
                return stage, parse(said[position])
        raise AssertionError("unreachable")

    def dialogue(self, most: int = DIALOGUE_MOST) -> list[str]:
        """Write down who said what, `>` for us and `<` for the server; at most so many characters."""
        commands = chain(
            [f"MAIL FROM:<{self.envelope.sender}>"],
            (f"RCPT TO:<{address}>" for address, _ in self.envelope.recipients),
            ["DATA", "(message) ."],
        )
        lines: list[str] = []
        for command, raw in zip(commands, self.said, strict=False):
            lines += [f"> {command}", *(f"< {line}" for line in shown(raw).split("\n"))]
        length = 0
        for i, line in enumerate(lines):
            length += len(line) + 1
            if length > most:
                return [*lines[:i], "…"]
        return lines

    def _reply(self, position: int) -> Reply | None:
        return parse(self.said[position]) if position < len(self.said) else None


def shown(raw: bytes) -> str:
    """Decode what a server said so that it can be shown: nothing in it that a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in raw.decode("utf-8", "replace"))


Event = Ready | StartTls | Failed | Outcome
