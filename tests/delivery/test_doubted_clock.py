"""A clock that was put far ahead by mistake: no mail is given up for an age that it may not have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aftersend.clock import DAY, HOUR
from aftersend.delivery import Courier, Routes, Rules, Signer
from aftersend.delivery.names import MailServers
from aftersend.ids import IdSource
from aftersend.policy.limits import Limits
from aftersend.policy.retry import RetryPlan
from aftersend.store import Store, queue, record
from given import NODE, Clock, submission


class NoAnswer:
    """A resolver that nobody answers."""

    def known(self, domain: str) -> None:
        """Remember nothing."""

    async def find(self, domain: str) -> MailServers:
        """Find nothing, for now."""
        return MailServers(trouble="no_answer", explanation="Nobody answers.")


@pytest.mark.parametrize("is_doubted", [False, True])
async def test_nothing_is_given_up_while_the_clock_is_doubted(
    store: Store, clock: Clock, ids: IdSource, write: Callable[..., Any], is_doubted: bool
) -> None:
    """A try that fails then is followed by another one; once the clock is believed, what is too old is given up."""
    rules = Rules(NODE, "mx.example.org", "example.org", b"s" * 32, RetryPlan(), Limits())
    made = Courier(store, clock, ids, NoAnswer(), Routes({}, port=25), Signer("example.org"), rules)  # type: ignore[arg-type]
    made.doubts_clock = lambda: is_doubted
    write(record.accepted, [submission(ids, clock(), "ann@example.net", lifetime=3 * HOUR)])
    clock.forward(30 * DAY)
    assert await made.deliver_due() == 1
    async with asyncio.timeout(20):
        waiting = await store.ask(queue.summary)
        while any(each["claimed"] for each in waiting):
            await asyncio.sleep(0.01)
            waiting = await store.ask(queue.summary)
    assert [each["deliveries"] for each in waiting if each["stage"] == "delivery"] == [1] * is_doubted
    assert all(clock() < each["first_due_us"] < clock() + DAY for each in waiting)
