"""Answer with bounces, one by one and counted by one of their sides."""

from __future__ import annotations

from aftersend.reports import bounces
from aftersend.web import lists
from aftersend.web.calls import Answer, Call, Parameter

WORDS = tuple(Parameter(name, f"{says[:1].upper()}{says[1:]}.") for name, says in bounces.WORDS.items())


async def listed(call: Call) -> Answer:
    """Answer with a page of bounces."""
    found = lists.taken(call, *bounces.WORDS)
    limit, after = lists.limit_of(found), found.get("after")
    words = [(name, value) for name, value in found.items() if name in bounces.WORDS]
    rows, last = await call.desk.store.ask(
        bounces.page, call.account_id, words, now=call.desk.clock(), limit=limit, after=after
    )
    return lists.page(call, rows, has_more=last is not None, after=last)


async def counted(call: Call) -> Answer:
    """Answer with the numbers of bounces by one of their sides."""
    found = lists.taken(call, *bounces.WORDS, cursors=("limit",))
    words = [(name, value) for name, value in found.items() if name in bounces.WORDS]
    most = lists.limit_of(found)
    return Answer(
        await call.desk.store.ask(
            bounces.breakdown, call.account_id, call.path["by"], words, now=call.desk.clock(), most=most
        )
    )
