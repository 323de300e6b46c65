"""The practice DNS: answers for the practice world over UDP and TCP, and knows nothing of any other name.

Owns the translation of `sites` into records, and the records that somebody sets (`texts`), so that the check of a
practice sending domain can succeed.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Iterable

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.message import Message

from aftersend.practice.sites import DOMAINS, PLACES, ZONE, domain_of

TTL_S = 60
LARGEST_UDP = 1232
IDLE_S = 30.0
_OUR_ZONES = tuple(sorted({ZONE} | {place.partition(".")[2] for place in PLACES}))


class Names:
    """What the practice DNS knows. `add` and `remove` change it while it runs."""

    def __init__(self, network: str) -> None:
        self.network = network
        self._set: dict[tuple[str, str], list[str]] = {}
        self.questions = 0

    def add(self, name: str, kind: str, *values: str) -> None:
        """Set the records of one kind at a name. TXT values are plain text of any length; others as in a zone file."""
        self._set[_folded(name), kind.upper()] = [
            _quoted(value) if kind.upper() == "TXT" else value for value in values
        ]

    def remove(self, name: str, kind: str) -> None:
        """Forget what was set."""
        self._set.pop((_folded(name), kind.upper()), None)

    def address(self, place: str) -> str | None:
        """Return the address of a server, or None."""
        known = PLACES.get(place)
        return None if known is None else f"{self.network}.{known.last_octet}"

    def exists(self, name: str) -> bool:
        """Say whether a name exists, with records or below it."""
        if domain_of(name) is not None or name in PLACES or any(name == known for known, _ in self._set):
            return True
        below = "." + name
        known = [*DOMAINS, *PLACES, *(known for known, _ in self._set)]
        return any(other.endswith(below) for other in known) or self._host_of(name) is not None

    def records(self, name: str, kind: str) -> list[str]:
        """Return the records of a kind at a name, as they stand in a zone file."""
        name = _folded(name)
        found = self._set.get((name, kind))
        if found is not None:
            return found
        if kind == "PTR":
            host = self._host_of(name)
            return [host + "."] if host else []
        domain = domain_of(name)
        if kind == "MX" and domain is not None:
            return [f"{preference} {host}." for preference, host in domain.exchanges]
        if kind == "A":
            place = name if name in PLACES else domain.address_of if domain is not None else None
            address = self.address(place) if place else None
            return [address] if address else []
        if kind == "TXT" and name == ZONE:
            return ['"A world to practise in; nothing here is real"']
        return []

    def _host_of(self, name: str) -> str | None:
        """The server whose address a name below in-addr.arpa stands for."""
        if not name.endswith(".in-addr.arpa"):
            return None
        address = ".".join(reversed(name.removesuffix(".in-addr.arpa").split(".")))
        return next((place for place in PLACES if self.address(place) == address), None)

    def answer(self, question: Message) -> Message | None:
        """Answer a query; None where the practice world keeps silent."""
        self.questions += 1
        reply = dns.message.make_response(question)
        reply.flags |= dns.flags.AA | dns.flags.RA
        if len(question.question) != 1:
            reply.set_rcode(dns.rcode.FORMERR)
            return reply
        asked = question.question[0]
        name = _folded(asked.name.to_text())
        domain = domain_of(name)
        trouble = domain.trouble if domain is not None else None
        if trouble == "silence":
            return None
        if trouble == "servfail":
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply
        if trouble == "nxdomain" or not self.exists(name):
            reply.set_rcode(dns.rcode.NXDOMAIN)
            return reply
        kind = dns.rdatatype.to_text(asked.rdtype)
        values = self.records(name, kind)
        if values:
            reply.answer.append(dns.rrset.from_text_list(asked.name, TTL_S, "IN", kind, values))
        return reply


def _folded(name: str) -> str:
    return name.rstrip(".").lower()


def _quoted(text: str) -> str:
    """Write a text as the strings of a TXT record, 255 bytes each."""
    raw = text.encode()
    parts = [raw[i : i + 255] for i in range(0, len(raw), 255)] or [b""]
    return " ".join('"' + "".join(_escaped(byte) for byte in part) + '"' for part in parts)


def _escaped(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03d}"


class NameServer:
    """Listens on one port, UDP and TCP."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.address: tuple[str, int] = ("", 0)
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Open the port; return the address. Raises OSError when the port is taken."""
        loop = asyncio.get_running_loop()
        for attempt in range(10):
            self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self.names), local_addr=(host, port))
            bound: tuple[str, int] = self._udp.get_extra_info("sockname")[:2]
            try:
                self._tcp = await asyncio.start_server(self._converse, *bound)
            except OSError:
                self._udp.close()
                if port or attempt == 9:
                    raise
            else:
                self.address = bound
                break
        return self.address

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            while True:
                size = await asyncio.wait_for(reader.readexactly(2), IDLE_S)
                said = await asyncio.wait_for(reader.readexactly(struct.unpack("!H", size)[0]), IDLE_S)
                answer = _reply_to(self.names, said, 65_535)
                if answer is None:
                    continue
                writer.write(struct.pack("!H", len(answer)) + answer)
                await writer.drain()
        writer.close()

    async def stop(self) -> None:
        """Close the port."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._tcp.wait_closed(), 1.0)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, names: Names) -> None:
        self._names = names
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = _reply_to(self._names, data, LARGEST_UDP)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


def _reply_to(names: Names, said: bytes, largest: int) -> bytes | None:
    try:
        question = dns.message.from_wire(said)
    except (dns.exception.DNSException, ValueError):
        return None
    reply = names.answer(question)
    if reply is None:
        return None
    if question.edns < 0:
        largest = min(largest, 512) if largest < 65_535 else largest
    try:
        return reply.to_wire(max_size=largest)
    except dns.exception.TooBig:
        for section in (reply.answer, reply.authority, reply.additional):
            _clear(section)
        reply.flags |= dns.flags.TC
        return reply.to_wire(max_size=largest)


def _clear(section: Iterable[object]) -> None:
    if isinstance(section, list):
        section.clear()
