"""Say where a domain's mail goes: through a smart host that the operator named, or to the domain's own servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from aftersend.errors import SettingsError

DEFAULT_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Route:
    """One way out. `host` empty means the domain's own servers, as the DNS names them."""

    host: str = ""
    port: int = 25
    tls: str = "may"
    """`may`: STARTTLS where offered; `must`: never in the clear; `implicit`: TLS from the first byte."""
    user: str = ""
    password: str = ""

    @property
    def is_smart_host(self) -> bool:
        """Whether another server takes it onward, so that "accepted" does not yet mean "delivered"."""
        return bool(self.host)


class Routes:
    """The table: a domain, `.domain` for all below it, or `*`; the most specific entry counts."""

    def __init__(self, table: Mapping[str, str], *, port: int = 25) -> None:
        self._direct = Route(port=port)
        self._table = {name.lower().rstrip("."): read(value) for name, value in table.items()}

    def route(self, domain: str) -> Route:
        """Return the way out for a domain (an A-label)."""
        if not self._table:
            return self._direct
        found = self._table.get(domain)
        if found is not None:
            return found
        part = domain
        while part:
            found = self._table.get("." + part)
            if found is not None:
                return found
            part = part.partition(".")[2]
        return self._table.get("*", self._direct)


def read(value: str) -> Route:
    """Read `host:port` or `smtp[s|+tls]://user:password@host:port`. Raise SettingsError that says what is wrong."""
    if "://" not in value:
        value = "smtp://" + value
    parts = urlsplit(value)
    if parts.scheme not in DEFAULT_PORTS:
        raise SettingsError(f"delivery.routes: {parts.scheme}:// is none of smtp://, smtp+tls://, smtps://.")
    try:
        port = parts.port or DEFAULT_PORTS[parts.scheme]
    except ValueError:
        raise SettingsError(f"delivery.routes: the port in {value!r} is not a number from 1 to 65535.") from None
    if not parts.hostname:
        raise SettingsError(f"delivery.routes: {value!r} names no host.")
    tls = {"smtp": "may", "smtp+tls": "must", "smtps": "implicit"}[parts.scheme]
    if parts.username and tls == "may":
        tls = "must"
    return Route(parts.hostname, port, tls, unquote(parts.username or ""), unquote(parts.password or ""))
