"""Find out, for a whole batch at once, what the gates have to know: each question is asked once, however many deliveries."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from aftersend.clock import DAY, Instant
from aftersend.ledger.facts import Fact
from aftersend.policy.gates import Known, Purse
from aftersend.store import Store, credits
from aftersend.store.queue import Claim

FLAG_OWN = 32
"""In `messages.flags`: a report of ours to a sender, which costs nothing."""

KEPT_US = DAY
"""So long mail is kept for want of credits (004)."""


async def gather(store: Store, claimed: Sequence[Claim], now: Instant, *, metered: Collection[int]) -> None:
    """Fill in what is `known` of each claim."""
    counted = [item for item in claimed if item.account_id in metered and not item.flags & FLAG_OWN]
    if counted:
        await _purses(store, counted, now)


async def _purses(store: Store, counted: Sequence[Claim], now: Instant) -> None:
    waited: dict[int, list[int]] = {}
    for item in counted:
        ids = waited.setdefault(item.account_id, [])
        if item.facts & Fact.DEPLETED.bit:
            ids.append(item.delivery_id)
    kept, since = await store.ask(credits.standing, waited)
    purses = {account: Purse(purse.available, purse.renews_us) for account, purse in kept.items()}
    for item in counted:
        if item.account_id in purses:
            began = since.get((item.account_id, item.delivery_id), now)
            item.known = Known(purses[item.account_id], began + KEPT_US)
