"""What passes its gates may be taken by a node in the transaction that writes it down; nobody need claim it then."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection

from aftersend.errors import SubmissionError
from aftersend.ids import IdSource
from aftersend.intake import Intake, Origin, Recipient, Request
from aftersend.store import Store, accounts, queue, record, suppressions
from aftersend.store.queue import Claim, ClaimRequest, Stage
from given import ACCOUNT, Clock

OURS, THEIRS = 1, 2


class Hands:
    """Takes up to so many deliveries."""

    def __init__(self, room: int = 100) -> None:
        self.room = room
        self.reserved = 0
        self.taken: list[Claim] = []
        self.bodies: list[bytes] = []

    def reserve(self, deliveries: int, size: int) -> int:
        """Keep room."""
        if self.reserved + deliveries > self.room:
            return 0
        self.reserved += deliveries
        return OURS

    def bring(self, node: int, deliveries: int, size: int, claims: Sequence[Claim], body: bytes) -> None:
        """Take what was written down."""
        self.reserved -= deliveries
        self.taken += claims
        self.bodies.append(body)


@pytest.fixture
def taking(store: Store, clock: Clock, ids: IdSource, write: Callable[..., Any]) -> Intake:
    """An intake whose mail is taken at once."""
    made = Intake(store, clock, ids, hostname="mx.example.org", max_size=100_000)
    made.streams = write(accounts.all_streams)
    made.taker = Hands()
    return made


def mail(*names: str, key: str | None = None, body: bytes = b"Hello\r\n", **options: Any) -> Request:
    """A message to somebody."""
    content = b"From: Shop <shop@example.com>\r\nSubject: Hi\r\n\r\n" + body
    there = [Recipient(name, name.lower(), name.rpartition("@")[2]) for name in names]
    return Request(
        Origin(ACCOUNT, "smtp", "192.0.2.1"), "shop@example.com", there, content, idempotency_key=key, **options
    )


async def claimed(store: Store, clock: Clock, *, node: int = THEIRS, stage: Stage = Stage.DELIVERY) -> list[Claim]:
    """Claim what waits."""
    return list(await store.join(queue.claim_for_treatment, ClaimRequest(stage, clock(), node, 100)))


async def test_what_is_taken_is_what_would_be_claimed(taking: Intake, store: Store, clock: Clock) -> None:
    """No other node gets it, and it is in every part what a claim would have brought."""
    hands = taking.taker
    assert isinstance(hands, Hands)
    await taking.accept(mail("Ann@Example.net", "bob@example.org", envid="e1", ret="HDRS"))
    assert [claim.recipient for claim in hands.taken] == ["Ann@Example.net", "bob@example.org"]
    assert hands.bodies == [b"Hello\r\n"]
    assert await claimed(store, clock) == []
    await store.run(lambda connection: _release(connection, hands.taken))
    again = {claim.delivery_id: claim for claim in await claimed(store, clock)}
    for claim in hands.taken:
        known = again[claim.delivery_id]
        for part in dataclasses.fields(Claim):
            mine, other = getattr(claim, part.name), getattr(known, part.name)
            assert (bytes(mine) if isinstance(mine, bytes) else mine) == (
                bytes(other) if isinstance(other, memoryview) else other
            ), part.name


def _release(connection: Connection, claims: Sequence[Claim]) -> None:
    back = [queue.PutOff(c.account_id, c.delivery_id, OURS, c.due_us, c.site, None) for c in claims]
    queue.put_off(connection, back)


async def test_a_suppressed_recipient_waits_for_treatment(
    taking: Intake, store: Store, clock: Clock, write: Callable[..., Any]
) -> None:
    """Of one message, some may be taken, and some not."""
    hands = taking.taker
    assert isinstance(hands, Hands)
    write(suppressions.put, ACCOUNT, "bob@example.org", stream="", cause="hard_bounce", origin="learned", now=clock())
    await taking.accept(mail("ann@example.net", "bob@example.org"))
    assert [claim.recipient for claim in hands.taken] == ["ann@example.net"]
    (other,) = await claimed(store, clock, stage=Stage.TREATMENT)
    assert (other.recipient, hands.reserved) == ("bob@example.org", 0)


async def test_who_stops_waiting_stops_nothing(taking: Intake, store: Store) -> None:
    """A client that goes away before the answer leaves no delivery that nobody has in hand."""
    hands = taking.taker
    assert isinstance(hands, Hands)
    receipt = taking.accept(mail("ann@example.net"))
    receipt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receipt
    await store.run(lambda connection: None)
    assert (len(hands.taken), hands.reserved) == (1, 0)


async def test_what_was_written_before_is_not_taken_again(taking: Intake) -> None:
    """A message that is handed in twice under one key goes out once."""
    hands = taking.taker
    assert isinstance(hands, Hands)
    await taking.accept(mail("ann@example.net", key="k"))
    assert (await taking.accept(mail("ann@example.net", key="k"))).replayed
    assert (len(hands.taken), hands.reserved) == (1, 0)


async def test_what_could_not_be_written_is_not_taken(
    taking: Intake, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The room is free again when the store fails."""
    hands = taking.taker
    assert isinstance(hands, Hands)

    def fails(connection: Connection, submissions: Sequence[record.Submission]) -> list[Any]:
        raise SubmissionError("a bug")

    monkeypatch.setattr(record, "accepted", fails)
    with pytest.raises(SubmissionError):
        await taking.accept(mail("ann@example.net"))
    assert (hands.taken, hands.reserved) == ([], 0)


async def test_what_finds_no_room_waits(taking: Intake, store: Store, clock: Clock) -> None:
    """What cannot be taken at once is claimed like anything else; so is what has to wait for its time."""
    taking.taker = Hands(room=1)
    await taking.accept(mail("ann@example.net", "bob@example.org"))
    assert {claim.recipient for claim in await claimed(store, clock)} == {"ann@example.net", "bob@example.org"}
    await taking.accept(mail("cid@example.net", send_at=clock() + 3_600_000_000))
    assert (taking.taker.taken, taking.taker.reserved) == ([], 0)
