"""What the tests of returned mail are given: a delivery that has arrived, its return path, reports about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from aftersend.clock import DAY, SECOND
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.mail import verp
from aftersend.policy.breaker import Breaker
from aftersend.policy.counters import SuppressionRules
from aftersend.policy.suppression import after_delivery
from aftersend.returns.applying import Came, Desk, apply_found
from aftersend.returns.reading import read
from aftersend.returns.tokens import Place
from aftersend.store import Engine, deliveries, record, suppressions
from aftersend.store.returned import Returned
from given import ACCOUNT, Clock, delivery_ids, step, submission

SECRET = b"a secret of this installation"
DOMAIN = "mail.example.com"
PLACE = Place((SECRET,), frozenset({DOMAIN}))


@dataclass
class Post:
    """An installation seen from the returns: messages that have arrived, and mail that comes back for them."""

    engine: Engine
    clock: Clock
    ids: IdSource
    desk: Desk

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a function of the store in a transaction of its own."""
        with self.engine.writing() as connection:
            return function(connection, *args, **kwargs)

    def sent(self, *recipients: str, facts: tuple[Fact, ...] = (Fact.DELIVERED,), account: int = ACCOUNT) -> list[int]:
        """Send a message and let it arrive; return the deliveries."""
        message = submission(self.ids, self.clock(), *recipients, account=account)
        (receipt,) = self.run(record.accepted, [message])
        found = delivery_ids(receipt)
        for delivery in found:
            self.clock.forward(SECOND)
            done = step(delivery, self.clock(), *facts, account=account, keys=[self.ids() for _ in facts])
            done.judge = after_delivery if Fact.DELIVERED in facts else None
            self.run(record.steps, [done])
        self.clock.forward(SECOND)
        return found

    def path(self, delivery: int, *, purpose: str = "b", age: int = 0, secret: bytes = SECRET) -> str:
        """The return path of a delivery."""
        return f"{verp.make(secret, delivery, self.clock() // DAY - age, purpose=purpose)}@{DOMAIN}"

    def comes(self, to: str, raw: bytes) -> Came:
        """Mail comes back to an address; read and apply it."""
        self.clock.forward(SECOND)
        item = Returned(self.ids(), to, "", "192.0.2.1", raw, self.clock())
        return Came(self.run(apply_found, item, read(raw, "192.0.2.1"), self.desk))

    def row(self, delivery: int, account: int = ACCOUNT) -> dict[str, Any]:
        """The delivery in the log."""
        return dict(self.run(deliveries.one, account, delivery))

    def facts(self, delivery: int, account: int = ACCOUNT) -> set[Fact]:
        """What is known of it."""
        bits = self.row(delivery, account)["facts"]
        return {fact for fact in Fact if fact.bit & bits} - {Fact.RECEIVED, Fact.TREATED}

    def events(self, delivery: int) -> list[dict[str, Any]]:
        """What happened to it."""
        found = self.run(deliveries.events_of, ACCOUNT, delivery)
        return sorted((dict(row) for row in found), key=lambda row: row["occurred_us"])

    def listed(self, address: str, account: int = ACCOUNT) -> list[dict[str, Any]]:
        """The entries of an address."""
        found: list[dict[str, Any]] = self.run(suppressions.why, account, address)
        return found


@pytest.fixture
def post(engine: Engine, clock: Clock, ids: IdSource) -> Post:
    """An installation, on each engine."""
    return Post(engine, clock, ids, Desk(PLACE, SuppressionRules(), Breaker(), clock))


def dsn(*fates: tuple[str, str, str, str], message_id: str = "", quotes: str = "", own_id: str = "") -> bytes:
    """A delivery report (RFC 3464); each fate: address, action, status, diagnostic."""
    groups = "\n".join(
        f"Final-Recipient: rfc822; {address}\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {said}\n"
        for address, action, status, said in fates
    )
    about = f"Message-ID: {message_id}" if message_id else "Subject: News"
    return (
        "From: Mail Delivery System <mailer-daemon@mx.example.net>\nSubject: Undelivered Mail\n"
        f"Message-ID: <{own_id or time.monotonic_ns()}@mx.example.net>\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nThis is the mail system.\n\n"
        f"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.net\n\n{groups}\n"
        f"--b\nContent-Type: text/rfc822-headers\n\n{quotes}{about}\n\n--b--\n"
    ).encode()


def arf(kind: str = "abuse", *, quotes: str = "") -> bytes:
    """A complaint (RFC 5965), redacted."""
    return (
        "From: <feedback@isp.example.net>\nSubject: Complaint\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nA complaint.\n\n"
        f"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: X/1\nVersion: 1\n\n"
        f"--b\nContent-Type: message/rfc822\n\n{quotes}From: shop@example.com\nSubject: News\n\nHello\n--b--\n"
    ).encode()


NO_SUCH_USER = ("failed", "5.1.1", "550 5.1.1 No such user here")
FULL = ("failed", "5.2.2", "552 5.2.2 Mailbox full")
