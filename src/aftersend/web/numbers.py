"""Answer with what was counted."""

from __future__ import annotations

from aftersend.reports import activity, search
from aftersend.reports.activity import Period
from aftersend.web import lists
from aftersend.web.calls import Answer, Call, Does, Parameter

PERIOD = (
    Parameter("since", "Created at this time or later: RFC 3339, or how long ago, such as 24h. Whole hours."),
    Parameter("until", "Created before this time."),
    Parameter("stream", "In one stream only."),
)


def report(name: str) -> Does:
    """Return the function that answers with one vocabulary."""

    async def answer(call: Call) -> Answer:
        return Answer(await call.desk.store.ask(activity.report, call.account_id, name, _period(call)))

    return answer


async def conservation(call: Call) -> Answer:
    """Answer whether everybody is accounted for."""
    return Answer(await call.desk.store.ask(activity.conservation, call.account_id, _period(call)))


def _period(call: Call) -> Period:
    found = lists.taken(call, "since", "until", "stream", cursors=())
    now = call.desk.clock()
    since, until = (
        search.instant(found[name], name, now=now) if name in found else None for name in ("since", "until")
    )
    return Period(since, until, found.get("stream"))
