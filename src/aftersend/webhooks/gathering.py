"""Find what is to be sent to an endpoint now: what it did not take and is due again, what is replayed, what is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from aftersend.clock import Instant
from aftersend.store import hooks
from aftersend.store.connection import Connection
from aftersend.store.feed import Noted
from aftersend.store.hooks import WAITING, Hook, Kept
from aftersend.webhooks.parcels import Item

TURN = 1000
"""So many events are looked at in one turn."""
KEPT_MOST = 5000
"""So many events wait for another try at the most; beyond that, nothing new is read until they have gone."""


class Told(Protocol):
    """An event in words, as `reports.stream` tells it."""

    @property
    def sequence(self) -> int:
        """Its place."""

    @property
    def delivery_id(self) -> int:
        """Whose it is."""

    @property
    def key(self) -> int:
        """What tells it apart."""

    @property
    def folded(self) -> str:
        """The recipient, as addresses are compared."""

    @property
    def as_dict(self) -> dict[str, Any]:
        """All of it."""


class Part(Protocol):
    """A part of the event stream."""

    @property
    def events(self) -> Sequence[Told]:
        """The wanted ones, in order."""

    @property
    def read_to(self) -> int:
        """The sequence up to which it was read."""

    @property
    def has_more(self) -> bool:
        """Whether there may be more behind it."""


class Reports(Protocol):
    """Who tells events; the wiring hands over `reports.stream`."""

    def read(
        self, connection: Connection, account_id: int, after: int, *, limit: int, wants: Any, until: int | None = None
    ) -> Part:
        """Return the wanted events behind a sequence."""

    def tell(
        self, connection: Connection, account_id: int, noted: Sequence[Noted], wants: Any = None
    ) -> Sequence[Told]:
        """Tell these events."""


@dataclass(slots=True)
class Work:
    """What is to be sent in one turn, and where reading has come to by that."""

    hook: Hook
    items: list[Item]
    position: int
    again_from: int | None = None
    blocked: list[Kept] = field(default_factory=list)
    """New events of recipients whose earlier event is not due yet: they are put off with it."""
    gone: list[int] = field(default_factory=list)
    """Kept events that are no longer in the ledger."""
    next_due: Instant | None = None
    has_more: bool = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be done or written down."""
        moved = self.position != self.hook.position or self.again_from is not None
        return not (self.items or self.blocked or self.gone or moved)


def gather(
    connection: Connection, reports: Reports, account_id: int, hook_id: int, *, node: int, now: Instant, first_only: bool
) -> Work | None:  # fmt: skip
    """Return what is to be sent, or None when the webhook is no longer this node's to serve. `first_only` is for an endpoint
    that seems to be down: one event is enough to find out."""
    hook = hooks.held(connection, account_id, hook_id, node)
    if hook is None:
        return None
    if now < hook.not_before_us:
        return Work(hook, [], hook.position, next_due=hook.not_before_us)
    waiting = hooks.waiting_of(connection, account_id, hook_id, state=WAITING, limit=KEPT_MOST + 1)
    work = Work(hook, [], hook.position)
    due_of = _due(work, waiting, now)
    due = [row for row in waiting if due_of[row["recipient"]] <= now]
    _take_kept(connection, reports, work, due[:TURN])
    work.has_more = len(due) > TURN
    if len(waiting) <= KEPT_MOST and not work.has_more and not (first_only and work.items):
        _take_again(connection, reports, work, due_of, now)
        if not (first_only and work.items):
            _take_new(connection, reports, work, due_of, now)
    if first_only and work.items:
        work = _cut(work)
    return work


def _due(work: Work, waiting: Sequence[dict[str, Any]], now: Instant) -> dict[str, Instant]:
    """When the first event that each recipient waits for is due; nothing of that recipient goes before."""
    due_of: dict[str, Instant] = {}
    for row in waiting:
        due_of.setdefault(row["recipient"], row["due_us"])
    later = [due for due in due_of.values() if due > now]
    work.next_due = min(later, default=None)
    return due_of


def _take_kept(connection: Connection, reports: Reports, work: Work, due: list[dict[str, Any]]) -> None:
    noted = [Noted(row["sequence"], row["delivery_id"], row["key"]) for row in due]
    told = {each.sequence: each for each in reports.tell(connection, work.hook.account_id, noted)}
    for row in due:
        each = told.get(row["sequence"])
        if each is None:
            work.gone.append(row["sequence"])
        else:
            work.items.append(_item(each, tries=row["tries"], was_kept=True))


def _take_again(connection: Connection, reports: Reports, work: Work, due_of: dict[str, Instant], now: Instant) -> None:
    hook = work.hook
    if hook.again_from is None:
        return
    part = reports.read(
        connection, hook.account_id, hook.again_from, limit=TURN, wants=hook.wanted, until=hook.again_until
    )
    work.again_from = part.read_to if part.has_more else hook.again_until
    work.has_more = True
    _take(work, part, due_of, now, is_again=True)


def _take_new(connection: Connection, reports: Reports, work: Work, due_of: dict[str, Instant], now: Instant) -> None:
    hook = work.hook
    part = reports.read(connection, hook.account_id, hook.position, limit=TURN, wants=hook.wanted)
    work.position = part.read_to
    work.has_more |= part.has_more
    _take(work, part, due_of, now)


def _take(work: Work, part: Part, due_of: dict[str, Instant], now: Instant, *, is_again: bool = False) -> None:
    known = {item.sequence for item in work.items}
    for each in part.events:
        due = due_of.get(each.folded, now)
        if each.sequence in known:
            continue
        if due > now:
            work.blocked.append(Kept(each.sequence, each.delivery_id, each.key, each.folded, WAITING, 0, due, None))
        else:
            work.items.append(_item(each, is_again=is_again))


def _item(each: Told, *, tries: int = 0, was_kept: bool = False, is_again: bool = False) -> Item:
    return Item(each.sequence, each.delivery_id, each.key, each.folded, each.as_dict, tries, was_kept, is_again)


def _cut(work: Work) -> Work:
    """Leave only the first event, and have read only so far."""
    first, hook = work.items[0], work.hook
    position, again = hook.position, hook.again_from
    if first.is_again:
        again = first.sequence
    elif not first.was_kept:
        again, position = work.again_from, first.sequence
    blocked = [kept for kept in work.blocked if kept.sequence <= position]
    return replace(work, items=[first], position=position, again_from=again, blocked=blocked)
