"""What a gate may look at."""

from __future__ import annotations

from typing import Protocol

from aftersend.policy.pace import Pace
from aftersend.policy.windows import Window


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
        """`learned` from what happened to earlier mail, or `configured` by a person."""

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
    def pace(self) -> Pace | None:
        """How the rate of its stream stands, or None if there is none."""
