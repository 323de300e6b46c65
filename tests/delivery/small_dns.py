"""A name server of a few lines, which also does what name servers should not do."""

from __future__ import annotations

import asyncio
from collections import Counter

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SILENT, BROKEN, GARBAGE = "silent", "broken", "garbage"
"""Says nothing; says SERVFAIL; says what is no answer."""


class SmallDns(asyncio.DatagramProtocol):
    """Answers from `zone`: (name, kind) → records as in a zone file, or one of the words above. Other names do not exist."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str] | str] = {}
        self.ttl = 300
        self.asked: Counter[tuple[str, str]] = Counter()
        self.address = ("", 0)
        self.ports: set[int] = set()

    async def start(self) -> None:
        """Open a port on loopback."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.address = self._transport.get_extra_info("sockname")[:2]

    def stop(self) -> None:
        """Close it."""
        self._transport.close()

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        """Answer one question."""
        query = dns.message.from_wire(data)
        (question,) = query.question
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        self.ports.add(peer[1])
        found = self.zone.get((name, kind), self.zone.get((name, "*"), []))
        if found == SILENT:
            return
        if found == GARBAGE:
            self._transport.sendto(data[:2] + b"\xff" * 20, peer)
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if found == BROKEN:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif found:
            answer.answer += self._with_aliases(name, kind, list(found))
        elif not any(known == name for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), peer)

    def _with_aliases(self, name: str, kind: str, found: list[str]) -> list[dns.rrset.RRset]:
        if found[0].startswith("CNAME "):
            target = found[0].split()[1].rstrip(".")
            records = self.zone.get((target, kind), [])
            alias = dns.rrset.from_text(name + ".", self.ttl, "IN", "CNAME", target + ".")
            return [alias] + ([dns.rrset.from_text(target + ".", self.ttl, "IN", kind, *records)] if records else [])
        return [dns.rrset.from_text(name + ".", self.ttl, "IN", kind, *found)]
