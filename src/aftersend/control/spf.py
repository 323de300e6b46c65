"""Read SPF records (RFC 7208): does one let us send, and does it keep to the limits that make receivers ignore it?

For the owner of a record, not for judging received mail: macros and `ptr` are named as trouble instead of being followed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from aftersend.control.names import Names

LOOKUPS_MOST = 10
"""Terms that cost a look-up, in the record and in all it includes (RFC 7208 §4.6.4)."""
VOID_MOST = 2
DEPTH_MOST = 10
_RESULTS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}


@dataclass(slots=True)
class Spf:
    """What a domain's SPF record says of one address."""

    domain: str
    record: str | None = None
    result: str = "none"
    """As RFC 7208 §2.6: none, pass, fail, softfail, neutral, temperror, permerror."""
    lookups: int = 0
    void: int = 0
    troubles: list[str] = field(default_factory=list)
    """What is wrong with the record, a plain sentence each."""


async def evaluate(names: Names, domain: str, address: str) -> Spf:
    """Say what the record of a domain answers for mail from an address."""
    spf = Spf(domain)
    spf.result = await _check(names, spf, domain, ipaddress.ip_address(address), ())
    if spf.lookups > LOOKUPS_MOST:
        spf.result = "permerror"
        spf.troubles.append(
            f"The SPF record of {domain} takes {spf.lookups} look-ups; receivers stop at {LOOKUPS_MOST} and then ignore it. "
            "Replace some include: terms by the ip4: and ip6: networks behind them."
        )
    if spf.void > VOID_MOST:
        spf.troubles.append(
            f"The SPF record of {domain} names {spf.void} hosts that do not exist; {VOID_MOST} are allowed."
        )
    return spf


async def _record(names: Names, spf: Spf, domain: str) -> str | None:
    texts = await names.texts(domain)
    if texts is None:
        raise _Stop("temperror", f"The DNS did not answer for the SPF record of {domain}.")
    found = [text for text in texts if text.lower() == "v=spf1" or text.lower().startswith("v=spf1 ")]
    if len(found) > 1:
        raise _Stop(
            "permerror", f"{domain} has {len(found)} SPF records; receivers ignore them all. Join them into one."
        )
    return found[0] if found else None


class _Stop(Exception):
    def __init__(self, result: str, trouble: str) -> None:
        super().__init__(trouble)
        self.result = result
        self.trouble = trouble


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


async def _check(names: Names, spf: Spf, domain: str, address: _Address, above: tuple[str, ...]) -> str:
    """`check_host()` of RFC 7208 §4, with every look-up counted, also those behind the match."""
    if domain in above or len(above) >= DEPTH_MOST:
        spf.troubles.append(f"The SPF record of {above[0] if above else domain} includes itself by way of {domain}.")
        return "permerror"
    try:
        record = await _record(names, spf, domain)
        if not above:
            spf.record = record
        if record is None:
            return "none"
        return await _walk(names, spf, domain, record, address, (*above, domain))
    except _Stop as stop:
        spf.troubles.append(stop.trouble)
        return stop.result


async def _walk(names: Names, spf: Spf, domain: str, record: str, address: _Address, above: tuple[str, ...]) -> str:
    result: str | None = None
    redirect = ""
    for term in record.split()[1:]:
        if "=" in term.partition(":")[0].partition("/")[0]:
            name, _, value = term.partition("=")
            redirect = value if name.lower() == "redirect" else redirect
            continue
        qualifier, mechanism = (term[0], term[1:]) if term[0] in _RESULTS else ("+", term)
        matches = await _matches(names, spf, domain, mechanism, address, above)
        if matches and result is None:
            result = _RESULTS[qualifier]
    if redirect and "all" not in {term.lstrip("+-~?").lower() for term in record.split()[1:]}:
        spf.lookups += 1
        behind = await _check(names, spf, redirect.lower().rstrip("."), address, above)
        result = result or ("permerror" if behind == "none" else behind)
    return result or "neutral"


async def _matches(
    names: Names, spf: Spf, domain: str, mechanism: str, address: _Address, above: tuple[str, ...]
) -> bool:
    kind, _, value = mechanism.partition(":")
    kind, _, cidr = kind.partition("/")
    kind = kind.lower()
    if kind == "all":
        return True
    if kind in ("ip4", "ip6"):
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            raise _Stop(
                "permerror", f"The SPF record of {domain} has a term that is no network: {mechanism[:80]}."
            ) from None
        return address.version == network.version and address in network
    if kind not in ("include", "a", "mx", "exists", "ptr"):
        raise _Stop("permerror", f"The SPF record of {domain} has an unknown term: {mechanism[:80]}.")
    spf.lookups += 1
    if spf.lookups > 2 * LOOKUPS_MOST:
        return False
    if kind == "ptr":
        spf.troubles.append(
            f"The SPF record of {domain} uses ptr, which receivers may ignore (RFC 7208 §5.5). Name the networks."
        )
        return False
    if "%" in value or kind == "exists":
        return False
    if kind == "include":
        inside = await _check(names, spf, value.lower().rstrip("."), address, above)
        if inside == "none":
            raise _Stop("permerror", f"The SPF record of {domain} includes {value}, which has none.")
        if inside in ("temperror", "permerror"):
            raise _Stop(inside, f"The SPF record of {value}, included by {domain}, cannot be used.")
        return inside == "pass"
    target, _, behind = (value or domain).partition("/")
    return await _is_host(names, spf, kind, target.lower().rstrip("."), cidr or behind, address)


async def _is_host(names: Names, spf: Spf, kind: str, target: str, cidr: str, address: _Address) -> bool:
    if kind == "mx":
        servers = await names.servers(target)
        found = [a for host in servers.hosts for a in host.addresses] if servers.asked == "MX" else []
    else:
        found = list((await names.addresses(target)).addresses)
    if not found:
        spf.void += 1
    four, _, six = cidr.partition("//")
    length = six if address.version == 6 else four
    for text in found:
        network = ipaddress.ip_network(f"{text}/{length}" if length.isdigit() else text, strict=False)
        if network.version == address.version and address in network:
            return True
    return False
