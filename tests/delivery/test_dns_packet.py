"""Answers of the DNS are hostile bytes: they are read as dnspython reads them, or refused, and never past their end."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import dns.message
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.delivery import dns_packet
from aftersend.delivery.dns_packet import AAAA, MX, TXT, A, Answer, Truncated, Unusable

KINDS = {A: "A", AAAA: "AAAA", MX: "MX", TXT: "TXT"}
LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
TTL = st.integers(0, 2**31 - 1)
RECORDS = {
    A: st.ip_addresses(v=4).map(str),
    AAAA: st.ip_addresses(v=6).map(str),
    MX: st.tuples(st.integers(0, 65535), NAME),
    TXT: st.lists(st.text("abc =;v1", min_size=1, max_size=250), min_size=1, max_size=3),
}


Given = tuple[int, list[str], list[Any], int, list[int]]
"""Kind, the name asked for and its aliases, the records at their end, their TTL and those of the aliases."""
ANSWERS: st.SearchStrategy[Given] = st.sampled_from(list(KINDS)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.lists(NAME, min_size=1, max_size=4, unique=True),
        st.lists(RECORDS[kind], max_size=5, unique_by=str),
        TTL,
        st.lists(TTL, min_size=3, max_size=3),
    )
)


def packet_of(given: Given) -> tuple[bytes, bytes]:
    """The question's section, and the answer as dnspython writes it."""
    kind, names, records, ttl, aliases = given
    section = dns_packet.asked(names[0], kind)
    answer = dns.message.make_response(dns.message.from_wire(dns_packet.question(section, 7)))
    for alias, target, its_ttl in zip(names, names[1:], aliases, strict=False):
        answer.answer.append(dns.rrset.from_text(f"{alias}.", its_ttl, "IN", "CNAME", f"{target}."))
    if records:
        texts = [_text(kind, record) for record in records]
        answer.answer.append(dns.rrset.from_text(f"{names[-1]}.", ttl, "IN", KINDS[kind], *texts))
    return section, answer.to_wire(max_size=65535)


def _text(kind: int, record: Any) -> str:
    if kind == MX:
        return f"{record[0]} {record[1]}."
    return " ".join(f'"{part}"' for part in record) if kind == TXT else str(record)


def _read(kind: int, record: Any) -> Any:
    if kind in (A, AAAA):
        return ip_address(record)
    return "".join(record).encode() if kind == TXT else record


@given(ANSWERS)
def test_what_dnspython_writes_is_read(made: Given) -> None:
    """All records at the end of the aliases, and nothing else; kept no longer than the shortest time on the way."""
    kind, names, records, ttl, aliases = made
    section, packet = packet_of(made)
    assert dns_packet.is_answer_to(packet, section, 7)
    assert not dns_packet.is_answer_to(packet, section, 8)
    found = dns_packet.read(packet, section)
    read = [ip_address(record) for record in found.records] if kind in (A, AAAA) else list(found.records)
    assert sorted(read) == sorted(_read(kind, record) for record in records)
    if records:
        assert found.ttl_s == min([ttl, *aliases[: len(names) - 1]])


@given(ANSWERS, st.data())
def test_a_damaged_answer_is_read_or_refused(made: Given, data: st.DataObject) -> None:
    """Cut short, changed, or with bytes put in: an answer, or one of the two errors; nothing else comes out."""
    section, packet = packet_of(made)
    damaged = bytearray(packet)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged)))
        damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    for bad in (bytes(damaged), cut):
        if dns_packet.is_answer_to(bad, section, 7):
            _reads_or_refuses(bad, section)


@given(NAME, st.sampled_from(list(KINDS)), st.binary(max_size=300), st.integers(0, 6))
def test_random_bytes_behind_a_true_question(name: str, kind: int, tail: bytes, number: int) -> None:
    """The worst that somebody can send who saw the question."""
    section = dns_packet.asked(name, kind)
    header = b"\0\7" + b"\x81\x80" + b"\0\1" + number.to_bytes(2, "big") + b"\0\0\0\0"
    _reads_or_refuses(header + section + tail, section)


def _reads_or_refuses(packet: bytes, section: bytes) -> None:
    try:
        found = dns_packet.read(packet, section)
    except (Unusable, Truncated):
        return
    assert isinstance(found, Answer)
    assert found.ttl_s >= 0


@pytest.mark.parametrize("tail", [b"\xc0\x0c", b"\xc0\x21", b"\xff\xff", b"\x3f" + b"a" * 20, b"\x40a\0", b""])
def test_names_without_an_end(tail: bytes) -> None:
    """Pointers to themselves, forward and beyond; labels of a kind that is none; and nothing where a record should be."""
    section = dns_packet.asked("example.com", A)
    packet = b"\0\7\x81\x80\0\1\0\1\0\0\0\0" + section + tail + b"\0\1\0\1\0\0\0\1\0\4\1\2\3"
    with pytest.raises(Unusable):
        dns_packet.read(packet, section)


@pytest.mark.parametrize("name", ["", "a..b", "a" * 64 + ".com", ".".join(["abcdefgh"] * 30)])
def test_what_cannot_be_a_name_is_not_asked(name: str) -> None:
    """ValueError, before anything is sent."""
    with pytest.raises(ValueError, match="no name of the DNS"):
        dns_packet.asked(name, A)
