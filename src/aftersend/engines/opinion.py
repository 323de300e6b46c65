"""What an engine answers, as values, and what every engine can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

TIME_LIMIT_S = 10.0
"""For one question; Rspamd itself gives up after 8 seconds."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """One rule that matched."""

    name: str
    score: float
    """What it added; negative: it spoke for the message."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What an engine says of a message."""

    name: str
    """`rspamd` or `spamassassin`."""
    score: float
    threshold: float
    """From this score on the engine itself calls it spam."""
    action: str
    """In the engine's own words: `no action`, `reject`, `spam` …"""
    symbols: tuple[Symbol, ...] = ()
    """The heaviest first."""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no opinion, and why, in one plain sentence."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Learned:
    """The engine was taught; `is_new` is False when it knew this message already, or did not want to learn it."""

    name: str
    is_new: bool


class Engine(Protocol):
    """A spam filter."""

    @property
    def name(self) -> str:
        """Its name in opinions and settings."""

    async def ask(
        self, message: bytes, *, sender: str, recipients: Sequence[str], time_limit_s: float = TIME_LIMIT_S
    ) -> Opinion | Absent:
        """Return its opinion of a whole message with its envelope, or why there is none. Never raise for what it does."""

    async def teach(self, message: bytes, spam: bool) -> Learned | Absent:
        """Teach it that a message is spam, or that it is none."""

    async def close(self) -> None:
        """Close its connections."""


def heaviest_first(symbols: Sequence[Symbol]) -> tuple[Symbol, ...]:
    """Return symbols in the order of their weight, then by name."""
    return tuple(sorted(symbols, key=lambda symbol: (-abs(symbol.score), symbol.name)))
