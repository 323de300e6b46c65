"""Own what is forgotten when: each kind of data with its time, in one place for the service and for who does it by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from aftersend.clock import DAY, Instant
from aftersend.store import consents, feed, hits, hooks, imports, moderation, retention, returned, standings

STREAKS_KEPT_DAYS = 400
"""For so long an address is remembered of which nothing was heard any more."""
IMPORTS_KEPT_DAYS = 7

Forget = Callable[..., Any]
"""Takes a connection; removes a slice, and returns how many rows went, or that for each of several kinds."""


class Kept(Protocol):
    """For how many days each kind is kept: the settings `retention.*`."""

    @property
    def bodies(self) -> int: ...
    @property
    def evidence(self) -> int: ...
    @property
    def events(self) -> int: ...
    @property
    def hits(self) -> int: ...
    @property
    def refusals(self) -> int: ...
    @property
    def returns(self) -> int: ...


def steps(kept: Kept, now: Instant) -> dict[str, Forget]:
    """Return what is to be done in turn, each in a transaction of its own, again and again until nothing goes any more."""

    def before(days: int) -> Instant:
        return now - days * DAY

    days = {"bodies": kept.bodies, "evidence": kept.evidence, "events": kept.events, "refusals": kept.refusals}
    return {
        "": partial(retention.prune, now=now, days=days, idempotency_us=DAY),
        "returns": partial(returned.prune, before=before(kept.returns)),
        "hits": partial(hits.prune, before=before(kept.hits)),
        "streaks": partial(standings.prune, before=before(STREAKS_KEPT_DAYS)),
        "feed": partial(feed.prune, before=before(kept.events)),
        "attempts": partial(hooks.prune_attempts, before=before(kept.evidence)),
        "given_up": partial(hooks.prune_given_up, before=before(kept.events)),
        "imports": partial(imports.prune, before=before(IMPORTS_KEPT_DAYS)),
        "opt_ins": partial(consents.prune, before=now),
        "moderation": partial(moderation.prune, before=before(kept.events)),
    }


def named(name: str, went: int | dict[str, int]) -> dict[str, int]:
    """Return how much of each kind a step took away."""
    return went if isinstance(went, dict) else {name: went}
