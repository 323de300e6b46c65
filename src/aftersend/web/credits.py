"""Answer about credits; let the operator top up, set plans and stop counting."""

from __future__ import annotations

from typing import Any

from aftersend import ids
from aftersend.clock import DAY
from aftersend.control import credits as purses
from aftersend.store import accounts, credits
from aftersend.web import lists, reading
from aftersend.web.administration import note_change
from aftersend.web.calls import Answer, Call
from aftersend.web.credits_shapes import CreditPlanIn, TopUpIn

DAYS_SHOWN = 31


async def show(call: Call) -> Answer:
    """Answer with what the account has."""
    return Answer(await call.desk.store.ask(purses.standing, call.account_id))


async def list_entries(call: Call) -> Answer:
    """Answer with a page of what people and plans did to the purse, newest first."""
    found = lists.taken(call)
    limit = lists.limit_of(found)
    before = None if "after" not in found else ids.read("crd", found["after"])
    rows = await call.desk.store.ask(credits.entries, call.account_id, limit=limit + 1, before=before)
    shown = [purses.told_entry(row) for row in rows[:limit]]
    has_more = len(rows) > limit
    return lists.page(call, shown, has_more=has_more, after=shown[-1]["id"] if has_more else None)


async def list_days(call: Call) -> Answer:
    """Answer with what mail did to the purse in the last days."""
    since = call.desk.clock() - DAYS_SHOWN * DAY
    rows = await call.desk.store.ask(credits.days, call.account_id, since=since - since % DAY)
    return lists.whole([purses.told_day(row) for row in rows])


async def top_up(call: Call) -> Answer:
    """Put credits in, or take some out."""
    asked = reading.convert(reading.json(call.body), TopUpIn)
    told = await _change(
        call, asked.account, "topped up credits", f"{asked.amount:+}", purses.top_up,
        amount=asked.amount, why=asked.why, who=call.who, ids=call.desk.ids, now=call.desk.clock(),
    )  # fmt: skip
    return Answer(told)


async def set_plan(call: Call) -> Answer:
    """Set a plan, and fill the purse."""
    asked = reading.convert(reading.json(call.body), CreditPlanIn)
    told = await _change(
        call, asked.account, "set a plan of credits", f"{asked.amount} a {asked.period}", purses.set_plan,
        amount=asked.amount, period=asked.period, mode=asked.mode, who=call.who, ids=call.desk.ids,
        now=call.desk.clock(),
    )  # fmt: skip
    return Answer(told)


async def end_plan(call: Call) -> Answer:
    """End the plan."""
    account = lists.taken(call, "account", cursors=()).get("account")
    return Answer(await _change(call, account, "ended a plan of credits", "", purses.end_plan, now=call.desk.clock()))


async def stop(call: Call) -> Answer:
    """Count the account's mail no longer."""
    account = lists.taken(call, "account", cursors=()).get("account")
    await _change(call, account, "stopped counting mail", "", credits.close_purse)
    return Answer(None, 204)


async def _change(call: Call, account: str | None, did: str, what: str, function: Any, **kwargs: Any) -> Any:
    account_id = call.account_id if account is None else await call.desk.store.ask(accounts.named, account)
    told = await note_change(call, account_id, did, what, function, **kwargs)
    await call.desk.changed()
    return told
