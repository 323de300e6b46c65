"""The practice servers behave as receivers do; a plain client sees it over real sockets."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest

from aftersend.practice import World
from aftersend.practice.behaviours import BEHAVIOURS, At, Behaviour, Ending
from aftersend.practice.sites import PLACES

Connect = Callable[..., smtplib.SMTP]
SENDER = "b-token@returns.practice.test"


def attempt(client: smtplib.SMTP, recipient: str, content: bytes, *, sender: str = SENDER) -> tuple[int, str]:
    """One attempt; the last reply, or code -1 when the connection was cut."""
    try:
        client.ehlo_or_helo_if_needed()
        code, said = client.mail(sender)
        assert code == 250, said
        code, said = client.rcpt(recipient)
        if code == 250:
            code, said = client.data(content)
        elif code != 421:
            client.rset()
    except (smtplib.SMTPServerDisconnected, ConnectionError):
        return -1, ""
    return code, said.decode()


STRAIGHT = [b for b in BEHAVIOURS.values() if b.name not in {"slow"}]


@pytest.mark.parametrize("behaviour", STRAIGHT, ids=lambda behaviour: behaviour.name)
def test_every_behaviour_answers_as_its_row_says(
    behaviour: Behaviour, in_world: Callable[..., Any], connect: Connect, content: bytes
) -> None:
    """Each attempt gets the answer of its turn; the mailbox holds what the row says is kept."""
    recipient = f"{behaviour.name}@one.practice.test"

    def talk(world: World) -> None:
        for number in range(len(behaviour.answers) + 1):
            answer = behaviour.answer(number)
            with_client = connect(world)
            code, said = attempt(with_client, recipient, content)
            with_client.close()
            if answer.ending is Ending.STAYS:
                assert code == answer.reply.code
                assert said == f"{answer.reply.status} {answer.reply.text}".strip()
            else:
                assert code == -1
        kept = sum(behaviour.answer(n).keeps for n in range(len(behaviour.answers) + 1))
        assert world.mailbox.count(recipient) == kept

    in_world(talk, time_scale=0.0)


def test_greylisting_counts_time_not_tries(in_world: Callable[..., Any], connect: Connect, content: bytes) -> None:
    """Who comes back too early is sent away again; who waits is taken, whatever the number of tries."""
    scale = 0.5 / BEHAVIOURS["greylist"].not_before_s

    def talk(world: World) -> list[int]:
        client = connect(world)
        codes = [attempt(client, "greylist@one.practice.test", content)[0] for _ in range(3)]
        time.sleep(0.6)
        return [*codes, attempt(client, "greylist@one.practice.test", content)[0]]

    assert in_world(talk, time_scale=scale) == [451, 451, 451, 250]


def test_another_sender_is_a_stranger(in_world: Callable[..., Any], connect: Connect, content: bytes) -> None:
    """What is remembered belongs to a sender and a recipient, so that every message meets the whole behaviour."""

    def talk(world: World) -> list[int]:
        client = connect(world)
        return [
            attempt(client, "full-then-ok@one.practice.test", content, sender=s)[0]
            for s in ("a@x.test", "a@x.test", "b@x.test")
        ]

    assert in_world(talk) == [452, 250, 452]


def test_slow_servers_answer_after_some_time(in_world: Callable[..., Any], connect: Connect, content: bytes) -> None:
    """The answer to the dot comes late, and it is yes."""

    def talk(world: World) -> float:
        began = time.monotonic()
        assert attempt(connect(world), "slow@one.practice.test", content)[0] == 250
        return time.monotonic() - began

    assert in_world(talk) >= 2.0


def test_the_content_arrives_unchanged(in_world: Callable[..., Any], connect: Connect) -> None:
    """Dots, long lines and bytes above 127 come through."""
    content = b"Subject: x\r\n\r\n.\r\n..\r\n" + b"y" * 990 + b"\r\n" + bytes(range(128, 256)) + b"\r\n"

    def talk(world: World) -> None:
        client = connect(world)
        client.ehlo()
        client.mail(SENDER, ["BODY=8BITMIME", "RET=HDRS"])
        client.rcpt("ann@one.practice.test", ["NOTIFY=FAILURE"])
        assert client.data(content)[0] == 250
        (received,) = world.mailbox.received("ann@one.practice.test")
        assert received.content == content
        assert (received.sender, received.place, received.hello, received.tls) == (
            SENDER,
            "mx1.one-mail.test",
            "client.test",
            "",
        )
        assert received.mail_parameters.ret == "HDRS"
        assert received.recipient_parameters.notify == "FAILURE"

    in_world(talk)


def test_a_message_for_several_is_kept_for_those_that_were_taken(
    in_world: Callable[..., Any], connect: Connect, content: bytes
) -> None:
    """Each recipient has an answer of its own."""

    def talk(world: World) -> None:
        refused = connect(world).sendmail(
            SENDER, [f"{who}@one.practice.test" for who in ("ann", "unknown", "bob")], content
        )
        assert set(refused) == {"unknown@one.practice.test"}
        assert [world.mailbox.count(f"{who}@one.practice.test") for who in ("ann", "unknown", "bob")] == [1, 0, 1]

    in_world(talk)


def test_servers_take_mail_for_their_own_domains_only(
    in_world: Callable[..., Any], connect: Connect, content: bytes
) -> None:
    """Mail that was sent to the wrong server is refused, so that a wrong turn cannot pass unnoticed."""

    def talk(world: World) -> list[int]:
        return [
            attempt(connect(world, place), recipient, content)[0]
            for place, recipient in (
                ("mx1.one-mail.test", "ann@two.practice.test"),
                ("tenant-a.shared-mail.test", "ann@tenant-b.practice.test"),
                ("tenant-b.shared-mail.test", "ann@tenant-b.practice.test"),
                ("mx1.two-mail.test", "ann@xn--bcher-kva.practice.test"),
                ("mx.many-mail.test", "ann@x17.many.practice.test"),
                ("relay.practice.test", "ann@anywhere.example"),
                ("mx1.one-mail.test", "postmaster"),
            )
        ]

    assert in_world(talk) == [550, 550, 250, 250, 250, 250, 250]


@pytest.mark.parametrize(
    ("place", "missing"),
    [
        ("mx.no-8bit-mail.test", "8bitmime"),
        ("mx.no-pipelining-mail.test", "pipelining"),
        ("mx.no-size-mail.test", "size"),
        ("mx.no-smtputf8-mail.test", "smtputf8"),
    ],
)
def test_some_servers_lack_an_extension(
    place: str, missing: str, in_world: Callable[..., Any], connect: Connect
) -> None:
    """What a place does not offer is not in its answer to EHLO, and all else is."""

    def talk(world: World) -> tuple[set[str], set[str]]:
        full, less = connect(world), connect(world, place)
        full.ehlo()
        less.ehlo()
        return set(full.esmtp_features), set(less.esmtp_features)

    usual, offered = in_world(talk)
    assert missing in usual - offered
    assert {"dsn", "enhancedstatuscodes"} <= offered


def test_a_server_without_8bitmime_refuses_8_bit_content(in_world: Callable[..., Any], connect: Connect) -> None:
    """It would damage it."""

    def talk(world: World) -> tuple[int, str]:
        return attempt(
            connect(world, "mx.no-8bit-mail.test"), "ann@no-8bit.practice.test", "Subject: x\r\n\r\né\r\n".encode()
        )

    assert in_world(talk) == (554, "5.6.3 This server takes 7-bit content only")


def test_a_server_may_know_helo_only(in_world: Callable[..., Any], connect: Connect, content: bytes) -> None:
    """EHLO is refused, HELO works."""

    def talk(world: World) -> tuple[int, int, int]:
        client = connect(world, "mx.helo-mail.test")
        return client.ehlo()[0], client.helo()[0], attempt(client, "ann@helo-only.practice.test", content)[0]

    assert in_world(talk) == (502, 250, 250)


def test_pipelining_that_was_not_offered_is_noticed(in_world: Callable[..., Any]) -> None:
    """A sender that does not wait is found out."""

    def talk(world: World) -> int:
        with socket.create_connection((world.address("mx.no-pipelining-mail.test"), world.port)) as client:
            client.recv(1000)
            client.sendall(b"EHLO x\r\nMAIL FROM:<>\r\n")
            client.recv(1000)
        return sum(world.breaches.values())

    assert in_world(talk) == 1


def test_tls_is_offered_or_demanded(in_world: Callable[..., Any], connect: Connect, content: bytes) -> None:
    """With STARTTLS the message is marked as having come encrypted; where it is demanded nothing goes without."""

    def talk(world: World) -> tuple[int, str]:
        plain = connect(world, "mx.tls-only-mail.test")
        plain.ehlo()
        code = plain.mail(SENDER)[0]
        client = connect(world, "mx.tls-only-mail.test")
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client.starttls(context=context)
        assert attempt(client, "ann@tls-only.practice.test", content)[0] == 250
        client.close()
        return code, world.mailbox.received("ann@tls-only.practice.test")[0].tls

    assert in_world(talk) == (530, "TLSv1.3")


def test_a_busy_server_turns_the_third_connection_away(
    in_world: Callable[..., Any], connect: Connect, content: bytes
) -> None:
    """Two at once are served; the third is told 421; when one goes, there is room again."""

    def talk(world: World) -> tuple[int, int, int]:
        place = "mx.busy-mail.test"
        first, _second = connect(world, place), connect(world, place)
        with pytest.raises(smtplib.SMTPConnectError) as turned_away:
            connect(world, place)
        first.quit()
        time.sleep(0.05)
        code, _ = attempt(connect(world, place), "ann@busy.practice.test", content)
        return turned_away.value.smtp_code, code, world.servers[place].most_at_once

    assert in_world(talk) == (421, 250, 2)


def test_a_rate_is_kept(in_world: Callable[..., Any], connect: Connect, content: bytes) -> None:
    """More than 20 messages at once are told to come back."""

    def talk(world: World) -> list[int]:
        client = connect(world, "mx.rate-mail.test")
        client.ehlo()
        codes = []
        for _ in range(40):
            codes.append(client.mail(SENDER)[0])
            client.rset()
        return codes

    codes = in_world(talk)
    assert codes[:20] == [250] * 20
    assert 450 in codes[20:]


def test_small_servers_take_small_messages(in_world: Callable[..., Any], connect: Connect) -> None:
    """RFC 1870: what is declared too large is refused at once, what turns out too large at the end."""

    def talk(world: World) -> tuple[int, int]:
        client = connect(world, "mx.small-mail.test")
        client.ehlo()
        declared = client.mail(SENDER, ["SIZE=20001"])[0]
        return declared, attempt(client, "ann@small.practice.test", b"Subject: x\r\n\r\n" + b"y" * 70 * 400 + b"\r\n")[
            0
        ]

    assert in_world(talk) == (552, 552)


def test_some_servers_refuse_the_connection(in_world: Callable[..., Any], connect: Connect) -> None:
    """One says 554, one says nothing, two are not there."""

    def talk(world: World) -> None:
        with pytest.raises(smtplib.SMTPConnectError, match="554"):
            connect(world, "mx.blocking-mail.test")
        for place in ("mx.down-mail.test", "mx1.first-mail.test"):
            with pytest.raises(ConnectionRefusedError):
                connect(world, place)
        with socket.create_connection((world.address("mx.silent-mail.test"), world.port), timeout=0.2) as client:
            client.sendall(b"EHLO x\r\n")
            with pytest.raises(TimeoutError):
                client.recv(10)

    in_world(talk)


def test_ports_can_be_chosen_and_two_worlds_live_side_by_side() -> None:
    """All servers of a world listen on one port; a port that is taken is an error that says so."""

    async def live() -> None:
        one = await World.start()
        two = await World.start()
        try:
            assert one.port != two.port
            assert set(one.servers) == {name for name, place in PLACES.items() if not place.is_down}
            with pytest.raises(OSError, match="in use"):
                await World.start(port=one.port)
        finally:
            await one.stop()
            await two.stop()

    asyncio.run(live())


def test_the_wire_is_kept_when_asked_for(in_world: Callable[..., Any], connect: Connect, content: bytes) -> None:
    """Tests can look at the very bytes."""

    def talk(world: World) -> bytes:
        attempt(connect(world), "ann@one.practice.test", content)
        return b"".join(data for place, way, data in world.wire or () if (place, way) == ("mx1.one-mail.test", "in"))

    assert b"rcpt to:<ann@one.practice.test>" in in_world(talk, keeps_wire=True).lower()


def test_what_comes_back_is_handed_in_at_the_return_path(
    in_world: Callable[..., Any], connect: Connect, content: bytes
) -> None:
    """Reports, complaints and automatic answers reach the returns server with the null sender; null senders get none."""

    async def live() -> list[tuple[str, str, str | None]]:
        returns = await World.start()
        world = await World.start(returns=(returns.address("relay.practice.test"), returns.port), later_scale=0.0)

        def talk() -> None:
            client = connect(world)
            for who in ("late-bounce", "delay-notice", "out-of-office", "complaint", "mixed-dsn", "ann"):
                assert (
                    attempt(client, f"{who}@one.practice.test", content, sender=f"b-{who}@returns.practice.test")[0]
                    == 250
                )
            assert attempt(client, "late-bounce@one.practice.test", content, sender="")[0] == 250

        try:
            await asyncio.to_thread(talk)
            for _ in range(100):
                if returns.mailbox.total == 5:
                    break
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.05)
            return sorted((m.recipient, m.sender, m.header("Content-Type")) for m in returns.mailbox.messages())
        finally:
            await world.stop()
            await returns.stop()

    came = asyncio.run(live())
    assert [recipient for recipient, _, _ in came] == [
        f"b-{who}@returns.practice.test"
        for who in ("complaint", "delay-notice", "late-bounce", "mixed-dsn", "out-of-office")
    ]
    assert {sender for _, sender, _ in came} == {""}


def test_recipient_behaviours_at_the_dot_are_the_exception() -> None:
    """Most answers are given to RCPT, so that one recipient does not decide for the others."""
    assert {b.name for b in BEHAVIOURS.values() if b.answers[0].at is At.CONTENT and b.answers[0].reply.code >= 400} == {
        "loop", "spam", "virus", "auth-failed", "too-large", "format",
    }  # fmt: skip
