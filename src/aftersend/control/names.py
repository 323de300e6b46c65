"""What `control` asks the DNS, as a type: the delivery room's resolver answers it, and so does a table in tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Host(Protocol):
    """A server with its addresses."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Its addresses; none if it has none."""


class MailServers(Protocol):
    """The servers that take a domain's mail."""

    @property
    def hosts(self) -> Sequence[Host]:
        """Those that have an address, in the order in which they are tried."""

    @property
    def trouble(self) -> str | None:
        """Why there are none: `no_answer` is the only reason that may pass by itself."""

    @property
    def asked(self) -> str:
        """`MX`, or `A` when the domain names no server and its own address was taken."""


class Names(Protocol):
    """Answers questions to the DNS."""

    async def texts(self, name: str) -> list[str] | None:
        """Return the TXT records of a name, [] if there are none, None if nobody answered."""

    async def servers(self, domain: str) -> MailServers:
        """Return the servers that take mail for a domain."""

    async def addresses(self, host: str) -> Host:
        """Return a host with its addresses."""
