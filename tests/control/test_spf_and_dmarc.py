from __future__ import annotations

import asyncio

import pytest
from names_table import Table

from aftersend.control import dmarc, spf

CASES = [
    ("v=spf1 ip4:192.0.2.0/24 -all", "pass", 0),
    ("v=spf1 ip4:198.51.100.0/24 -all", "fail", 0),
    ("v=spf1 ip4:198.51.100.0/24 ~all", "softfail", 0),
    ("v=spf1 ip4:198.51.100.0/24", "neutral", 0),
    ("v=spf1 ip6:2001:db8::/32 ?all", "neutral", 0),
    ("v=spf1 a -all", "pass", 1),
    ("v=spf1 a:mail.example.com -all", "pass", 1),
    ("v=spf1 a:mail.example.com/24 -all", "pass", 1),
    ("v=spf1 a:other.example.com/16 -all", "pass", 1),
    ("v=spf1 mx -all", "pass", 1),
    ("v=spf1 include:inner.example.com -all", "pass", 1),
    ("v=spf1 include:outer.example.com -all", "pass", 2),
    ("v=spf1 include:no.example.com -all", "fail", 1),
    ("v=spf1 include:missing.example.com -all", "permerror", 1),
    ("v=spf1 redirect=inner.example.com", "pass", 1),
    ("v=spf1 -ip4:192.0.2.7 +all", "fail", 0),
    ("v=spf1 ip4:300.1.1.1 -all", "permerror", 0),
    ("v=spf1 unknown:thing -all", "permerror", 0),
    ("v=spf1 exp=explain.example.com ip4:192.0.2.7 -all", "pass", 0),
    ("v=spf1 include:example.com -all", "permerror", 1),
    ("v=spf10 +all", "none", 0),
]


def _names(record: str) -> Table:
    return Table(
        txt={
            "example.com": [record, "some other text"],
            "inner.example.com": ["v=spf1 ip4:192.0.2.7 -all"],
            "outer.example.com": ["v=spf1 include:inner.example.com -all"],
            "no.example.com": ["v=spf1 -all"],
        },
        mx={"example.com": ["mail.example.com"]},
        a={"example.com": ["192.0.2.7"], "mail.example.com": ["192.0.2.7"], "other.example.com": ["192.0.99.1"]},
    )


@pytest.mark.parametrize(("record", "result", "lookups"), CASES)
def test_spf_answers_as_rfc_7208_says(record: str, result: str, lookups: int) -> None:
    """Mechanisms, qualifiers, include and redirect answer as the RFC says, and look-ups are counted."""
    found = asyncio.run(spf.evaluate(_names(record), "example.com", "192.0.2.7"))
    assert (result, lookups) == (found.result, found.lookups)


@pytest.mark.parametrize(("number", "result"), [(10, "pass"), (11, "permerror")])
def test_spf_allows_ten_look_ups(number: int, result: str) -> None:
    """The eleventh look-up makes the record worthless, wherever the match stands; the owner is told."""
    hosts = {f"h{i}.example.com": ["192.0.2.7"] for i in range(number)}
    record = "v=spf1 ip4:192.0.2.7 " + " ".join(f"a:{host}" for host in hosts) + " -all"
    found = asyncio.run(spf.evaluate(Table(txt={"example.com": [record]}, a=hosts), "example.com", "192.0.2.7"))
    assert result == found.result
    assert ("look-ups" in " ".join(found.troubles)) == (result == "permerror")


def test_two_spf_records_are_none() -> None:
    """Receivers ignore a domain with two SPF records."""
    names = Table(txt={"example.com": ["v=spf1 +all", "v=spf1 -all"]})
    found = asyncio.run(spf.evaluate(names, "example.com", "192.0.2.7"))
    assert (found.result, "2 SPF records" in found.troubles[0]) == ("permerror", True)


def test_a_silent_dns_is_no_answer() -> None:
    """What was not answered is never taken for a missing record."""
    found = asyncio.run(spf.evaluate(Table(silent=frozenset({"example.com"})), "example.com", "192.0.2.7"))
    assert found.result == "temperror"


def test_a_wide_spf_record_is_not_followed_for_ever() -> None:
    """A record that branches without end costs a bounded number of questions."""
    includes = " ".join(f"include:s{i}.example.com" for i in range(10))
    txt = {"example.com": [f"v=spf1 {includes} -all"]}
    txt |= {
        f"s{i}.example.com": [f"v=spf1 {' '.join(f'include:t{i}{j}.example.com' for j in range(10))} -all"]
        for i in range(10)
    }
    txt |= {f"t{i}{j}.example.com": ["v=spf1 a mx ptr exists:x.example.com ?all"] for i in range(10) for j in range(10)}
    names = Table(txt=txt)
    found = asyncio.run(spf.evaluate(names, "example.com", "192.0.2.7"))
    assert found.result == "permerror"
    assert len(names.asked) < 100


def _policy(txt: dict[str, list[str]], domain: str) -> dmarc.Dmarc:
    return asyncio.run(dmarc.policy_of(Table(txt=txt), domain))


@pytest.mark.parametrize(("txt", "domain", "at", "policy", "organization"), [
    ({"_dmarc.example.com": ["v=DMARC1; p=reject"]}, "example.com", "example.com", "reject", "example.com"),
    ({"_dmarc.example.com": ["v=DMARC1; p=reject; sp=none"]}, "a.example.com", "example.com", "none", "example.com"),
    ({"_dmarc.example.com": ["v=DMARC1; p=quarantine"]}, "a.b.example.com", "example.com", "quarantine", "example.com"),
    ({"_dmarc.a.example.com": ["v=DMARC1; p=none"], "_dmarc.example.com": ["v=DMARC1; p=reject"]},
     "a.example.com", "a.example.com", "none", "example.com"),
    ({"_dmarc.com": ["v=DMARC1; p=none; psd=y"], "_dmarc.example.com": ["v=DMARC1; p=reject"]},
     "example.com", "example.com", "reject", "example.com"),
    ({"_dmarc.com": ["v=DMARC1; p=reject; psd=y"]}, "a.example.com", "com", "reject", "example.com"),
    ({"_dmarc.example.com": ["v=DMARC1; p=reject; psd=n"], "_dmarc.com": ["v=DMARC1; p=none"]},
     "a.example.com", "example.com", "reject", "example.com"),
    ({"_dmarc.example.com": ["v=DMARC1; p=reject", "v=DMARC1; p=none"]}, "example.com", None, None, None),
    ({"_dmarc.example.com": ["V=dmarc1; p=reject"]}, "example.com", None, None, None),
    ({}, "example.com", None, None, None),
])  # fmt: skip
def test_dmarc_is_found_by_the_tree_walk(
    txt: dict[str, list[str]], domain: str, at: str | None, policy: str | None, organization: str | None
) -> None:
    """The policy and the organizational domain are those of RFC 9989 §4.10."""
    found = _policy(txt, domain)
    assert (at, policy, organization) == (found.at, found.policy, found.organization)


@pytest.mark.parametrize("labels", range(1, 30))
def test_the_tree_walk_asks_eight_times_at_the_most(labels: int) -> None:
    """However long a name is, it costs eight questions."""
    domain = ".".join([*("x" for _ in range(labels)), "example", "com"])
    names = Table()
    asyncio.run(dmarc.policy_of(names, domain))
    assert len(names.asked) <= 8
    assert ["_dmarc." + domain, "_dmarc.com"] == [names.asked[0], names.asked[-1]]
