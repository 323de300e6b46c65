"""Who opened and clicked: scenes with known makers, and laws."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftersend.policy.hits import Hit, Sequence, Verdict, label
from aftersend.policy.hits.hit import Deed, Headers, Hold, Letter, Link, Recipient
from aftersend.policy.hits.tables import rows

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.14207; Pro)"
GOOGLE = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
SPEAKS = Headers(accept_language="sv-SE")
HOME = {"ip": "192.0.2.1", "asn": 64500, "ip_class": "residential"}
CLOUD = {"ip": "198.51.100.9", "asn": 16509, "ip_class": "cloud_hosting"}
MICROSOFT = {"ip": "40.94.0.1", "asn": 8075, "ip_class": "microsoft"}
CASES = {
    "a person in Outlook": (Hit(t=900, kind="open", ua=OUTLOOK, **HOME), "human"),
    "a person's click": (Hit(t=900, kind="click", target="l1", ua=CHROME, h=SPEAKS, **HOME), "human"),
    "Gmail displays": (
        Hit(t=900, kind="open", ua=GOOGLE, ip="66.249.84.1", asn=15169, ip_class="google_proxy"),
        "human",
    ),
    "Gmail pretended": (Hit(t=900, kind="open", ua=GOOGLE, **CLOUD), "machine"),
    "Gmail, or not: its network is not known": (Hit(t=900, kind="open", ua=GOOGLE, ip="198.51.100.9"), "unknown"),
    "Apple, or not: its network is not known": (Hit(t=90, kind="open", ua="Mozilla/5.0"), "unknown"),
    "Apple fetches ahead": (
        Hit(t=90, kind="open", ua="Mozilla/5.0", ip="172.224.226.2", asn=36183, ip_class="apple_relay"),
        "privacy_proxy",
    ),
    "Apple pretended": (Hit(t=90, kind="open", ua="Mozilla/5.0", **CLOUD), "machine"),
    "a HEAD": (Hit(t=900, kind="click", method="HEAD", target="l1", ua=CHROME, **HOME), "machine"),
    "a library": (Hit(t=900, kind="click", target="l1", ua="python-requests/2.32.3", **HOME), "machine"),
    "a security vendor": (
        Hit(t=5, kind="open", ua=CHROME, ip="91.220.42.1", asn=42427, as_name="MIMECAST", ip_class="security_vendor"),
        "machine",
    ),
    "a vendor by its host's name": (
        Hit(t=-2, kind="click", target="l1", ua=CHROME, rdns="server-1.messagelabs.com", **CLOUD),
        "machine",
    ),
    "a gateway in a cloud": (Hit(t=4000, kind="open", ua=OUTLOOK, **CLOUD), "unknown"),
    "two platforms at once": (
        Hit(t=400, kind="click", target="l1", ua=CHROME, h=Headers("en", sec_ch_ua_platform='"Linux"'), **CLOUD),
        "machine",
    ),
    "one-click unsubscribe": (Hit(t=60, kind="unsub", method="POST", target="unsub", **MICROSOFT), "human"),
}


@pytest.mark.parametrize("name", CASES)
def test_each_maker(name: str) -> None:
    """One hit by itself, with at least one reason and its evidence."""
    hit, wanted = CASES[name]
    said = label(Sequence(events=(hit,))).events[0]
    assert said.verdict == wanted, said
    assert said.reasons and all(reason.signal and reason.evidence for reason in said.reasons)


def test_who_filters_the_mail_counts() -> None:
    """A click from a cloud soon after delivery is a machine's where a filter takes the mail in; else nobody knows."""
    hit = Hit(t=300, kind="click", target="l1", ua=CHROME, h=SPEAKS, **CLOUD)
    for recipient in (Recipient(mx="eu-smtp-inbound-1.mimecast.com"), Recipient(mx_class="mimecast")):
        said = label(Sequence(recipient=recipient, events=(hit,))).events[0]
        assert said.verdict == "machine"
        assert "the recipient's mail is looked at by Mimecast" in [reason.evidence for reason in said.reasons]
    for recipient in (Recipient(), Recipient(mx="mx1.example.net"), Recipient(mx_class="google")):
        assert label(Sequence(recipient=recipient, events=(hit,))).click == "unknown"
    person = Hit(t=300, kind="click", target="l1", ua=CHROME, h=SPEAKS, **HOME)
    assert label(Sequence(recipient=Recipient(mx_class="mimecast"), events=(person,))).click == "human"


@pytest.mark.parametrize(
    ("ua", "wanted"),
    [
        ("Mozilla/5.0 (compatible; SomethingNew/1.0; +https://new.example/about)", "machine"),
        ("SomethingNew-LinkCheck/2", "machine"),
        ("ChatProgram/3.1 iOS", "unknown"),
        ("Lynx/2.9.0 libwww-FM/2.14", "human"),
    ],
)
def test_programs_that_no_table_names(ua: str, wanted: str) -> None:
    """Who names a page of its own is a robot; who is no browser does not become a person by following a link."""
    hit = Hit(t=900, kind="click", target="l1", ua=ua, h=SPEAKS, **HOME)
    assert label(Sequence(events=(hit,))).click == wanted


def test_scanner_beside_a_person() -> None:
    """A time-of-click check just before the click does not make the person a machine, nor the check a person."""
    check = Hit(t=62179, kind="click", target="l1", ua=CHROME, **MICROSOFT)
    person = Hit(t=62180, kind="click", target="l1", ua=CHROME, h=SPEAKS, **HOME)
    told = label(Sequence(events=(check, person)))
    assert [said.verdict for said in told.events] == ["machine", "human"]
    assert (told.open, told.click) == ("human", "human")


def test_who_presses_everything_opens_nothing() -> None:
    """All links within seconds, by GET, with the link to unsubscribe: a machine, and nobody is unsubscribed."""
    place = {"ip": "203.0.113.7", "ip_class": "unknown"}
    hits = [Hit(t=4 + at, kind="click", target=f"l{at}", ua=CHROME, h=SPEAKS, **place) for at in range(6)]
    hits += [Hit(t=3, kind="open", ua=CHROME, **place), Hit(t=11, kind="unsub", target="unsub", ua=CHROME, **place)]
    told = label(Sequence(events=tuple(hits)))
    assert {said.verdict for said in told.events} == {Verdict.MACHINE}
    assert (told.open, told.click, told.unsubscribe) == ("machine", "machine", "none")


def test_hidden_link_stains_its_burst() -> None:
    """Who follows a link that nobody sees is a machine, also with the other addresses of the same minutes."""
    letter = Letter(links=(Link("l1"), Link("hp", "honeypot")))
    other = {"ip": "198.51.100.7", "ip_class": "unknown"}
    seen = Hit(t=100, kind="click", target="l1", ua=CHROME, **other), Hit(t=130, kind="click", target="hp", ua=CHROME)
    assert {said.verdict for said in label(Sequence(message=letter, events=seen)).events} == {Verdict.MACHINE}


def test_known_device() -> None:
    """What a person did before from the same place with the same browser speaks for a person now."""
    hit = Hit(t=7000, kind="click", target="l1", ua=CHROME, h=SPEAKS, ip="198.51.100.3", asn=65001)
    assert label(Sequence(events=(hit,))).click == "unknown"
    deeds = (Deed(ip="198.51.100.3", asn=65001, ua_family="Chrome"),)
    assert label(Sequence(history=deeds, events=(hit,))).click == "human"


@pytest.mark.parametrize(
    ("mode", "ua", "place", "hold", "wanted"),
    [
        ("off", OUTLOOK, HOME, None, "off"),
        ("stream", OUTLOOK, HOME, Hold("stream", 6.0, "completed"), "yes"),
        ("stream", OUTLOOK, HOME, Hold("stream", 2.1, "aborted"), "no"),
        ("stream", CHROME, HOME, Hold("stream", 6.0, "completed"), "unsupported"),
        (
            "stream",
            GOOGLE,
            {"ip": "66.249.84.1", "ip_class": "google_proxy"},
            Hold("stream", 6, "completed"),
            "unsupported",
        ),
    ],
)
def test_reading(mode: str, ua: str, place: dict[str, str], hold: Hold | None, wanted: str) -> None:
    """Only a mail program that fetches for itself can show that a message stayed open."""
    hit = Hit(t=900, kind="open", ua=ua, hold=hold, **place)  # type: ignore[arg-type]
    assert label(Sequence(message=Letter(read_mode=mode), events=(hit,))).read == wanted


def test_second_request_proves_reading() -> None:
    """In the mode with a redirect, the second request is the proof."""
    first = Hit(t=900, kind="open", ua=OUTLOOK, **HOME)
    second = Hit(t=905, kind="read", ua=OUTLOOK, **HOME)
    letter = Letter(read_mode="redirect")
    assert label(Sequence(message=letter, events=(first,))).read == "no"
    assert label(Sequence(message=letter, events=(second, first))).read == "yes"


def test_nothing_seen() -> None:
    """No hit, no claim."""
    told = label(Sequence())
    assert (told.events, told.open, told.click, told.unsubscribe) == ((), "none", "none", "none")


HITS = st.builds(
    Hit,
    t=st.floats(-5, 1000),
    kind=st.sampled_from(["open", "click", "unsub"]),
    method=st.sampled_from(["GET", "HEAD"]),
    target=st.sampled_from(["l1", "l2", "l3", "l4", "hp"]),
    ip=st.sampled_from(["192.0.2.1", "198.51.100.9", "40.94.0.1"]),
    asn=st.sampled_from([None, 64500, 8075]),
    ip_class=st.sampled_from(["unknown", "residential", "cloud_hosting", "microsoft", "apple_relay", "new"]),
    ua=st.one_of(st.none(), st.text(max_size=20), st.sampled_from([CHROME, OUTLOOK, GOOGLE, "Mozilla/5.0"])),
    fanout=st.integers(0, 100),
)


@given(
    st.lists(HITS, max_size=8, unique_by=lambda hit: hit.t).flatmap(
        lambda hits: st.tuples(st.just(hits), st.permutations(hits))
    )
)
def test_order_is_irrelevant(lists: tuple[list[Hit], list[Hit]]) -> None:
    """The same hits in another order of arrival get the same labels; no GET or HEAD ever unsubscribes."""
    straight, mixed = (label(Sequence(events=tuple(hits))) for hits in lists)
    assert dict(zip([hit.t for hit in lists[0]], straight.events, strict=True)) == dict(
        zip([hit.t for hit in lists[1]], mixed.events, strict=True)
    )
    assert (straight.open, straight.click, straight.unsubscribe) == (mixed.open, mixed.click, mixed.unsubscribe)
    assert straight.unsubscribe != "apply"
    assert all(said.reasons for said in straight.events)
    assert msgspec.json.encode(straight.to_json())


@pytest.mark.parametrize("table", ["agents", "networks"])
def test_tables_are_reachable(table: str) -> None:
    """No row is behind one that is part of it, and none stands twice."""
    words = [word for word, _ in rows(table)]
    assert len(set(words)) == len(words)
    for at, word in enumerate(words):
        assert word == word.lower()
        assert not any(earlier in word for earlier in words[:at] if not word.isdigit()), word
