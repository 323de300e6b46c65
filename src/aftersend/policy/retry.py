"""Decide when a delivery is tried again, and when it has been tried for long enough.

Owns the plan of waits. Knows nothing of why an attempt failed beyond the hints it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SECOND_US = 1_000_000
MINUTE_S = 60
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """When to try, in seconds since the message was accepted; after the last step, every `then_every_s`.

    The first waits are short, since most trouble is (greylisting, a restart), and later ones leave the other side alone.
    """

    steps_s: Sequence[float] = (5 * 60, 12 * 60, 20 * 60, 45 * 60, 2 * HOUR_S, 4 * HOUR_S)
    then_every_s: float = 4 * HOUR_S
    jitter: float = 0.1
    """The share by which a wait is shortened or lengthened at random, so that many do not come back at once."""
    hint_least_s: float = 30
    hint_most_s: float = 4 * HOUR_S
    greylist_least_s: float = 5 * 60 + 15
    """Greylists commonly ask for five minutes; coming a little later costs less than coming too early."""
    uncertain_least_s: float = 30 * 60
    """After a lost final reply the message may have arrived, so a second copy does not hurry."""
    scale: float = 1.0
    """All times are multiplied by it; the practice world lives faster."""


@dataclass(frozen=True, slots=True)
class Hints:
    """What the failed attempt says about the next one."""

    retry_after_s: float | None = None
    """The server said "try again in N seconds"."""
    greylisted: bool = False
    uncertain: bool = False


NO_HINTS = Hints()


def next_try(
    plan: RetryPlan,
    *,
    accepted_us: int,
    failed_us: int,
    tries: int,
    ends_us: int,
    chance: float,
    hints: Hints = NO_HINTS,
) -> int | None:
    """Say when to try again, or None when the lifetime ends first. `chance` is random, 0 ≤ chance < 1.

    `tries` counts the attempts made, the failed one included. The wait is never shorter than what the server asked for
    (within reason), and the last try is never placed behind the end of the lifetime: it is tried once more at the end.
    """
    if failed_us >= ends_us:
        return None
    scale = plan.scale * SECOND_US
    if tries <= len(plan.steps_s):
        before = plan.steps_s[tries - 2] if tries >= 2 else 0
        wait = (plan.steps_s[tries - 1] - before) * scale
        step = plan.steps_s[tries - 1] * scale
        # Never later than a whole step from now: the clock may have been put back since the message was accepted.
        due = min(max(accepted_us + step, failed_us + wait / 2), failed_us + step)
    else:
        wait = plan.then_every_s * scale
        due = failed_us + wait
    due += wait * plan.jitter * (2 * chance - 1)
    least = 0.0
    if hints.retry_after_s is not None:
        least = min(max(hints.retry_after_s, plan.hint_least_s), plan.hint_most_s)
        if plan.scale != 1.0:
            least = min(hints.retry_after_s, plan.hint_least_s * plan.scale)
        least *= SECOND_US
        due = failed_us + least * (1 + plan.jitter * chance)
    elif hints.greylisted:
        due = max(due, failed_us + plan.greylist_least_s * scale * (1 + plan.jitter * chance))
    if hints.uncertain:
        due = max(due, failed_us + plan.uncertain_least_s * scale)
    last_chance = ends_us - SECOND_US * min(1.0, plan.scale)
    if due >= ends_us:
        return int(last_chance) if failed_us < last_chance - wait / 4 else None
    return int(max(due, failed_us + least + 1))
