from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from names_table import Table

from aftersend import clock
from aftersend.control import domains, seal
from aftersend.control.domains import Place, Record
from aftersend.control.secret import Secret
from aftersend.errors import BadField, Conflict, NotFound
from aftersend.mail import dkim
from aftersend.store import Engine, accounts

SECRET = Secret("correct horse battery staple")
PLACE = Place("mail.example.net", "bounces.example.net", ("192.0.2.7",))
NOW = 1_764_000_000_000_000


def added(engine: Engine, name: str = "example.com") -> str:
    with engine.writing() as connection:
        return domains.add(connection, 1, name, fresh=domains.fresh_keys(), secret=SECRET, now=NOW)


def wanted(engine: Engine, name: str = "example.com") -> list[Record]:
    with engine.reading() as connection:
        return domains.records(connection, 1, name, place=PLACE)


def published(records: Sequence[Record], **other: Any) -> Table:
    """A DNS in which these records are."""
    txt = {r.host: [r.value] for r in records if r.kind == "TXT"} | other.pop("txt", {})
    mx = {r.host: [r.value.split()[1].rstrip(".")] for r in records if r.kind == "MX"} | other.pop("mx", {})
    return Table(txt=txt, mx=mx, a={"mail.example.net": ["192.0.2.7"]}, **other)


def checked(engine: Engine, names: Table, *, now: int = NOW) -> dict[str, str]:
    """Check and keep; return the state of each host."""
    findings = asyncio.run(domains.check(names, "example.com", wanted(engine), PLACE))
    with engine.writing() as connection:
        domains.keep(connection, 1, "example.com", findings, now=now)
    return {finding.host: finding.state for finding in findings}


def is_verified(engine: Engine) -> bool:
    with engine.reading() as connection:
        return domains.one(connection, 1, "example.com")["verified_us"] is not None


def test_a_domain_gets_two_keys_that_open_and_sign(engine: Engine) -> None:
    """A domain has an RSA-2048 and an Ed25519 key, sealed; the published record is the public half of each."""
    added(engine)
    with engine.reading() as connection:
        kept = accounts.dkim_keys_of(connection, 1, "example.com")
    assert {dkim.RSA, dkim.ED25519} == {key.algorithm for key in kept}
    for row in kept:
        key = seal.opener(SECRET, row)()
        assert (row.selector, row.algorithm, row.record) == (key.selector, key.algorithm, dkim.dns_record(key.private))
        assert b"PRIVATE KEY" not in row.sealed


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("@example.com", "example.com"),
    ],
)
def test_names_are_kept_in_one_form(engine: Engine, given: str, kept: str) -> None:
    """A domain is kept in lower case and as A-labels, however it is written."""
    assert kept == added(engine, given)


@pytest.mark.parametrize(
    "name", ["", "example", "exa mple.com", "-a.example", "a..example", "x" * 64 + ".example", "192.0.2.1"]
)
def test_what_is_no_domain_is_refused(engine: Engine, name: str) -> None:
    """What cannot be a domain is refused by its field's name, and nothing is kept."""
    with pytest.raises(BadField) as refused:
        added(engine, name)
    assert refused.value.pointer == "#/name"
    with engine.reading() as connection:
        assert accounts.domains_of(connection, 1) == []


def test_a_domain_is_added_once(engine: Engine) -> None:
    """Adding a domain twice changes nothing."""
    added(engine)
    with pytest.raises(Conflict):
        added(engine)


def test_strings_of_a_record_are_short_enough(engine: Engine) -> None:
    """A long key is cut into strings of at most 255 octets, which join to the value (RFC 1035 §3.3.14)."""
    added(engine)
    for record in wanted(engine):
        parts = domains.strings_of(record.value)
        assert record.value == "".join(parts)
        assert all(len(part) <= 255 for part in parts)
    assert any(len(domains.strings_of(record.value)) > 1 for record in wanted(engine))


def test_hosts_are_given_in_full_and_relative(engine: Engine) -> None:
    """Providers' forms want names without the domain; names of other domains stay whole."""
    added(engine)
    relative = {record.host: record.relative for record in wanted(engine)}
    assert relative["_dmarc.example.com"] == "_dmarc"
    assert relative["bounces.example.net"] == "bounces.example.net"
    with engine.reading() as connection:
        own = domains.records(connection, 1, "example.com", place=Place("example.com", "example.com"))
    assert "@" in {record.relative for record in own}


def test_zone_lines_are_read_by_dns_programs(engine: Engine) -> None:
    """The lines can be pasted into a zone file."""
    import dns.zone

    added(engine)
    lines = "\n".join(record.zone_line for record in wanted(engine))
    zone = dns.zone.from_text("$ORIGIN .\n@ 60 IN SOA a. b. 1 2 3 4 5\n@ 60 IN NS a.\n" + lines, origin=".")
    texts = {str(name).rstrip("."): b"".join(data.strings).decode() for name, _, data in zone.iterate_rdatas("TXT")}
    assert {r.host: r.value for r in wanted(engine) if r.kind == "TXT"} == texts


def test_everything_published_is_found(engine: Engine) -> None:
    """When all records are there, all are found and the domain is verified."""
    added(engine)
    assert {"found"} == set(checked(engine, published(wanted(engine))).values())
    assert is_verified(engine)


def test_nothing_published_is_missing(engine: Engine) -> None:
    """Without records the domain is not verified, and each is named as missing."""
    added(engine)
    assert {"missing"} == set(checked(engine, Table(a={"mail.example.net": ["192.0.2.7"]})).values())
    assert not is_verified(engine)


def _cut(records: Sequence[Record], how: str) -> list[str]:
    key = next(r for r in records if r.purpose == "dkim" and r.is_required)
    return {
        "another key": ["v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAanotherone"],
        "cut short": [key.value[:255]],
        "revoked": ["v=DKIM1; k=rsa; p="],
        "two": [key.value, "v=DKIM1; k=rsa; p=abcd"],
        "other algorithm": [key.value.replace("k=rsa", "k=ed25519")],
    }[how]


@pytest.mark.parametrize(("how", "words"), [
    ("another key", "Another key"), ("cut short", "cut short"), ("revoked", "revoked"), ("two", "2 key records"), ("other algorithm", "")
])  # fmt: skip
def test_a_wrong_key_record_is_explained(engine: Engine, how: str, words: str) -> None:
    """A key record that differs says how, and shows what was found."""
    added(engine)
    records = wanted(engine)
    host = next(r.host for r in records if r.purpose == "dkim" and r.is_required)
    names = published(records, txt={host: _cut(records, how)})
    findings = asyncio.run(domains.check(names, "example.com", records, PLACE))
    (finding,) = [f for f in findings if f.host == host]
    assert (finding.state, words in finding.said, bool(finding.found)) == ("different", True, True)
    assert not domains.is_verified(findings)


@pytest.mark.parametrize(
    "spelling", ["v=DKIM1;k=rsa;p={}", "k=rsa; p={} ", "p={}; n=a note; t=s", "v=DKIM1; h=sha256; k=rsa;\tp= {}"]
)
def test_spellings_of_one_key_are_the_same(engine: Engine, spelling: str) -> None:
    """Spaces, order and further tags do not matter (RFC 6376 §3.6.1)."""
    added(engine)
    records = wanted(engine)
    key = next(r for r in records if r.purpose == "dkim" and r.is_required)
    text = spelling.format(" ".join(key.value.split("p=")[1][i : i + 60] for i in range(0, 400, 60)))
    assert checked(engine, published(records, txt={key.host: [text]}))[key.host] == "found"


@pytest.mark.parametrize(("txt", "state"), [
    ("v=spf1 ip4:192.0.2.0/24 -all", "found"), ("v=spf1 a:mail.example.net ~all", "found"), ("v=spf1 -all", "different"),
    ("v=spf1 include:elsewhere.example -all", "different"), ("not spf", "missing"),
])  # fmt: skip
def test_any_spf_record_that_lets_us_send_is_good(engine: Engine, txt: str, state: str) -> None:
    """The record need not be ours word by word: what counts is whether it answers pass for our address."""
    added(engine)
    assert (
        state == checked(engine, published(wanted(engine), txt={"bounces.example.net": [txt]}))["bounces.example.net"]
    )


def test_an_mx_elsewhere_is_told(engine: Engine) -> None:
    """Bounces that go to another server are lost to us."""
    added(engine)
    names = published(wanted(engine), mx={"bounces.example.net": ["mx.elsewhere.example"]})
    names.a = {**names.a, "mx.elsewhere.example": ["198.51.100.1"]}
    findings = asyncio.run(domains.check(names, "example.com", wanted(engine), PLACE))
    (finding,) = [f for f in findings if f.kind == "MX"]
    assert (finding.state, finding.found) == ("different", ("mx.elsewhere.example",))


def test_a_dmarc_record_above_is_enough(engine: Engine) -> None:
    """A policy that a domain inherits counts as found."""
    with engine.writing() as connection:
        domains.add(connection, 1, "news.example.com", fresh=domains.fresh_keys(), secret=SECRET, now=NOW)
    records = wanted(engine, "news.example.com")
    names = Table(txt={"_dmarc.example.com": ["v=DMARC1; p=reject; sp=quarantine"]})
    findings = asyncio.run(domains.check(names, "news.example.com", records, PLACE))
    (finding,) = [f for f in findings if f.purpose == "dmarc"]
    assert (finding.state, "quarantine" in finding.said) == ("found", True)


def test_a_silent_dns_takes_nothing_back(engine: Engine) -> None:
    """A verified domain stays so when the DNS does not answer; only a clear answer takes it back."""
    added(engine)
    records = wanted(engine)
    checked(engine, published(records))
    silent = frozenset(r.host for r in records) | {"_dmarc.com"}
    assert {"unknown"} == set(checked(engine, published(records, silent=silent)).values())
    assert is_verified(engine)
    checked(engine, Table())
    assert not is_verified(engine)


def _signing(engine: Engine) -> set[str]:
    with engine.reading() as connection:
        keys = accounts.dkim_keys_of(connection, 1, "example.com")
    return {key.selector for key in keys if key.active_us is not None and key.retired_us is None}


def test_new_keys_take_over_when_their_records_were_seen(engine: Engine) -> None:
    """After a rotation the old keys sign until the records of both new keys are there."""
    added(engine)
    checked(engine, published(wanted(engine)))
    old, before = _signing(engine), wanted(engine)
    later = NOW + clock.DAY
    with engine.writing() as connection:
        fresh = set(domains.rotate(connection, 1, "example.com", fresh=domains.fresh_keys(), secret=SECRET, now=later))
    checked(engine, published(before), now=later)
    assert old == _signing(engine)
    checked(engine, published(wanted(engine)), now=later)
    assert fresh == _signing(engine)
    with engine.reading() as connection:
        assert {f"{s}._domainkey.example.com" for s in old} == set(
            domains.retired(connection, 1, "example.com", now=later)
        )


def _told(engine: Engine, name: str = "example.com") -> dict[str, Any]:
    with engine.reading() as connection:
        return domains.one(connection, 1, name)


def test_a_key_signs_when_its_record_was_seen(engine: Engine) -> None:
    """A new domain signs with those of its keys that are published, and with none before that, unless it was wished."""
    added(engine)
    assert _signing(engine) == set()
    assert not _told(engine)["signs"]
    checked(engine, Table())
    assert _signing(engine) == set()
    records = wanted(engine)
    rsa, ed25519 = (r for r in records if r.purpose == "dkim")
    checked(engine, published(records, txt={ed25519.host: []}))
    assert {rsa.host} == {f"{each}._domainkey.example.com" for each in _signing(engine)}
    assert _told(engine)["signs"]
    checked(engine, published(records))
    assert {rsa.host, ed25519.host} == {f"{each}._domainkey.example.com" for each in _signing(engine)}
    checked(engine, Table(), now=NOW + clock.DAY)
    assert len(_signing(engine)) == 2
    with engine.writing() as connection:
        fresh = domains.fresh_keys()
        domains.add(connection, 1, "now.example", fresh=fresh, secret=SECRET, now=NOW, sign_now=True)
    assert _told(engine, "now.example")["signs"]


def test_a_second_key_that_is_never_published_holds_nothing_up(engine: Engine) -> None:
    """Who publishes only the key that is needed can exchange it too."""

    def needed_only() -> set[str]:
        records = wanted(engine)
        hidden: dict[str, list[str]] = {r.host: [] for r in records if "k=ed25519" in r.value}
        checked(engine, published(records, txt=hidden))
        return _signing(engine)

    added(engine)
    (first,) = needed_only()
    with engine.writing() as connection:
        made = domains.rotate(connection, 1, "example.com", fresh=domains.fresh_keys(), secret=SECRET, now=NOW)
    (second,) = needed_only()
    assert second in made
    assert second != first


def test_rotating_twice_a_day_gives_other_selectors(engine: Engine) -> None:
    """A selector is never used for two keys; keys that were never published are dropped."""
    added(engine)
    checked(engine, published(wanted(engine)))
    made = []
    for _ in range(3):
        with engine.writing() as connection:
            made += domains.rotate(connection, 1, "example.com", fresh=domains.fresh_keys(), secret=SECRET, now=NOW)
    assert len(made) == len(set(made) | _signing(engine)) - 2
    assert sum(r.purpose == "dkim" for r in wanted(engine)) == 4


def test_a_removed_domain_is_gone(engine: Engine) -> None:
    """Keys go with the domain."""
    added(engine)
    with engine.writing() as connection:
        domains.remove(connection, 1, "example.com")
    with engine.reading() as connection:
        assert accounts.dkim_keys_of(connection, 1, "example.com") == []
        with pytest.raises(NotFound):
            domains.records(connection, 1, "example.com", place=PLACE)


def test_a_domain_is_one_account_s(engine: Engine) -> None:
    """Another account sees nothing of it."""
    added(engine)
    with engine.reading() as connection, pytest.raises(NotFound):
        domains.one(connection, 2, "example.com")
