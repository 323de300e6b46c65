"""Say which addresses no request of ours may go to, and why. Pure.

An address that a customer names must never lead into the operator's own network (SSRF): not to this machine, not to its
neighbours, not to the place where clouds hand out credentials, and not there by the detour of another notation.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

METADATA = "hands out the secrets of a machine in a cloud (metadata)"
_REFUSED: tuple[tuple[str, str], ...] = (
    ("169.254.169.254/32", METADATA),
    ("169.254.170.2/32", METADATA),
    ("168.63.129.16/32", METADATA),
    ("100.100.100.200/32", METADATA),
    ("192.0.0.192/32", METADATA),
    ("fd00:ec2::254/128", METADATA),
    ("fd20:ce::254/128", METADATA),
    ("0.0.0.0/8", "means this machine or this network (RFC 791)"),
    ("10.0.0.0/8", "is private (RFC 1918)"),
    ("100.64.0.0/10", "is shared behind a provider's NAT (RFC 6598)"),
    ("127.0.0.0/8", "is this machine itself (loopback)"),
    ("169.254.0.0/16", "is link-local (RFC 3927)"),
    ("172.16.0.0/12", "is private (RFC 1918)"),
    ("192.0.0.0/24", "is kept for protocols (RFC 6890)"),
    ("192.0.2.0/24", "is for documentation (RFC 5737)"),
    ("192.31.196.0/24", "is kept for special purposes (RFC 7535)"),
    ("192.52.193.0/24", "is kept for special purposes (RFC 7450)"),
    ("192.88.99.0/24", "is a 6to4 relay (RFC 7526)"),
    ("192.168.0.0/16", "is private (RFC 1918)"),
    ("192.175.48.0/24", "is kept for special purposes (RFC 7534)"),
    ("198.18.0.0/15", "is for measurements (RFC 2544)"),
    ("198.51.100.0/24", "is for documentation (RFC 5737)"),
    ("203.0.113.0/24", "is for documentation (RFC 5737)"),
    ("224.0.0.0/4", "is multicast (RFC 5771)"),
    ("255.255.255.255/32", "is broadcast (RFC 919)"),
    ("240.0.0.0/4", "is reserved (RFC 1112)"),
    ("::/128", "means no address (RFC 4291)"),
    ("::1/128", "is this machine itself (loopback)"),
    ("::ffff:0:0/96", "is an IPv4 address in disguise (mapped, RFC 4291)"),
    ("::ffff:0:0:0/96", "is an IPv4 address in disguise (translated, RFC 2765)"),
    ("::/96", "is an IPv4 address in disguise (compatible, RFC 4291)"),
    ("64:ff9b::/96", "is an IPv4 address in disguise (NAT64, RFC 6052)"),
    ("64:ff9b:1::/48", "is an IPv4 address in disguise (NAT64, RFC 8215)"),
    ("100::/64", "leads nowhere (RFC 6666)"),
    ("2001::/32", "is an IPv4 address in disguise (Teredo, RFC 4380)"),
    ("2001::/23", "is kept for protocols (RFC 2928)"),
    ("2001:db8::/32", "is for documentation (RFC 3849)"),
    ("3fff::/20", "is for documentation (RFC 9637)"),
    ("2002::/16", "is an IPv4 address in disguise (6to4, RFC 3056)"),
    ("2620:4f:8000::/48", "is kept for special purposes (RFC 7534)"),
    ("5f00::/16", "is for segment routing (RFC 9602)"),
    ("fc00::/7", "is private (RFC 4193)"),
    ("fe80::/10", "is link-local (RFC 4291)"),
    ("fec0::/10", "is site-local (RFC 3879)"),
    ("ff00::/8", "is multicast (RFC 4291)"),
)
_TABLE = tuple((ipaddress.ip_network(network), why) for network, why in _REFUSED)
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")


def why_not(address: Address, allowed: Sequence[Network] = ()) -> str | None:
    """Say why nothing may be sent to an address, or None where it may; `allowed` are networks that the operator opened."""
    if any(address in network for network in allowed):
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return "is bound to one of our own network cards (RFC 4007)"
    for network, why in _TABLE:
        if address in network:
            return why
    if not address.is_global or (isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC_V6):
        return "is not part of the public internet"
    return None
