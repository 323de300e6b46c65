"""The practice DNS answers real resolvers."""

from __future__ import annotations

import asyncio

import dns.asyncquery
import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import pytest

from aftersend.practice.names import Names, NameServer
from aftersend.practice.sites import DOMAINS, MX, PLACES

NETWORK = "127.0.10"


def asked(name: str, kind: str, *, names: Names | None = None, tcp: bool = False) -> list[str]:
    """Ask through a real resolver over a real port."""

    async def ask() -> list[str]:
        server = NameServer(names or Names(NETWORK))
        host, port = await server.start()
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers, resolver.port, resolver.lifetime = [host], port, 0.5
        try:
            answer = await resolver.resolve(name, kind, tcp=tcp, search=False)
            return sorted(record.to_text() for record in answer)
        finally:
            await server.stop()

    return asyncio.run(ask())


@pytest.mark.parametrize("tcp", [False, True])
def test_mail_servers_are_found_over_udp_and_tcp(tcp: bool) -> None:
    """An MX question is answered, whichever transport asks."""
    assert asked("one.practice.test", "MX", tcp=tcp) == [f"10 {MX}."]


def test_every_domain_is_answered_as_the_table_says() -> None:
    """The records of each domain are those of its row, and each server named has an address unless it must not."""
    names = Names(NETWORK)
    for domain in DOMAINS.values():
        if domain.trouble:
            continue
        name = domain.name.replace("*", "anything")
        assert names.exists(name), name
        assert len(names.records(name, "MX")) == len(domain.exchanges)
        for _, host in domain.exchanges:
            assert bool(names.records(host, "A")) == (host in PLACES)


def test_letters_of_a_name_may_be_of_any_case() -> None:
    """Names are compared without regard to case."""
    assert [said.lower() for said in asked("One.Practice.TEST", "MX")] == [f"10 {MX}."]


def test_many_domains_share_one_server() -> None:
    """A wildcard covers any number of domains, and so does the zone itself."""
    assert asked("whatever.practice.test", "MX") == ["10 mx.many-mail.test."]
    assert asked("a.many.practice.test", "MX") == asked("z99.many.practice.test", "MX") == ["10 mx.many-mail.test."]


def test_the_first_of_two_servers_comes_first() -> None:
    """Preferences are given in order."""
    assert asked("first-refuses.practice.test", "MX") == ["10 mx1.first-mail.test.", "20 mx2.second-mail.test."]


def test_a_null_mx_is_a_single_dot() -> None:
    """RFC 7505 §3."""
    assert asked("null-mx.practice.test", "MX") == ["0 ."]


def test_addresses_and_their_names_agree() -> None:
    """PTR is the inverse of A."""
    assert asked(MX, "A") == ["127.0.10.1"]
    assert asked("1.10.0.127.in-addr.arpa", "PTR") == [f"{MX}."]


def test_a_domain_may_have_an_address_and_no_mail_server() -> None:
    """A-only domains answer MX with nothing, not with NXDOMAIN."""
    with pytest.raises(dns.resolver.NoAnswer):
        asked("a-only.practice.test", "MX")
    assert asked("a-only.practice.test", "A") == ["127.0.10.4"]


@pytest.mark.parametrize(
    "name", ["no-such-domain.practice.test", "no-such17.practice.test", "a.b.practice.test", "example.com", "test."]
)
def test_what_is_not_there_does_not_exist(name: str) -> None:
    """Outside the table there is NXDOMAIN; a name above known names exists without records."""
    expected = dns.resolver.NoAnswer if name == "test." else dns.resolver.NXDOMAIN
    with pytest.raises(expected):
        asked(name, "MX")


def test_servers_with_a_fault_say_so() -> None:
    """SERVFAIL leaves a resolver without any server to ask."""
    with pytest.raises(dns.resolver.NoNameservers):
        asked("servfail.practice.test", "MX")


def test_some_servers_do_not_answer() -> None:
    """Silence ends in a timeout on the asker's side."""
    with pytest.raises(dns.resolver.LifetimeTimeout):
        asked("dns-timeout.practice.test", "MX")


def test_records_can_be_set_and_forgotten() -> None:
    """TXT records of any length and with any characters come back as they were set."""
    names = Names(NETWORK)
    text = 'v=DKIM1; p="' + "A" * 600 + '\\;"'
    names.add("sel._domainkey.shop.example.test", "TXT", text)
    (found,) = asked("sel._domainkey.shop.example.test", "TXT", names=names)
    parts = found[1:-1].split('" "')
    assert "".join(parts).replace('\\"', '"').replace("\\\\", "\\") == text
    assert names.exists("shop.example.test")
    names.remove("sel._domainkey.shop.example.test", "TXT")
    assert not names.exists("sel._domainkey.shop.example.test")


def test_what_does_not_fit_is_cut_and_comes_by_tcp() -> None:
    """RFC 1035 §4.2.1: an answer larger than 512 bytes has the TC bit; the resolver asks again over TCP."""
    names = Names(NETWORK)
    names.add("long.practice.test", "TXT", "x" * 3000)

    async def ask() -> tuple[bool, int]:
        server = NameServer(names)
        host, port = await server.start()
        query = dns.message.make_query("long.practice.test", "TXT", use_edns=False)
        cut = await dns.asyncquery.udp(query, host, port=port, timeout=2)
        whole = await dns.asyncquery.tcp(query, host, port=port, timeout=2)
        await server.stop()
        return bool(cut.flags & dns.flags.TC), len(whole.answer)

    assert asyncio.run(ask()) == (True, 1)


def test_nonsense_is_ignored() -> None:
    """Bytes that are no query are not answered, and do not stop the server."""

    async def ask() -> int:
        server = NameServer(Names(NETWORK))
        host, port = await server.start()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(host, port))
        for said in (b"", b"\0", b"\xff" * 40, b"\0" * 12):
            transport.sendto(said)
        transport.close()
        query = dns.message.make_query("one.practice.test", "MX")
        answer = await dns.asyncquery.udp(query, host, port=port, timeout=2)
        await server.stop()
        return int(answer.rcode())

    assert asyncio.run(ask()) == dns.rcode.NOERROR
