"""Callers for the sessions: they answer what must be answered and write down what happened."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aftersend.smtp import client, server
from aftersend.smtp.reply import Reply

PROFILE = server.Profile("mx.example.net", max_size=100_000, max_recipients=20, future_release_s=86_400)
PASSWORD = "secret"

Answer = Callable[[server.Event], Reply]


def usual_answer(event: server.Event) -> Reply:
    """Say yes, unless the address says `no` or `later`, or the password is wrong."""
    match event:
        case server.Sender(address, _) | server.Recipient(address, _):
            if address.startswith("no"):
                return Reply(550, "5.1.1", "No such user")
            if address.startswith("later"):
                return Reply(451, "4.7.1", "Greylisted")
            return Reply(250, "2.1.0", "Good")
        case server.Credentials(_, _, password):
            return Reply(235, "2.7.0", "In") if password == PASSWORD else Reply(535, "5.7.8", "Wrong")
        case server.Message():
            return Reply(250, "2.0.0", "queued")
    raise AssertionError(event)


DECIDED = (server.Sender, server.Recipient, server.Credentials, server.Message)


class Listener:
    """A server session and what came of it."""

    def __init__(
        self, profile: server.Profile = PROFILE, *, tls: bool = True, answer: Answer = usual_answer, greet: bool = True
    ) -> None:
        self.session = server.ServerSession(profile, peer="192.0.2.1", tls=tls)
        self.answer = answer
        self.events: list[server.Event] = []
        if greet:
            self.session.greet()
            self.session.output()

    def hear(self, data: bytes) -> bytes:
        """Feed octets, answer everything, return what is said."""
        session = self.session
        session.feed(data)
        said = b""
        while (event := session.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, DECIDED):
                session.answer(self.answer(event))
            elif isinstance(event, server.TlsWanted):
                session.tls_started()
        said += session.output()
        return said

    @property
    def messages(self) -> list[server.Message]:
        """The messages that came in."""
        return [event for event in self.events if isinstance(event, server.Message)]

    @property
    def refused(self) -> list[tuple[str, int, str]]:
        """What the session itself refused: what, code, status."""
        return [(e.what, e.reply.code, e.reply.status) for e in self.events if isinstance(e, server.Refused)]


def codes(said: bytes) -> list[str]:
    """The code and the enhanced status of each reply in the octets a server said."""
    found = []
    for line in said.decode("ascii").splitlines():
        if line[3:4] != "-":
            word = line[4:].split(" ", 1)[0]
            found.append(line[:3] + (f" {word}" if word[1:2] == "." and word[:1] == line[:1] else ""))
    return found


class Caller:
    """A client session and what came of it."""

    def __init__(self, greeting: Iterable[bytes] = (), **options: object) -> None:
        self.session = client.ClientSession("me.example.net", **options)  # type: ignore[arg-type]
        self.events: list[client.Event] = []
        for data in greeting:
            self.hear(data)

    def hear(self, data: bytes) -> bytes:
        """Feed octets and return what is said."""
        self.session.feed(data)
        return self.look()

    def look(self) -> bytes:
        """Take the events and what is to be sent."""
        while (event := self.session.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, client.StartTls):
                self.session.tls_started()
        return self.session.output()

    def send(self, *envelopes: client.Envelope) -> bytes:
        """Hand envelopes over and return what is said at once."""
        for envelope in envelopes:
            self.session.send(envelope)
        return self.look()

    @property
    def outcomes(self) -> list[client.Outcome]:
        """How envelopes ended."""
        return [event for event in self.events if isinstance(event, client.Outcome)]

    @property
    def failures(self) -> list[client.Failed]:
        """How the session ended, if it did."""
        return [event for event in self.events if isinstance(event, client.Failed)]


def envelope(
    *recipients: str, content: bytes = b"Subject: a\r\n\r\nb\r\n", sender: str = "me@example.net", tag: object = None
) -> client.Envelope:
    """An envelope without parameters."""
    return client.Envelope(sender, [(r, None) for r in recipients or ("you@example.com",)], (content,), tag)


FULL = b"250-mx\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 DSN\r\n"
PLAIN = b"250 mx\r\n"


def ready(ehlo: bytes = FULL, **options: object) -> Caller:
    """A caller that is ready to send."""
    caller = Caller([b"220 mx\r\n", ehlo], **options)
    assert [type(event) for event in caller.events] == [client.Ready]
    return caller


def join(listener: Listener, caller: Caller, *, cut: int | None = None) -> tuple[bytes, bytes]:
    """Let the two talk until both are silent; return all that each said. `cut`: in pieces of so many octets."""
    to_caller = b"220 mx.example.net ESMTP\r\n"
    from_listener = from_caller = b""
    while to_caller:
        from_listener += to_caller
        to_listener = b"".join(caller.hear(piece) for piece in pieces(to_caller, cut))
        from_caller += to_listener
        to_caller = b"".join(listener.hear(piece) for piece in pieces(to_listener, cut))
    return from_listener, from_caller


def pieces(data: bytes, size: int | None) -> list[bytes]:
    """Cut octets into pieces of one size."""
    return [data] if size is None else [data[i : i + size] for i in range(0, len(data), size)]
