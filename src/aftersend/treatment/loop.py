"""The loop of treatment: claim, decide, record. Nothing here talks to the world."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable

import msgspec

from aftersend.clock import Clock, Instant
from aftersend.errors import TryLater
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.policy import gates
from aftersend.policy.pace import Pace, Rate
from aftersend.policy.verdict import Hold, Pass, Verdict
from aftersend.policy.windows import Window
from aftersend.store import Store, paces, queue, record
from aftersend.store.queue import Claim, ClaimRequest, Stage

Hours = Callable[[int, str], Window | None]
"""The hours of an account's stream."""
Rates = Callable[[int, str], Rate | None]
"""How fast an account's stream may send."""


async def treat_due(
    store: Store,
    clock: Clock,
    ids: IdSource,
    *,
    node: int,
    batch: int,
    hours: Hours = lambda account, stream: None,
    rate: Rates = lambda account, stream: None,
) -> int:
    """Make one pass over the deliveries that await treatment; return how many were looked at.

    Crash-safe: work is claimed under a lease, so a pass cut short is repeated, never lost.
    """
    request = ClaimRequest(Stage.TREATMENT, clock(), node, batch)
    claimed: list[Claim] = await store.join(queue.claim_for_treatment, request)
    kept = await _paces(store, claimed, rate)
    now = clock()
    steps: list[tuple[Claim, record.Step]] = []
    for item in claimed:
        try:
            item.window = hours(item.account_id, item.stream)
            item.pace = kept.get((item.account_id, item.stream))
            verdict = gates.decide(item, now)
            step = step_for(item, verdict, now, key=ids(), node=node)
            if item.pace is not None and isinstance(verdict, Pass):
                item.pace.take(now)
        except Exception:
            await store.run(queue.set_aside, item, Stage.TREATMENT, now=now, traceback=traceback.format_exc())
        else:
            steps.append((item, step))
    taken = [(pace.place, pace.took * pace.rate.interval_us) for pace in kept.values() if pace.took]
    lines = [(pace.place, pace.ends_us) for pace in kept.values() if pace.is_moved]
    if taken or lines:
        await store.run(paces.write, taken, lines, now=now)
    await _record_all(store, steps, clock)
    return len(claimed)


async def _paces(store: Store, claimed: list[Claim], rate: Rates) -> dict[tuple[int, str], Pace]:
    """Return how the rates of the streams stand that have one."""
    places = {(item.account_id, item.stream) for item in claimed}
    rates = {place: found for place in places if (found := rate(*place)) is not None}
    if not rates:
        return {}
    known = await store.ask(paces.read, list(rates))
    return {
        place: Pace(place, found, known.get(place, (0, 0))[0], 0, known.get(place, (0, 0))[1])
        for place, found in rates.items()
    }


async def _record_all(store: Store, steps: list[tuple[Claim, record.Step]], clock: Clock) -> None:
    """Record steps, asking again until the store takes them: nobody else could ever touch what is claimed here.

    A step that the store cannot take for another reason met a bug of ours; its delivery is set aside like any such.
    """
    while steps:
        asked = [store.join(record.steps, step) for _, step in steps]
        done = await asyncio.gather(*asked, return_exceptions=True)
        again = []
        for (item, step), error in zip(steps, done, strict=True):
            if not isinstance(error, BaseException):
                continue
            if isinstance(error, TryLater) and not store.is_closed:
                again.append((item, step))
            elif isinstance(error, TryLater):
                raise error
            else:
                trace = "".join(traceback.format_exception(error))
                await store.run(queue.set_aside, item, Stage.TREATMENT, now=clock(), traceback=trace)
        steps = again
        if steps:
            await asyncio.sleep(1.0)


def step_for(item: Claim, verdict: Verdict, now: Instant, *, key: int, node: int) -> record.Step:
    """Say what is to be recorded for a verdict."""
    if isinstance(verdict, Pass):
        event = record.event_row(item.account_id, item.delivery_id, key, "treated", int(Fact.TREATED), now, now)
        onward = record.Next(Stage.DELIVERY, now)
        if item.facts & Fact.THROTTLED.bit:
            # The time for trying begins when it is let go, however long it was held.
            lifetime = item.expires_us - max(item.received_us, item.scheduled_us or 0)
            onward = record.Next(Stage.DELIVERY, now, None, item.tries, item.site, max(item.expires_us, now + lifetime))
        return record.Step(item.account_id, item.delivery_id, [event], Fact.TREATED.bit, now, onward, node)
    if isinstance(verdict, Hold):
        again = record.Next(Stage.TREATMENT, verdict.until_us, verdict.why)
        if item.facts & verdict.fact.bit:
            return record.Step(item.account_id, item.delivery_id, [], 0, now, again, node)
        event = record.event_row(
            item.account_id, item.delivery_id, key, verdict.fact.word, int(verdict.fact), now, now,
            evidence=msgspec.json.encode({"why": verdict.why}).decode(),
        )  # fmt: skip
        return record.Step(item.account_id, item.delivery_id, [event], verdict.fact.bit, now, again, node)
    evidence = msgspec.json.encode({"why": verdict.why, **dict(verdict.evidence)}).decode()
    event = record.event_row(
        item.account_id, item.delivery_id, key, verdict.fact.word, int(verdict.fact), now, now,
        verdict.reason, None, None, evidence,
    )  # fmt: skip
    return record.Step(
        item.account_id, item.delivery_id, [event], verdict.fact.bit, now, None, node,
        reason=verdict.reason, said=verdict.why,
    )  # fmt: skip
