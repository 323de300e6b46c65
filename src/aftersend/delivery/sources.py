"""From which address of this node a message leaves, and whether it may leave now: nodes and addresses can have rates, such as
those of a warm-up, for all accounts together.

An address that has a rate is used as far as the rate goes, and the others for what is more. Transactional mail and second tries
count, and never wait. What waits stands in one line for each account, and accounts take turns, so a long line delays its own
account only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aftersend.clock import Clock, Instant
from aftersend.delivery.names import Host
from aftersend.policy.pace import Rate
from aftersend.policy.throttles import ADDRESS, EVERYBODY, NODE, Throttle, Throttles

Place = tuple[int, str]


@dataclass(slots=True)
class _Limit:
    """How far the rate of the node, or of one of its addresses, is used up."""

    throttle: Throttle
    taken_us: Instant = 0
    untold_us: int = 0
    """What of it the store does not know yet, in microseconds of the rate."""

    def free_at(self, now: Instant) -> Instant:
        """When the next may leave."""
        rate = self.throttle.at(now)
        return 0 if rate is None else self.taken_us - (rate.burst - 1) * rate.interval_us

    def take(self, now: Instant) -> None:
        """One leaves."""
        rate = self.throttle.at(now)
        if rate is not None:
            self.taken_us = max(self.taken_us, now) + rate.interval_us
            self.untold_us += rate.interval_us


@dataclass(frozen=True, slots=True)
class Leave:
    """Either leave now, from an address ("": as the system chooses), or wait until a moment, because of `why`."""

    source: str = ""
    until_us: Instant = 0
    why: str = ""


class Sources:
    """The addresses of a node, with what may leave from them. Made for each process; asked on its event loop."""

    def __init__(self, addresses: tuple[str, ...], node: str, clock: Clock) -> None:
        self._addresses = addresses
        self._name = node
        self._clock = clock
        self._node: _Limit | None = None
        self._limits: dict[str, _Limit] = {}
        self._lines: dict[int, Instant] = {}
        self._again: dict[int, Instant] = {}
        self._deaf_until: Instant = 0

    @property
    def is_limited(self) -> bool:
        """Whether anything has to be asked before mail leaves."""
        return self._node is not None or bool(self._limits)

    @property
    def places(self) -> list[Place]:
        """Under what the store keeps how far the rates are used up."""
        return [(EVERYBODY, limit.throttle.place) for limit in self._all()]

    def follow(self, throttles: Throttles) -> None:
        """Take the rates that are set now; what was used up of those that stay as they are is kept, lines are not."""
        node = throttles.of_sender(NODE, self._name)
        found = {name: one for name in self._addresses if (one := throttles.of_sender(ADDRESS, name)) is not None}
        if (node, found) == (
            None if self._node is None else self._node.throttle,
            {name: limit.throttle for name, limit in self._limits.items()},
        ):
            return
        self._node = None if node is None else self._kept(self._node, node)
        self._limits = {name: self._kept(self._limits.get(name), one) for name, one in found.items()}
        self._lines.clear()
        self._again.clear()

    @staticmethod
    def _kept(before: _Limit | None, throttle: Throttle) -> _Limit:
        return _Limit(throttle) if before is None or before.throttle != throttle else before

    def taken(self) -> list[tuple[Place, int]]:
        """Say what was taken since this was asked last; whoever asks writes it down before anything of it leaves."""
        told = [((EVERYBODY, limit.throttle.place), limit.untold_us) for limit in self._all() if limit.untold_us]
        for limit in self._all():
            limit.untold_us = 0
        return told

    def know(self, kept: Mapping[Place, tuple[Instant, Instant]]) -> None:
        """Take what the store knows: what this node took before it started, and what others took."""
        if self._clock() < self._deaf_until:
            return
        for limit in self._all():
            known = kept.get((EVERYBODY, limit.throttle.place))
            if known is not None:
                limit.taken_us = max(limit.taken_us, known[0])

    def put_back(self, by: Instant, *, deaf_us: Instant) -> None:
        """The clock was put back: rates are used up as long after now as before. For a while the store is not believed, which
        may not know yet."""
        now = self._clock()
        for limit in self._all():
            if limit.taken_us > now:
                limit.taken_us -= by
        self._lines.clear()
        self._again.clear()
        self._deaf_until = now + deaf_us

    def leave(self, account_id: int, hosts: Sequence[Host], *, is_urgent: bool, has_waited: bool) -> Leave:
        """Say from which address a message to these hosts may leave, or until when it has to wait. Takes nothing."""
        now = self._clock()
        free = {name: self._free_at(name, now) for name in self._fitting(hosts)}
        best = min(free, key=lambda name: (max(free[name], now), name not in self._limits))
        if is_urgent or free[best] <= now:
            return Leave(best)
        return self._wait(account_id, best, free.values(), now, has_waited=has_waited)

    def take(self, leave: Leave) -> None:
        """A message leaves as was said."""
        now = self._clock()
        for limit in (self._node, self._limits.get(leave.source)):
            if limit is not None:
                limit.take(now)

    def _all(self) -> list[_Limit]:
        return [*([] if self._node is None else [self._node]), *self._limits.values()]

    def _fitting(self, hosts: Sequence[Host]) -> list[str]:
        """Our addresses that can reach these hosts; "" if we have none of their family."""
        families = {":" in place for host in hosts for place in host.addresses}
        return [name for name in self._addresses if (":" in name) in families] or [""]

    def _free_at(self, name: str, now: Instant) -> Instant:
        limit = self._limits.get(name)
        return max(0 if each is None else each.free_at(now) for each in (self._node, limit))

    def _wait(self, account_id: int, best: str, free: Iterable[Instant], now: Instant, *, has_waited: bool) -> Leave:
        node, own = self._node, self._limits.get(best)
        limit = own if node is None or (own is not None and own.free_at(now) >= node.free_at(now)) else node
        assert limit is not None
        rate = limit.throttle.at(now)
        assert rate is not None
        lines = self._again if has_waited else self._lines
        gap = self._interval(limit, rate, now) * len(
            {account_id, *(each for each, ends in lines.items() if ends > now)}
        )
        until = max(lines.get(account_id, 0) + gap, min(free))
        changes = limit.throttle.changes_at(now)
        lines[account_id] = until = min(until, changes) if changes else until
        return Leave("", until, f"No more than {rate.words} go out {limit.throttle.limits}.")

    def _interval(self, limit: _Limit, rate: Rate, now: Instant) -> int:
        """From one that leaves to the next: all addresses share what waits, unless the node itself is what holds it back."""
        if limit is self._node:
            return rate.interval_us
        rates = [each.throttle.at(now) for each in self._limits.values()]
        return max(1, int(1 / sum(1 / each.interval_us for each in rates if each is not None)))
