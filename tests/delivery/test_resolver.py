"""Which servers take a domain's mail: order, refusals, and never a "no" where nobody answered."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aftersend.clock import SECOND
from aftersend.delivery import Resolver
from aftersend.delivery.names import LEAST_TTL_S, MOST_TTL_S, NEGATIVE_TTL_S, Host, site_of
from given import Clock

sys.path.insert(0, str(Path(__file__).parent))

from small_dns import BROKEN, GARBAGE, SILENT, SmallDns  # noqa: E402 - it lies beside this file


@pytest.fixture
def dns_server(runner: asyncio.Runner) -> Iterator[SmallDns]:
    """A name server with some mail servers in it."""

    async def start() -> SmallDns:
        server = SmallDns()
        await server.start()
        return server

    server = runner.run(start())
    server.zone |= {
        ("mx1.test", "A"): ["192.0.2.1"],
        ("mx2.test", "A"): ["192.0.2.2", "192.0.2.22"],
        ("mx3.test", "A"): ["192.0.2.3"],
        ("alias.test", "A"): ["CNAME mx3.test."],
        ("empty.test", "TXT"): ['"no address here"'],
    }
    yield server
    server.stop()


@pytest.fixture
def resolver(dns_server: SmallDns, clock: Clock) -> Resolver:
    """A resolver that asks that server, and does not wait for long."""
    return Resolver(clock, dns_server.address, timeout_s=0.15)


async def test_servers_come_in_order_of_preference(resolver: Resolver, dns_server: SmallDns) -> None:
    """The lowest number first, with the addresses that each has."""
    dns_server.zone["example.test", "MX"] = ["20 mx2.test.", "10 mx1.test.", "30 mx3.test."]
    found = await resolver.servers("example.test")
    assert [(host.name, sorted(host.addresses)) for host in found.hosts] == [
        ("mx1.test", ["192.0.2.1"]), ("mx2.test", ["192.0.2.2", "192.0.2.22"]), ("mx3.test", ["192.0.2.3"]),
    ]  # fmt: skip
    assert found.trouble is None


async def test_equals_share_the_load(resolver: Resolver, dns_server: SmallDns, clock: Clock) -> None:
    """Among servers of one preference, chance decides, anew whenever the DNS is asked (RFC 5321 §5.1)."""
    dns_server.zone["example.test", "MX"] = ["10 mx1.test.", "10 mx2.test.", "5 mx3.test."]
    orders = set()
    for _ in range(40):
        found = await resolver.servers("example.test")
        orders.add(tuple(host.name for host in found.hosts))
        clock.forward(2 * 3600 * SECOND)
    assert orders == {("mx3.test", "mx1.test", "mx2.test"), ("mx3.test", "mx2.test", "mx1.test")}


async def test_a_null_mx_is_a_refusal(resolver: Resolver, dns_server: SmallDns) -> None:
    """The domain says that it takes no mail (RFC 7505), whatever addresses it has."""
    dns_server.zone |= {("null.test", "MX"): ["0 ."], ("null.test", "A"): ["192.0.2.9"]}
    found = await resolver.servers("null.test")
    assert (found.trouble, found.hosts) == ("null_mx", ())
    assert "null.test" in found.explanation


async def test_a_dot_among_real_servers_is_passed_over(resolver: Resolver, dns_server: SmallDns) -> None:
    """A null MX beside others is a mistake, not a refusal (RFC 7505 §3)."""
    dns_server.zone["odd.test", "MX"] = ["0 .", "10 mx1.test."]
    found = await resolver.servers("odd.test")
    assert [host.name for host in found.hosts] == ["mx1.test"]


async def test_a_domain_that_does_not_exist(resolver: Resolver) -> None:
    """NXDOMAIN is an answer."""
    found = await resolver.servers("nowhere.test")
    assert found.trouble == "no_such_domain"
    assert "nowhere.test" in found.explanation


async def test_a_domain_without_mx_is_its_own_server(resolver: Resolver, dns_server: SmallDns) -> None:
    """Only where there is no MX at all do its addresses serve (RFC 5321 §5.1)."""
    dns_server.zone["plain.test", "A"] = ["192.0.2.7"]
    found = await resolver.servers("plain.test")
    assert found.hosts == (Host("plain.test", ("192.0.2.7",)),)
    assert found.asked == "A"


async def test_addresses_are_no_fallback_for_bad_mx(resolver: Resolver, dns_server: SmallDns) -> None:
    """Where there are MX records, the domain's own address is not tried."""
    dns_server.zone |= {("bad.test", "MX"): ["10 gone.test.", "20 empty.test."], ("bad.test", "A"): ["192.0.2.7"]}
    found = await resolver.servers("bad.test")
    assert (found.trouble, found.hosts) == ("no_address", ())
    assert "gone.test" in found.explanation


async def test_a_domain_without_anything(resolver: Resolver) -> None:
    """A name that exists, without MX and without address, takes no mail."""
    assert (await resolver.servers("empty.test")).trouble == "no_address"


@pytest.mark.parametrize("how", [SILENT, BROKEN, GARBAGE])
async def test_no_answer_is_never_a_no(resolver: Resolver, dns_server: SmallDns, how: str) -> None:
    """Silence, a fault or rubbish, wherever in the chain of questions: it may pass by itself, and nobody bounces."""
    dns_server.zone |= {
        ("dead.test", "*"): how,
        ("half.test", "MX"): ["10 dead.test."],
        ("addressless.test", "A"): how,
        ("addressless.test", "TXT"): ['"it exists"'],
    }
    for domain in ("dead.test", "half.test", "addressless.test"):
        found = await resolver.servers(domain)
        assert (found.trouble, found.hosts) == ("no_answer", ()), domain
        assert found.explanation


async def test_one_server_that_answers_is_enough(resolver: Resolver, dns_server: SmallDns) -> None:
    """When some hosts' addresses cannot be looked up, the others are used."""
    dns_server.zone |= {("dead.test", "*"): BROKEN, ("half.test", "MX"): ["10 dead.test.", "20 mx1.test."]}
    assert [host.name for host in (await resolver.servers("half.test")).hosts] == ["mx1.test"]


async def test_a_server_may_be_an_alias_or_an_address(resolver: Resolver, dns_server: SmallDns) -> None:
    """Neither is allowed (RFC 5321 §5.1), both occur, and mail gets through."""
    dns_server.zone["odd.test", "MX"] = ["10 alias.test.", "20 192.0.2.50."]
    assert (await resolver.servers("odd.test")).hosts == (
        Host("alias.test", ("192.0.2.3",)),
        Host("192.0.2.50", ("192.0.2.50",)),
    )


async def test_a_long_list_is_cut(resolver: Resolver, dns_server: SmallDns) -> None:
    """Nobody makes us ask for hundreds of names."""
    dns_server.zone["many.test", "MX"] = [f"{i} mx{1 + i % 3}.test." for i in range(30)]
    found = await resolver.servers("many.test")
    assert len(found.hosts) == 5
    assert sum(dns_server.asked.values()) <= 1 + 5 * 2


async def test_answers_are_remembered_for_their_time(resolver: Resolver, dns_server: SmallDns, clock: Clock) -> None:
    """The DNS is asked once for as long as it allows, and again afterwards."""
    dns_server.zone["example.test", "MX"] = ["10 mx1.test."]
    dns_server.ttl = 300
    first = await resolver.servers("example.test")
    clock.forward(299 * SECOND)
    assert await resolver.servers("example.test") is first
    assert resolver.known("example.test") is first
    assert dns_server.asked["example.test", "MX"] == 1
    clock.forward(SECOND)
    assert resolver.known("example.test") is None
    await resolver.servers("example.test")
    assert dns_server.asked["example.test", "MX"] == 2


@pytest.mark.parametrize(("ttl", "kept"), [(0, LEAST_TTL_S), (1, LEAST_TTL_S), (600, 600), (7 * 86400, MOST_TTL_S)])
async def test_times_are_kept_within_reason(
    resolver: Resolver, dns_server: SmallDns, clock: Clock, ttl: int, kept: int
) -> None:
    """Half a minute at least, so that a burst asks once; an hour at most, so that a move is noticed."""
    dns_server.zone["example.test", "MX"] = ["10 mx1.test."]
    dns_server.ttl = ttl
    await resolver.servers("example.test")
    clock.forward(kept * SECOND - 1)
    assert resolver.known("example.test") is not None
    clock.forward(1)
    assert resolver.known("example.test") is None


async def test_a_no_is_remembered_for_a_minute(resolver: Resolver, dns_server: SmallDns, clock: Clock) -> None:
    """A domain that has just been registered does not wait for an hour, nor does silence last."""
    dns_server.zone["dead.test", "*"] = BROKEN
    await resolver.servers("nowhere.test")
    await resolver.servers("dead.test")
    clock.forward(NEGATIVE_TTL_S * SECOND)
    assert resolver.known("nowhere.test") is None
    assert resolver.known("dead.test") is None


async def test_many_that_wait_ask_once(resolver: Resolver, dns_server: SmallDns) -> None:
    """However many deliveries need a domain at the same moment, one question goes out."""
    dns_server.zone["example.test", "MX"] = ["10 mx1.test."]
    found = await asyncio.gather(*(resolver.servers("example.test") for _ in range(50)))
    assert len(set(map(id, found))) == 1
    assert dns_server.asked["example.test", "MX"] == 1


async def test_who_stops_waiting_stops_nobody_else(resolver: Resolver, dns_server: SmallDns) -> None:
    """One waiter that is cancelled leaves the look-up to the others."""
    dns_server.zone["example.test", "MX"] = ["10 mx1.test."]
    first = asyncio.ensure_future(resolver.servers("example.test"))
    second = asyncio.ensure_future(resolver.servers("example.test"))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).hosts


async def test_who_looks_up_and_is_stopped_is_followed_by_another(resolver: Resolver, dns_server: SmallDns) -> None:
    """`find` does the work in the caller's task; when that one is cancelled, one of those who wait goes on."""
    dns_server.zone["example.test", "MX"] = ["10 mx1.test."]
    first = asyncio.ensure_future(resolver.find("example.test"))
    others = [asyncio.ensure_future(resolver.find("example.test")) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    assert len({id(found) for found in await asyncio.gather(*others)}) == 1
    assert dns_server.asked["example.test", "MX"] <= 2


async def test_many_questions_need_few_ports(resolver: Resolver, dns_server: SmallDns) -> None:
    """A port serves one question after the other, and is left after fifty: its number would become a constant."""
    for number in range(120):
        await resolver.texts(f"n{number}.test")
    assert 3 <= len(dns_server.ports) <= 6


async def test_a_named_host_is_looked_up_too(resolver: Resolver) -> None:
    """For smart hosts: the addresses of a name, an address as it is, none for what does not exist."""
    found = await resolver.addresses("mx2.test")
    assert (found.name, sorted(found.addresses)) == ("mx2.test", ["192.0.2.2", "192.0.2.22"])
    assert await resolver.addresses("127.0.0.1") == Host("127.0.0.1", ("127.0.0.1",))
    assert (await resolver.addresses("nowhere.test")).addresses == ()


async def test_texts(resolver: Resolver, dns_server: SmallDns) -> None:
    """Pieces of a TXT record are joined; none and nobody-answered are told apart."""
    dns_server.zone |= {("key.test", "TXT"): ['"v=DKIM1; " "k=rsa"', '"other"'], ("dead.test", "*"): BROKEN}
    assert sorted(await resolver.texts("key.test") or []) == ["other", "v=DKIM1; k=rsa"]
    assert await resolver.texts("mx1.test") == []
    assert await resolver.texts("nowhere.test") == []
    assert await resolver.texts("dead.test") is None


async def test_a_name_that_cannot_be_asked_for(resolver: Resolver) -> None:
    """An impossible name is no reason to fall over."""
    for domain in ("a" * 64 + ".test", "..", "x" * 300):
        assert (await resolver.servers(domain)).trouble is not None


def suffix(name: str) -> str | None:
    """The last two labels."""
    return ".".join(name.split(".")[-2:]) if "." in name else None


@pytest.mark.parametrize(
    ("names", "site"),
    [
        (["mx1.google.com", "mx2.google.com"], "google.com"),
        (["mx.google.com"], "google.com"),
        (["mx1.one.net", "mx2.two.net"], "mx1.one.net"),
        (["localhost"], "localhost"),
    ],
)
def test_domains_on_the_same_servers_are_one_site(names: list[str], site: str) -> None:
    """All servers under one registrable domain are that domain; otherwise the first server names the site."""
    assert site_of(tuple(Host(name, ("192.0.2.1",)) for name in names), suffix) == site
