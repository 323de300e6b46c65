"""Check what receivers check first: may this server send in the name of this domain?"""

from __future__ import annotations

from collections.abc import Iterator

from aftersend.policy.score.facts import Authentication, DmarcFact, HostFact, KeyFact, SpfFact
from aftersend.policy.score.finding import Found
from aftersend.policy.score.providers import FREEMAIL
from aftersend.policy.score.sample import Sample

LOOKUPS_MOST, VOID_MOST = 10, 2
"""RFC 7208 §4.6.4."""
SHORT_BITS, WORTHLESS_BITS = 2048, 1024
_REMOVED_TAGS = ("pct", "rf", "ri")


def check(sample: Sample, known: Authentication) -> Iterator[Found]:
    """Yield what is wrong with the sender's standing; what nobody could tell is left out."""
    domain = sample.domain
    if domain in FREEMAIL:
        yield Found("from-freemail", f"From: {sample.sender}", "From")
    elif known.is_ours is False and not known.keys:
        yield Found("domain-not-ours", f"From: {sample.sender}", "From", _fix_of_domain(domain))
    elif known.keys is not None:
        yield from _keys(domain, known.keys)
    if known.spf is not None:
        yield from _spf(known.spf)
    if known.dmarc is not None and domain not in FREEMAIL:
        yield from _dmarc(known.dmarc)
    if known.host is not None:
        yield from _host(known.host)
    if known.takes_mail is False:
        yield Found("replies-lost", f"{domain} names no server that takes mail", "From")


def _fix_of_domain(domain: str) -> str:
    return (
        f"Write From an address of a sending domain of yours, or add this one: aftersend domain add {domain}, publish the "
        f"records that it prints, then: aftersend domain check {domain}"
    )


def _keys(domain: str, keys: tuple[KeyFact, ...]) -> Iterator[Found]:
    """One key that verifies is enough; else the one that is nearest to it is named."""
    good = [key for key in keys if key.state == "found"]
    if not good:
        if any(key.state == "unknown" for key in keys):
            return
        worst = next((key for key in keys if key.state in ("different", "revoked")), keys[0] if keys else None)
        if worst is None:
            yield Found("no-dkim", f"No key for {domain}", "DNS")
        elif worst.state == "revoked":
            yield Found("dkim-worthless", f"{worst.host} says that its key is revoked", "DNS", _publish(worst))
        elif worst.state == "different":
            yield Found("dkim-different", worst.host, "DNS", _publish(worst))
        else:
            yield Found("no-dkim", f"Nothing at {worst.host}", "DNS", _publish(worst))
        return
    longest = max(key.bits or SHORT_BITS for key in good)
    if longest < WORTHLESS_BITS:
        yield Found("dkim-worthless", f"{good[0].host}: {longest} bits", "DNS")
    elif longest < SHORT_BITS:
        yield Found("dkim-short", f"{good[0].host}: {longest} bits", "DNS")


def _publish(key: KeyFact) -> str:
    return f"Publish a TXT record at {key.host}: {key.record}" if key.record else ""


def _spf(spf: SpfFact) -> Iterator[Found]:
    where = f"TXT of {spf.domain}"
    if spf.result == "none":
        version = "ip6" if ":" in spf.address else "ip4"
        term = f"{version}:{spf.address}" if spf.address else f"a:{spf.domain}"
        yield Found("spf-missing", "There is none", where, f"Publish a TXT record at {spf.domain}: v=spf1 {term} -all")
        return
    terms = [term.lower() for term in spf.record.split()]
    if spf.lookups > LOOKUPS_MOST or spf.void > VOID_MOST:
        yield Found("spf-limits", f"{spf.lookups} look-ups, {spf.void} of names that do not exist", where)
    elif "+all" in terms or "all" in terms:
        yield Found("spf-open", spf.record, where)
    elif spf.result in ("fail", "softfail", "neutral", "permerror"):
        fix = f"Add ip{6 if ':' in spf.address else 4}:{spf.address} before its last term." if spf.address else ""
        yield Found("spf-fails", spf.trouble or f"“{spf.result}” for {spf.address}: {spf.record}", where, fix)
    elif "?all" in terms:
        yield Found("spf-neutral", spf.record, where)


def _dmarc(dmarc: DmarcFact) -> Iterator[Found]:
    where = f"TXT of _dmarc.{dmarc.at or dmarc.domain}"
    if dmarc.trouble:
        yield Found("dmarc-invalid", dmarc.trouble, where)
    elif not dmarc.record:
        fix = f"Publish a TXT record at _dmarc.{dmarc.domain}: v=DMARC1; p=none; rua=mailto:dmarc@{dmarc.domain}"
        yield Found("no-dmarc", f"Nothing at _dmarc.{dmarc.domain} or above it", where, fix)
    else:
        if dmarc.policy == "none" and not dmarc.tags.get("rua"):
            yield Found("dmarc-unwatched", dmarc.record, where)
        old = [tag for tag in _REMOVED_TAGS if tag in dmarc.tags]
        if old:
            yield Found("dmarc-old-tags", ", ".join(old), where)


def _host(host: HostFact) -> Iterator[Found]:
    if not host.addresses:
        yield Found("helo-unknown", host.hostname, "DNS")
    for address, name in host.reverse.items():
        if name is None:
            continue
        if not name or name.rstrip(".").lower() != host.hostname.lower():
            yield Found(
                "no-reverse-name", f"{address} is called {name or 'nothing'}, this server {host.hostname}", "DNS"
            )
            return
