"""A customer's view of a running service, for the journeys: submit, wait, read the log, look into mailboxes."""

from __future__ import annotations

import asyncio
import json
import smtplib
import ssl
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import pytest

from aftersend import app, ids
from aftersend.control import keys, planning, queue_verbs
from aftersend.ledger.facts import BY_WORD, Fact
from aftersend.mail import address as addresses
from aftersend.practice import World
from aftersend.practice.mailbox import Received
from aftersend.reports import history, messages
from aftersend.store import accounts, returned, suppressions

SENDER = "shop@shop.practice.test"
PATIENCE_S = 90.0
ACCOUNT = accounts.FIRST_ACCOUNT


@dataclass(frozen=True)
class Sent:
    """A message as its sender knows it: an id, and the recipients."""

    message_id: int
    recipients: tuple[str, ...]


class House:
    """A running service with the practice world around it, for tests that block."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, service: app.Service, world: World, account: int = ACCOUNT
    ) -> None:
        self._loop = loop
        self.service = service
        self.world = world
        self.account = account
        self._secrets: dict[int, str] = {}

    def tenant(self, name: str) -> House:
        """The same service as another customer knows it, with an account of his own."""
        number = self.service.ids()
        self.do(accounts.create, number, name, now=self.service.clock())
        self.refresh()
        return House(self._loop, self.service, self.world, number)

    def refresh(self) -> None:
        """Make a change of accounts, streams and rules felt at once, as the API does."""
        asyncio.run_coroutine_threadsafe(self.service.refresh(), self._loop).result(30)

    def secret(self) -> str:
        """A key of this account that may do everything."""
        if self.account not in self._secrets:
            self._secrets[self.account] = self.do(
                keys.create, self.account, self.service.ids(), name="journey", scopes=["*"], now=self.service.clock()
            )
        return self._secrets[self.account]

    def ask(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a question on the store."""
        return asyncio.run_coroutine_threadsafe(self.service.store.ask(function, *args, **kwargs), self._loop).result(
            30
        )

    def do(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a command on the store."""
        return asyncio.run_coroutine_threadsafe(self.service.store.run(function, *args, **kwargs), self._loop).result(
            30
        )

    def call(self, function: Callable[[], Any]) -> Any:
        """Run a plain function on the service's own thread."""

        async def there() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(30)

    def key(self) -> str:
        """A key that may do everything."""
        made = keys.practice_key(self.service.store, self.service.clock(), self.service.ids())
        return asyncio.run_coroutine_threadsafe(made, self._loop).result(30)

    # ---- what a customer does ------------------------------------------------------------------------------------

    def send(
        self,
        *recipients: str,
        content: bytes | None = None,
        headers: Sequence[tuple[str, str]] = (),
        options: Sequence[str] = (),
    ) -> Sent:
        """Submit a message by SMTP; return it once the service has answered 250."""
        said = content if content is not None else mail(recipients[0], headers)
        with smtplib.SMTP(*self.service.addresses["smtp"], local_hostname="shop.practice.test", timeout=20) as client:
            client.ehlo()
            if self.account != ACCOUNT:
                client.starttls(context=ssl._create_unverified_context())
                client.login("key", self.secret())
            assert client.mail(SENDER, list(options))[0] == 250
            for recipient in recipients:
                if "SMTPUTF8" in options:
                    client.command_encoding = "utf-8"  # type: ignore[attr-defined]
                code, answer = client.rcpt(recipient)
                assert code == 250, answer
            code, answer = client.data(said)
        assert code == 250, answer
        return Sent(ids.read("msg", answer.decode().split()[3]), recipients)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the API as this account; return what it answers."""
        request = urllib.request.Request(  # noqa: S310 - our own service
            "http://{}:{}".format(*self.service.addresses["web"]) + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.secret()}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - our own service
            return json.loads(answer.read() or b"null")

    def post(self, *recipients: str, **said: Any) -> Sent:
        """Submit a message by the API."""
        body = {"from": SENDER, "to": list(recipients), "subject": "News", "text": "Hello"} | said
        return Sent(ids.read("msg", self.api("POST", "/v1/messages", body)["id"]), recipients)

    def cancel(self, sent: Sent) -> dict[str, Any]:
        """Stop a message, as the API and the command line do."""
        done = self.do(
            queue_verbs.act_on_message,
            self.account,
            "cancel",
            sent.message_id,
            by=queue_verbs.Actor("journey"),
            ids=self.service.ids,
            now=self.service.clock(),
        )
        return dict(done.as_dict())

    def reschedule(self, sent: Sent, at_us: int) -> None:
        """Give a planned message another time, as the API and the command line do."""
        self.do(
            planning.replan,
            self.account,
            sent.message_id,
            at_us,
            by=queue_verbs.Actor("journey"),
            ids=self.service.ids,
            now=self.service.clock(),
        )

    def block(self, recipient: str) -> None:
        """Put an address on the block list."""
        folded = addresses.parse(recipient).folded
        self.do(suppressions.put, self.account, folded, cause="manual", origin="configured", now=self.service.clock())

    # ---- what comes back -----------------------------------------------------------------------------------------

    def return_path(self, recipient: str) -> str:
        """Where bounces of the latest message to a recipient go, as the recipient's server knows it."""
        return self.received(recipient)[-1].sender

    def come_back(self, to: str, content: bytes, *, sender: str = "") -> tuple[int, str]:
        """Hand a mail to the returns server, as somebody's server does; return the last reply."""
        with smtplib.SMTP(*self.service.addresses["returns"], local_hostname="mx.elsewhere.test", timeout=20) as client:
            client.ehlo()
            client.mail(sender)
            code, said = client.rcpt(to)
            if code == 250:
                code, said = client.data(content)
        return code, said.decode()

    def suppressed(self, recipient: str) -> list[dict[str, Any]]:
        """The entries of an address on the suppression list."""
        folded = addresses.parse(recipient).folded
        found: list[dict[str, Any]] = self.ask(suppressions.why, self.account, folded)
        return found

    def unsuppress(self, recipient: str) -> None:
        """Take an address off the list."""
        self.do(suppressions.remove, self.account, addresses.parse(recipient).folded)

    def settle_returns(self) -> None:
        """Wait until everything that came back has been read."""
        end = time.monotonic() + PATIENCE_S
        while self.ask(returned.waiting, limit=1):
            assert time.monotonic() < end, "returned mail is not read"
            time.sleep(0.02)

    # ---- what a customer sees ------------------------------------------------------------------------------------

    def rows(self, sent: Sent) -> list[dict[str, Any]]:
        """The rows of the log, one for each recipient."""
        found: list[dict[str, Any]] = self.ask(history.deliveries_of, self.account, sent.message_id)
        return found

    def row(self, sent: Sent) -> dict[str, Any]:
        """The row of a message to one recipient, with its events."""
        (row,) = self.rows(sent)
        whole: dict[str, Any] = self.ask(history.delivery, self.account, ids.read("dlv", row["id"]))
        return whole

    def wait(self, sent: Sent, until: Callable[[dict[str, Any]], bool] | None = None) -> list[dict[str, Any]]:
        """Wait until all deliveries have ended (or `until` holds for all); return the rows whole, with their events."""
        until = until or has_settled
        end = time.monotonic() + PATIENCE_S
        while not all(until(row) for row in self.rows(sent)):
            if time.monotonic() > end:
                pytest.fail(
                    f"nothing happened in {PATIENCE_S} s: {[r['headline'] + ' | ' + r['next']['sentence'] for r in self.rows(sent)]}"
                )
            time.sleep(0.02)
        return [self.ask(history.delivery, self.account, ids.read("dlv", row["id"])) for row in self.rows(sent)]

    def end_of(self, sent: Sent) -> dict[str, Any]:
        """Wait for the end of a message to one recipient; return its row whole."""
        (row,) = self.wait(sent)
        self.conserves(sent)
        return row

    def received(self, recipient: str) -> list[Received]:
        """What the recipient's mailbox holds."""
        return list(self.call(lambda: self.world.mailbox.received(recipient)))

    def conserves(self, sent: Sent) -> None:
        """Everybody of the message is accounted for once, and nothing waits without an end."""
        rows = self.rows(sent)
        assert sorted(row["recipient"] for row in rows) == sorted(sent.recipients)
        sums = self.ask(messages.of_message, self.account, sent.message_id)
        assert sums.audience == len(sent.recipients) == sums.accounted
        assert sums.is_conserved


def has_settled(row: dict[str, Any]) -> bool:
    """Whether nothing more is tried soon: it has ended, nothing is planned, or a relay has the last word."""
    return row["ended"] or row["next"]["at_us"] is None or "relayed" in row["facts"]


def mail(recipient: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A small message."""
    message = EmailMessage()
    message["From"] = f"Practice Shop <{SENDER}>"
    message["To"] = recipient if recipient.isascii() else SENDER
    message["Subject"] = "News"
    for name, value in headers:
        message[name] = value
    message.set_content("Hello,\n\nthis is news.\n")
    return message.as_bytes().replace(b"\n", b"\r\n")


def report(house: House, recipient: str, *fates: tuple[str, str, str, str], message_id: str | None = None) -> bytes:
    """A delivery report (RFC 3464) about what a recipient has received; each fate: address, action, status, diagnostic."""
    original = house.received(recipient)[-1]
    groups = "\n".join(
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {said}\n"
        for address, action, status, said in fates
    )
    return (
        (
            f"From: Mail Delivery System <mailer-daemon@mx.elsewhere.test>\nTo: <{original.sender}>\n"
            f"Subject: Undelivered Mail Returned to Sender\nMessage-ID: <{time.monotonic_ns()}@mx.elsewhere.test>\n"
            "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="part"\n\n'
            "--part\nContent-Type: text/plain\n\nThis is the mail system.\n\n"
            f"--part\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.elsewhere.test\n\n{groups}\n"
            f"--part\nContent-Type: text/rfc822-headers\n\nMessage-ID: {message_id or original.header('Message-ID')}\n"
            "Subject: News\n\n--part--\n"
        )
        .replace("\n", "\r\n")
        .encode()
    )


def facts(row: dict[str, Any]) -> set[Fact]:
    """The facts of a row."""
    return {BY_WORD[word] for word in row["facts"]}


def kinds(row: dict[str, Any]) -> list[str]:
    """What happened, in order."""
    return [event["type"].removeprefix("delivery.") for event in row["events"]]


def is_explained(row: dict[str, Any]) -> bool:
    """Whether the row says why, who must act, what is next, and how we know."""
    return bool(row["why"] and row["who_must_act"] and row["next"]["sentence"] and row["known_by"])
