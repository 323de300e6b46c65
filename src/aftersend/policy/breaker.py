"""Notice when one provider denies the existence of far more addresses than it usually does.

On two days in December 2020 a large provider answered 5.1.1 for hours for addresses that existed. What is learned at such
a time is provisional (`suppression`). Each node keeps its own numbers, in memory, for a share is as good as a total; that a
share has leapt is what nodes tell each other, and what outlives a restart (`heed`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HOUR_US = 3_600_000_000
LEAST_ANSWERS = 50
"""Fewer answers in an hour prove nothing."""
LEAST_SHARE = 0.05
LEAP = 4.0
"""So many times the usual share is a leap."""
LASTS_HOURS = 24
"""So long after the last leap what is learned stays provisional."""
PROVIDERS_MOST = 10_000


@dataclass(slots=True)
class _Provider:
    hour: int = 0
    answers: int = 0
    denials: int = 0
    usual: float | None = None
    """The share of denials over the hours before, the latest weighing most; None while there was none."""
    leaps_until: int = 0
    taken_hour: int = -1_000_000
    """The last hour in which it took mail."""

    def turn(self, hour: int) -> None:
        """Begin another hour: what the one before was like becomes part of what is usual, unless it was a leap."""
        if hour <= self.hour:
            return
        if self.answers >= LEAST_ANSWERS and self.leaps_until < hour:
            share = self.denials / self.answers
            self.usual = share if self.usual is None else self.usual + (share - self.usual) / 8
        self.hour, self.answers, self.denials = hour, 0, 0


class Breaker:
    """The numbers of all providers, as one node sees them."""

    def __init__(self) -> None:
        self._providers: dict[str, _Provider] = {}

    def accepted(self, provider: str, now: int) -> None:
        """The provider took a message. Costs well under a microsecond."""
        known = self._providers.get(provider) or self._new(provider)
        hour = now // HOUR_US
        if hour != known.hour:
            known.turn(hour)
        known.answers += 1
        known.taken_hour = hour

    def refused(self, provider: str, now: int, *, is_denial: bool) -> bool:
        """The provider refused a message; `is_denial` if it says that there is no such address.

        Return whether a leap has just begun, so that the operator can be told.
        """
        known = self._providers.get(provider) or self._new(provider)
        known.turn(now // HOUR_US)
        known.answers += 1
        known.denials += is_denial
        if not is_denial or known.answers < LEAST_ANSWERS:
            return False
        usual = LEAST_SHARE if known.usual is None else max(LEAST_SHARE, LEAP * known.usual)
        if known.denials / known.answers <= usual:
            return False
        begins = known.leaps_until <= known.hour
        known.leaps_until = known.hour + LASTS_HOURS
        return begins

    def doubted_until(self, provider: str) -> int:
        """Return when what the provider denies is to be believed again; 0 if it never was in doubt."""
        known = self._providers.get(provider)
        return known.leaps_until * HOUR_US if known else 0

    def heed(self, doubts: Mapping[str, int]) -> None:
        """Take over the doubts of other nodes, and those from before a restart: providers, and until when each lasts."""
        for provider, until in doubts.items():
            known = self._providers.get(provider) or self._new(provider)
            known.leaps_until = max(known.leaps_until, -(-until // HOUR_US))

    def is_leap(self, provider: str, now: int) -> bool:
        """Say whether what the provider denies is to be taken with caution just now."""
        known = self._providers.get(provider)
        return known is not None and known.leaps_until > now // HOUR_US

    def takes_mail(self, provider: str, now: int) -> bool:
        """Say whether the provider took mail within the last day."""
        known = self._providers.get(provider)
        return known is not None and now // HOUR_US - known.taken_hour < 24

    def _new(self, provider: str) -> _Provider:
        if len(self._providers) >= PROVIDERS_MOST:
            self._providers.clear()
        made = self._providers[provider] = _Provider()
        return made
