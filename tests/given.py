"""What tests are given: a clock that stands still, submissions and steps as intake and delivery make them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from aftersend.clock import DAY, HOUR, SECOND, Instant
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.ledger.vocabularies import bounces
from aftersend.store import record
from aftersend.store.queue import Stage

START: Instant = 1_764_547_200 * SECOND
"""2025-12-01T00:00:00Z, where every clock begins."""
NODE = 1
ACCOUNT = 1
LIFETIME = 3 * DAY


class Clock:
    """The present moment, which passes only when it is told to."""

    def __init__(self, now: Instant = START) -> None:
        self.now = now

    def __call__(self) -> Instant:
        return self.now

    def forward(self, microseconds: int) -> Instant:
        """Let time pass; return the moment it is then."""
        self.now += microseconds
        return self.now


def submission(
    ids: IdSource,
    now: Instant,
    *recipients: str,
    account: int = ACCOUNT,
    stream: str = "transactional",
    sender: str = "shop@example.com",
    subject: str = "News",
    body: bytes = b"Hello\r\n",
    key: str | None = None,
    fingerprint: bytes = b"\x01" * 32,
    passed: bool = True,
    tags: str | None = None,
    metadata: str | None = None,
    scheduled: Instant | None = None,
    lifetime: int = LIFETIME,
    rfc_message_id: str | None = None,
    via: str = "smtp",
) -> record.Submission:
    """A message to the recipients, as intake hands it to the store."""
    message_id = ids()
    digest = hashlib.sha256(body).digest()
    headers = f"From: {sender}\r\nSubject: {subject}\r\n".encode()
    rfc_message_id = rfc_message_id or f"<{message_id}@example.com>"
    message = (
        account, message_id, stream, via, sender, f"Shop <{sender}>", subject, rfc_message_id, headers, digest,
        len(headers) + len(body), 0, None, tags, metadata, None, "{}", None, None, now, scheduled,
    )  # fmt: skip
    entries = [
        record.Entry(
            ids(),
            r,
            r.lower(),
            r.rpartition("@")[2] if "@" in r else "",
            None,
            None,
            passed and scheduled is None,
            ids(),
        )
        for r in recipients or ("ann@example.net",)
    ]
    return record.Submission(
        account, message_id, stream, message, (account, digest, body, len(body), now), entries, now,
        max(now, scheduled or 0) + lifetime, None if key is None else (key, fingerprint),
    )  # fmt: skip


def step(
    delivery_id: int,
    now: Instant,
    *facts: Fact,
    account: int = ACCOUNT,
    keys: Sequence[int],
    onward: record.Next | None = None,
    holder: int = 0,
    reason: Reason | None = None,
    detail: str | None = None,
    status: str = "",
    said: str | None = None,
    evidence: str | None = None,
    tries: int = 0,
) -> record.Step:
    """What happened to a delivery, with an event for each fact, and the bounces among them counted as delivery does."""
    why = None if reason is None else reason.value
    events = [
        record.event_row(
            account, delivery_id, key, fact.word, int(fact), now, now, why, detail, status or None, evidence
        )
        for fact, key in zip(facts, keys, strict=True)
    ]
    pairs = [bounces.counted(reason, detail, status).words for fact in facts if fact.word in bounces.KINDS]
    return record.Step(
        account, delivery_id, events, sum({fact.bit for fact in facts}), now, onward, holder, reason=why, detail=detail,
        said=said, tries=tries, pairs=pairs,
    )  # fmt: skip


def again(due: Instant, *, tries: int = 1, site: str = "example.net", expires: Instant | None = None) -> record.Next:
    """Another try at delivery."""
    return record.Next(Stage.DELIVERY, due, "retry", tries, site, due + HOUR if expires is None else expires)


def delivery_ids(receipt: Any) -> list[int]:
    """The ids of the deliveries in a receipt."""
    return [delivery_id for delivery_id, _, _ in receipt.deliveries]
