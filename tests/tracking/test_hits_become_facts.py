"""What is made of the visits to one delivery: facts come late enough, and are never taken back."""

from __future__ import annotations

import dataclasses
import random

import msgspec

from aftersend.clock import MINUTE, SECOND
from aftersend.ledger.facts import Fact
from aftersend.store.hits import Kept, Visited
from aftersend.tracking.origins import Origin
from aftersend.tracking.reading import Pace, read

DELIVERED = 1_800_000_000_000_000
READER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ORIGINS = {"192.0.2.1": Origin("residential"), "192.0.2.66": Origin("security_vendor", "Some Gateway")}
SAID = msgspec.json.encode({"accept_language": "de"}).decode()


def hit(number: int, kind: str, after_s: float, *, ip: str = "192.0.2.1", agent: str = BROWSER, link: int = 0) -> Kept:
    """A visit so many seconds after delivery."""
    return Kept(number, kind, link, "GET", DELIVERED + int(after_s * SECOND), ip, agent, SAID)


def visited(*hits: Kept, facts: int = 0, delivered: int | None = DELIVERED) -> Visited:
    """A delivery with these visits."""
    return Visited(
        1, 2, 3, hits[-1].id, "general", "ann@example.net", "example.net", facts, delivered, hits, (1, 2, 3, 4), {}, {}
    )


def facts_at(now_s: float, *hits: Kept, facts: int = 0, delivered: int | None = DELIVERED) -> set[Fact]:
    """The facts that are established at a time."""
    found = read(
        visited(*hits, facts=facts, delivered=delivered), ORIGINS, now=DELIVERED + int(now_s * SECOND), pace=Pace()
    )
    return {Fact(event[4]) for step in found.steps for event in step.events}


def test_a_person_is_believed_after_a_minute() -> None:
    """At once there is a verdict, and a minute later a fact, with the time of the visit."""
    opened = hit(1, "open", 700, agent=READER)
    early = read(visited(opened), ORIGINS, now=DELIVERED + 701 * SECOND, pace=Pace())
    assert early.steps == []
    assert [row[4] for row in early.looked.labels] == ["human"]
    assert early.looked.again_us is not None
    assert 0 <= early.looked.again_us - (opened.at_us + MINUTE) < SECOND
    late = read(visited(opened), ORIGINS, now=early.looked.again_us, pace=Pace())
    ((event,),) = [step.events for step in late.steps]
    assert (event[3], event[5]) == ("opened", opened.at_us)
    assert msgspec.json.decode(event[10])["reasons"]


def test_what_comes_within_the_minute_counts() -> None:
    """A click among ten others in the same seconds never becomes a person's."""
    first = hit(1, "click", 700, link=1)
    assert facts_at(761, first) == {Fact.CLICKED}
    sweep = [hit(number, "click", 700 + number / 10, link=number) for number in (1, 2, 3, 4)]
    assert facts_at(765, *sweep) <= {Fact.CLICKED_BY_MACHINE}


def test_a_visit_before_the_server_answered_waits_for_the_answer() -> None:
    """While nothing says that the message was taken nothing is judged; after a minute it came before the answer."""
    scanned = hit(1, "open", 0.5, ip="192.0.2.66")
    waiting = read(visited(scanned, delivered=None), ORIGINS, now=DELIVERED + SECOND, pace=Pace())
    assert (waiting.steps, waiting.looked.labels) == ([], [])
    assert waiting.looked.again_us is not None
    assert facts_at(70, scanned, delivered=None) == {Fact.OPENED_BY_MACHINE}


def test_reading_is_proven_twice() -> None:
    """By the second request of a program that fetches for itself, or by a click five seconds after opening."""
    opened = hit(1, "open", 700, agent=READER)
    assert facts_at(800, opened, hit(2, "read", 705.1, agent=READER)) == {Fact.OPENED, Fact.READ}
    assert facts_at(800, opened, hit(2, "click", 703, link=1)) == {Fact.OPENED, Fact.CLICKED}
    assert facts_at(800, opened, hit(2, "click", 706, link=1)) == {Fact.OPENED, Fact.CLICKED, Fact.READ}


def test_the_order_of_arrival_changes_nothing() -> None:
    """Whatever the order in which hits were kept, the same follows."""
    kinds = ("open", "read", "click", "open", "click")
    hits = [
        hit(n, kind, 700 + 7 * n, agent=BROWSER if kind == "click" else READER, link=n % 3)
        for n, kind in enumerate(kinds, 1)
    ]
    expected = facts_at(1200, *hits)
    for seed in range(10):
        mixed = hits[:]
        random.Random(seed).shuffle(mixed)
        assert facts_at(1200, *mixed) == expected


def test_what_is_known_is_not_said_again() -> None:
    """A fact that stands, and a verdict that stands, are not written a second time."""
    opened = hit(1, "open", 700, agent=READER)
    first = read(visited(opened), ORIGINS, now=DELIVERED + 800 * SECOND, pace=Pace())
    (row,) = first.looked.labels
    again = visited(opened, facts=Fact.OPENED.bit)
    again = dataclasses.replace(again, known={1: (row[4], row[5])})
    second = read(again, ORIGINS, now=DELIVERED + 1100 * SECOND, pace=Pace())
    assert (second.steps, second.looked.labels, second.looked.again_us) == ([], [], None)


def test_the_server_that_took_the_message_counts() -> None:
    """A click from a cloud minutes after delivery is a machine's where a filter took the mail."""
    cloud = {"192.0.2.1": Origin("cloud_hosting", "a cloud")}
    seen = visited(hit(1, "click", 300, link=1))
    found = read(seen, cloud, now=DELIVERED + 400 * SECOND, pace=Pace())
    assert [row[4] for row in found.looked.labels] == ["unknown"]
    filtered = dataclasses.replace(seen, exchanger="mx0a-001.pphosted.com")
    found = read(filtered, cloud, now=DELIVERED + 400 * SECOND, pace=Pace())
    assert [row[4] for row in found.looked.labels] == ["machine"]


def test_a_click_from_a_home_is_a_person_s() -> None:
    """In an ordinary browser, with nothing known of the network but the name that its provider gave the address."""
    at_home = {"192.0.2.1": Origin("residential", "an access network", "p4fd0a1b2.dip0.t-ipconnect.de")}
    seen = visited(hit(1, "click", 1200, link=1))
    found = read(seen, at_home, now=DELIVERED + 1300 * SECOND, pace=Pace())
    assert [event[3] for step in found.steps for event in step.events] == ["clicked"]
    hired = {"192.0.2.1": Origin("cloud_hosting", "a cloud", "ec2-3-4-5-6.compute.amazonaws.com")}
    assert read(seen, hired, now=DELIVERED + 1300 * SECOND, pace=Pace()).steps == []
