"""Own the rates by which mail is held back beside those of streams: an account's own, those to a domain or to a receiving
site, and those from a node or from one of its addresses.

Each account is counted by itself, also where a rate holds for all of them; but what goes to a receiving site, where the rate is
set for all, and what goes from a node or an address is counted together, whoever's it is. Transactional mail counts, and never waits.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aftersend.errors import BadField
from aftersend.mail import address
from aftersend.policy import pace
from aftersend.policy.pace import Rate

ACCOUNT, DOMAIN, SITE, NODE, ADDRESS = SCOPES = ("account", "domain", "site", "node", "address")
SENDERS = (NODE, ADDRESS)
"""What mail goes from: these hold for all accounts together."""
EVERYBODY = 0
"""In place of an account: all that have no rate of their own."""
SHARED = "all:"
"""Before the name of the place under which a rate to a site is counted that all accounts have together."""
WARM_UP = "warm-up"
"""In place of a rate: so much a day as the world gets used to, and then no limit."""
DAYS = (200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 70_000, 100_000, 150_000, 250_000)
DAY_US = 86_400_000_000
BURST_SHARE = 20
"""One in so many of a warm-up's day may go at once."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """One rate. `name` is the domain, the site, the node or the address, "" for an account."""

    scope: str
    name: str
    rate: str
    began_us: int
    is_shared: bool = False
    """Whether all accounts have it together."""

    def at(self, now: int) -> Rate | None:
        """Return the rate of this moment; None once a warm-up is over."""
        if self.rate != WARM_UP:
            return pace.read(self.rate)
        day = max(0, now - self.began_us) // DAY_US
        if day >= len(DAYS):
            return None
        return Rate(DAYS[day], DAY_US, max(1, DAYS[day] // BURST_SHARE))

    def changes_at(self, now: int) -> int:
        """When the rate will be another one; 0 for never."""
        if self.rate != WARM_UP or self.at(now) is None:
            return 0
        return self.began_us + (max(0, now - self.began_us) // DAY_US + 1) * DAY_US

    @property
    def place(self) -> str:
        """Under what it is counted; no stream has such a name."""
        place = f"{self.scope}:{self.name}"
        return f"{SHARED}{place}" if self.is_shared else place

    @property
    def limits(self) -> str:
        """What it limits, for a sentence."""
        return limits(self.scope, self.name)


def limits(scope: str, name: str) -> str:
    """Say what a rate limits, for a sentence."""
    return _LIMITS[scope].format(name)


_LIMITS = {
    ACCOUNT: "of the account",
    DOMAIN: "to {}",
    SITE: "to the servers of {}",
    NODE: "from the node {}",
    ADDRESS: "from {}",
}


@dataclass(frozen=True)
class Throttles:
    """All of them at one moment, by account, scope and name."""

    known: Mapping[tuple[int, str, str], Throttle] = field(default_factory=dict)

    sited: frozenset[int] = frozenset()
    """Accounts that have a rate to some site; `EVERYBODY` if there is one for all."""

    def of(self, account_id: int, domain: str, site: str = "") -> list[Throttle]:
        """Return those that mail of an account to a domain at a site counts for; an account's own go before those for all.

        A rate to a site that all accounts have together holds beside an account's own: nobody gets round it.
        """
        if not self.known:
            return []
        found = []
        for scope, name in ((ACCOUNT, ""), (DOMAIN, domain), (SITE, site)):
            own, general = self.known.get((account_id, scope, name)), self.known.get((EVERYBODY, scope, name))
            if general is not None and general.is_shared:
                found += [general] if own is None else [own, general]
            elif (one := own or general) is not None:
                found.append(one)
        return found

    def ask_for_sites(self, account_id: int) -> bool:
        """Whether it matters at which site an account's recipients are, which only the DNS knows."""
        return bool(self.sited) and (EVERYBODY in self.sited or account_id in self.sited)

    def may_concern(self, account_id: int, domain: str) -> bool:
        """Whether mail of an account to a domain may count for a rate, as far as can be said without the DNS."""
        return self.ask_for_sites(account_id) or bool(self.of(account_id, domain))

    def of_sender(self, scope: str, name: str) -> Throttle | None:
        """Return the rate of a node or of an address."""
        return self.known.get((EVERYBODY, scope, name))


def read(rows: Iterable[tuple[int, str, str, str, int]]) -> Throttles:
    """Return kept rates as values."""
    known = {row[:3]: Throttle(*row[1:], row[0] == EVERYBODY and row[1] == SITE) for row in rows}
    return Throttles(known, frozenset(account for account, scope, _ in known if scope == SITE))


def checked(scope: str, name: str, rate: str) -> tuple[str, str]:
    """Return name and rate in the form in which they are kept. Raise BadField."""
    if scope not in SCOPES:
        raise BadField("#/scope", f"{scope[:40]!r} cannot be limited; choose {', '.join(SCOPES)}.")
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
    if scope == NODE:
        if not _NODE.fullmatch(name.strip()):
            raise BadField("#/name", "Name the node, as the setting `node` does.")
        return name.strip()
    if scope == ADDRESS:
        try:
            return str(ipaddress.ip_address(name.strip()))
        except ValueError:
            raise BadField("#/name", f"{name[:60]!r} is no address; write 192.0.2.1 or 2001:db8::1.") from None
    try:
        return address.a_label(name.strip().lstrip("@"))
    except BadField:
        raise BadField("#/name", f"{name[:60]!r} is no domain; write example.com.") from None


def is_of_all(scope: str, *, everywhere: bool) -> bool:
    """Whether a rate holds for all accounts: it was said, or it is one of what mail goes from."""
    return everywhere or scope in SENDERS


_NODE = re.compile(r"[^\s\x00-\x1f\x7f]{1,100}")
