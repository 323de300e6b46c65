"""Gather what a message is scored by beside itself, and score it: the DNS, spam filters, whose domain it is.

Questions go out all at once, each with its time limit; one without an answer is said to be unknown and costs nothing.
What the DNS said is remembered for some minutes, less long where something is wrong, for that is about to be mended.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from base64 import b64decode
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from aftersend.clock import MINUTE, SECOND, Clock, Instant
from aftersend.control import dmarc, domains, spf
from aftersend.control.domains import Place, Record
from aftersend.control.names import Names
from aftersend.engines import Absent, Opinion, Panel
from aftersend.mail import headers
from aftersend.policy.score import message
from aftersend.policy.score.facts import (
    Authentication,
    DmarcFact,
    Heard,
    HostFact,
    KeyFact,
    Sending,
    SpfFact,
    Surroundings,
)
from aftersend.policy.score.finding import Found, Score
from aftersend.policy.score.sample import Sample, read
from aftersend.store import accounts
from aftersend.store.connection import Connection

DNS_WITHIN_S = 8.0
REMEMBERED_US, REMEMBERED_BAD_US = 10 * MINUTE, 20 * SECOND
REMEMBERED_MOST = 2_000
SIGNATURES_MOST = 5
"""Signatures that a message brings along, of which the keys are looked up."""


async def reverse_name(address: str) -> str | None:
    """Return the name of an address as this machine's resolver knows it; empty if it has none, None without an answer."""
    if not ipaddress.ip_address(address).is_global:
        return None
    try:
        return (await asyncio.to_thread(socket.gethostbyaddr, address))[0]
    except socket.herror as error:
        return "" if error.errno == 1 else None
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class Asked:
    """How a message is to be scored."""

    is_broadcast: bool = True
    sender: str = ""
    """The envelope's sender; empty for the address in From."""
    recipients: Sequence[str] = ()
    records: Sequence[Record] | None = None
    """The DNS records of the From domain's keys; empty for a domain that is not the account's, None if that is not known."""
    our_domains: frozenset[str] = frozenset()
    with_dns: bool = True
    with_engines: bool = True
    link_length: int = 0
    more: Sequence[Found] = ()
    """What others found of it already."""
    unknown: Sequence[str] = ()
    """What others could not tell."""


def of_account(connection: Connection, account_id: int, raw: bytes, place: Place, *, is_broadcast: bool) -> Asked:
    """Say how a message is to be scored for an account: by the keys with which its mail is signed."""
    block, _ = headers.split(headers.with_crlf(raw))
    sender = next((field.value for field in headers.fields(block) if field.name == "from"), b"")
    name = headers.from_domain({"from": [sender]})
    ours = frozenset(str(domain["name"]) for domain in accounts.domains_of(connection, account_id))
    records = domains.records(connection, account_id, name, place=place) if name in ours else []
    return Asked(is_broadcast, records=records, our_domains=ours)


class Scorer:
    """Scores messages for one installation."""

    def __init__(
        self,
        names: Names,
        panel: Panel,
        place: Place,
        clock: Clock,
        *,
        reverse: Callable[[str], Awaitable[str | None]] = reverse_name,
    ) -> None:
        self._names, self._panel, self._place, self._clock = names, panel, place, clock
        self._reverse = reverse
        self._known: OrderedDict[tuple[Any, ...], tuple[Instant, Any]] = OrderedDict()

    async def score(self, raw: bytes, asked: Asked) -> Score:
        """Score a message, whole as it would be submitted."""
        sample = await asyncio.to_thread(read, raw)
        known, said = await asyncio.gather(self._authentication(sample, asked), self._said(raw, sample, asked))
        heard = tuple(_heard(each) for each in said if isinstance(each, Opinion))
        absent = tuple(each.why for each in said if isinstance(each, Absent))
        ours = asked.our_domains | {self._place.hostname.lower(), self._place.return_domain.lower()}
        sending = Sending(asked.is_broadcast, ours, asked.link_length, self._clock() // SECOND)
        around = Surroundings(sending, known, heard, absent)
        score = await asyncio.to_thread(message.score_sample, sample, around, asked.more)
        return replace(score, unknown=(*score.unknown, *asked.unknown)) if asked.unknown else score

    async def close(self) -> None:
        """Close the connections to the filters."""
        await self._panel.close()

    async def _said(self, raw: bytes, sample: Sample, asked: Asked) -> list[Opinion | Absent]:
        if not asked.with_engines:
            return []
        recipients = asked.recipients or ("reader@example.com",)
        content = raw if b"\r" in raw else headers.with_crlf(raw)
        return await self._panel.ask(content, sender=asked.sender or sample.sender, recipients=recipients)

    # ---- what the DNS says -------------------------------------------------------------------------------------------

    async def _authentication(self, sample: Sample, asked: Asked) -> Authentication | None:
        if not asked.with_dns or not sample.domain:
            return None
        records = tuple(record for record in asked.records or () if record.purpose == "dkim")
        signed = tuple(_signatures(sample)) if not records else ()
        is_ours = None if asked.records is None else bool(records)
        try:
            async with asyncio.timeout(DNS_WITHIN_S):
                keys, sent, policy, host, replies = await asyncio.gather(
                    self._remembered(("keys", records, signed), lambda: self._keys(records, signed)),
                    self._remembered(("spf",), self._spf),
                    self._remembered(("dmarc", sample.domain), lambda: self._dmarc(sample.domain)),
                    self._remembered(("host",), self._host),
                    self._remembered(("replies", sample.domain), lambda: self._takes_mail(sample.domain)),
                )
        except TimeoutError:
            return Authentication(is_ours, unknown=("The DNS took too long to answer.",))
        returns = self._place.return_domain
        unknown = [said for known, said in (
            (sent, _is_public(returns) and f"Nobody could tell whether the SPF record of {returns} lets us send."),
            (policy, f"The DNS did not answer for the DMARC policy of {sample.domain}."),
            (host, f"{self._place.hostname} is no public name, so nobody can tell how others see this server; set smtp.hostname."),
            (replies, f"The DNS did not answer for the mail servers of {sample.domain}."),
        ) if known is None and said]  # fmt: skip
        if is_ours is None and not keys:
            keys = None
            unknown.append(
                f"Whether mail From {sample.domain} will be signed (DKIM) is not known here, for there is no database. Score it where the "
                "service runs, or over its API (AFTERSEND_URL)."
            )
        elif any(key.state == "unknown" for key in keys):
            unknown.append("The DNS did not answer for the signing keys.")
        if host is not None and any(name is None for name in host.reverse.values()):
            unknown.append("The name of the address that mail leaves from could not be looked up.")
        return Authentication(is_ours, keys, sent, policy, host, replies, tuple(unknown))

    async def _remembered(self, key: tuple[Any, ...], ask: Callable[[], Awaitable[tuple[Any, bool]]]) -> Any:
        """Return what is known, or ask: `ask` returns a fact, and whether all was well."""
        kept = self._known.get(key)
        if kept is not None and kept[0] > self._clock():
            return kept[1]
        fact, is_well = await ask()
        while len(self._known) >= REMEMBERED_MOST:
            self._known.popitem(last=False)
        self._known[key] = self._clock() + (REMEMBERED_US if is_well else REMEMBERED_BAD_US), fact
        return fact

    async def _keys(
        self, records: Sequence[Record], signed: Sequence[tuple[str, str]]
    ) -> tuple[tuple[KeyFact, ...], bool]:
        ours = (self._key(record.host, record.value) for record in records)
        brought = (self._key(f"{selector}._domainkey.{domain}", "") for domain, selector in signed)
        keys = tuple(await asyncio.gather(*ours, *brought))
        return keys, any(key.state == "found" for key in keys)

    async def _key(self, host: str, wanted: str) -> KeyFact:
        texts = await self._names.texts(host)
        if texts is None:
            return KeyFact(host, "unknown", record=wanted)
        found = [domains.key_of(text) for text in texts if "p=" in text]
        if not found:
            return KeyFact(host, "missing", record=wanted)
        tags = found[0]
        if not tags.get("p"):
            return KeyFact(host, "revoked", record=wanted)
        if wanted and (tags["p"], tags["k"]) != (domains.key_of(wanted)["p"], domains.key_of(wanted)["k"]):
            return KeyFact(host, "different", record=wanted)
        return KeyFact(host, "found", _bits(tags["p"]) if tags["k"] == "rsa" else 0, wanted)

    async def _spf(self) -> tuple[SpfFact | None, bool]:
        domain = self._place.return_domain
        if not _is_public(domain):
            return None, False
        addresses = self._place.addresses or (await self._names.addresses(self._place.hostname)).addresses
        if not addresses:
            texts = await self._names.texts(domain)
            if texts is None or any(text.lower().startswith("v=spf1") for text in texts):
                return None, False
            return SpfFact(domain, "none"), False
        answers = [await spf.evaluate(self._names, domain, address) for address in addresses]
        worst = next((each for each in answers if each.result != "pass"), answers[0])
        address = addresses[answers.index(worst)]
        if worst.result == "temperror":
            return None, False
        trouble = " ".join(worst.troubles)
        fact = SpfFact(domain, worst.result, worst.record or "", worst.lookups, worst.void, address, trouble)
        return fact, worst.result == "pass"

    async def _dmarc(self, domain: str) -> tuple[DmarcFact | None, bool]:
        found = await dmarc.policy_of(self._names, domain)
        if found.record is None:
            trouble = " ".join(found.troubles)
            return (DmarcFact(domain, trouble=trouble) if found.is_known else None), False
        tags = dmarc.tags_of(found.record) or {}
        troubles = [each for each in found.troubles if "did not answer" not in each]
        fact = DmarcFact(domain, found.record, found.at or "", found.policy or "", tags, " ".join(troubles))
        return fact, not troubles

    async def _host(self) -> tuple[HostFact | None, bool]:
        hostname = self._place.hostname
        if not _is_public(hostname):
            return None, False
        addresses = (await self._names.addresses(hostname)).addresses
        leaving = self._place.addresses or addresses
        names = await asyncio.gather(*(self._reverse(address) for address in leaving))
        return HostFact(hostname, addresses, dict(zip(leaving, names, strict=True))), bool(addresses)

    async def _takes_mail(self, domain: str) -> tuple[bool | None, bool]:
        servers = await self._names.servers(domain)
        if servers.trouble == "no_answer":
            return None, False
        return bool(servers.hosts), bool(servers.hosts)


def _signatures(sample: Sample) -> list[tuple[str, str]]:
    """(domain, selector) of signatures that the message brings along and that speak for its From domain."""
    found = []
    for value in sample.fields.get("dkim-signature", ())[:SIGNATURES_MOST]:
        pairs = [part.partition("=") for part in value.decode("ascii", "replace").split(";") if "=" in part]
        tags = {name.strip(): "".join(said.split()) for name, _, said in pairs}
        domain = tags.get("d", "").lower()
        if domain and tags.get("s") and (sample.domain == domain or sample.domain.endswith("." + domain)):
            found.append((domain, tags["s"].lower()))
    return found


def _is_public(name: str) -> bool:
    return "." in name.strip(".") and not name.lower().endswith((".local", ".localdomain", ".internal", ".localhost"))


def _bits(public: str) -> int:
    try:
        key = serialization.load_der_public_key(b64decode(public, validate=True))
    except (ValueError, TypeError):
        return 1
    return key.key_size if isinstance(key, rsa.RSAPublicKey) else 0


def _heard(opinion: Opinion) -> Heard:
    symbols = tuple((symbol.name, symbol.score, symbol.description) for symbol in opinion.symbols)
    return Heard(opinion.name, opinion.score, opinion.threshold, symbols)
