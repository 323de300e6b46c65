"""Own the values that say how an address stands: the counters that run for it, the list entry, and what changes.

Policy decides on them, the store keeps them. Times are microseconds UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason


class Cause(StrEnum):
    """Why the platform learned not to write to an address. A person may write a cause of their own."""

    BOUNCED = "bounced"
    SOFT_BOUNCES = "soft_bounces"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


LASTING = (Cause.COMPLAINED.value, Cause.UNSUBSCRIBED.value)
"""What recipients themselves asked for: it never expires, and only taking the address off undoes it."""


class Counter(StrEnum):
    """What is counted for an address, as long as no delivery comes between."""

    SOFT = "soft"
    """Deliveries that came back because of the mailbox."""
    HARD = "hard"
    """Refusals of the address that leave a doubt."""
    DOMAIN = "domain"
    """The domain was not found or takes no mail, or the address was put off until the time was over."""
    UNREACHABLE = "unreachable"
    """Nobody could be reached until the time was over."""
    UNKNOWN = "unknown"
    """It failed, and nothing says why."""
    RELAYING = "relaying"
    """A server said that it does not serve the domain."""


@dataclass(frozen=True, slots=True)
class Streak:
    """One counter of one address."""

    counter: Counter
    number: int = 0
    first_us: int = 0
    last_us: int = 0
    last_delivery: int = 0
    """The delivery that was counted last; none is counted twice."""
    reset_by: int | None = None
    """The first delivery that came between since the last count, if one did. If it comes back after all, it did not."""
    reset_last: int | None = None
    """The latest one: it takes the place of the first when that comes back."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The entry of an address on the list for all streams of its account."""

    cause: str
    is_learned: bool
    created_us: int
    expires_us: int | None = None
    """None: it never ends."""
    tier: int = 0
    """How often it was renewed; each time it lasts longer."""
    is_provisional: bool = False
    """Learned in a time of doubt: the next message decides."""
    reason: str | None = None
    """The reason that it was learned from."""
    probe: int | None = None
    """The one delivery that was let through after it ended, to see how things are."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What has been said of an address, in answer to one delivery."""

    reason: Reason
    detail: str | None = None
    status: str = ""
    """Enhanced status (RFC 3463), or ""."""
    is_weak: bool = False
    """Whether the words leave open that the address is at fault."""
    is_after_data: bool = False
    """Whether it answered the content of the message, and not the address."""
    is_expiry: bool = False
    """Whether it is the last of a row of temporary answers, until the time was over."""
    is_second_hand: bool = False
    """Whether somebody said it in a report that was sent about another recipient."""
    provider: str = ""
    """Who said it: the site, as delivery names it."""
    is_leap: bool = False
    """Whether this provider denies the existence of far more addresses than it usually does."""
    provider_takes_mail: bool = False
    """Whether this provider has taken other mail of ours within the last day."""


@dataclass(frozen=True, slots=True)
class History:
    """What is known of an address when something is heard of it."""

    delivery_id: int
    now: int
    streaks: Mapping[Counter, Streak] = field(default_factory=dict)
    standing: Standing | None = None
    accepted_before: bool = False
    """Whether the address has taken mail of ours within the last deliveries to it."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An address is to be put on the list for a stream, or for all ("")."""

    cause: Cause
    expires_us: int | None
    stream: str = ""
    tier: int = 0
    is_provisional: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What follows for an address. Empty: nothing."""

    streaks: tuple[Streak, ...] = ()
    listed: Listed | None = None
    lifts: bool = False
    """Whether the learned entry goes."""
    fact: Fact | None = None
    """A further fact about the delivery."""
    rule: str = ""
    """The rule that was applied, in plain words."""

    def __bool__(self) -> bool:
        return bool(self.streaks or self.listed or self.lifts or self.fact)


NOTHING = Change()
"""Nothing follows."""

Judge = Callable[[History], Change]
"""Decides what follows, given what is known when it is written down."""
