"""Decide how hard a receiving site may be pressed: how many connections, how fast, and when to leave it alone.

A site is all that shares its mail servers (`google`'s thousand domains are one). Its limit shrinks at once when it says
that we are too much (421, 4.7.x, too many connections), closes for a while when it cannot be reached, and grows slowly
while things go well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
SMART_HOST_TIMES = 4
SMART_HOST_GROWS_AFTER = 5


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator allows at most, and how the limits move."""

    start: int = 20
    """Connections to a site that we know nothing of."""
    most: int = 50
    idle_s: float = 5.0
    """For how long an unused connection is kept for the next message."""
    messages: int = 1000
    """Messages over one connection before it is closed."""
    closed_after_refusal_s: float = 120.0
    """How long a host that refused the connection is left alone (features.md §5: two minutes)."""
    closed_after_timeout_s: float = 900.0
    rate_least: float = 0.1
    """Messages a second below which no site is thought to go."""
    pause_scale: float = 1.0
    """Multiplies the pauses that a site asks for."""
    grow_after: int = 50
    """So many good deliveries in a row add one connection."""
    grow_at_first: int = 50
    """The same for a site that has never complained."""

    def for_smart_host(self) -> Limits:
        """The same limits for a server that the operator named to take our mail onward: more, and reached sooner.

        It stands for all domains behind it, and it can say 421 like any other.
        """
        most = SMART_HOST_TIMES * self.most
        return replace(self, most=most, grow_after=SMART_HOST_GROWS_AFTER, grow_at_first=1)

    def scaled(self, scale: float) -> Limits:
        """The same limits where time runs faster, as in the practice world."""
        return replace(
            self,
            closed_after_refusal_s=self.closed_after_refusal_s * scale,
            closed_after_timeout_s=self.closed_after_timeout_s * scale,
            rate_least=self.rate_least / scale,
            pause_scale=self.pause_scale * scale,
        )


@dataclass(frozen=True, slots=True)
class SiteState:
    """What we have learnt of a site."""

    connections: float
    good: int = 0
    closed_until_us: int = 0
    why: str = ""
    rate_per_s: float | None = None
    """Messages a second at most, once the site has spoken of rates; None while it has not."""
    has_complained: bool = False


def fresh(limits: Limits) -> SiteState:
    """The state of a site that we know nothing of."""
    return SiteState(connections=float(min(limits.start, limits.most)))


def after_success(state: SiteState, limits: Limits) -> SiteState:
    """A message was taken: after enough of them the site may be pressed a little more."""
    good = state.good + 1
    if good < (limits.grow_after if state.has_complained else limits.grow_at_first):
        return replace(state, good=good)
    rate = state.rate_per_s
    if rate is not None:
        rate = rate * 1.25 if rate < 1000 else None
    return replace(
        state, good=0, connections=min(float(limits.most), state.connections + 1), rate_per_s=rate, why="" if rate is None else state.why
    )  # fmt: skip


def after_pushback(
    state: SiteState,
    limits: Limits,
    *,
    now: int,
    open_connections: int,
    seen_rate: float | None,
    why: str,
    pause_s: float,
) -> SiteState:
    """The site says that we are too much: half the connections that it has borne, never less than one, and a pause.

    `seen_rate` is given where it spoke of messages rather than of connections; the rate is then halved too. What comes
    while we already pause is the echo of what we did before, and counts once.
    """
    if state.closed_until_us > now:
        return replace(state, why=why)
    rate = state.rate_per_s
    if seen_rate is not None:
        rate = max(limits.rate_least, min(rate or seen_rate, seen_rate) / 2)
    return replace(
        state,
        connections=max(1.0, min(state.connections, max(1, open_connections)) / 2),
        good=0,
        rate_per_s=rate,
        closed_until_us=now + int(pause_s * SECOND_US),
        why=why,
        has_complained=True,
    )


def after_no_connection(state: SiteState, limits: Limits, *, now: int, timed_out: bool, why: str) -> SiteState:
    """No host of the site could be reached: leave it alone for a while."""
    pause = limits.closed_after_timeout_s if timed_out else limits.closed_after_refusal_s
    return replace(state, good=0, closed_until_us=now + int(pause * SECOND_US), why=why)


def share(connections: float, nodes: int) -> int:
    """The part of a site's connections that one of so many nodes may open; at least one."""
    return max(1, int(connections) // max(1, nodes))
