"""Renew the plans of purses when their time has come; what waited for credits goes on in the same transaction."""

from __future__ import annotations

from aftersend.clock import Clock
from aftersend.ids import IdSource
from aftersend.policy import plans
from aftersend.store import Store, credits
from aftersend.store.connection import Connection


async def renew_plans(store: Store, clock: Clock, ids: IdSource) -> int:
    """Renew every plan whose time has come, once; return how many."""
    if not await store.ask(credits.to_renew, now=clock()):
        return 0
    renewed: int = await store.run(_renew, ids, now=clock())
    return renewed


def _renew(connection: Connection, ids: IdSource, *, now: int) -> int:
    due = credits.to_renew(connection, now=now, for_update=True)
    for purse in due:
        assert purse.plan_amount is not None
        assert purse.renews_us is not None
        period, mode = purse.plan_period or "month", purse.plan_mode or plans.FILL
        onward = plans.next_renewal(period, purse.renews_us, now)
        credits.set_plan(
            connection, purse.account_id, amount=purse.plan_amount, period=period, mode=mode, renews_us=onward, now=now
        )
        amount = plans.gain(mode, purse.plan_amount, purse.available)
        why = f"The plan renewed: {purse.plan_amount:,} a {period}."
        credits.add(connection, purse.account_id, ids(), amount, kind="renewal", who="the plan", why=why, now=now)
    return len(due)
