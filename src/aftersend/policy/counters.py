"""Count what is heard of an address: how far apart, within which time, and what it leads to. Pure folds over one counter.

A delivery counts once. A delivery that arrived in between begins the count anew, unless it comes back itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from aftersend.ledger.standing import Cause, Counter, History, Streak

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


@dataclass(frozen=True, slots=True)
class Limit:
    """How many make a counter full, and what follows then: a list entry, or one count of a weightier counter."""

    number: int
    leads_to: Cause | Counter
    apart_us: int = 0
    """What comes sooner after the last one is not counted."""
    within_us: int | None = None
    """So long after the first one a new row begins."""
    over_us: int = 0
    """The row must have lasted so long."""


@dataclass(frozen=True, slots=True)
class SuppressionRules:
    """What the operator chose: when soft bounces count, and for how long an address is left alone."""

    soft_bounces: int = 3
    """So many in a row suppress an address; 0: never."""
    soft_apart_us: int = DAY_US
    soft_lasts_us: int = 30 * DAY_US
    hard_lasts_us: int = 180 * DAY_US
    provisional_lasts_us: int = DAY_US

    def limit(self, counter: Counter) -> Limit:
        """Say when a counter is full."""
        if counter is Counter.SOFT:
            return Limit(self.soft_bounces, Cause.SOFT_BOUNCES, apart_us=self.soft_apart_us)
        return _LIMITS[counter]


SUPPRESSION_RULES = SuppressionRules()
"""What holds where nobody chose anything else."""

_LIMITS = {
    Counter.HARD: Limit(2, Cause.BOUNCED, within_us=30 * DAY_US),
    Counter.DOMAIN: Limit(2, Cause.BOUNCED, apart_us=DAY_US, within_us=30 * DAY_US),
    Counter.RELAYING: Limit(5, Counter.DOMAIN, within_us=14 * DAY_US),
    Counter.UNREACHABLE: Limit(3, Counter.SOFT, apart_us=DAY_US),
    Counter.UNKNOWN: Limit(5, Counter.SOFT, apart_us=DAY_US, over_us=30 * DAY_US),
}


def counted(counter: Counter, limit: Limit, history: History) -> tuple[Streak, bool]:
    """Count one more, if it counts; return the counter as it is then, and whether it was counted and is full."""
    streak = history.streaks.get(counter) or Streak(counter)
    now, delivery = history.now, history.delivery_id
    if streak.number and streak.last_delivery == delivery:
        return streak, False
    streak = _without(streak, delivery)
    if limit.within_us is not None and now - streak.first_us > limit.within_us:
        streak = Streak(counter)
    if streak.number and now - streak.last_us < limit.apart_us:
        return streak, False
    first = streak.first_us if streak.number else now
    streak = replace(
        streak, number=streak.number + 1, first_us=first, last_us=max(now, streak.last_us), last_delivery=delivery
    )
    is_in_a_row = streak.reset_by is None and now - first >= limit.over_us
    return streak, streak.number >= limit.number > 0 and is_in_a_row


def emptied(streak: Streak) -> Streak:
    """A counter that has led to one count of another begins anew; the delivery it counted last stays known."""
    return replace(streak, number=0, first_us=0)


def interrupted(streak: Streak, delivery_id: int) -> Streak:
    """A delivery came between."""
    return replace(streak, reset_by=delivery_id if streak.reset_by is None else streak.reset_by, reset_last=delivery_id)


def _without(streak: Streak, delivery: int) -> Streak:
    """The counter as it is when this delivery has come back: another that came between has ended the row."""
    if streak.reset_by is None:
        return streak
    if streak.reset_by != delivery:
        return Streak(streak.counter)
    if streak.reset_last == delivery:
        return replace(streak, reset_by=None, reset_last=None)
    return replace(streak, reset_by=streak.reset_last)
