"""What a server answers: a table of dialogues, then what it tells its caller."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from aftersend.smtp import server
from aftersend.smtp.parameters import MailParameters, RcptParameters
from aftersend.smtp.reply import Reply

from .talk import PROFILE, Listener, codes

OPEN = replace(PROFILE, starttls=True)
SUBMISSION = replace(PROFILE, starttls=True, require_auth=True)
BARE = replace(
    PROFILE, pipelining=False, announce_size=False, eight_bit=False, smtputf8=False, chunking=False, dsn=False,
    future_release_s=0, auth_mechanisms=(),
)  # fmt: skip


def plain(user: str = "me", password: str = "secret", acting_for: str = "") -> str:
    """The initial response of AUTH PLAIN."""
    return b64encode(f"{acting_for}\0{user}\0{password}".encode()).decode()


def b64(text: str) -> str:
    """A line of AUTH LOGIN."""
    return b64encode(text.encode()).decode()


EHLO = ("EHLO me", "250")
MAIL = ("MAIL FROM:<a@b.example>", "250 2.1.0")
RCPT = ("RCPT TO:<c@d.example>", "250 2.1.0")
DATA = ("DATA", "354")
SENT = ("S: x\r\n\r\ny\r\n.", "250 2.0.0")
LONG = "x" * 3000

DIALOGUES: dict[str, tuple[server.Profile, bool, list[tuple[str, str]]]] = {
    "a message": (PROFILE, True, [EHLO, MAIL, RCPT, DATA, SENT, ("QUIT", "221 2.0.0")]),
    "lower case": (PROFILE, True, [("ehlo me", "250"), ("mail from:<a@b.example>", "250 2.1.0"),
                                   ("rcpt to:<c@d.example>", "250 2.1.0"), ("data", "354"), SENT]),
    "HELO": (PROFILE, True, [("HELO me", "250"), MAIL, RCPT, DATA, SENT]),
    "a space behind the colon": (PROFILE, True, [EHLO, ("MAIL FROM: <a@b.example>", "250 2.1.0"),
                                                  ("RCPT TO: <c@d.example>", "250 2.1.0")]),
    "spaces at the end": (PROFILE, True, [EHLO, ("MAIL FROM:<a@b.example> ", "250 2.1.0"), ("RCPT TO:<c@d.example>  ", "250 2.1.0"),
                                          ("DATA ", "354"), SENT, ("RSET ", "250 2.0.0"), ("QUIT ", "221 2.0.0")]),
    "two messages": (PROFILE, True, [EHLO, MAIL, RCPT, DATA, SENT, MAIL, RCPT, DATA, SENT]),
    "an empty message": (PROFILE, True, [EHLO, MAIL, RCPT, DATA, (".", "250 2.0.0")]),
    "null sender": (PROFILE, True, [EHLO, ("MAIL FROM:<>", "250 2.1.0"), ("RCPT TO:<postmaster>", "250 2.1.0"), DATA, SENT]),
    "source route": (PROFILE, True, [EHLO, ("MAIL FROM:<@x.example:a@b.example>", "250 2.1.0")]),
    "EHLO without a name": (PROFILE, True, [("EHLO", "501 5.5.4"), ("EHLO  ", "501 5.5.4"), ("HELO a b", "501 5.5.4"),
                                            MAIL[:1] + ("503 5.5.1",)]),
    "EHLO ends a transaction": (PROFILE, True, [EHLO, MAIL, EHLO, RCPT[:1] + ("503 5.5.1",), MAIL]),
    "RSET ends a transaction": (PROFILE, True, [EHLO, MAIL, RCPT, ("RSET", "250 2.0.0"), ("DATA", "503 5.5.1"), MAIL]),
    "MAIL first": (PROFILE, True, [MAIL[:1] + ("503 5.5.1",), EHLO, RCPT[:1] + ("503 5.5.1",), ("DATA", "503 5.5.1")]),
    "MAIL twice": (PROFILE, True, [EHLO, MAIL, MAIL[:1] + ("503 5.5.1",), RCPT]),
    "no recipients": (PROFILE, True, [EHLO, MAIL, ("DATA", "554 5.5.1"), RCPT, DATA, SENT]),
    "all recipients refused": (PROFILE, True, [EHLO, MAIL, ("RCPT TO:<no@d.example>", "550 5.1.1"), ("DATA", "554 5.5.1")]),
    "some recipients refused": (PROFILE, True, [EHLO, MAIL, ("RCPT TO:<no@d.example>", "550 5.1.1"), RCPT, DATA, SENT]),
    "sender refused": (PROFILE, True, [EHLO, ("MAIL FROM:<no@b.example>", "550 5.1.1"), RCPT[:1] + ("503 5.5.1",),
                                       ("DATA", "503 5.5.1"), MAIL]),
    "arguments where none belong": (PROFILE, True, [EHLO, ("RSET x", "501 5.5.4"), ("QUIT x", "501 5.5.4"), MAIL, RCPT,
                                                    ("DATA x", "501 5.5.4")]),
    "small commands": (PROFILE, True, [("NOOP", "250 2.0.0"), ("NOOP x y", "250 2.0.0"), ("NOOP x\x00", "500 5.5.2"), ("VRFY a", "252 2.5.2"),
                                       ("HELP", "214 2.0.0"), ("EXPN a", "502 5.5.1")]),
    "unknown commands": (PROFILE, True, [("ETRN x", "500 5.5.1"), ("", "500 5.5.1"), (" EHLO me", "500 5.5.1"), ("EHLOme", "500 5.5.1")]),
    "control characters": (PROFILE, True, [("EHLO a\x00b", "500 5.5.2"), ("EHLO a\tb", "500 5.5.2"), ("E\x1bHLO", "500 5.5.2"), EHLO,
                                           ("MAIL FROM:<a\x00@b.example>", "500 5.5.2"), MAIL,
                                           ("RCPT TO:<a@b\x7f.example>", "500 5.5.2")]),
    "bad syntax of MAIL": (PROFILE, True, [EHLO, ("MAIL", "501 5.5.2"), ("MAIL FROM", "501 5.5.2"), ("MAIL FROM:", "501 5.5.2"),
                                           ("MAIL FROM:a@b.example", "501 5.5.2"), ("MAIL FROM:<a@b.example", "501 5.5.2"),
                                           ("MAIL TO:<a@b.example>", "501 5.5.2"), ("MAIL FROM:<a@b.example>x", "501 5.5.2")]),
    "bad addresses": (PROFILE, True, [EHLO, ("MAIL FROM:<a>", "553 5.1.7"), ("MAIL FROM:<a@b..c>", "553 5.1.7"), MAIL,
                                      ("RCPT TO:<>", "501 5.5.2"), ("RCPT TO:<a>", "553 5.1.3"), ("RCPT TO:<a@[1.2.3]>", "553 5.1.3"),
                                      ("RCPT TO:<a..b@c.example>", "553 5.1.3")]),
    "bad parameters": (PROFILE, True, [EHLO, ("MAIL FROM:<a@b.example> FOO=1", "555 5.5.4"),
                                       ("MAIL FROM:<a@b.example> SIZE=x", "501 5.5.4"), MAIL,
                                       ("RCPT TO:<c@d.example> NOTIFY=X", "501 5.5.4"), ("RCPT TO:<c@d.example> FOO", "555 5.5.4")]),
    "declared size": (PROFILE, True, [EHLO, ("MAIL FROM:<a@b.example> SIZE=100001", "552 5.3.4"),
                                      ("MAIL FROM:<a@b.example> SIZE=100000", "250 2.1.0")]),
    "UTF-8 needs its parameter": (PROFILE, True, [EHLO, ("MAIL FROM:<\u00e4@b.example>", "553 5.6.7"),
                                                  ("MAIL FROM:<\u00e4@b.example> SMTPUTF8", "250 2.1.0"),
                                                  ("RCPT TO:<\u00f6@\u00fc.example>", "250 2.1.0"), ("RSET", "250 2.0.0"), MAIL,
                                                  ("RCPT TO:<\u00f6@\u00fc.example>", "553 5.6.7")]),
    "nothing is offered": (BARE, True, [EHLO, ("MAIL FROM:<a@b.example> SIZE=1", "555 5.5.4"),
                                        ("MAIL FROM:<a@b.example> BODY=8BITMIME", "555 5.5.4"),
                                        ("MAIL FROM:<a@b.example> SMTPUTF8", "555 5.5.4"), ("MAIL FROM:<a@b.example> RET=HDRS", "555 5.5.4"),
                                        ("BDAT 0 LAST", "500 5.5.1"), ("AUTH PLAIN", "502 5.5.1"), ("STARTTLS", "502 5.5.1")]),
    "too long a command": (PROFILE, True, [(f"EHLO {LONG}", "500 5.5.2"), EHLO, (f"MAIL FROM:<a@b.example> AUTH={LONG}", "500 5.5.2")]),
    "TLS": (OPEN, False, [EHLO, ("STARTTLS x", "501 5.5.4"), ("STARTTLS", "220 2.0.0"), MAIL[:1] + ("503 5.5.1",), EHLO,
                          ("STARTTLS", "503 5.5.1"), MAIL]),
    "TLS demanded": (replace(OPEN, require_tls=True), False, [EHLO, MAIL[:1] + ("530 5.7.0",), RCPT[:1] + ("503 5.5.1",),
                                                              ("STARTTLS", "220 2.0.0"), EHLO, MAIL]),
    "AUTH demanded": (SUBMISSION, True, [EHLO, MAIL[:1] + ("530 5.7.0",), (f"AUTH PLAIN {plain()}", "235 2.7.0"), MAIL, RCPT, DATA, SENT,
                                         (f"AUTH PLAIN {plain()}", "503 5.5.1")]),
    "AUTH needs TLS": (SUBMISSION, False, [EHLO, (f"AUTH PLAIN {plain()}", "538 5.7.11"), MAIL[:1] + ("530 5.7.0",),
                                           ("STARTTLS", "220 2.0.0"), EHLO, (f"AUTH PLAIN {plain()}", "235 2.7.0")]),
    "AUTH without TLS where trusted": (replace(SUBMISSION, auth_without_tls=True), False,
                                       [EHLO, MAIL[:1] + ("530 5.7.0",), (f"AUTH PLAIN {plain()}", "235 2.7.0"), MAIL]),
    "AUTH PLAIN in two steps": (PROFILE, True, [EHLO, ("AUTH PLAIN", "334"), (plain(), "235 2.7.0")]),
    "AUTH LOGIN": (PROFILE, True, [EHLO, ("auth login", "334"), (b64("me"), "334"), (b64("secret"), "235 2.7.0")]),
    "AUTH LOGIN with the user": (PROFILE, True, [EHLO, (f"AUTH LOGIN {b64('me')}", "334"), (b64("secret"), "235 2.7.0")]),
    "AUTH fails": (PROFILE, True, [EHLO, (f"AUTH PLAIN {plain(password='x')}", "535 5.7.8"), ("AUTH LOGIN", "334"), ("*", "501 5.7.0"),
                                   ("AUTH PLAIN =", "501 5.5.2"), ("AUTH PLAIN !!!!", "501 5.5.2"), ("AUTH GSSAPI", "504 5.5.4"),
                                   ("AUTH", "504 5.5.4"), (f"AUTH PLAIN {plain(acting_for='you')}", "535 5.7.8"),
                                   (f"AUTH PLAIN {b64('me')}", "501 5.5.2")]),
    "AUTH out of place": (PROFILE, True, [(f"AUTH PLAIN {plain()}", "503 5.5.1"), EHLO, MAIL, (f"AUTH PLAIN {plain()}", "503 5.5.1")]),
    "AUTH with a long response": (PROFILE, True, [EHLO, (f"AUTH PLAIN {plain(password='p' * 6000)}", "535 5.7.8")]),
    "BDAT": (PROFILE, True, [EHLO, MAIL, RCPT, ("BDAT 6\r\nabcd", "250 2.0.0"), ("BDAT 5 LAST\r\nefg", "250 2.0.0")]),
    "BDAT alone": (PROFILE, True, [EHLO, MAIL, RCPT, ("BDAT 2 LAST\r\n", "250 2.0.0"), MAIL]),
    "BDAT before its time": (PROFILE, True, [EHLO, ("BDAT 2\r\n", "503 5.5.1"), MAIL, ("BDAT 2 LAST\r\n", "554 5.5.1")]),
    "BDAT, then DATA": (PROFILE, True, [EHLO, MAIL, RCPT, ("BDAT 2\r\n", "250 2.0.0"), ("DATA", "503 5.5.1"),
                                        RCPT[:1] + ("503 5.5.1",), MAIL[:1] + ("503 5.5.1",), ("BDAT 2 LAST\r\n", "250 2.0.0")]),
    "BDAT, then RSET": (PROFILE, True, [EHLO, MAIL, RCPT, ("BDAT 2\r\n", "250 2.0.0"), ("RSET", "250 2.0.0"), MAIL, RCPT, DATA, SENT]),
    "BDAT without a size": (PROFILE, True, [EHLO, MAIL, RCPT, ("BDAT LAST", "421 4.7.0"), ("NOOP", "")]),
    "somebody else's protocol": (PROFILE, True, [("GET / HTTP/1.1\r\nHost: mx", "421 4.7.0"), ("EHLO me", "")]),
}  # fmt: skip


@pytest.mark.parametrize("name", DIALOGUES)
def test_dialogue(name: str) -> None:
    """Each line gets the reply that the RFCs ask for."""
    profile, tls, lines = DIALOGUES[name]
    listener = Listener(profile, tls=tls)
    said = [" / ".join(codes(listener.hear(f"{line}\r\n".encode()))[-1:]) for line, _ in lines]
    assert said == [reply for _, reply in lines]


def begun(profile: server.Profile = PROFILE, *, rcpt: str = "c@d.example", mail: str = "a@b.example") -> Listener:
    """A session in which a sender and a recipient have been taken."""
    listener = Listener(profile)
    listener.hear(f"EHLO me\r\nMAIL FROM:<{mail}>\r\nRCPT TO:<{rcpt}>\r\n".encode())
    return listener


def test_the_greeting_and_the_offer() -> None:
    """The greeting names the host and ESMTP; EHLO lists what is offered, STARTTLS and AUTH according to TLS."""
    session = server.ServerSession(replace(OPEN, max_size=1000), peer="192.0.2.1", tls=False)
    session.greet()
    assert session.output() == b"220 mx.example.net ESMTP\r\n"
    session.feed(b"EHLO me\r\n")
    assert session.next_event() == server.Hello("me", True)
    assert session.output().decode().splitlines() == [
        "250-mx.example.net", "250-PIPELINING", "250-SIZE 1000", "250-8BITMIME", "250-STARTTLS", "250-ENHANCEDSTATUSCODES",
        "250-DSN", "250-SMTPUTF8", "250-CHUNKING", "250 FUTURERELEASE 86400 9999-12-31T23:59:59Z",
    ]  # fmt: skip
    inside = Listener(OPEN, tls=True).hear(b"EHLO me\r\n")
    assert b"STARTTLS" not in inside
    assert b"AUTH PLAIN LOGIN\r\n" in inside
    assert Listener(BARE).hear(b"EHLO me\r\n") == b"250-mx.example.net\r\n250 ENHANCEDSTATUSCODES\r\n"
    assert Listener(PROFILE).hear(b"HELO me\r\n") == b"250 mx.example.net\r\n"


def test_what_the_caller_is_told() -> None:
    """Events carry addresses as they were written, and parameters or None."""
    listener = Listener()
    listener.hear(
        b"EHLO me.example\r\nMAIL FROM:<A.b@C.example> SIZE=9 RET=HDRS ENVID=x+2By HOLDFOR=60\r\n"
        b'RCPT TO:<"x y"@d.example>\r\nRCPT TO:<E@f.example> NOTIFY=DELAY ORCPT=rfc822;E@f.example\r\nDATA\r\nS: 1\r\n\r\n..x\r\n.\r\n'
    )
    hello, sender, one, two, message = listener.events
    assert hello == server.Hello("me.example", True)
    assert sender == server.Sender("A.b@C.example", MailParameters(size=9, ret="HDRS", envid="x+2By", hold_for_s=60))
    assert one == server.Recipient('"x y"@d.example', None)
    assert two == server.Recipient("E@f.example", RcptParameters(notify="DELAY", orcpt="rfc822;E@f.example"))
    assert message == server.Message(sender, [one, two], b"S: 1\r\n\r\n.x\r\n")


def test_only_taken_recipients_belong_to_the_message() -> None:
    """A recipient that was refused is not in the message."""
    listener = begun()
    listener.hear(b"RCPT TO:<no@d.example>\r\nRCPT TO:<e@f.example>\r\nDATA\r\n.\r\n")
    assert [r.address for r in listener.messages[0].recipients] == ["c@d.example", "e@f.example"]


def test_nothing_is_read_while_an_answer_is_awaited() -> None:
    """What is pipelined behind a question waits, and so does what is pipelined behind the final dot."""
    session = server.ServerSession(PROFILE, peer="192.0.2.1", tls=True)
    session.feed(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\nNOOP\r\n")
    assert isinstance(session.next_event(), server.Hello)
    session.output()
    for kind in (server.Sender, server.Recipient, server.Message):
        event = session.next_event()
        assert isinstance(event, kind)
        assert session.next_event() is None
        assert session.output() == (b"354 End data with <CR><LF>.<CR><LF>\r\n" if kind is server.Message else b"")
        session.answer(Reply(250, "", "yes"))
        assert session.output() == b"250 yes\r\n"
    assert session.next_event() is None
    assert session.output() == b"250 2.0.0 OK\r\n"
    with pytest.raises(RuntimeError):
        session.answer(Reply(250, "", "yes"))


def test_too_many_recipients() -> None:
    """Over the limit: 452 4.5.3 for each more, and the message goes to those that were taken."""
    listener = begun(replace(PROFILE, max_recipients=2))
    said = listener.hear(b"RCPT TO:<d@d.example>\r\nRCPT TO:<e@d.example>\r\nRCPT TO:<f@d.example>\r\nDATA\r\n.\r\n")
    assert codes(said) == ["250 2.1.0", "452 4.5.3", "452 4.5.3", "354", "250 2.0.0"]
    assert len(listener.messages[0].recipients) == 2
    assert listener.refused == [("recipient", 452, "4.5.3")] * 2


@pytest.mark.parametrize("step", [1, 1000, 10**9])
@pytest.mark.parametrize("over", [-1, 0, 1, 50_000, 900_000])
@pytest.mark.parametrize("way", ["DATA", "dots", "BDAT"])
def test_real_size(over: int, way: str, step: int) -> None:
    """One octet below the limit and the limit itself are taken, one above is 552 5.3.4, once, at the end."""
    if step == 1 and over > 1:
        pytest.skip("slow, and the same as with a thousand")
    size = 10_000 + over
    content = (
        (b".\r\n" * size)[: size - 2 - size % 3] + b"x" * (size % 3) + b"\r\n"
        if way == "dots"
        else b"x" * 998 + b"\r\n"
    )
    content = content if way == "dots" else (content * (size // 1000 + 1))[-size:]
    assert len(content) == size
    listener = begun(replace(PROFILE, max_size=10_000))
    if way == "BDAT":
        stream = (
            b"".join(b"BDAT %d\r\n%b" % (len(part), part) for part in (content[:100], content[100:]))
            + b"BDAT 0 LAST\r\n"
        )
    else:
        stream = b"DATA\r\n" + content.replace(b"\n.", b"\n..").removeprefix(b".").join(
            [b".." if content[:1] == b"." else b"", b".\r\n"]
        )
    said = b"".join(listener.hear(stream[i : i + step]) for i in range(0, len(stream), step))
    said += listener.hear(b"NOOP\r\n")
    assert codes(said)[-1] == "250 2.0.0"
    if over <= 0:
        assert codes(said)[-2] == "250 2.0.0"
        assert [message.content for message in listener.messages] == [content]
        assert listener.refused == []
    else:
        assert codes(said)[-2] == "552 5.3.4"
        assert listener.messages == []
        assert listener.refused == [("message", 552, "5.3.4")]


def test_what_is_too_large_is_not_kept() -> None:
    """Content over the limit is let go while it comes, so that it takes no memory; the session goes on."""
    listener = begun(replace(PROFILE, max_size=1000))
    listener.hear(b"DATA\r\n")
    for _ in range(1000):
        assert listener.hear(b"x" * 1000) == b""
        assert not listener.session.wants_pause
    assert codes(listener.hear(b"\r\n.\r\nMAIL FROM:<a@b.example>\r\n")) == ["552 5.3.4", "250 2.1.0"]


BDATS = [
    ([b"abc\r\n"], b"abc\r\n"),
    ([b"abc\r", b"\ndef\r\n"], b"abc\r\ndef\r\n"),
    ([b".\r\n", b".\r\n", b""], b".\r\n.\r\n"),
    ([b"\r\n.\r\nQUIT\r\n"], b"\r\n.\r\nQUIT\r\n"),
    ([b""], b""),
    ([b"", b""], b""),
    ([b"abc"], b"abc\r\n"),
    ([b"abc\r"], b"abc\r\n"),
    ([b"a" * 5000, b"\r\n" + b"b" * 5000 + b"\r\n"], b"a" * 5000 + b"\r\n" + b"b" * 5000 + b"\r\n"),
]


@pytest.mark.parametrize(("chunks", "expected"), BDATS)
def test_chunks_are_joined(chunks: list[bytes], expected: bytes) -> None:
    """BDAT hands content over as it is; a last line without its end gets one (RFC 3030)."""
    listener = begun()
    stream = b"".join(
        b"BDAT %d%b\r\n%b" % (len(chunk), b" LAST" if i == len(chunks) - 1 else b"", chunk)
        for i, chunk in enumerate(chunks)
    )
    said = listener.hear(stream)
    assert codes(said) == ["250 2.0.0"] * len(chunks)
    assert [message.content for message in listener.messages] == [expected]


def test_octets_of_a_refused_chunk_are_no_commands() -> None:
    """A chunk that nobody can have is read over, whatever is in it."""
    listener = Listener()
    said = listener.hear(b"EHLO me\r\nBDAT 6\r\nNOOP\r\nBDAT 6 LAST\r\nNOOP\r\nRSET\r\n")
    assert codes(said)[-3:] == ["503 5.5.1", "503 5.5.1", "250 2.0.0"]


def test_long_lines_are_taken_and_counted() -> None:
    """Lines over 998 octets are taken and counted, lines over the limit of the profile are refused."""
    listener = begun(replace(PROFILE, max_text_line=5000))
    listener.hear(b"DATA\r\n" + b"x" * 998 + b"\r\n" + b"y" * 999 + b"\r\n" + b"z" * 5000 + b"\r\n.\r\n")
    assert [message.long_lines for message in listener.messages] == [2]
    listener = begun(replace(PROFILE, max_text_line=5000))
    assert codes(listener.hear(b"DATA\r\n" + b"z" * 5001 + b"\r\n.\r\n")) == ["354", "550 5.6.0"]
    assert listener.refused == [("message", 550, "5.6.0")]


def test_an_answer_of_421_ends_the_session() -> None:
    """The caller may close the connection at any question."""
    listener = Listener(answer=lambda event: Reply(421, "4.3.2", "Not now"))
    assert codes(listener.hear(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nNOOP\r\n"))[-1] == "421 4.3.2"
    assert listener.events[-1] == server.Overrun(Reply(421, "4.3.2", "Not now"))
    assert listener.hear(b"NOOP\r\n") == b""


def test_a_password_is_not_shown() -> None:
    """Credentials can be logged by mistake without harm."""
    assert "secret" not in repr(server.Credentials("PLAIN", "me", "secret"))
    listener = Listener()
    listener.hear(f"EHLO me\r\nAUTH PLAIN {plain()}\r\n".encode())
    assert listener.events[-1] == server.Credentials("PLAIN", "me", "secret")
    assert listener.session.is_authenticated


def test_consequences_of_a_refusal_are_not_told_again() -> None:
    """A client that pipelines gets an answer to each command, and the caller hears of the cause only."""
    listener = Listener()
    said = listener.hear(
        b"EHLO me\r\nMAIL FROM:<a>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@d.example>\r\nDATA\r\nMAIL FROM:<a@b.example>\r\n"
    )
    assert codes(said)[-5:] == ["553 5.1.7", "503 5.5.1", "503 5.5.1", "503 5.5.1", "250 2.1.0"]
    assert listener.refused == [("sender", 553, "5.1.7")]


# ---- budgets ---------------------------------------------------------------------------------------------------------


def test_too_many_errors() -> None:
    """After the tenth error: 421, and nothing more is read."""
    listener = Listener()
    said = listener.hear(b"X\r\n" * 20)
    assert codes(said) == ["500 5.5.1"] * 10 + ["421 4.7.0"]
    assert isinstance(listener.events[-1], server.Overrun)
    assert listener.hear(b"NOOP\r\n") == b""


def test_too_many_wrong_passwords() -> None:
    """Wrong passwords are errors."""
    listener = Listener()
    listener.hear(b"EHLO me\r\n")
    said = listener.hear(f"AUTH PLAIN {plain(password='x')}\r\n".encode() * 20)
    assert codes(said) == ["535 5.7.8"] * 10 + ["421 4.7.0"]


def test_refused_recipients_are_no_errors() -> None:
    """What the caller refuses is its own business."""
    listener = begun()
    said = listener.hear(b"RCPT TO:<no@d.example>\r\n" * 30)
    assert codes(said) == ["550 5.1.1"] * 30


def test_guessing_recipients_is_bounded() -> None:
    """Somebody who tries one address after the other is turned away at last."""
    listener = begun(replace(PROFILE, max_idle_commands=5, max_recipients=5))
    said = codes(listener.hear(b"RCPT TO:<no@d.example>\r\n" * 100))
    assert said[-1] == "421 4.7.0"
    assert len(said) < 15


@pytest.mark.parametrize(
    "command", ["NOOP", "RSET", "VRFY x", "HELP", "EHLO me", "MAIL FROM:<a@b.example>\r\nRSET", "BDAT 3\r\nx"]
)
def test_too_many_commands_without_a_message(command: str) -> None:
    """Commands that lead to nothing end in 421; a message begins the count anew."""
    listener = begun(replace(PROFILE, max_idle_commands=20))
    said = b""
    for _ in range(3):
        said += listener.hear(f"{command}\r\n".encode() * 5)
        said += listener.hear(b"RSET\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\n")
        said += listener.hear(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n")
    assert "421 4.7.0" not in codes(said)
    said = listener.hear(f"{command}\r\n".encode() * 30)
    assert codes(said)[-1] == "421 4.7.0"


def test_commands_in_vain_are_bounded() -> None:
    """Recipients over the limit, and commands behind a refused sender, cannot go on for ever."""
    small = replace(PROFILE, max_idle_commands=5, max_recipients=5)
    listener = begun(small)
    assert codes(listener.hear(b"RCPT TO:<d@d.example>\r\n" * 100))[-1] == "421 4.7.0"
    listener = Listener(small)
    listener.hear(b"EHLO me\r\nMAIL FROM:<no@b.example>\r\n")
    assert codes(listener.hear(b"RCPT TO:<d@d.example>\r\n" * 100))[-1] == "421 4.7.0"


@pytest.mark.parametrize("step", [1, 4096, 10**9])
def test_a_line_without_an_end(step: int) -> None:
    """A command line that never ends is skipped, not kept; out of all measure it ends the session."""
    listener = Listener()
    stream = b"x" * 20_000 + b"\r\nNOOP\r\n"
    said = b"".join(listener.hear(stream[i : i + step]) for i in range(0, len(stream), step))
    assert codes(said) == ["500 5.5.2", "250 2.0.0"]
    stream = b"x" * 200_000
    said = b"".join(listener.hear(stream[i : i + step]) for i in range(0, len(stream), step))
    assert codes(said) == ["500 5.5.2", "421 4.7.0"]


def test_back_pressure() -> None:
    """While an answer is awaited the session says when it has enough; it says so no longer when it has been read."""
    session = server.ServerSession(replace(PROFILE, buffer_most=1000), peer="192.0.2.1", tls=True)
    session.feed(b"EHLO me\r\nMAIL FROM:<a@b.example>\r\n")
    session.next_event()
    assert isinstance(session.next_event(), server.Sender)
    assert not session.wants_pause
    for _ in range(150):
        session.feed(b"NOOP x\r\n")
    assert session.wants_pause
    session.answer(Reply(250, "", "yes"))
    assert session.next_event() is None
    assert not session.wants_pause
    assert session.output().count(b"\r\n") >= 150
