"""Answer with what was counted."""

from __future__ import annotations

from aftersend.clock import DAY
from aftersend.errors import BadField
from aftersend.reports import activity, search
from aftersend.reports import attention as needs
from aftersend.reports.activity import Period
from aftersend.web import lists
from aftersend.web.calls import Answer, Call, Does, Parameter

PERIOD = (
    Parameter("since", "Created at this time or later: RFC 3339, or how long ago, such as 24h. Whole hours."),
    Parameter("until", "Created before this time."),
    Parameter("stream", "In one stream only."),
)
STEP = Parameter(
    "step",
    "How wide a step is; without it hours for up to three days, else days (UTC).",
    schema={"enum": list(activity.STEPS.values())},
)


def report(name: str) -> Does:
    """Return the function that answers with one vocabulary."""

    async def answer(call: Call) -> Answer:
        return Answer(await call.desk.store.ask(activity.report, call.account_id, name, _period(call)))

    return answer


def series(name: str) -> Does:
    """Return the function that answers with the numbers of one vocabulary over time."""

    async def answer(call: Call) -> Answer:
        found = lists.taken(call, "since", "until", "stream", "step", cursors=())
        now = call.desk.clock()
        since = search.instant(found.get("since", "7d"), "since", now=now)
        until = search.instant(found["until"], "until", now=now) if "until" in found else now
        search.check_order(since, until)
        span = until - since
        if span == 0:
            raise BadField(
                "#/until", "until is the same moment as since, so that there is no time between them; give a later one."
            )
        step = _step(found.get("step", "hour" if span <= 3 * DAY else "day"))
        if span > (activity.MOST_STEPS - 1) * step:
            raise BadField(
                "#/since",
                f"That is more than {activity.MOST_STEPS} steps of {activity.STEPS[step]}; ask for less, or for step=day.",
            )
        told = await call.desk.store.ask(
            activity.series, call.account_id, name, since=since, until=until, stream=found.get("stream"), step=step
        )
        return Answer(told)

    return answer


def _step(named: str) -> int:
    for step, name in activity.STEPS.items():
        if name == named:
            return step
    raise BadField("#/step", f"step is {' or '.join(activity.STEPS.values())}.")


async def attention(call: Call) -> Answer:
    """Answer what needs somebody now."""
    lists.taken(call, cursors=())
    return Answer(await call.desk.store.ask(needs.items, call.account_id, now=call.desk.clock()))


async def conservation(call: Call) -> Answer:
    """Answer whether everybody is accounted for."""
    return Answer(await call.desk.store.ask(activity.conservation, call.account_id, _period(call)))


def _period(call: Call) -> Period:
    found = lists.taken(call, "since", "until", "stream", cursors=())
    now = call.desk.clock()
    since, until = (
        search.instant(found[name], name, now=now) if name in found else None for name in ("since", "until")
    )
    search.check_order(since, until)
    return Period(since, until, found.get("stream"))
