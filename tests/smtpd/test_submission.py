"""Submission over real sockets: who may, how much, what is said, and what is written down."""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
import stat
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from plain_client import PATIENCE_S, Client, House

from aftersend import ids as id_forms
from aftersend.errors import OutOfSpace, SettingsError
from aftersend.smtpd.certificate import own_certificate, server_context
from aftersend.store import Store, accounts, deliveries, record
from aftersend.store.deliveries import Filter
from given import ACCOUNT

Serve = Callable[..., Awaitable[House]]
CONTENT = b"From: Shop <shop@example.com>\r\nTo: ann@example.net\r\nSubject: Hi\r\n\r\nHello"
NOBODY = ("192.0.2.0/24",)
"""A network that no test comes from."""


def plain(password: str, user: str = "smtp") -> str:
    """The argument of AUTH PLAIN."""
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


async def log(store: Store, account: int = ACCOUNT) -> list[dict[str, Any]]:
    """What was taken."""
    return list(await store.ask(deliveries.page, account, Filter(), limit=100))


async def refusals(store: Store, number: int) -> list[dict[str, Any]]:
    """What was refused, as soon as so many are written down; the newest first."""
    async with asyncio.timeout(10):
        while len(found := await store.ask(deliveries.refusals_of, ACCOUNT, limit=100)) < number:
            await asyncio.sleep(0.01)
    return list(found)


async def secure(client: Client) -> None:
    """Begin TLS."""
    assert (await client.say("STARTTLS")).startswith("220")
    await client.begin_tls()
    await client.say("EHLO client.test")


async def hold_the_writer(store: Store) -> threading.Event:
    """Keep the store from writing until the event is set."""
    begun, release = threading.Event(), threading.Event()

    def wait(connection: Any) -> None:
        begun.set()
        release.wait(PATIENCE_S)

    store_work = asyncio.ensure_future(store.run(wait))
    await asyncio.to_thread(begun.wait, PATIENCE_S)
    store_work.add_done_callback(lambda done: done.exception())
    return release


# ---- who may -------------------------------------------------------------------------------------------------------


async def test_nobody_submits_without_a_key(serve: Serve, store: Store) -> None:
    """By default no network is trusted: neither in the clear nor under TLS is a message begun without AUTH."""
    house = await serve(trusted_networks=())
    client = await house.connect()
    assert re.match(r"530 5\.7\.[01] ", await client.say("MAIL FROM:<shop@example.com>"))
    await secure(client)
    assert (await client.say("MAIL FROM:<shop@example.com>")).startswith("530 5.7.0")
    assert await log(store) == []


async def test_a_password_is_taken_under_tls_only(serve: Serve, make_key: Callable[..., str]) -> None:
    """In the clear AUTH is neither offered nor accepted, whatever the key."""
    house = await serve(trusted_networks=NOBODY)
    client = await house.connect()
    assert "AUTH" not in await client.say("EHLO client.test")
    assert (await client.say(plain(make_key()))).startswith("538 5.7.11")
    await secure(client)
    offered = await client.say("EHLO client.test")
    assert "AUTH PLAIN LOGIN" in offered
    assert "STARTTLS" not in offered
    assert (await client.say(plain(make_key()))).startswith("235 2.7.0")


@pytest.mark.parametrize("how", ["plain", "login"])
async def test_with_a_key_mail_goes_to_its_account(
    serve: Serve, store: Store, make_key: Callable[..., str], write: Callable[..., Any], how: str
) -> None:
    """The key says whose mail it is, and the reply names the id under which it is found."""
    write(accounts.create, 2, "second", now=0)
    house = await serve(trusted_networks=())
    house.server.intake.streams = write(accounts.all_streams)
    client = await house.connect()
    await secure(client)
    key = make_key("send", account=2)
    if how == "plain":
        said = await client.say(plain(key))
    else:
        said = await client.say("AUTH LOGIN", *(base64.b64encode(w.encode()).decode() for w in ("me", key)))
    assert said.startswith("235")
    said = await client.submit(CONTENT)
    found = re.fullmatch(r"250 2\.0\.0 queued as (msg_[0-9a-z]{13})", said)
    assert found
    (row,) = await log(store, 2)
    assert row["message_id"] == id_forms.read("msg", found[1])
    whole = await store.ask(deliveries.one, 2, row["id"])
    assert '"tls":"TLSv1.3"' in whole["received"]
    assert '"user":"shop"' in whole["received"]
    assert await log(store) == []


async def test_a_wrong_key_is_refused_slowly_and_noted(
    serve: Serve, store: Store, make_key: Callable[..., str]
) -> None:
    """A key that is none, or that may not send, or not from here: 535 with the remedy, and the sender can see it later."""
    house = await serve(trusted_networks=())
    client = await house.connect()
    await secure(client)
    for wrong in ("nonsense", make_key("read"), make_key("send", networks=("192.0.2.0/24",))):
        said = await client.say(plain(wrong))
        assert said.startswith("535 5.7.8"), said
        assert wrong not in said
    found = await refusals(store, 3)
    assert {row["code"] for row in found} == {"auth"}
    assert all("as_live" not in str(row) for row in found)
    assert (await client.say(plain(make_key()))).startswith("235")


async def test_a_trusted_network_needs_neither_tls_nor_key(serve: Serve, store: Store) -> None:
    """What the operator trusts submits as the first account does."""
    house = await serve(trusted_networks=("10.0.0.0/8", "127.0.0.0/8"))
    client = await house.connect()
    assert (await client.submit(CONTENT)).startswith("250 2.0.0 queued as msg_")
    assert len(await log(store)) == 1


@pytest.mark.parametrize(
    ("client", "is_trusted"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("128.0.0.1", False), ("::1", False), ("::ffff:127.0.0.1", True),
        ("fd00::5", True), ("fd00::5%eth0", True), ("fe80::1", False), ("unknown", False), ("", False),
    ],
)  # fmt: skip
async def test_which_clients_are_trusted(serve: Serve, client: str, is_trusted: bool) -> None:
    """Both families; an IPv4 client that is written as IPv6 is what it is."""
    house = await serve(trusted_networks=("127.0.0.0/8", "fd00::/8"))
    assert house.server.is_trusted(client) is is_trusted


async def test_tls_from_the_first_byte(serve: Serve, make_key: Callable[..., str]) -> None:
    """On the other port there is nothing in the clear, and AUTH is offered at once."""
    house = await serve(trusted_networks=(), listen_tls=True)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client = await house.connect(place=1, tls=context)
    offered = await client.say("EHLO client.test")
    assert "AUTH" in offered
    assert "STARTTLS" not in offered
    assert (await client.say(plain(make_key()))).startswith("235")
    assert (await client.submit(CONTENT)).startswith("250")


async def test_what_came_before_the_handshake_is_forgotten(serve: Serve, store: Store) -> None:
    """Commands that somebody slipped in behind STARTTLS are not carried out under TLS."""
    house = await serve()
    client = await house.connect()
    client.write(b"STARTTLS\r\nMAIL FROM:<evil@example.com>\r\n")
    assert (await client.hear()).startswith("220")
    await client.begin_tls()
    await client.say("EHLO client.test")
    assert (await client.say("RCPT TO:<ann@example.net>")).startswith("503")


async def test_our_own_certificate_is_made_once(tmp_path: Path) -> None:
    """Nobody but us can read the key; the operator's file is named when it cannot be used."""
    path = own_certificate(tmp_path / "data", "mx.example.org")
    made = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert own_certificate(tmp_path / "data", "mx.example.org").read_bytes() == made
    assert len(list((tmp_path / "data").iterdir())) == 1
    with pytest.raises(SettingsError, match="smtp.tls_certificate"):
        server_context(str(tmp_path / "missing.pem"), "", data_dir=str(tmp_path), hostname="x.example")


# ---- how much ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limits", [{"max_connections": 2}, {"max_connections_per_client": 2}])
async def test_too_many_connections(serve: Serve, limits: dict[str, int]) -> None:
    """One too many is told so and let go; when another has gone, there is room again."""
    house = await serve(**limits)
    first, second = await house.connect(), await house.connect()
    third = await house.connect(hello=False)
    assert (await third.hear()).startswith("421 4.3.2")
    assert await third.hear() == ""
    assert (await second.say("NOOP")).startswith("250")
    first.close()
    async with asyncio.timeout(10):
        while house.server.connected > 1:
            await asyncio.sleep(0.01)
    assert (await (await house.connect()).say("NOOP")).startswith("250")


async def test_budgets_end_a_connection(serve: Serve) -> None:
    """Who only makes errors, or says nothing that leads to a message, is sent away; the server lives on."""
    house = await serve()
    for line in ("NONSENSE", "NOOP"):
        client = await house.connect()
        said = ""
        for _ in range(2000):
            said = await client.say(line)
            if said.startswith("421"):
                break
        assert said.startswith("421 4.7.0"), line
        assert await client.hear() == ""
    assert (await (await house.connect()).submit(CONTENT)).startswith("250")


async def test_too_many_recipients(serve: Serve, store: Store) -> None:
    """What is over the limit is for the next message; those that were taken get theirs."""
    house = await serve(max_recipients=2)
    client = await house.connect()
    await client.say("MAIL FROM:<shop@example.com>", "RCPT TO:<a@example.net>", "RCPT TO:<b@example.net>")
    assert (await client.say("RCPT TO:<c@example.net>")).startswith("452 4.5.3")
    await client.say("DATA")
    client.write(CONTENT + b"\r\n.\r\n")
    assert (await client.hear()).startswith("250")
    assert {r["recipient"] for r in await log(store)} == {"a@example.net", "b@example.net"}


async def test_a_message_that_is_too_large(serve: Serve, store: Store) -> None:
    """Announced, it is refused before it is sent; unannounced, when it has come; the connection goes on."""
    house = await serve()
    client = await house.connect()
    assert (await client.say("MAIL FROM:<shop@example.com> SIZE=100001")).startswith("552 5.3.4")
    said = await client.submit(CONTENT + b"\r\n" + (b"x" * 70 + b"\r\n") * 2000)
    assert said.startswith("552 5.3.4")
    assert (await client.submit(CONTENT)).startswith("250")
    assert {row["said"][:9] for row in await refusals(store, 2)} == {"552 5.3.4"}
    assert len(await log(store)) == 1


async def test_a_silent_client_is_let_go(serve: Serve) -> None:
    """Who says nothing for too long hears why; who waits for us is not silent."""
    house = await serve()
    silent, busy = await house.connect(), await house.connect()
    soon = asyncio.get_running_loop().time() + 1
    release = await hold_the_writer(house.store)
    await busy.say("MAIL FROM:<shop@example.com>", "RCPT TO:<ann@example.net>", "DATA")
    busy.write(CONTENT + b"\r\n.\r\n")
    await asyncio.sleep(0.1)
    house.server.end_silent(soon)
    assert (await silent.hear()).startswith("421 4.4.2")
    assert await silent.hear() == ""
    release.set()
    assert (await busy.hear()).startswith("250")


# ---- what is said and written down ---------------------------------------------------------------------------------


async def test_a_whole_conversation_in_one_piece(serve: Serve, store: Store) -> None:
    """A client that pipelines everything gets every reply, in order (RFC 2920)."""
    house = await serve()
    client = await house.connect()
    once = (
        b"MAIL FROM:<shop@example.com>\r\nRCPT TO:<no@localhost>\r\nRCPT TO:<ann@example.net>\r\nDATA\r\n"
        + CONTENT
        + b"\r\n.\r\n"
    )
    client.write(
        once.replace(b"RCPT TO:<no@localhost>\r\n", b"")
        + once.replace(b"DATA\r\n" + CONTENT + b"\r\n.\r\n", b"QUIT\r\n")
    )
    codes = [(await client.hear())[:3] for _ in range(8)]
    assert codes == ["250", "250", "354", "250", "250", "553", "250", "221"]
    assert await client.hear() == ""
    assert len(await log(store)) == 1


async def test_many_messages_over_many_connections(serve: Serve, store: Store) -> None:
    """Everything that was acknowledged is there, once."""
    house = await serve()

    async def work(number: int) -> None:
        client = await house.connect()
        for i in range(5):
            said = await client.submit(CONTENT, f"{number}-{i}@example.net")
            assert said.startswith("250")

    await asyncio.gather(*(work(n) for n in range(10)))
    assert sorted(r["recipient"] for r in await log(store)) == sorted(
        f"{n}-{i}@example.net" for n in range(10) for i in range(5)
    )
    assert house.server.taken == 50


async def test_the_same_message_again(serve: Serve, store: Store) -> None:
    """With an idempotency key, a repetition gets the same id and is said to have been taken before."""
    house = await serve()
    client = await house.connect()
    keyed = b"Idempotency-Key: order-7\r\n" + CONTENT
    first = await client.submit(keyed)
    second = await client.submit(keyed)
    assert second == f"{first} (taken before)"
    assert len(await log(store)) == 1
    assert (await client.submit(keyed + b" changed")).startswith("554 5.5.0 ")


async def test_mail_that_must_not_be_answered(serve: Serve, store: Store) -> None:
    """The null return path is a return path."""
    house = await serve()
    assert (await (await house.connect()).submit(CONTENT, sender="")).startswith("250")
    (row,) = await log(store)
    assert row["sender"] == ""


async def test_refusals_can_be_read_afterwards(serve: Serve, store: Store) -> None:
    """004's Error of the first step: who was refused what, in which words, beside everything that was taken."""
    house = await serve()
    client = await house.connect()
    said = [
        await client.say("MAIL FROM:<shop@localhost>"),
        await client.say("MAIL FROM:<shop@example.com>", "RCPT TO:<ann@localhost>"),
        await client.say("RCPT TO:<ann@example.net>", "DATA"),
    ]
    client.write(b"To: ann@example.net\r\n\r\nHello\r\n.\r\n")
    said[2] = await client.hear()
    assert [s[:9] for s in said] == ["553 5.1.7", "553 5.1.3", "550 5.6.0"]
    assert "From" in said[2]
    found = {row["code"]: row for row in await refusals(store, 3)}
    assert set(found) == {"sender", "recipient", "no-from"}
    assert found["sender"]["sender"] == "shop@localhost"
    assert found["recipient"]["recipient"] == "ann@localhost"
    assert (found["no-from"]["sender"], found["no-from"]["recipient"]) == ("shop@example.com", "ann@example.net")
    for row, reply in zip((found["sender"], found["recipient"], found["no-from"]), said, strict=True):
        assert row["said"].startswith(reply[:9])
        assert (row["via"], row["peer"]) == ("smtp", "127.0.0.1")
    assert await log(store) == []
    assert (await client.submit(CONTENT)).startswith("250")


async def test_a_full_disk_is_said_to_be_one(serve: Serve, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """452, which a client tries again; the connection goes on, and the next message may be taken."""
    house = await serve()
    client = await house.connect()

    def full(connection: Any, items: Any) -> Any:
        return [OutOfSpace("The disk of this server is full; nothing was kept.")] * len(items)

    with monkeypatch.context() as patched:
        patched.setattr(record, "accepted", full)
        assert (await client.submit(CONTENT)).startswith("452 4.3.1")
    assert (await client.submit(CONTENT)).startswith("250")
    assert len(await log(store)) == 1


async def test_our_own_fault_is_said_to_be_ours(serve: Serve, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug costs one message a temporary refusal, whether it comes before the store or in it."""
    house = await serve()
    client = await house.connect()

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(house.server.intake, "submission", broken)
        assert (await client.submit(CONTENT)).startswith("451 4.3.0")
    with monkeypatch.context() as patched:
        patched.setattr(record, "accepted", broken)
        assert (await client.submit(CONTENT)).startswith("451 4.3.0")
    assert (await client.submit(CONTENT)).startswith("250")


async def test_a_client_that_goes_away_leaves_a_whole_message(serve: Serve, store: Store) -> None:
    """When the connection breaks while a message is written down, the message is kept, and nothing else breaks."""
    house = await serve()
    client, other = await house.connect(), await house.connect()
    release = await hold_the_writer(store)
    await client.say("MAIL FROM:<shop@example.com>", "RCPT TO:<ann@example.net>", "DATA")
    client.write(CONTENT + b"\r\n.\r\n")
    await asyncio.sleep(0.1)
    client.close()
    async with asyncio.timeout(10):
        while house.server.connected > 1:
            await asyncio.sleep(0.01)
    release.set()
    assert (await other.submit(CONTENT, "bob@example.net")).startswith("250")
    assert {r["recipient"] for r in await log(store)} == {"ann@example.net", "bob@example.net"}


async def test_stopping_in_good_order(serve: Serve, store: Store) -> None:
    """Who is idle hears 421; who waits for a message hears that it was taken, then 421; nobody new gets in."""
    house = await serve()
    idle, waiting, half = await house.connect(), await house.connect(), await house.connect()
    await half.say("MAIL FROM:<shop@example.com>")
    release = await hold_the_writer(store)
    await waiting.say("MAIL FROM:<shop@example.com>", "RCPT TO:<ann@example.net>", "DATA")
    waiting.write(CONTENT + b"\r\n.\r\n")
    await asyncio.sleep(0.1)
    stopping = asyncio.ensure_future(house.server.stop())
    for client in (idle, half):
        assert (await client.hear()).startswith("421 4.3.2")
        assert await client.hear() == ""
    with pytest.raises(OSError):
        await house.connect()
    assert not stopping.done()
    release.set()
    assert (await waiting.hear()).startswith("250 2.0.0 queued as msg_")
    assert (await waiting.hear()).startswith("421 4.3.2")
    assert await waiting.hear() == ""
    async with asyncio.timeout(5):
        await stopping
    assert len(await log(store)) == 1
