"""Find the servers that take a domain's mail, and remember them for as long as the DNS allows.

MX in order of preference with chance within equals, addresses as a fallback only where there is no MX (RFC 5321 §5.1), a
null MX as the refusal that it is (RFC 7505). A question that gets no answer is never taken for a "no". How name servers
are asked is for `name_servers` to know.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import socket
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from aftersend.clock import SECOND, Clock, Instant
from aftersend.delivery import name_servers
from aftersend.delivery.dns_packet import AAAA, MX, TXT, A, Answer
from aftersend.delivery.name_servers import NameServers, NoAnswer

LEAST_TTL_S = 30
MOST_TTL_S = 3600
NEGATIVE_TTL_S = 60
HOSTS_TRIED = 5
ADDRESSES_TRIED = 4
CACHE_SIZE = 50_000
DOMAINS_AT_ONCE = 300

T = TypeVar("T")


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


class _Memory(Generic[T]):
    """What was found out about names, for as long as it holds; each name is looked up once at a time, however many wait."""

    def __init__(self, clock: Clock, look_up: Callable[[str], Awaitable[tuple[T, float]]]) -> None:
        self._clock = clock
        self._look_up = look_up
        self._kept: OrderedDict[str, tuple[T, Instant]] = OrderedDict()
        self._running: dict[str, asyncio.Future[T]] = {}
        self._tasks: set[asyncio.Task[T]] = set()

    def known(self, name: str) -> T | None:
        """Return what still holds, or None."""
        kept = self._kept.get(name)
        return None if kept is None or kept[1] <= self._clock() else kept[0]

    async def get(self, name: str) -> T:
        """Return what holds, looked up if need be; who is cancelled while waiting leaves the look-up to the others."""
        known = self.known(name)
        if known is not None:
            return known
        task = asyncio.ensure_future(self.find(name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def find(self, name: str) -> T:
        """As `get`, for who is not cancelled while others wait: it does the looking up itself, which saves a task."""
        while True:
            known = self.known(name)
            if known is not None:
                return known
            running = self._running.get(name)
            if running is None:
                return await self._learn(name)
            await asyncio.wait((running,))
            if not running.cancelled():
                return running.result()

    async def _learn(self, name: str) -> T:
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._running[name] = told
        try:
            found, ttl_s = await self._look_up(name)
        except asyncio.CancelledError:
            told.cancel()  # one of those who wait goes on in its place
            raise
        except BaseException as error:
            told.set_exception(error)
            told.exception()  # it is raised here; nobody else need have waited
            raise
        finally:
            del self._running[name]
        while len(self._kept) >= CACHE_SIZE:
            self._kept.popitem(last=False)
        self._kept.pop(name, None)
        self._kept[name] = found, self._clock() + int(min(max(ttl_s, LEAST_TTL_S), MOST_TTL_S) * SECOND)
        told.set_result(found)
        return found


@dataclass(frozen=True, slots=True)
class _Addresses:
    """The addresses of a host, and whether some question about it stayed unanswered."""

    found: tuple[str, ...]
    is_unsure: bool = False
    ttl_s: float = MOST_TTL_S


class Resolver:
    """Answers from memory where it can; hosts that many domains share are looked up once."""

    def __init__(self, clock: Clock, server: tuple[str, int] | None = None, *, timeout_s: float = 5.0) -> None:
        self._servers = NameServers(
            name_servers.of_this_machine() if server is None else (server,), timeout_s=timeout_s
        )
        self._domains = _Memory(clock, self._look_up_domain)
        self._hosts = _Memory(clock, self._look_up_host)
        self._limit = asyncio.Semaphore(DOMAINS_AT_ONCE)
        self._ipv6: bool | None = None

    def known(self, domain: str) -> MailServers | None:
        """Return what is remembered of a domain, or None."""
        return self._domains.known(domain)

    async def servers(self, domain: str) -> MailServers:
        """Return the servers that take mail for a domain (an A-label)."""
        return await self._domains.get(domain)

    async def find(self, domain: str) -> MailServers:
        """As `servers`, in a task that nobody cancels while others may wait for the same domain."""
        return await self._domains.find(domain)

    async def addresses(self, host: str) -> Host:
        """Return a host with its addresses (none if it has none), for routes that name a server."""
        return Host(host, (await self._addresses(host.rstrip("."))).found)

    async def texts(self, name: str) -> list[str] | None:
        """Return the TXT records of a name, [] if there are none, None if nobody answered."""
        try:
            answer = await self._servers.ask(name, TXT)
        except NoAnswer:
            return None
        return [record.decode("utf-8", "replace") for record in answer.records]

    async def _look_up_domain(self, domain: str) -> tuple[MailServers, float]:
        async with self._limit:
            servers = await self._resolve(domain)
        return servers, servers.ttl_s

    async def _resolve(self, domain: str) -> MailServers:
        try:
            answer = await self._servers.ask(domain, MX)
        except NoAnswer as error:
            return MailServers(trouble="no_answer", explanation=str(error), ttl_s=LEAST_TTL_S)
        if not answer.exists:
            return MailServers(
                trouble="no_such_domain", explanation=f"The domain {domain} does not exist.", ttl_s=NEGATIVE_TTL_S
            )
        if not answer.records:
            return await self._by_address(domain)
        exchanges: tuple[tuple[int, str], ...] = answer.records
        if [name for _, name in exchanges] == ["."]:
            return MailServers(
                trouble="null_mx",
                explanation=f"{domain} says in the DNS that it takes no mail (null MX).",
                ttl_s=answer.ttl_s,
            )
        shuffled = sorted((preference, random.random(), name) for preference, name in exchanges if name != ".")
        return await self._of_hosts(domain, [name for _, _, name in shuffled], answer.ttl_s)

    async def _of_hosts(self, domain: str, names: list[str], ttl_s: float) -> MailServers:
        asked = names[:HOSTS_TRIED]
        found = [await self._addresses(name) for name in asked] if len(asked) == 1 else (
            await asyncio.gather(*map(self._addresses, asked))
        )  # fmt: skip
        hosts = tuple(Host(name, host.found) for name, host in zip(asked, found, strict=True) if host.found)
        if hosts:
            return MailServers(hosts, ttl_s=min(ttl_s, *(host.ttl_s for host in found if host.found)))
        if any(host.is_unsure for host in found):
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
        own = await self._addresses(domain)
        if own.found:
            return MailServers(
                (Host(domain, own.found),), asked="A", ttl_s=min(own.ttl_s, NEGATIVE_TTL_S * 5)
            )  # fmt: skip
        if own.is_unsure:
            return MailServers(
                trouble="no_answer", explanation=f"The address of {domain} could not be looked up.", ttl_s=LEAST_TTL_S
            )
        return MailServers(
            trouble="no_address",
            explanation=f"{domain} exists, but names no server that takes mail.",
            ttl_s=NEGATIVE_TTL_S,
        )

    async def _addresses(self, host: str) -> _Addresses:
        return _Addresses((host,)) if _is_address(host) else await self._hosts.find(host)

    async def _look_up_host(self, host: str) -> tuple[_Addresses, float]:
        answers: Sequence[Answer | None]
        if self._has_ipv6():
            answers = await asyncio.gather(self._asked(host, A), self._asked(host, AAAA))
        else:
            answers = [await self._asked(host, A)]
        found = tuple(address for answer in answers if answer is not None for address in answer.records)
        is_unsure = None in answers
        ttl_s = min(
            (answer.ttl_s for answer in answers if answer is not None and answer.records), default=NEGATIVE_TTL_S
        )
        if is_unsure:
            ttl_s = LEAST_TTL_S
        addresses = _Addresses(found[:ADDRESSES_TRIED], is_unsure, ttl_s)
        return addresses, ttl_s

    async def _asked(self, host: str, kind: int) -> Answer | None:
        try:
            return await self._servers.ask(host, kind)
        except NoAnswer:
            return None

    def _has_ipv6(self) -> bool:
        if self._ipv6 is None:
            self._ipv6 = has_ipv6_route()
        return self._ipv6


def has_ipv6_route() -> bool:
    """Say whether this machine could send to an IPv6 address of the Internet; nothing is sent to find out."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect(("2001:db8::1", 25))
    except OSError:
        return False
    return True


def _is_address(host: str) -> bool:
    if not (host[-1:].isdigit() or ":" in host):
        return False
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
