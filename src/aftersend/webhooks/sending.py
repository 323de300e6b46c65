"""Send events to one endpoint: a turn at a time, each at least once, those of one recipient in order.

A turn gathers what is to be sent, sends it, and writes down in one transaction what has become of it. When the process dies
in between, the turn is made again: what had been taken is sent twice, with the same id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aftersend import ids
from aftersend.clock import SECOND, Clock, Instant
from aftersend.logs import Logger
from aftersend.store import Store, hooks
from aftersend.store.hooks import GIVEN_UP, WAITING, Hook, Kept, Settled
from aftersend.webhooks import gathering, ladder, parcels
from aftersend.webhooks.client import Client
from aftersend.webhooks.ladder import DOWN_AFTER, Outcome
from aftersend.webhooks.parcels import Item
from aftersend.webhooks.requests import ask, attempt_row

log = Logger("webhooks")


@dataclass(slots=True)
class Tools:
    """What sending needs; the wiring hands it over."""

    store: Store
    clock: Clock
    ids: ids.IdSource
    node: int
    client: Client
    reports: gathering.Reports
    keys_of: Callable[[Hook, Instant], list[bytes]]
    """The secrets that sign for a webhook now: the new one first."""
    chance: Callable[[], float]
    """A number from 0 to 1, so that not all come again at the same moment."""
    paused: Callable[[Hook, str], Awaitable[None]]
    """Told when a webhook was paused by us, and why."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process stops: requests that have not begun are put off."""
    counted: dict[str, int] = field(default_factory=dict)
    """Requests by what came of them, since the process began."""


@dataclass(slots=True)
class _Turn:
    """What has come of a turn so far."""

    hook: Hook
    failures: int
    failing_since_us: Instant | None
    good_us: Instant | None
    kept: list[Kept] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    attempts: list[tuple[Any, ...]] = field(default_factory=list)
    not_before_us: Instant = 0
    pause: str = ""
    """Why it is to be paused; "" for no."""

    @property
    def is_halted(self) -> bool:
        """Whether no further request is to be made in this turn."""
        return bool(self.pause) or self.not_before_us > 0 or self.failures >= DOWN_AFTER


class Sender:
    """Serves one webhook."""

    def __init__(self, tools: Tools, account_id: int, hook_id: int) -> None:
        self._tools = tools
        self._place = (account_id, hook_id)
        self._is_down = False

    async def turn(self) -> Instant | None:
        """Make one turn. Return when to look again at the latest (None: when something happens); raise Over when this webhook
        is no longer ours to serve."""
        tools, now = self._tools, self._tools.clock()
        work = await tools.store.ask(
            gathering.gather, tools.reports, *self._place, node=tools.node, now=now, first_only=self._is_down
        )
        if work is None:
            raise Over
        hook = work.hook
        if hook.failures >= DOWN_AFTER and not self._is_down:
            self._is_down = True  # it was so when another process served it
            return now
        if work.is_idle:
            return work.next_due
        turn = _Turn(hook, hook.failures, hook.failing_since_us, hook.good_us, work.blocked, work.gone)
        if self._is_down:
            settled = await self._knock(work, turn)
        else:
            await asyncio.gather(*(self._lane(lane, turn) for lane in parcels.lanes(work.items, hook.batch)))
            settled = self._settled(turn, work.position, work.again_from)
        await self._write_down(settled, turn)
        if turn.not_before_us > 0:
            return turn.not_before_us
        return tools.clock() if work.has_more or work.items else work.next_due

    async def _lane(self, items: Sequence[Item], turn: _Turn) -> None:
        """Send events one request after the other. What fails is put off, with all later events of its recipient."""
        stuck: dict[str, Instant] = {}
        place = 0
        while place < len(items):
            parcel: list[Item] = []
            while place < len(items) and len(parcel) < turn.hook.batch:
                item = items[place]
                place += 1
                if turn.is_halted or self._tools.stopping.is_set() or item.recipient in stuck:
                    due = stuck.get(item.recipient, max(turn.not_before_us, self._tools.clock()))
                    turn.kept.append(_kept(item, item.tries, due, None))
                else:
                    parcel.append(item)
            if parcel:
                outcome = await self._try(turn, parcel)
                if not outcome.is_good:
                    self._put_off(turn, parcel, outcome, stuck)

    def _put_off(self, turn: _Turn, parcel: Sequence[Item], outcome: Outcome, stuck: dict[str, Instant]) -> None:
        now = self._tools.clock()
        for item in parcel:
            if item.recipient in stuck:
                turn.kept.append(_kept(item, item.tries, stuck[item.recipient], outcome.said))
                continue
            if outcome.word in ("busy", "gone"):
                tries, due = item.tries, now + (outcome.wait_us or 0)
            else:
                tries = item.tries + 1
                again = ladder.next_try(tries, now, self._tools.chance())
                if again is None:
                    turn.kept.append(_kept(item, tries, now, outcome.said, state=GIVEN_UP))
                    continue
                due = max(again, now + (outcome.wait_us or 0))
            stuck[item.recipient] = due
            turn.kept.append(_kept(item, tries, due, outcome.said))

    async def _knock(self, work: gathering.Work, turn: _Turn) -> Settled:
        """Find out with one event whether an endpoint that seems to be down is there again. If not, nothing has moved: the rest
        waits in the ledger, and no event uses up its tries."""
        hook = work.hook
        if not work.items:
            return self._settled(turn, work.position, work.again_from)
        outcome = await self._try(turn, work.items)
        if outcome.is_good:
            self._is_down = False
            return self._settled(turn, work.position, work.again_from)
        again = ladder.next_knock(turn.failures, self._tools.clock(), self._tools.chance())
        turn.not_before_us = max(again, turn.not_before_us)
        turn.kept, turn.gone = [], []
        return self._settled(turn, hook.position, None)

    async def _try(self, turn: _Turn, parcel: Sequence[Item]) -> Outcome:
        """Make one request, and note what came of it."""
        tools, hook = self._tools, turn.hook
        began = tools.clock()
        body = parcels.body(parcel, is_batch=hook.batch > 1)
        outcome = await ask(tools.client, hook, tools.keys_of(hook, began), parcels.message_id(parcel), body, now=began)
        now = tools.clock()
        first, last = parcel[0], parcel[-1]
        kinds = ",".join(dict.fromkeys(str(item.told["type"]) for item in parcel))
        turn.attempts.append(
            attempt_row(
                hook, tools.ids(), outcome, began, now, body, first=first.sequence, last=last.sequence,
                number=len(parcel), kinds=kinds, tries=first.tries + 1,
            )
        )  # fmt: skip
        tools.counted[outcome.word] = tools.counted.get(outcome.word, 0) + 1
        if outcome.is_good:
            turn.failures, turn.failing_since_us, turn.good_us = 0, None, now
            turn.gone += [item.sequence for item in parcel if item.was_kept or item.is_again]
            return outcome
        turn.failures += 1
        turn.failing_since_us = turn.failing_since_us or began
        if outcome.word == "gone":
            turn.pause = outcome.said
        elif outcome.word == "busy":
            turn.not_before_us = max(turn.not_before_us, now + (outcome.wait_us or SECOND))
        if not turn.pause and ladder.is_given_up(turn.failures, turn.failing_since_us, now):
            turn.pause = f"It has taken nothing for more than three days. The last try: {outcome.said}"
        return outcome

    def _settled(self, turn: _Turn, position: int, again_from: int | None) -> Settled:
        now = self._tools.clock()
        health: dict[str, Any] = {
            "failures": turn.failures,
            "failing_since_us": turn.failing_since_us,
            "good_us": turn.good_us,
            "not_before_us": max(turn.not_before_us, 0),
        }
        if turn.pause:
            health |= {"state": "paused", "why": turn.pause, "not_before_us": 0}
        return Settled(turn.hook, now, position, again_from, turn.kept, turn.gone, turn.attempts, health)

    async def _write_down(self, settled: Settled, turn: _Turn) -> None:
        tools, hook = self._tools, turn.hook
        is_ours = await tools.store.run(hooks.settle, settled)
        if turn.failures >= DOWN_AFTER:
            if not self._is_down:
                log.warning("webhook_down", webhook_id=ids.show("whk", hook.id), failures=turn.failures)
            self._is_down = True
        elif turn.failures == 0:
            self._is_down = False
        if is_ours and turn.pause:
            log.warning("webhook_paused", webhook_id=ids.show("whk", hook.id), why=turn.pause)
            await tools.paused(hook, turn.pause)
        if not is_ours:
            raise Over


class Over(Exception):
    """The webhook is no longer ours to serve: paused, removed, or held by another node."""


def _kept(item: Item, tries: int, due: Instant, said: str | None, *, state: int = WAITING) -> Kept:
    return Kept(item.sequence, item.delivery_id, item.key, item.recipient, state, tries, due, said)
