"""Decide from where a request came when proxies stand in between: of the addresses named, the last that is not one of ours."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network


class Proxies:
    """The networks of proxies whose X-Forwarded-For is believed. Raises ValueError for what is no network."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = [ip_network(each, strict=False) for each in networks]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def visitor(self, peer: str, forwarded: str) -> str:
        """Return whose request it is: `peer` is who connected, `forwarded` the value of X-Forwarded-For.

        A name is believed as far as the chain of trusted proxies reaches back, and no further: what stands before it, a
        stranger may have written.
        """
        for named in reversed(forwarded.split(",") if forwarded and self._networks else ()):
            if not self._is_one(peer):
                break
            try:
                peer = str(ip_address(named.strip().strip("[]")))
            except ValueError:
                break
        return peer

    def _is_one(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in each for each in self._networks)


def place_of(peer: str) -> str:
    """Return what is counted as one place when tries are counted: an address, of IPv6 its network of a site (/64), in which
    anybody may use as many addresses as they like.
    """
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return peer
    mapped = getattr(address, "ipv4_mapped", None)
    if address.version == 4 or mapped is not None:
        return str(mapped or address)
    return str(ip_network((address, 64), strict=False))
