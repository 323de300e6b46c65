"""What a gate may look at: one delivery, and what was found out about it and its like at once, before any gate is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from aftersend.policy.pace import Pace
from aftersend.policy.windows import Window


@dataclass(frozen=True, slots=True)
class Nowhere:
    """The DNS says that a domain takes no mail."""

    trouble: str
    """`no_such_domain`, `null_mx` or `no_address`."""
    explanation: str
    suggestion: str | None = None
    """The domain that was probably meant."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a message as such."""

    code: str
    why: str
    """What is wrong and how to mend it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A message before the moderator."""

    state: str
    """`checking`, `pending`, `accepted`, `quarantined` or `passed`."""
    why: str
    until_us: int
    """When somebody looks again, if nobody decides."""
    by: str = ""
    """Who decided."""


@dataclass(slots=True)
class Purse:
    """The credits that an account has left, while a batch is treated."""

    left: int
    renews_us: int | None = None


@dataclass(slots=True)
class Known:
    """What was found out about a delivery. The defaults say: nothing that would stand against it."""

    case: Case | None = None
    """None: the account's mail is not moderated."""
    purse: Purse | None = None
    """None: the account's mail is not counted."""
    kept_until_us: int = 0
    """For how long it is kept for want of credits."""
    paces: tuple[Pace, ...] = ()
    """How the rates stand that it counts for beside its stream's."""
    is_urgent: bool = False
    """Whether those hold it back never."""
    nowhere: Nowhere | None = None
    fault: Fault | None = None


class Candidate(Protocol):
    """One delivery before it is treated; times in microseconds."""

    @property
    def recipient(self) -> str:
        """The address as it was given."""

    @property
    def domain(self) -> str:
        """Its domain, as an A-label."""

    @property
    def stream(self) -> str:
        """The kind of mail."""

    @property
    def scheduled_us(self) -> int | None:
        """When the sender wants it to go, if not at once."""

    @property
    def suppressed(self) -> str | None:
        """Why the address is on a list that forbids mailing it, or None."""

    @property
    def suppression_origin(self) -> str | None:
        """`learned` from what happened to earlier mail, `configured` by a person, or `platform` for all accounts."""

    @property
    def suppressed_until(self) -> int | None:
        """When the entry ends, or None for never."""

    @property
    def window(self) -> Window | None:
        """The hours in which mail of its stream may go, or None for any time."""

    @property
    def facts(self) -> int:
        """What is known to have happened to it, as bits."""

    @property
    def has_waited(self) -> bool:
        """Whether a rate held it back before, and gave it its place in line."""

    @property
    def pace(self) -> Pace | None:
        """How the rate of its stream stands, or None if there is none."""

    @property
    def known(self) -> Known | None:
        """What was found out about it; None when nothing had to be."""
