"""What a client says, and what it makes of the answers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.smtp import client
from aftersend.smtp.parameters import MailParameters, RcptParameters
from aftersend.smtp.reply import Reply

from .talk import FULL, PLAIN, Caller, envelope, ready

TWO = "a@x.example", "b@x.example"
GROUP = b"MAIL FROM:<me@example.net> SIZE=17\r\nRCPT TO:<you@example.com>\r\nDATA\r\n"
TEXT = b"Subject: a\r\n\r\nb\r\n.\r\n"


def ends(caller: Caller) -> list[tuple[object, str, int | None]]:
    """Tag, stage and code of each outcome."""
    return [(o.tag, o.stage, o.reply and o.reply.code) for o in caller.outcomes]


# ---- getting ready ---------------------------------------------------------------------------------------------------


def test_the_hello() -> None:
    """EHLO after the greeting, and what it offers is told with Ready."""
    caller = Caller()
    assert caller.hear(b"220-mx\r\n220 hello\r\n") == b"EHLO me.example.net\r\n"
    assert (
        caller.hear(b"250-mx\r\n250-pipelining\r\n250-SIZE 5\r\n250-AUTH=LOGIN\r\n250-AUTH PLAIN\r\n250 X-FOO\r\n")
        == b""
    )
    (event,) = caller.events
    assert isinstance(event, client.Ready)
    assert event.extensions.pipelining
    assert event.extensions.size == 5
    assert event.extensions.auth == {"PLAIN", "LOGIN"}
    assert not event.extensions.smtputf8


def test_helo_where_ehlo_is_unknown() -> None:
    """An old server is spoken to in its own language."""
    caller = Caller([b"220 mx\r\n"])
    assert caller.hear(b"502 what?\r\n") == b"HELO me.example.net\r\n"
    caller.hear(b"250 mx\r\n")
    assert isinstance(caller.events[-1], client.Ready)
    assert caller.send(envelope()) == b"MAIL FROM:<me@example.net>\r\n"


REFUSALS = [
    ([b"554 5.7.1 go away\r\n"], "greeting", 554),
    ([b"421 4.3.2 later\r\n"], "greeting", 421),
    ([b"220 mx\r\n", b"421 4.3.2 later\r\n"], "hello", 421),
    ([b"220 mx\r\n", b"450 later\r\n"], "hello", 450),
    ([b"220 mx\r\n", b"550 no\r\n", b"550 no\r\n"], "hello", 550),
    ([b"220 mx\r\n", PLAIN, b"421 4.4.2 idle\r\n"], "idle", 421),
    ([b"220 mx\r\n", PLAIN, b"250 what?\r\n"], "idle", 250),
    ([b"HTTP/1.1 400 Bad Request\r\n"], "greeting", None),
    ([b"220\r\n", b"199 x\r\n"], "hello", None),
    ([b"220\r\n", b"250-a\r\nx\r\n"], "hello", None),
    ([b"\r\n"], "greeting", None),
    ([b"220x\r\n"], "greeting", None),
]


@pytest.mark.parametrize(("said", "stage", "code"), REFUSALS)
def test_a_server_that_does_not_want_us(said: list[bytes], stage: str, code: int | None) -> None:
    """The failure is told with its stage and reply, and what was to be sent comes back untried."""
    caller = Caller()
    if stage != "idle":
        caller.send(envelope(tag=7))
    for data in said:
        caller.hear(data)
    (failure,) = caller.failures
    assert (failure.stage, failure.reply and failure.reply.code) == (stage, code)
    assert failure.why
    assert [(outcome.tag, outcome.untried) for outcome in caller.outcomes] == [(7, True)] * (stage != "idle")
    assert caller.hear(b"250 x\r\n") == b""
    caller.session.lost()
    assert len(caller.failures) == 1
    caller.send(envelope(tag=8))
    assert caller.outcomes[-1].untried


def test_auth_plain_and_login() -> None:
    """PLAIN where it is offered, else LOGIN."""
    caller = Caller([b"220 mx\r\n"], credentials=("me", "pw"), start_tls="never")
    assert caller.hear(b"250-mx\r\n250 AUTH LOGIN PLAIN\r\n") == b"AUTH PLAIN AG1lAHB3\r\n"
    caller.hear(b"235 2.7.0 in\r\n")
    assert isinstance(caller.events[-1], client.Ready)
    caller = Caller([b"220 mx\r\n"], credentials=("me", "pw"), start_tls="never")
    assert caller.hear(b"250-mx\r\n250 AUTH LOGIN\r\n") == b"AUTH LOGIN\r\n"
    assert caller.hear(b"334 VXNlcm5hbWU6\r\n") == b"bWU=\r\n"
    assert caller.hear(b"334 UGFzc3dvcmQ6\r\n") == b"cHc=\r\n"
    caller.hear(b"235 2.7.0 in\r\n")
    assert isinstance(caller.events[-1], client.Ready)


@pytest.mark.parametrize("ehlo", [b"250-mx\r\n250 AUTH PLAIN\r\n", b"250-mx\r\n250 AUTH LOGIN\r\n"])
def test_a_wrong_password(ehlo: bytes) -> None:
    """The failure carries the reply."""
    caller = Caller([b"220 mx\r\n", ehlo, b"535 5.7.8 wrong\r\n"], credentials=("me", "pw"), start_tls="never")
    (failure,) = caller.failures
    assert (failure.stage, failure.reply) == ("auth", Reply(535, "5.7.8", "wrong"))


def test_no_way_to_log_in() -> None:
    """A server that offers no mechanism that we know."""
    caller = Caller([b"220 mx\r\n", b"250-mx\r\n250 AUTH GSSAPI\r\n"], credentials=("me", "pw"), start_tls="never")
    assert [failure.stage for failure in caller.failures] == ["auth"]


# ---- with PIPELINING -------------------------------------------------------------------------------------------------


def test_an_envelope_in_one_piece() -> None:
    """MAIL, RCPT and DATA go out together; the text when DATA is granted."""
    caller = ready()
    assert caller.send(envelope(tag=1)) == GROUP
    assert caller.hear(b"250 2.1.0 a\r\n250 2.1.5 b\r\n") == b""
    assert not caller.session.awaits_final
    assert caller.hear(b"354 c\r\n") == TEXT
    assert caller.session.awaits_final
    assert caller.hear(b"250 2.0.0 queued as X1\r\n") == b""
    (outcome,) = caller.outcomes
    assert (outcome.tag, outcome.stage, outcome.reply) == (1, "dot", Reply(250, "2.0.0", "queued as X1"))
    assert outcome.sender_reply == Reply(250, "2.1.0", "a")
    assert outcome.recipient_replies == [Reply(250, "2.1.5", "b")]
    assert outcome.data_reply == Reply(354, "", "c")
    assert not outcome.uncertain
    assert not outcome.untried
    assert caller.session.in_flight == 0


def test_the_next_envelope_goes_behind_the_dot() -> None:
    """RFC 2920 §3.1: the next group follows the final dot, and not before; answers are matched in order."""
    caller = ready()
    assert caller.send(envelope(tag=1), envelope(tag=2), envelope(tag=3)) == GROUP
    assert caller.hear(b"250 a\r\n250 a\r\n354 a\r\n") == TEXT + GROUP
    assert caller.hear(b"250 one\r\n") == b""
    assert caller.hear(b"250 a\r\n550 5.1.1 b\r\n554 c\r\n") == b"RSET\r\n" + GROUP
    assert caller.hear(b"250 reset\r\n250 a\r\n250 a\r\n354 a\r\n") == TEXT
    assert caller.send(envelope(tag=4)) == GROUP
    assert caller.hear(b"451 three\r\n") == b""
    assert ends(caller) == [(1, "dot", 250), (2, "rcpt", 550), (3, "dot", 451)]
    assert caller.hear(b"250 a\r\n250 a\r\n354 a\r\n") == TEXT
    caller.hear(b"250 four\r\n")
    assert ends(caller)[3:] == [(4, "dot", 250)]


def test_some_recipients_refused() -> None:
    """Each recipient has its own end."""
    caller = ready()
    caller.send(envelope(*TWO, "c@x.example"))
    caller.hear(b"250 a\r\n250 a\r\n550 5.1.1 no\r\n451 4.7.1 later\r\n354 a\r\n")
    caller.hear(b"250 2.0.0 taken\r\n")
    (outcome,) = caller.outcomes
    assert outcome.of(0) == ("dot", Reply(250, "2.0.0", "taken"))
    assert outcome.of(1) == ("rcpt", Reply(550, "5.1.1", "no"))
    assert outcome.of(2) == ("rcpt", Reply(451, "4.7.1", "later"))
    assert outcome.final_reply == Reply(250, "2.0.0", "taken")


@pytest.mark.parametrize(("answers", "stage", "code"), [
    (b"550 5.7.1 no\r\n503 x\r\n503 x\r\n", "mail", 550),
    (b"250 a\r\n550 5.1.1 no\r\n503 5.5.1 x\r\n", "rcpt", 550),
    (b"250 a\r\n250 a\r\n451 4.3.0 x\r\n", "data", 451),
])  # fmt: skip
def test_refusals_before_the_text(answers: bytes, stage: str, code: int) -> None:
    """The first refusal is what decided; the session goes on with RSET if the server may hold a transaction open."""
    caller = ready()
    caller.send(envelope(tag=1))
    assert caller.hear(answers) == b""
    assert ends(caller) == [(1, stage, code)]
    said = caller.send(envelope(tag=2))
    assert said == (GROUP if stage == "mail" else b"RSET\r\n" + GROUP)


@pytest.mark.parametrize(
    "answers", [b"250 a\r\n550 no\r\n354 a\r\n", b"550 no\r\n550 no\r\n354 a\r\n", b"550 no\r\n250 a\r\n354 a\r\n"]
)
def test_data_granted_to_nobody(answers: bytes) -> None:
    """RFC 2920 §3.1: a dot alone, and the refusal stands, whatever is said to the dot."""
    caller = ready()
    caller.send(envelope(tag=1), envelope(tag=2))
    assert caller.hear(answers) == b".\r\n" + GROUP
    caller.hear(b"250 2.0.0 queued\r\n250 a\r\n250 a\r\n354 a\r\n250 b\r\n")
    assert ends(caller) == [(1, "mail" if answers.startswith(b"5") else "rcpt", 550), (2, "dot", 250)]


def test_what_is_no_answer_to_the_command() -> None:
    """354 to MAIL or 250 to DATA: the server and we have lost each other, nothing more is sent."""
    for answers, stage in (
        (b"354 a\r\n", "mail"),
        (b"250 a\r\n354 a\r\n", "rcpt"),
        (b"250 a\r\n250 a\r\n250 a\r\n", "data"),
    ):
        caller = ready()
        caller.send(envelope(tag=1))
        assert caller.hear(answers) == b""
        assert [(o.stage, o.reply, o.uncertain, bool(o.why)) for o in caller.outcomes] == [(stage, None, False, True)]
        assert [f.stage for f in caller.failures] == [stage]


# ---- without ---------------------------------------------------------------------------------------------------------


def test_step_by_step() -> None:
    """Without PIPELINING each command waits for the answer to the one before."""
    caller = ready(PLAIN)
    assert caller.send(envelope(*TWO, tag=1), envelope(tag=2)) == b"MAIL FROM:<me@example.net>\r\n"
    assert caller.hear(b"250 a\r\n") == b"RCPT TO:<a@x.example>\r\n"
    assert caller.hear(b"550 a\r\n") == b"RCPT TO:<b@x.example>\r\n"
    assert caller.hear(b"250 a\r\n") == b"DATA\r\n"
    assert caller.hear(b"354 a\r\n") == TEXT
    assert caller.hear(b"250 a\r\n") == b"MAIL FROM:<me@example.net>\r\n"
    assert caller.hear(b"250 a\r\n") == b"RCPT TO:<you@example.com>\r\n"
    assert caller.hear(b"550 a\r\n") == b""
    assert ends(caller) == [(1, "rcpt", 550), (2, "rcpt", 550)]
    assert caller.outcomes[0].of(1)[0] == "dot"
    assert caller.send(envelope(tag=3)) == b"RSET\r\n"
    assert caller.hear(b"250 a\r\n") == b"MAIL FROM:<me@example.net>\r\n"
    assert caller.hear(b"550 a\r\n") == b""
    assert ends(caller)[2:] == [(3, "mail", 550)]
    assert not caller.session.pipelining


def test_pipelining_can_be_declined() -> None:
    """The caller may want step by step."""
    caller = ready(FULL, pipelining=False)
    assert caller.send(envelope()) == b"MAIL FROM:<me@example.net> SIZE=17\r\n"


# ---- the end of connections ------------------------------------------------------------------------------------------


STEPS = [b"250 a\r\n", b"250 a\r\n", b"354 a\r\n"]


@pytest.mark.parametrize("ehlo", [FULL, PLAIN])
@pytest.mark.parametrize("answered", range(4))
@pytest.mark.parametrize("used", [False, True])
def test_a_lost_connection(answered: int, used: bool, ehlo: bytes) -> None:
    """Before the final dot: failed for now. Behind it: uncertain. Not looked at on a used connection: untried."""
    caller = ready(ehlo)
    if used:
        caller.send(envelope(tag=0))
        for step in [*STEPS, b"250 a\r\n"]:
            caller.hear(step)
    caller.send(envelope(tag=1), envelope(tag=2))
    for step in STEPS[:answered]:
        caller.hear(step)
    caller.session.lost("gone")
    caller.look()
    one, two = caller.outcomes[used:]
    assert (one.tag, one.reply, one.why) == (1, None, "gone")
    assert one.stage == ["mail", "rcpt", "data", "dot"][answered]
    assert one.uncertain == (answered == 3)
    assert one.untried == (used and answered == 0)
    assert (two.tag, two.untried, two.uncertain) == (2, True, False)
    (failure,) = caller.failures
    assert (failure.reply, failure.why, failure.stage) == (None, "gone", one.stage)


def test_nobody_is_uncertain_about_a_dot_without_text() -> None:
    """When every recipient had been refused, nothing can have arrived."""
    caller = ready()
    caller.send(envelope())
    caller.hear(b"250 a\r\n550 a\r\n354 a\r\n")
    caller.session.lost()
    caller.look()
    assert [(o.stage, o.uncertain) for o in caller.outcomes] == [("rcpt", False)]


@pytest.mark.parametrize("answered", range(4))
def test_421_in_the_middle(answered: int) -> None:
    """The envelope under way has the 421 as its reply; what was not looked at comes back untried."""
    caller = ready()
    caller.send(envelope(tag=1), envelope(tag=2), envelope(tag=3))
    for step in STEPS[:answered]:
        caller.hear(step)
    assert caller.hear(b"421 4.3.2 closing\r\n") == b""
    assert ends(caller) == [(1, ["mail", "rcpt", "data", "dot"][answered], 421), (2, "mail", None), (3, "mail", None)]
    assert [(o.untried, o.uncertain) for o in caller.outcomes] == [(False, False), (True, False), (True, False)]
    (failure,) = caller.failures
    assert failure.reply is None
    assert "421" in failure.why


def test_421_before_an_envelope_was_looked_at() -> None:
    """On a connection that had been used, 421 to MAIL or RSET is about the connection: the envelope is untried."""
    caller = ready()
    caller.send(envelope(tag=1), envelope(tag=2))
    caller.hear(b"250 a\r\n250 a\r\n354 a\r\n250 a\r\n421 4.4.2 enough\r\n")
    assert [(o.tag, o.untried) for o in caller.outcomes] == [(1, False), (2, True)]
    (failure,) = caller.failures
    assert failure.reply == Reply(421, "4.4.2", "enough")
    caller = ready()
    caller.send(envelope(tag=1), envelope(tag=2))
    caller.hear(b"250 a\r\n550 a\r\n503 a\r\n421 enough\r\n")
    assert [(o.tag, o.untried) for o in caller.outcomes] == [(1, False), (2, True)]


def test_quit() -> None:
    """QUIT waits for what is under way, and hands back what is only queued."""
    caller = ready()
    caller.send(envelope(tag=1))
    caller.hear(b"250 a\r\n250 a\r\n354 a\r\n")
    caller.send(envelope(tag=2), envelope(tag=3))
    caller.session.quit()
    assert caller.look() == b""
    assert [(o.tag, o.untried) for o in caller.outcomes] == [(3, True)]
    assert caller.hear(b"250 a\r\n250 a\r\n250 a\r\n354 a\r\n") == TEXT
    assert caller.hear(b"250 a\r\n") == b"QUIT\r\n"
    caller.hear(b"221 bye\r\n")
    caller.session.lost()
    caller.look()
    assert [o.tag for o in caller.outcomes] == [3, 1, 2]
    assert caller.failures == []
    caller = ready()
    caller.session.quit()
    assert caller.look() == b"QUIT\r\n"
    caller.session.lost()
    caller.look()
    assert caller.failures == []


# ---- what the server offers ------------------------------------------------------------------------------------------


UTF8_HEADER = "Subject: ä\r\n\r\nb\r\n".encode()
UTF8_BODY = "Subject: a\r\n\r\nä\r\n".encode()


@pytest.mark.parametrize(("offer", "made", "status"), [
    (b"250-mx\r\n250 SIZE 16\r\n", envelope(), "5.3.4"),
    (b"250-mx\r\n250 8BITMIME\r\n", envelope("jörg@example.com"), "5.6.7"),
    (b"250-mx\r\n250 8BITMIME\r\n", envelope(sender="jörg@example.com"), "5.6.7"),
    (b"250-mx\r\n250 SMTPUTF8\r\n", envelope(content=UTF8_BODY), "5.6.3"),
    (b"250-mx\r\n250 8BITMIME\r\n",
     client.Envelope("a@b", [("c@d", None)], (UTF8_HEADER,), None, MailParameters(smtputf8=True)), "5.6.7"),
    (b"250 mx\r\n", client.Envelope("a@b", [], (b"",), None), "5.5.1"),
])  # fmt: skip
def test_what_this_server_cannot_have(offer: bytes, made: client.Envelope, status: str) -> None:
    """It is refused here, before a word is said, with the status that tells why."""
    caller = ready(offer)
    assert caller.send(made) == b""
    (outcome,) = caller.outcomes
    assert outcome.stage == "local"
    assert outcome.reply is not None
    assert (outcome.reply.code // 100, outcome.reply.status) == (5, status)
    assert outcome.final_reply is None


@pytest.mark.parametrize(("made", "mail"), [
    (envelope(), b"MAIL FROM:<me@example.net> SIZE=17"),
    (envelope(sender=""), b"MAIL FROM:<> SIZE=17"),
    (envelope(content=UTF8_BODY), b"MAIL FROM:<me@example.net> SIZE=18 BODY=8BITMIME"),
    (envelope("jörg@example.com"), b"MAIL FROM:<me@example.net> SIZE=17 SMTPUTF8"),
    (client.Envelope("a@b", [("c@d", None)], (UTF8_HEADER,), 0, MailParameters(smtputf8=True)),
     b"MAIL FROM:<a@b> SIZE=18 BODY=8BITMIME SMTPUTF8"),
    (client.Envelope("a@b", [("c@d", None)], (UTF8_BODY,), 0, MailParameters(smtputf8=True)), b"MAIL FROM:<a@b> SIZE=18 BODY=8BITMIME"),
    (client.Envelope("a@b", [("c@d", None)], (b"x",), 0, MailParameters(ret="HDRS", envid="a+2Bb", size=9)),
     b"MAIL FROM:<a@b> SIZE=1 RET=HDRS ENVID=a+2Bb"),
])  # fmt: skip
def test_parameters_of_mail(made: client.Envelope, mail: bytes) -> None:
    """SIZE and BODY are reckoned; SMTPUTF8 only where it is needed; RET and ENVID as they were given."""
    assert ready().send(made).split(b"\r\n")[0] == mail


def test_parameters_of_rcpt() -> None:
    """NOTIFY and ORCPT are each recipient's own, and said only where DSN is offered."""
    made = client.Envelope(
        "a@b",
        [("c@d", RcptParameters(notify="FAILURE,DELAY", orcpt="rfc822;c@d")), ("e@f", None), ("g@h", RcptParameters())],
        (b"x",),
        None,
        MailParameters(ret="FULL"),
    )
    lines = b"RCPT TO:<c@d> NOTIFY=FAILURE,DELAY ORCPT=rfc822;c@d\r\nRCPT TO:<e@f>\r\nRCPT TO:<g@h>\r\nDATA\r\n"
    assert ready().send(made) == b"MAIL FROM:<a@b> SIZE=1 RET=FULL\r\n" + lines
    plain = ready(b"250-mx\r\n250 PIPELINING\r\n").send(made)
    assert plain == b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nRCPT TO:<g@h>\r\nDATA\r\n"


def test_hostile_parameters_are_refused_here() -> None:
    """A parameter that would end its line goes nowhere."""
    made = client.Envelope("a@b", [("c@d", RcptParameters(orcpt="rfc822;x\r\nDATA"))], (b"x",), None)
    caller = ready()
    assert caller.send(made) == b""
    assert [outcome.stage for outcome in caller.outcomes] == ["local"]


@pytest.mark.parametrize("content", [b"a", b"a\r\n", b""])
def test_the_last_line_gets_its_end(content: bytes) -> None:
    """The dot stands on a line of its own."""
    caller = ready()
    caller.send(envelope(content=content))
    assert caller.hear(b"250 a\r\n250 a\r\n354 a\r\n") == (b"a\r\n.\r\n" if content else b".\r\n")


# ---- hostile servers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endless", [b"250-" + b"x" * 1000 + b"\r\n", b"250-\r\n", b"x" * 999, b"\n", b"250 \r"])
@pytest.mark.parametrize("cut", [1, 10_000])
def test_an_endless_reply(endless: bytes, cut: int) -> None:
    """A reply is bounded in octets and in lines; then the server is given up."""
    caller = ready()
    caller.send(envelope(tag=1))
    stream = endless * (200_000 // len(endless))
    for i in range(0, len(stream), cut):
        caller.hear(stream[i : i + cut])
        if caller.failures:
            break
    assert caller.failures
    assert [(o.tag, o.reply) for o in caller.outcomes] == [(1, None)]


def test_a_dialogue_as_evidence() -> None:
    """Who said what, bounded, with nothing in it that a terminal would obey."""
    caller = ready()
    caller.send(envelope(*TWO))
    caller.hear(b"250 a\r\n250-b\r\n250 c\x1b[2J\r\n550 5.1.1 \xff\r\n354 d\r\n250 e\r\n")
    (outcome,) = caller.outcomes
    assert outcome.dialogue() == [
        "> MAIL FROM:<me@example.net>", "< 250 a", "> RCPT TO:<a@x.example>", "< 250-b", "< 250 c\ufffd[2J", "> RCPT TO:<b@x.example>",
        "< 550 5.1.1 \ufffd", "> DATA", "< 354 d", "> (message) .", "< 250 e",
    ]  # fmt: skip
    assert outcome.dialogue(60) == ["> MAIL FROM:<me@example.net>", "< 250 a", "…"]
    caller = ready()
    caller.send(envelope())
    caller.session.lost()
    caller.look()
    assert caller.outcomes[0].dialogue() == []


REPLIES = [b"250 a\r\n", b"250-a\r\n250 b\r\n", b"354 go\r\n", b"550 5.1.1 no\r\n", b"421 bye\r\n", b"451 later\r\n", b"220 mx\r\n", FULL,
           PLAIN, b"334 \r\n", b"235 in\r\n", b"x\r\n", b"\r\n", b"2", b"250\n", b"\xff\xfe", b"999 x\r\n", b"250 STARTTLS\r\n"]  # fmt: skip


@given(
    st.lists(st.sampled_from(REPLIES) | st.binary(max_size=5), max_size=25),
    st.lists(st.integers(0, 999), max_size=9),
    st.booleans(),
)
def test_cutting_never_matters(said: list[bytes], cuts: list[int], pipelining: bool) -> None:
    """However the answers arrive, the outcomes and what is said are the same."""
    stream = b"220 mx\r\n" + (FULL if pipelining else PLAIN) + b"".join(said)
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    found = []
    for parts in (
        [stream],
        [stream[a:b] for a, b in zip(places, places[1:], strict=False)],
        [stream[i : i + 1] for i in range(len(stream))],
    ):
        caller = Caller(start_tls="never")
        out = caller.send(envelope(tag=1), envelope(*TWO, tag=2), envelope(tag=3))
        out += b"".join(caller.hear(part) for part in parts)
        events = [(type(e), getattr(e, "tag", 0), getattr(e, "said", 0), getattr(e, "why", 0)) for e in caller.events]
        found.append((out, events) if not caller.failures else events)
    assert found[0] == found[1] == found[2]


def test_ten_thousand_fuzzed_sessions() -> None:
    """Nothing a server says raises an exception, and each envelope has exactly one outcome in the end."""
    chance = random.Random(2920)
    for number in range(10_000):
        caller = Caller(
            start_tls=["may", "must", "never"][number % 3],
            credentials=("me", "pw") if number % 5 == 0 else None,
            pipelining=number % 2 < 1,
        )
        stream = b"".join(
            [
                b"220 mx\r\n",
                chance.choice([FULL, PLAIN]),
                *(chance.choice(REPLIES[:6]) for _ in range(chance.randrange(12))),
            ]
        )
        if number % 3 == 0:
            stream += b"".join(chance.choice(REPLIES) for _ in range(chance.randrange(9))) + chance.randbytes(3)
        step = chance.choice([1, 9, 10_000])
        caller.send(envelope(tag=1))
        for i in range(0, len(stream), step):
            caller.hear(stream[i : i + step])
        caller.send(envelope(tag=2), envelope(tag=3))
        caller.hear(chance.choice(REPLIES))
        if number % 7 == 0:
            caller.session.quit()
        caller.session.lost()
        caller.look()
        assert sorted(str(o.tag) for o in caller.outcomes) == ["1", "2", "3"]
        for outcome in caller.outcomes:
            outcome.dialogue()
            outcome.of(0)
        assert len(caller.failures) <= 1
