"""Find the servers that take a domain's mail, and remember them for as long as the DNS allows.

MX in order of preference with chance within equals, addresses as a fallback only where there is no MX (RFC 5321 §5.1), a
null MX as the refusal that it is (RFC 7505). A question that gets no answer is never taken for a "no".
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import socket
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aftersend.clock import SECOND, Clock, Instant

LEAST_TTL_S = 30
MOST_TTL_S = 3600
NEGATIVE_TTL_S = 60
HOSTS_TRIED = 5
ADDRESSES_TRIED = 4
CACHE_SIZE = 50_000


@dataclass(frozen=True, slots=True)
class Host:
    """One server: its name and its addresses, in the order in which to try them."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MailServers:
    """What the DNS says of a domain: its servers, or why there are none."""

    hosts: tuple[Host, ...] = ()
    trouble: str | None = None
    """`no_such_domain`, `null_mx`, `no_address`, or `no_answer` (the only one that may pass by itself)."""
    explanation: str = ""
    ttl_s: float = MOST_TTL_S
    asked: str = "MX"


@dataclass(slots=True)
class _Cached:
    servers: MailServers
    until: Instant
    waiting: list[asyncio.Future[MailServers]] = field(default_factory=list)


class Resolver:
    """Answers from memory where it can; asks once for each domain at a time, however many wait."""

    def __init__(self, clock: Clock, server: tuple[str, int] | None = None, *, timeout_s: float = 5.0) -> None:
        self._clock = clock
        self._cache: OrderedDict[str, _Cached] = OrderedDict()
        self._running: dict[str, asyncio.Task[MailServers]] = {}
        self._server = server
        self._timeout_s = timeout_s
        self._resolver: Any = None
        self._limit = asyncio.Semaphore(100)
        self._ipv6: bool | None = None
        self.questions = 0

    def known(self, domain: str) -> MailServers | None:
        """Return what is remembered of a domain, or None."""
        cached = self._cache.get(domain)
        if cached is None or cached.until <= self._clock():
            return None
        return cached.servers

    async def servers(self, domain: str) -> MailServers:
        """Return the servers that take mail for a domain (an A-label)."""
        known = self.known(domain)
        if known is not None:
            return known
        task = self._running.get(domain)
        if task is None:
            task = self._running[domain] = asyncio.ensure_future(self._look_up(domain))
            task.add_done_callback(lambda _: self._running.pop(domain, None))
        return await asyncio.shield(task)

    async def addresses(self, host: str) -> Host:
        """Return a host with its addresses (none if it has none), for routes that name a server."""
        found, _ = await self._addresses(host.rstrip("."))
        return Host(host, found)

    async def texts(self, name: str) -> list[str] | None:
        """Return the TXT records of a name, [] if there are none, None if nobody answered."""
        from dns.rdatatype import TXT

        try:
            answer = await self._ask(name, TXT)
        except _NoAnswer:
            return None
        except _No:
            return []
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    async def _look_up(self, domain: str) -> MailServers:
        async with self._limit:
            servers = await self._resolve(domain)
        while len(self._cache) >= CACHE_SIZE:
            self._cache.popitem(last=False)
        ttl = min(max(servers.ttl_s, LEAST_TTL_S), MOST_TTL_S)
        self._cache[domain] = _Cached(servers, self._clock() + int(ttl * SECOND))
        return servers

    async def _resolve(self, domain: str) -> MailServers:
        from dns.rdatatype import MX

        try:
            answer = await self._ask(domain, MX)
        except _NoAnswer as error:
            return MailServers(trouble="no_answer", explanation=str(error), ttl_s=LEAST_TTL_S)
        except _No as error:
            if error.no_such_domain:
                return MailServers(
                    trouble="no_such_domain", explanation=f"The domain {domain} does not exist.", ttl_s=NEGATIVE_TTL_S
                )
            return await self._by_address(domain)
        exchanges = [(record.preference, str(record.exchange)) for record in answer]
        if exchanges == [(exchanges[0][0], ".")]:
            return MailServers(
                trouble="null_mx",
                explanation=f"{domain} says in the DNS that it takes no mail (null MX).",
                ttl_s=answer.ttl,
            )
        shuffled = sorted((preference, random.random(), name) for preference, name in exchanges if name != ".")
        return await self._hosts(domain, [name.rstrip(".") for _, _, name in shuffled], answer.ttl)

    async def _hosts(self, domain: str, names: list[str], ttl: float) -> MailServers:
        found = await asyncio.gather(*(self._addresses(name) for name in names[:HOSTS_TRIED]))
        hosts = tuple(Host(name, addresses) for name, (addresses, _) in zip(names, found, strict=False) if addresses)
        if hosts:
            return MailServers(hosts, ttl_s=ttl)
        if any(unanswered for _, unanswered in found):
            return MailServers(
                trouble="no_answer",
                explanation=f"The addresses of {domain}'s mail servers could not be looked up.",
                ttl_s=LEAST_TTL_S,
            )
        return MailServers(
            trouble="no_address",
            explanation=f"The mail servers named for {domain} ({', '.join(names[:3])}) have no address.",
            ttl_s=NEGATIVE_TTL_S,
        )

    async def _by_address(self, domain: str) -> MailServers:
        addresses, unanswered = await self._addresses(domain)
        if addresses:
            return MailServers((Host(domain, addresses),), asked="A", ttl_s=NEGATIVE_TTL_S * 5)
        if unanswered:
            return MailServers(
                trouble="no_answer", explanation=f"The address of {domain} could not be looked up.", ttl_s=LEAST_TTL_S
            )
        return MailServers(
            trouble="no_address",
            explanation=f"{domain} exists, but names no server that takes mail.",
            ttl_s=NEGATIVE_TTL_S,
        )

    async def _addresses(self, host: str) -> tuple[tuple[str, ...], bool]:
        """Addresses of a host, and whether some question stayed unanswered."""
        from dns.rdatatype import AAAA, A

        if _is_address(host):
            return (host,), False
        kinds = [A, AAAA] if self._has_ipv6() else [A]
        answers = await asyncio.gather(*(self._ask(host, kind) for kind in kinds), return_exceptions=True)
        found: list[str] = []
        for answer in answers:
            if not isinstance(answer, BaseException):
                found += [record.address for record in answer]
        return tuple(found[:ADDRESSES_TRIED]), any(isinstance(answer, _NoAnswer) for answer in answers)

    async def _ask(self, name: str, kind: Any) -> Any:
        import dns.exception
        import dns.resolver

        self.questions += 1
        try:
            answer = await self._ready().resolve(
                name, kind, search=False, raise_on_no_answer=True, lifetime=self._timeout_s * 2
            )
        except dns.resolver.NXDOMAIN:
            raise _No(no_such_domain=True) from None
        except dns.resolver.NoAnswer:
            raise _No(no_such_domain=False) from None
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise _NoAnswer(f"The DNS did not answer for {name}: {str(error)[:200]}") from None
        return answer.rrset

    def _ready(self) -> Any:
        if self._resolver is None:
            import dns.asyncresolver

            resolver = dns.asyncresolver.Resolver(configure=self._server is None)
            if self._server is not None:
                resolver.nameservers = [self._server[0]]
                resolver.port = self._server[1]
            resolver.timeout = self._timeout_s
            resolver.cache = None
            self._resolver = resolver
        return self._resolver

    def _has_ipv6(self) -> bool:
        if self._ipv6 is None:
            self._ipv6 = has_ipv6_route()
        return self._ipv6


class _No(Exception):
    """The DNS says that there is no such thing."""

    def __init__(self, *, no_such_domain: bool) -> None:
        super().__init__("no such domain" if no_such_domain else "no such record")
        self.no_such_domain = no_such_domain


class _NoAnswer(Exception):
    """Nobody answered, or not sensibly."""


def has_ipv6_route() -> bool:
    """Say whether this machine could send to an IPv6 address of the Internet; nothing is sent to find out."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:db8::1", 25))
    except OSError:
        return False
    return True


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def site_of(hosts: tuple[Host, ...], suffix: Callable[[str], str | None]) -> str:
    """Name the site that a domain's servers make up, so that domains on the same servers share their limits.

    All servers under one registrable domain are that domain (`google.com` for its thousand customers); otherwise the
    first server's name.
    """
    names = {suffix(host.name) or host.name for host in hosts}
    if len(names) == 1:
        return names.pop()
    return hosts[0].name
