"""Own the rates by which an account's mail is held back beside those of its streams: its own, and those to a domain.

Each account is counted by itself, also where a rate holds for all of them. Transactional mail counts, and never waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aftersend.errors import BadField
from aftersend.mail import address
from aftersend.policy import pace
from aftersend.policy.pace import Rate

ACCOUNT, DOMAIN = SCOPES = ("account", "domain")
EVERYBODY = 0
"""In place of an account: all that have no rate of their own."""
WARM_UP = "warm-up"
"""In place of a rate: so much a day as the world gets used to, and then no limit."""
DAYS = (200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 70_000, 100_000, 150_000, 250_000)
DAY_US = 86_400_000_000
BURST_SHARE = 20
"""One in so many of a warm-up's day may go at once."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """One rate. `name` is the domain, "" for an account."""

    scope: str
    name: str
    rate: str
    began_us: int

    def at(self, now: int) -> Rate | None:
        """Return the rate of this moment; None once a warm-up is over."""
        if self.rate != WARM_UP:
            return pace.read(self.rate)
        day = max(0, now - self.began_us) // DAY_US
        if day >= len(DAYS):
            return None
        return Rate(DAYS[day], DAY_US, max(1, DAYS[day] // BURST_SHARE))

    @property
    def place(self) -> str:
        """Under what it is counted; no stream has such a name."""
        return f"{self.scope}:{self.name}"

    @property
    def limits(self) -> str:
        """What it limits, for a sentence."""
        return f"to {self.name}" if self.scope == DOMAIN else "of the account"


@dataclass(frozen=True)
class Throttles:
    """All of them at one moment, by account, scope and name."""

    known: Mapping[tuple[int, str, str], Throttle] = field(default_factory=dict)

    def of(self, account_id: int, domain: str) -> list[Throttle]:
        """Return those that mail of an account to a domain counts for; an account's own go before those for all."""
        if not self.known:
            return []
        found = []
        for scope, name in ((ACCOUNT, ""), (DOMAIN, domain)):
            one = self.known.get((account_id, scope, name)) or self.known.get((EVERYBODY, scope, name))
            if one is not None:
                found.append(one)
        return found


def read(rows: Iterable[tuple[int, str, str, str, int]]) -> Throttles:
    """Return kept rates as values."""
    return Throttles({row[:3]: Throttle(*row[1:]) for row in rows})


def checked(scope: str, name: str, rate: str) -> tuple[str, str]:
    """Return name and rate in the form in which they are kept. Raise BadField."""
    if scope not in SCOPES:
        raise BadField("#/scope", f"{scope[:40]!r} cannot be limited; choose {' or '.join(SCOPES)}.")
    rate = rate.strip()
    if rate != WARM_UP and pace.read(rate) is None:
        raise BadField("#/rate", f"Write a rate such as 600/hour, or {WARM_UP}.")
    return checked_name(scope, name), rate


def checked_name(scope: str, name: str) -> str:
    """Return the name of what is limited. Raise BadField."""
    if scope == ACCOUNT:
        if name.strip():
            raise BadField("#/name", "An account's rate needs no name; leave it out.")
        return ""
    try:
        return address.a_label(name.strip().lstrip("@"))
    except BadField:
        raise BadField("#/name", f"{name[:60]!r} is no domain; write example.com.") from None
