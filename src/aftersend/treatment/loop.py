"""The loop of treatment: claim, decide, record. Nothing here talks to the world."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import msgspec

from aftersend.clock import Clock, Instant
from aftersend.errors import TryLater
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.policy import gates
from aftersend.policy.pace import Pace, Rate
from aftersend.policy.verdict import Hold, Pass, Refuse, Verdict
from aftersend.policy.windows import Window
from aftersend.store import Store, credits, moderation, paces, queue, record, treated
from aftersend.store.queue import Claim, ClaimRequest, Stage
from aftersend.store.treated import Passing
from aftersend.treatment.gathering import Rules, Tools, gather, in_turn

Hours = Callable[[int, str], Window | None]
"""The hours of an account's stream."""
Rates = Callable[[int, str], Rate | None]
"""How fast an account's stream may send."""
STAGE_OF = {
    Fact.DEPLETED: Stage.DEPLETED,
    Fact.MODERATION_PENDING: Stage.MODERATION,
    Fact.QUARANTINED: Stage.MODERATION,
}
"""Where a hold waits that does not end by its time alone."""
HELD_BITS = Fact.THROTTLED.bit | Fact.DEPLETED.bit | Fact.MODERATION_PENDING.bit
"""The time for trying begins when such a hold ends, however long it was."""
FLOOD = 100
"""With so much in one pass whose time came while others were quicker, as after hours in which nothing ran, passes go on in
line where the one before ended: else all would be told the same moments, and be looked at again and again."""
NONE = Rules()
NO_TOOLS = Tools()


@dataclass(slots=True)
class Decided:
    """One claim, and what is to be recorded for it."""

    item: Claim
    step: record.Step
    without_credit: Callable[[], record.Step] | None = None
    """Says what is recorded instead if there is no credit; None when it costs none."""


async def treat_due(
    store: Store,
    clock: Clock,
    ids: IdSource,
    *,
    node: int,
    batch: int,
    hours: Hours = lambda account, stream: None,
    rate: Rates = lambda account, stream: None,
    rules: Rules = NONE,
    tools: Tools = NO_TOOLS,
) -> int:
    """Make one pass over the deliveries that await treatment; return how many were looked at.

    Crash-safe: work is claimed under a lease, so a pass cut short is repeated, never lost.
    """
    await _wake(store, clock, rules)
    request = ClaimRequest(Stage.TREATMENT, clock(), node, batch)
    claimed: list[Claim] = await store.join(queue.claim_for_treatment, request)
    if tools.rules is not None and any(item.is_anew for item in claimed):
        rules = await tools.rules()
    kept = await _paces(store, claimed, rate)
    now = clock()
    throttles = await gather(store, claimed, now, rules, tools)
    used = [*kept.values(), *throttles]
    floods = tools.floods if sum(item.has_waited for item in claimed) >= FLOOD else None
    if floods is not None:
        for pace in used:
            pace.again_us = floods.get((pace.place, pace.rate), 0)
    decided: list[Decided] = []
    for item in in_turn(claimed, now):
        try:
            item.window = hours(item.account_id, item.stream)
            item.pace = kept.get((item.account_id, item.stream))
            decided.append(_decide(item, now, ids, node=node))
        except Exception:
            await store.run(queue.set_aside, item, Stage.TREATMENT, now=now, traceback=traceback.format_exc())
    if floods is not None:
        floods.update({(pace.place, pace.rate): pace.again_us for pace in used})
    taken = [(pace.place, pace.took * pace.rate.interval_us) for pace in used if pace.took]
    lines = [(pace.place, pace.ends_us) for pace in used if pace.is_moved]
    if taken or lines:
        await store.run(paces.write, taken, lines, now=now)
    await _record_all(store, decided, clock)
    return len(claimed)


async def _wake(store: Store, clock: Clock, rules: Rules) -> None:
    """Bring back what waited for credits that are there now, and for moderators who have decided."""
    if rules.metered and bool(await store.ask(credits.are_waited_for)):
        await store.run(credits.wake, now=clock())
    if rules.overseen is not None and bool(await store.ask(moderation.are_moving)):
        await store.run(moderation.wake, now=clock())


def _decide(item: Claim, now: Instant, ids: IdSource, *, node: int) -> Decided:
    verdict = gates.decide(item, now)
    before, key = ids(), ids()
    decided = Decided(item, step_for(item, verdict, now, key=key, node=node))
    _note_yes(item, decided.step, now, key=before)
    if not isinstance(verdict, Pass):
        return decided
    if item.pace is not None:
        item.pace.take(now)
    known: gates.Known | None = item.known
    for pace in () if known is None else known.paces:
        pace.take(now)
    if known is not None and known.purse is not None:
        known.purse.left -= 1
        decided.without_credit = partial(_without_credit, item, known, now, keys=(before, key), node=node)
    return decided


def _without_credit(item: Claim, known: gates.Known, now: Instant, *, keys: tuple[int, int], node: int) -> record.Step:
    step = step_for(item, gates.without_credit(known, now), now, key=keys[1], node=node)
    _note_yes(item, step, now, key=keys[0])
    return step


def _note_yes(item: Claim, step: record.Step, now: Instant, *, key: int) -> None:
    """Put before what is recorded that a moderator said yes, the first time that it is known."""
    known: gates.Known | None = item.known
    case = None if known is None else known.case
    fact = Fact.MODERATION_ACCEPTED
    if case is None or case.state != moderation.ACCEPTED or item.facts & fact.bit:
        return
    evidence = msgspec.json.encode({"kind": "person", "by": case.by}).decode()
    event = record.event_row(item.account_id, item.delivery_id, key, fact.word, int(fact), now, now, evidence=evidence)
    step.events.insert(0, event)
    step.facts |= fact.bit


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


async def _record_all(store: Store, decided: list[Decided], clock: Clock) -> None:
    """Record steps, asking again until the store takes them: nobody else could ever touch what is claimed here.

    A step that the store cannot take for another reason met a bug of ours; its delivery is set aside like any such.
    """
    while decided:
        done = await asyncio.gather(*(_recorded(store, each) for each in decided), return_exceptions=True)
        again = []
        for each, error in zip(decided, done, strict=True):
            if not isinstance(error, BaseException):
                continue
            if isinstance(error, TryLater) and not store.is_closed:
                again.append(each)
            elif isinstance(error, TryLater):
                raise error
            else:
                trace = "".join(traceback.format_exception(error))
                await store.run(queue.set_aside, each.item, Stage.TREATMENT, now=clock(), traceback=trace)
        decided = again
        if decided:
            await asyncio.sleep(1.0)


def _recorded(store: Store, each: Decided) -> asyncio.Future[bool]:
    if each.without_credit is None:
        return store.join(record.steps, each.step)
    return store.join(treated.passed, Passing(each.step, each.without_credit))


def step_for(item: Claim, verdict: Verdict, now: Instant, *, key: int, node: int) -> record.Step:
    """Say what is to be recorded for a verdict."""
    if isinstance(verdict, Pass):
        return _passed(item, now, key, node)
    if isinstance(verdict, Hold):
        return _held(item, verdict, now, key, node)
    return _refused(item, verdict, now, key, node)


def _passed(item: Claim, now: Instant, key: int, node: int) -> record.Step:
    event = record.event_row(item.account_id, item.delivery_id, key, "treated", int(Fact.TREATED), now, now)
    onward = record.Next(Stage.DELIVERY, now)
    if item.facts & HELD_BITS:
        lifetime = item.expires_us - max(item.received_us, item.scheduled_us or 0)
        onward = record.Next(Stage.DELIVERY, now, None, item.tries, item.site, max(item.expires_us, now + lifetime))
    return record.Step(item.account_id, item.delivery_id, [event], Fact.TREATED.bit, now, onward, node)


def _held(item: Claim, verdict: Hold, now: Instant, key: int, node: int) -> record.Step:
    fact = verdict.fact
    stage = Stage.TREATMENT if fact is None else STAGE_OF.get(fact, Stage.TREATMENT)
    again = record.Next(stage, verdict.until_us, verdict.why)
    if fact is None or item.facts & fact.bit:
        return record.Step(item.account_id, item.delivery_id, [], 0, now, again, node)
    evidence = msgspec.json.encode({"why": verdict.why, **dict(verdict.evidence)}).decode()
    event = record.event_row(item.account_id, item.delivery_id, key, fact.word, int(fact), now, now, evidence=evidence)
    return record.Step(item.account_id, item.delivery_id, [event], fact.bit, now, again, node)


def _refused(item: Claim, verdict: Refuse, now: Instant, key: int, node: int) -> record.Step:
    evidence = msgspec.json.encode({"why": verdict.why, **dict(verdict.evidence)}).decode()
    event = record.event_row(
        item.account_id, item.delivery_id, key, verdict.fact.word, int(verdict.fact), now, now,
        verdict.reason, None, None, evidence,
    )  # fmt: skip
    return record.Step(
        item.account_id, item.delivery_id, [event], verdict.fact.bit, now, None, node,
        reason=verdict.reason, said=verdict.why,
    )  # fmt: skip
