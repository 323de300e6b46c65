"""Write questions to the DNS and read the answers to them (RFC 1035). Pure; bytes in, values out.

Knows the handful of kinds that mail needs. An answer comes from whoever owns the name: nothing in it is trusted, and
nothing is read beyond its end.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

A, CNAME, MX, TXT, AAAA = 1, 5, 15, 16, 28
IN = 1
LARGEST_UDP = 1232
"""What we take in one datagram: it passes every network in one piece (DNS Flag Day 2020)."""
NAME_MOST = 255
LABEL_MOST = 63
ALIASES_FOLLOWED = 12

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_TAIL = struct.Struct("!HH")
_WANTS_RECURSION = 0x0100
_IS_RESPONSE, _OPCODE, _IS_TRUNCATED, _CODE = 0x8000, 0x7800, 0x0200, 0x000F
_NO_SUCH_NAME = 3
_EXTENDED = b"\0" + struct.pack("!HHIH", 41, LARGEST_UDP, 0, 0)
"""The record that says how much we take (EDNS, RFC 6891)."""


class Unusable(ValueError):
    """It is an answer to our question, but it cannot be read, or the server could not answer."""

    def __init__(self, why: str, code: int = 0) -> None:
        super().__init__(why)
        self.code = code
        """What the server said (RFC 1035 §4.1.1), 0 if it is the packet that is broken."""


class Truncated(ValueError):
    """The answer did not fit into a datagram; it is to be had over TCP."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the DNS says: addresses as text, (preference, host) for MX, the joined bytes of each TXT record."""

    records: tuple[Any, ...]
    ttl_s: int = 0
    exists: bool = True
    """False if there is no such name at all."""


def asked(name: str, kind: int) -> bytes:
    """Return the question section for a name (A-labels). Raise ValueError if there can be no such name."""
    labels = name.rstrip(".").encode("ascii").split(b".")
    if any(not 1 <= len(label) <= LABEL_MOST for label in labels) or sum(map(len, labels)) + len(labels) >= NAME_MOST:
        raise ValueError(f"{name[:80]!r} is no name of the DNS: a label is empty or too long.")
    return b"".join([bytes((len(label),)) + label for label in labels]) + b"\0" + _TAIL.pack(kind, IN)


def question(section: bytes, number: int, *, extended: bool = True) -> bytes:
    """Return the packet that asks. `extended`: say how large an answer may be, which a few old servers refuse."""
    header = _HEADER.pack(number, _WANTS_RECURSION, 1, 0, 0, int(extended))
    return header + section + (_EXTENDED if extended else b"")


def is_answer_to(packet: bytes, section: bytes, number: int) -> bool:
    """Whether a packet answers this question; what does not is noise, or a forgery (RFC 5452 §9.1)."""
    if len(packet) < 12 + len(section):
        return False
    its_number, flags, questions, *_ = _HEADER.unpack_from(packet)
    is_ours = its_number == number and questions == 1 and flags & (_IS_RESPONSE | _OPCODE) == _IS_RESPONSE
    return is_ours and packet[12 : 12 + len(section)].lower() == section.lower()


def read(packet: bytes, section: bytes) -> Answer:
    """Read the answer to a question, aliases followed. Raise Truncated, or Unusable that says why."""
    _, flags, _, answers, _, _ = _HEADER.unpack_from(packet)
    code = flags & _CODE
    if code not in (0, _NO_SUCH_NAME):
        raise Unusable(f"the name server said {_CODES.get(code, code)}", code)
    if flags & _IS_TRUNCATED:
        raise Truncated
    if code == _NO_SUCH_NAME:
        return Answer((), exists=False)
    try:
        return _records(packet, section, answers)
    except (IndexError, struct.error, _Broken) as error:
        raise Unusable(f"the name server's answer is broken ({error})") from None


_CODES = {1: "FORMERR", 2: "SERVFAIL", 4: "NOTIMP", 5: "REFUSED"}


class _Broken(ValueError):
    """The packet contradicts itself."""


def _records(packet: bytes, section: bytes, number: int) -> Answer:
    kind = _TAIL.unpack_from(section, len(section) - _TAIL.size)[0]
    owner, _ = name_at(packet, 12)
    found: list[tuple[str, int, Any]] = []
    aliases: dict[str, tuple[int, str]] = {}
    place = 12 + len(section)
    for _ in range(number):
        its_owner, place = (owner, place + 2) if packet[place : place + 2] == b"\xc0\x0c" else name_at(packet, place)
        its_kind, its_class, ttl, size = _RECORD.unpack_from(packet, place)
        place += _RECORD.size
        if place + size > len(packet):
            raise _Broken("a record goes beyond the end")
        ttl = 0 if ttl & 0x80000000 else ttl  # RFC 2181 §8
        if its_class == IN and its_kind == kind:
            found.append((its_owner, ttl, _READ[kind](packet, place, size)))
        elif its_class == IN and its_kind == CNAME:
            aliases[its_owner] = (ttl, name_at(packet, place)[0])
        place += size
    return _at_the_end(owner, found, aliases)


def _at_the_end(owner: str, found: list[tuple[str, int, Any]], aliases: dict[str, tuple[int, str]]) -> Answer:
    """Follow the aliases from a name, and return what stands at their end."""
    shortest = 0xFFFFFFFF
    for _ in range(ALIASES_FOLLOWED):
        mine = [(ttl, record) for its_owner, ttl, record in found if its_owner == owner]
        if mine:
            return Answer(tuple(record for _, record in mine), min(shortest, *(ttl for ttl, _ in mine)))
        if owner not in aliases:
            return Answer(())
        ttl, owner = aliases[owner]
        shortest = min(shortest, ttl)
    raise _Broken("aliases without an end")


def name_at(packet: bytes, place: int) -> tuple[str, int]:
    """Return the name at a place, in small letters, and where it ends. Raise IndexError or ValueError.

    A pointer must go back, so a name has an end; what cannot stand in a host's name is written as its number.
    """
    labels: list[bytes] = []
    length, end, before = 0, 0, place
    while True:
        size = packet[place]
        if size == 0:
            return (_text(labels) if labels else "."), end or place + 1
        if size > LABEL_MOST:
            target = (size & 0x3F) << 8 | packet[place + 1]
            if size < 0xC0 or target >= before:
                raise _Broken("a name that points at itself")
            end = end or place + 2
            place = before = target
            continue
        label = packet[place + 1 : place + 1 + size]
        length += size + 1
        if len(label) < size or length >= NAME_MOST:
            raise _Broken("a name without an end")
        labels.append(label)
        place += size + 1


def _text(labels: list[bytes]) -> str:
    joined = b".".join(labels)
    if joined.isascii() and joined.count(b".") == len(labels) - 1 and joined.translate(None, _ODD) == joined:
        return joined.decode("ascii").lower()
    return ".".join("".join(_shown(octet) for octet in label) for label in labels).lower()


_ODD = bytes(range(33)) + b'"();@\\\x7f'
_PLAIN = frozenset(range(33, 127)) - frozenset(_ODD + b".")


def _shown(octet: int) -> str:
    return chr(octet) if octet in _PLAIN else f"\\{octet:03}"


def _v4(packet: bytes, place: int, size: int) -> str:
    if size != 4:
        raise _Broken("an address of the wrong length")
    return socket.inet_ntop(socket.AF_INET, packet[place : place + 4])


def _v6(packet: bytes, place: int, size: int) -> str:
    if size != 16:
        raise _Broken("an address of the wrong length")
    return socket.inet_ntop(socket.AF_INET6, packet[place : place + 16])


def _exchange(packet: bytes, place: int, size: int) -> tuple[int, str]:
    name, end = name_at(packet, place + 2)
    if end != place + size:
        raise _Broken("an MX record of the wrong length")
    return packet[place] << 8 | packet[place + 1], name


def _strings(packet: bytes, place: int, size: int) -> bytes:
    pieces, end = [], place + size
    while place < end:
        length = packet[place]
        if place + 1 + length > end:
            raise _Broken("a text that goes beyond its record")
        pieces.append(packet[place + 1 : place + 1 + length])
        place += 1 + length
    return b"".join(pieces)


_READ: dict[int, Callable[[bytes, int, int], Any]] = {A: _v4, AAAA: _v6, MX: _exchange, TXT: _strings}
