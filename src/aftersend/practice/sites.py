"""The geography of the practice world: its mail servers, and the domains whose mail they take.

Owns the table. A site is a server on an address of its own; several domains may share it. The names of the servers lie
in domains of their own, as with real providers.
"""

from __future__ import annotations

from dataclasses import dataclass

ZONE = "practice.test"


@dataclass(frozen=True, slots=True)
class Place:
    """One receiving server: its name, its address, and what it can and cannot do."""

    name: str
    last_octet: int
    """The last part of its address; the first three are the world's."""
    line: str = ""
    without: frozenset[str] = frozenset()
    """EHLO keywords that it does not offer; `EHLO` itself for a server that only knows HELO."""
    offers_tls: bool = False
    demands_tls: bool = False
    max_size: int = 50 * 1024 * 1024
    connections_most: int | None = None
    """One more is told 421."""
    messages_per_s: float | None = None
    """More are told 450 4.7.28."""
    relays: bool = False
    """Takes mail for everybody, as a smart host does."""
    greeting: tuple[int, str, str] | None = None
    """What it says instead of 220."""
    is_silent: bool = False
    """Accepts connections and never says a word."""
    is_down: bool = False
    """Nothing listens there."""


@dataclass(frozen=True, slots=True)
class Domain:
    """One domain of recipients, and what the DNS says of it."""

    name: str
    """`*.x` stands for everything below x."""
    line: str
    exchanges: tuple[tuple[int, str], ...] = ()
    """Preference and server; the null MX is (0, "")."""
    address_of: str | None = None
    """The place whose address it has itself, as an A record."""
    trouble: str | None = None
    """`nxdomain`, `servfail` or `silence`: how the DNS fails for it."""


MX = "mx1.one-mail.test"

PLACES: dict[str, Place] = {
    place.name: place
    for place in (
        Place(MX, 1),
        Place("mx1.two-mail.test", 2),
        Place("mx2.second-mail.test", 3),
        Place("a-only.practice.test", 4),
        Place("mx.many-mail.test", 5),
        Place("mx.tls-mail.test", 6, "offers STARTTLS, with a certificate made by itself", offers_tls=True),
        Place("mx.tls-only-mail.test", 7, "takes mail over TLS only", offers_tls=True, demands_tls=True),
        Place("mx.no-8bit-mail.test", 8, "does not know 8BITMIME", without=frozenset({"8BITMIME", "SMTPUTF8", "CHUNKING"})),
        Place("mx.no-pipelining-mail.test", 9, "does not know PIPELINING", without=frozenset({"PIPELINING", "CHUNKING"})),
        Place("mx.no-size-mail.test", 10, "does not know SIZE", without=frozenset({"SIZE"})),
        Place("mx.smtputf8-mail.test", 11, "knows SMTPUTF8"),
        Place("mx.no-smtputf8-mail.test", 12, "does not know SMTPUTF8", without=frozenset({"SMTPUTF8"})),
        Place("mx.helo-mail.test", 13, "knows HELO only", without=frozenset({"EHLO"})),
        Place("mx.busy-mail.test", 14, "takes two connections at once", connections_most=2),
        Place("mx.rate-mail.test", 15, "takes 20 messages a second", messages_per_s=20.0),
        Place("mx.small-mail.test", 16, "takes messages up to 20,000 bytes", max_size=20_000),
        Place("mx.blocking-mail.test", 17, "refuses the connection with 554",
              greeting=(554, "5.7.1", "Your address is on our block list; no service")),
        Place("relay.practice.test", 18, "a smart host: takes everything onward", relays=True, offers_tls=True),
        Place("tenant-a.shared-mail.test", 19, "takes mail for its own customer only"),
        Place("tenant-b.shared-mail.test", 20, "takes mail for its own customer only"),
        Place("mx.slowing-mail.test", 21),
        Place("mx.limiting-mail.test", 23),
        Place("mx.cutting-mail.test", 24),
        Place("mx.silent-mail.test", 22, "accepts connections and never says a word", is_silent=True),
        Place("mx1.first-mail.test", 98, "refuses connections", is_down=True),
        Place("mx.down-mail.test", 99, "refuses connections", is_down=True),
    )
}  # fmt: skip
"""Every server, by name."""


def _served(name: str, line: str, *exchanges: str) -> Domain:
    return Domain(f"{name}.{ZONE}", line, tuple((10 * (i + 1), host) for i, host in enumerate(exchanges)))


DOMAINS: dict[str, Domain] = {
    domain.name: domain
    for domain in (
        _served("one", "an ordinary domain", MX),
        _served("uno", "another domain on the servers of one.practice.test", MX),
        _served("two", "another ordinary domain", "mx1.two-mail.test"),
        _served("*.many", "any number of domains on one server: a.many…, b.many…", "mx.many-mail.test"),
        _served(
            "first-refuses",
            "the first of two servers refuses connections",
            "mx1.first-mail.test",
            "mx2.second-mail.test",
        ),
        Domain(f"a-only.{ZONE}", "no MX, but an address", address_of="a-only.practice.test"),
        _served("xn--bcher-kva", "bücher.practice.test, a domain with a letter outside ASCII", "mx1.two-mail.test"),
        _served("tls", "offers STARTTLS", "mx.tls-mail.test"),
        _served("tls-only", "takes mail over TLS only", "mx.tls-only-mail.test"),
        _served("no-8bit", "a server without 8BITMIME", "mx.no-8bit-mail.test"),
        _served("no-pipelining", "a server without PIPELINING", "mx.no-pipelining-mail.test"),
        _served("no-size", "a server without SIZE", "mx.no-size-mail.test"),
        _served("smtputf8", "a server with SMTPUTF8", "mx.smtputf8-mail.test"),
        _served("no-smtputf8", "a server without SMTPUTF8", "mx.no-smtputf8-mail.test"),
        _served("helo-only", "a server that knows HELO only", "mx.helo-mail.test"),
        _served("busy", "a server that takes two connections at once and says 421 to a third", "mx.busy-mail.test"),
        _served("rate", "a server that takes 20 messages a second", "mx.rate-mail.test"),
        _served(
            "slowing", "an ordinary server, for busy@ and its like, which slow a sender down", "mx.slowing-mail.test"
        ),
        _served("limiting", "an ordinary server, for rate-limited@", "mx.limiting-mail.test"),
        _served("cutting", "an ordinary server, for drop@ and its like", "mx.cutting-mail.test"),
        _served("small", "a server that takes small messages only", "mx.small-mail.test"),
        _served("blocking", "a server that refuses the connection with 554", "mx.blocking-mail.test"),
        _served("refuses", "its only server refuses connections", "mx.down-mail.test"),
        _served("silent", "its only server accepts connections and says nothing", "mx.silent-mail.test"),
        _served(
            "tenant-a",
            "one of two domains whose different servers share a provider's name",
            "tenant-a.shared-mail.test",
        ),
        _served("tenant-b", "the other one", "tenant-b.shared-mail.test"),
        Domain(f"null-mx.{ZONE}", "declares that it takes no mail (null MX)", ((0, ""),)),
        _served("no-mx-address", "names a server that has no address", "nowhere.one-mail.test"),
        Domain(f"no-mail.{ZONE}", "exists, but has neither MX nor address"),
        Domain(
            f"no-such-domain.{ZONE}", "does not exist; nor does any name that begins with no-such", trouble="nxdomain"
        ),
        Domain(f"servfail.{ZONE}", "its DNS servers have a fault", trouble="servfail"),
        Domain(f"dns-timeout.{ZONE}", "its DNS servers do not answer", trouble="silence"),
        Domain(
            f"relayed.{ZONE}", "sent through a smart host, which has the last word", address_of="relay.practice.test"
        ),
    )
}
"""Every domain, by name."""

RELAY = "relay.practice.test"
RELAYED = f"relayed.{ZONE}"
"""The domain that a service in practice mode should route through RELAY."""
_ANY_OTHER = Domain(f"*.{ZONE}", "any other name", ((10, "mx.many-mail.test"),))


def domain_of(name: str) -> Domain | None:
    """Find the domain that a name belongs to, wildcards included; None outside the practice world."""
    found = DOMAINS.get(name)
    if found is not None or "." not in name:
        return found
    label, _, parent = name.partition(".")
    if parent == ZONE and name not in PLACES and not label.startswith("_"):
        return DOMAINS[f"no-such-domain.{ZONE}"] if label.startswith("no-such") else _ANY_OTHER
    return DOMAINS.get("*." + parent)


def serves(place: Place, domain: str) -> bool:
    """Say whether a server takes mail for a domain."""
    if place.relays:
        return True
    found = domain_of(domain)
    if found is None:
        return domain == place.name
    return found.address_of == place.name or any(host == place.name for _, host in found.exchanges)
