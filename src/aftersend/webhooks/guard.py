"""Decide whether a URL that a customer gave may be asked, and by which addresses; say clearly why not.

Asked twice: when the URL is given, and again each time before a connection is made, since a name may lead elsewhere by then
(rebinding). The connection goes to an address that was checked, never to the name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import idna

from aftersend.errors import BadField
from aftersend.webhooks.addresses import Address, Network, why_not

Look = Callable[[str], Awaitable[Sequence[str]]]
"""Finds the addresses of a name; none if it has none."""

URL_MOST = 2048
PORTS = frozenset({443, 8443})
HTTP_PORTS = frozenset({80, 8080})
"""Behind other ports stand other protocols, which could be talked into something by what looks like a request."""
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_OURS = ("localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "home.arpa", "localdomain", "onion", "invalid")  # fmt: skip
"""Names under these are never on the public internet."""


class Refused(BadField):
    """This URL cannot be used for requests of ours."""

    def __init__(self, detail: str) -> None:
        super().__init__("#/url", detail)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that has the form of one that we ask."""

    scheme: str
    host: str
    """The name as an A-label, or an address without brackets."""
    port: int
    path: str
    """Path and query."""
    address: Address | None
    """The address, where the host is one."""

    @property
    def authority(self) -> str:
        """The host for the Host header (RFC 9110 §7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an operator opened beyond the public internet."""

    networks: tuple[Network, ...] = ()
    """Networks that may be reached, by http too, and at any port."""
    http: bool = False
    """Whether plain http may be used anywhere."""

    @classmethod
    def of(cls, networks: Sequence[str] = (), *, http: bool = False) -> Allowance:
        """Read networks as text. Raise ValueError."""
        return cls(tuple(ipaddress.ip_network(network, strict=False) for network in networks), http)


class Guard:
    """Checks URLs and the addresses behind them."""

    def __init__(self, look: Look, allowance: Allowance = Allowance()) -> None:
        self._look = look
        self.allowance = allowance

    async def check(self, url: str) -> tuple[Target, list[Address]]:
        """Return what a URL says and the addresses to connect to. Raise Refused with the reason."""
        target = read(url)
        return target, await self.addresses(target)

    async def addresses(self, target: Target) -> list[Address]:
        """Return the addresses behind a target, looked up now and each of them checked. Raise Refused with the reason."""
        allowed = self.allowance.networks
        if target.address is not None:
            found = [target.address]
        else:
            found = [ipaddress.ip_address(each) for each in await self._look(target.host)]
            if not found and target.host == "localhost" and allowed:
                found = [ipaddress.ip_address("127.0.0.1")]
        if not found:
            raise Refused(f"{target.host} has no address in the DNS just now.")
        for address in found:
            why = why_not(address, allowed)
            if why is not None:
                raise Refused(_told(target, address, why))
        if not all(any(address in network for network in allowed) for address in found):
            self._must_be_public(target)
        return found

    def _must_be_public(self, target: Target) -> None:
        if target.scheme == "http" and not self.allowance.http:
            raise Refused("The URL begins with http://; events are sent over https:// only.")
        ports = PORTS | (HTTP_PORTS if self.allowance.http else frozenset())
        if target.port not in ports:
            raise Refused(f"Port {target.port} cannot be used; {_listed(sorted(ports))} can.")
        if target.address is None:
            if "." not in target.host:
                raise Refused(f"{target.host} is not a full name, such as hooks.example.com.")
            if any(target.host == name or target.host.endswith("." + name) for name in _OURS):
                raise Refused(f"{target.host} is a name inside of private networks.")


def read(url: str) -> Target:
    """Read a URL strictly: what two programs could read in two ways is refused. Raise Refused."""
    if len(url) > URL_MOST:
        raise Refused(f"The URL is longer than {URL_MOST} characters.")
    if not url.isprintable() or (not url.isascii() and any(c.isspace() for c in url)) or " " in url or "\\" in url:
        raise Refused("The URL has spaces, backslashes or characters that cannot be seen.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused("The URL cannot be read: its host or its port is not one.") from None
    if parts.scheme not in ("https", "http"):
        raise Refused("The URL begins with https://, such as https://hooks.example.com/mail.")
    if "@" in parts.netloc:
        raise Refused("The URL has a user name or password; put what proves who asks into the path, or check the signature.")  # fmt: skip
    if parts.fragment or url.endswith("#"):
        raise Refused("The URL has a fragment (#…), which is never sent; leave it out.")
    if port == 0 or parts.netloc.endswith(":"):
        raise Refused("The URL has no port that can be used.")
    host, address = _host(parts.hostname or "")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii():
        raise Refused("The path has characters outside ASCII; percent-encode them (RFC 3986).")
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path, address)


def _host(host: str) -> tuple[str, Address | None]:
    """The host as it is asked for: an address only in its one usual form, a name as A-labels."""
    if not host:
        raise Refused("The URL has no host.")
    if ":" in host:
        try:
            found = ipaddress.IPv6Address(host)
        except ValueError:
            raise Refused(f"{host[:80]!r} is no IPv6 address.") from None
        return str(found), found
    if "%" in host:
        raise Refused("The host has a percent sign, which no name has.")
    name = host.removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True, transitional=False).decode()
        except (idna.IDNAError, UnicodeError):
            raise Refused(f"{host[:80]!r} is no name of a host.") from None
    name = name.lower()
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            address = ipaddress.IPv4Address(name)
        except ValueError:
            raise Refused(f"{host[:80]!r} is an IPv4 address in an unusual notation; write four numbers.") from None
        return str(address), address
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise Refused(f"{host[:80]!r} is no name of a host.")
    return name, None


def _told(target: Target, address: Address, why: str) -> str:
    if target.address is not None:
        return f"The address {address} {why}; requests go to the public internet only."
    return f"{target.host} leads to {address}, which {why}; requests go to the public internet only."


def _listed(ports: Sequence[int]) -> str:
    return " and ".join([", ".join(map(str, ports[:-1])), str(ports[-1])] if len(ports) > 1 else [str(ports[0])])
