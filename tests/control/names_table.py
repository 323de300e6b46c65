"""A DNS for tests: a table instead of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Host:
    name: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class MailServers:
    hosts: Sequence[Host] = ()
    trouble: str | None = None
    asked: str = "MX"


@dataclass
class Table:
    """Answers from what it was given; names in `silent` get no answer."""

    txt: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mx: Mapping[str, Sequence[str]] = field(default_factory=dict)
    a: Mapping[str, Sequence[str]] = field(default_factory=dict)
    silent: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    async def texts(self, name: str) -> list[str] | None:
        self.asked.append(name)
        return None if name in self.silent else list(self.txt.get(name, ()))

    async def servers(self, domain: str) -> MailServers:
        self.asked.append(domain)
        if domain in self.silent:
            return MailServers(trouble="no_answer")
        hosts = [Host(name, tuple(self.a[name])) for name in self.mx.get(domain, ()) if name in self.a]
        if hosts:
            return MailServers(hosts)
        if domain in self.a and domain not in self.mx:
            return MailServers([Host(domain, tuple(self.a[domain]))], asked="A")
        return MailServers(trouble="no_address" if domain in self.mx else "no_such_domain")

    async def addresses(self, host: str) -> Host:
        self.asked.append(host)
        return Host(host, tuple(self.a.get(host, ())))
