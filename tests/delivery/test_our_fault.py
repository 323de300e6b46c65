"""A bug of ours that meets a delivery on its way: the mail is kept, the claim given back, the next try planned."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from aftersend.delivery import Courier, Routes, Rules, Signer, courier
from aftersend.delivery.names import Host, MailServers
from aftersend.errors import SubmissionError, TryLater
from aftersend.ids import IdSource
from aftersend.mail.compiled import FLAG_COMPILED
from aftersend.policy.limits import Limits
from aftersend.policy.retry import RetryPlan
from aftersend.store import Store, queue, record
from aftersend.store.queue import Claim
from given import NODE, Clock, submission


class OneServer:
    """A resolver that knows one server for every domain."""

    def known(self, domain: str) -> None:
        """Remember nothing."""

    async def find(self, domain: str) -> MailServers:
        """Find it."""
        return MailServers((Host("mx.example.net", ("127.0.0.1",)),))


def courier_of(store: Store, clock: Clock, ids: IdSource, resolver: OneServer) -> Courier:
    """One that delivers straight to what the resolver finds."""
    rules = Rules(NODE, "mx.example.org", "example.org", b"s" * 32, RetryPlan(), Limits())
    return Courier(store, clock, ids, resolver, Routes({}, port=25), Signer("example.org"), rules)  # type: ignore[arg-type]


async def let_go(store: Store) -> list[dict[str, Any]]:
    """Wait until nothing is claimed any more; return what waits in the queue."""
    async with asyncio.timeout(90):
        while any(row["claimed"] for row in await store.ask(queue.summary)):
            await asyncio.sleep(0.01)
    return list(await store.ask(queue.summary))


async def test_no_claim_is_kept_when_a_line_cannot_be_made(
    store: Store, clock: Clock, ids: IdSource, write: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All who wait for the same look-up go back into the queue, once each, to be tried later."""

    def broken(*_: object) -> str:
        raise LookupError("no suffix list")

    monkeypatch.setattr(courier, "site_of", broken)
    made = courier_of(store, clock, ids, OneServer())
    write(record.accepted, [submission(ids, clock(), "ann@example.net", "bob@example.net")])
    assert await made.deliver_due() == 2
    (waiting,) = await let_go(store)
    assert (waiting["stage"], waiting["deliveries"], waiting["claimed"]) == ("delivery", 2, 0)
    assert waiting["first_due_us"] > clock()


class NoServer(OneServer):
    """A resolver that knows no server for any domain."""

    async def find(self, domain: str) -> MailServers:
        """Find nothing."""
        return MailServers(trouble="no_such_domain", explanation="There is no such domain.")


async def test_no_claim_is_kept_when_a_missing_server_cannot_be_understood(
    store: Store, clock: Clock, ids: IdSource, write: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All who wait for the same look-up go back into the queue here too."""

    def broken(*_: object, **__: object) -> str:
        raise LookupError("no table")

    monkeypatch.setattr(courier.outcomes, "of_names", broken)
    made = courier_of(store, clock, ids, NoServer())
    write(record.accepted, [submission(ids, clock(), "ann@example.net", "bob@example.net")])
    assert await made.deliver_due() == 2
    (waiting,) = await let_go(store)
    assert (waiting["stage"], waiting["deliveries"], waiting["claimed"]) == ("delivery", 2, 0)


@pytest.mark.parametrize("broken", ["bob", "ann and the store"])
async def test_one_copy_that_cannot_be_made_stops_no_other(
    store: Store, clock: Clock, ids: IdSource, write: Callable[..., Any], broken: str
) -> None:
    """It alone is set aside; where the store goes away meanwhile, the rest is given back; nobody stays claimed."""
    told = []

    async def compose(claimed: Sequence[Claim], bodies: object) -> dict[int, SubmissionError]:
        names = {claim.recipient.partition("@")[0] for claim in claimed}
        if not names.isdisjoint(broken.split()):
            raise LookupError(names)
        if names == {"bob"} and "store" in broken:
            raise TryLater("The disk is full.")
        return {claim.delivery_id: SubmissionError("It has no words.") for claim in claimed}

    made = courier_of(store, clock, ids, OneServer())
    made.compose = compose
    made.watch = lambda claim, step, attempt: told.append((claim.recipient, attempt.said))
    given = submission(ids, clock(), "ann@example.net", "bob@example.net")
    given.message = (*given.message[:11], FLAG_COMPILED, *given.message[12:])
    write(record.accepted, [given])
    assert await made.deliver_due() == 2
    waiting = await let_go(store)
    if broken == "bob":
        assert told == [("ann@example.net", "It has no words.")]
        assert [row["deliveries"] for row in waiting] == [1]
    else:
        assert told == []
        assert [row["deliveries"] for row in waiting] == [2]
