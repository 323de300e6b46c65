"""Say of an address whose network it is: what the operator knows, else its name in the DNS, which must lead back to it, and
what our table says."""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aftersend.errors import SettingsError
from aftersend.policy.hits.tables import rows

CLASSES = frozenset(
    {
        "residential", "mobile", "corporate", "education", "cloud_hosting", "vpn", "security_vendor", "google_proxy",
        "google_other", "apple_relay", "microsoft", "yahoo_proxy",
    }
)  # fmt: skip
_PARTS = re.compile(r"[.-]")
REMEMBERED = 50_000
WITHIN_S = 2.0
AT_ONCE = 50

NameOf = Callable[[str], Awaitable[str | None]]
"""From an address to its name in the DNS, proven by the address of that name; None for none."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of an address."""

    kind: str = "unknown"
    owner: str | None = None
    name: str | None = None


NOWHERE = Origin()
Network = tuple[IPv4Network | IPv6Network, str, str | None]


class Origins:
    """Looks addresses up, and remembers. One for each process."""

    def __init__(self, networks: Mapping[str, str], name_of: NameOf | None = None) -> None:
        self._networks = [(ip_network(text, strict=False), *_read(text, said)) for text, said in networks.items()]
        self._networks.sort(key=lambda each: -each[0].prefixlen)
        self._table = [(ip_network(text), known.kind, known.name) for text, known in rows("addresses")]
        self._name_of = name_of
        self._known: OrderedDict[str, Origin] = OrderedDict()

    async def of(self, addresses: Iterable[str]) -> dict[str, Origin]:
        """Return what is known of each address. Takes a few seconds at most; what is not known by then is not known."""
        wanted = list(dict.fromkeys(addresses))
        fresh = [each for each in wanted if each not in self._known]
        for start in range(0, len(fresh), AT_ONCE):
            part = fresh[start : start + AT_ONCE]
            for address, origin in zip(part, await asyncio.gather(*map(self._look_up, part)), strict=True):
                self._known[address] = origin
        found = {each: self._known.get(each, NOWHERE) for each in wanted}
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def _look_up(self, text: str) -> Origin:
        try:
            address = ip_address(text)
        except ValueError:
            return NOWHERE
        configured = _found(self._networks, address)
        if configured is not None:
            return configured
        listed = _found(self._table, address) or NOWHERE
        if self._name_of is None or address.is_loopback or address.is_private:
            return listed
        try:
            name = await asyncio.wait_for(self._name_of(text), WITHIN_S)
        except Exception:
            name = None
        if name is not None and listed is NOWHERE:
            kind, owner = _told_by(name)
            return Origin(kind, owner, name)
        return replace(listed, name=name)


def _told_by(name: str) -> tuple[str, str | None]:
    """Return what a name says of the network: providers name the addresses of their customers by rule."""
    low = "." + name.lower().rstrip(".")
    parts = {part.strip("0123456789") for part in _PARTS.split(low)}
    for word, known in rows("hosts"):
        if low.endswith(f".{word}") if "." in word or word == "edu" else word in parts:
            return known.kind, known.name
    return "unknown", None


def _found(networks: Iterable[Network], address: IPv4Address | IPv6Address) -> Origin | None:
    for network, kind, owner in networks:
        if address.version == network.version and address in network:
            return Origin(kind, owner)
    return None


def _read(network: str, said: str) -> tuple[str, str | None]:
    """Read what the operator says of a network: a class, and whose it is behind it. Raise SettingsError."""
    kind, _, owner = said.strip().partition(" ")
    if kind not in CLASSES:
        raise SettingsError(
            f"tracking.networks: {network} is {kind[:40]!r}; the classes are {', '.join(sorted(CLASSES))}."
        )
    return kind, owner.strip() or None
