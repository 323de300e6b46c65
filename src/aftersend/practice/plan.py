"""Plan a demonstration: who is written to, and by which way in, so that everything that can happen happens at least once.

Pure: the same number of recipients gives the same plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, cycle

from aftersend.practice.behaviours import BEHAVIOURS
from aftersend.practice.sites import DOMAINS, RELAYED, ZONE

TOO_SLOW = frozenset({f"silent.{ZONE}", f"dns-timeout.{ZONE}"})
"""Domains at which an attempt takes longer than anybody wants to watch."""
ORDINARY = (f"one.{ZONE}", f"uno.{ZONE}", f"two.{ZONE}", *(f"{name}.many.{ZONE}" for name in "abcdefgh"))
MANY_AT_ONCE = 100
"""Recipients of the one message to many, at most."""
FEW = 20

WITHOUT_ADDRESS = "A reader without an address"
AUDIENCE = (f"subscriber@one.{ZONE}", f"Subscriber@ONE.{ZONE.upper()}", WITHOUT_ADDRESS)
"""Two spellings of one address, and nobody's."""


@dataclass
class Plan:
    """Recipients by the way in which they are submitted. Each stands in one place."""

    list_to_block: list[str] = field(default_factory=list)
    """By HTTP, one each; put on the block list first."""
    cancelled: list[str] = field(default_factory=list)
    """By HTTP, planned for later, then cancelled."""
    planned: list[str] = field(default_factory=list)
    """By HTTP, planned for a second later."""
    far_ahead: list[str] = field(default_factory=list)
    """By HTTP, planned for tomorrow; still waiting when the demonstration ends."""
    held: list[str] = field(default_factory=list)
    """By HTTP, put off by their server, then put on hold by a person; still there when the demonstration ends."""
    repeated: list[str] = field(default_factory=list)
    """By HTTP, each submitted twice with one idempotency key."""
    attached: list[str] = field(default_factory=list)
    """By HTTP, with an attachment."""
    to_few: list[str] = field(default_factory=list)
    """By HTTP, all in one request."""
    broadcast: list[str] = field(default_factory=list)
    """By HTTP, the audience of a broadcast: one of them twice, and somebody of whom no address is known."""
    to_many: list[str] = field(default_factory=list)
    """By SMTP, all in one message."""
    single_http: list[str] = field(default_factory=list)
    single_smtp: list[str] = field(default_factory=list)
    unusual_letters: list[str] = field(default_factory=list)
    """By HTTP: addresses with letters outside ASCII."""

    @property
    def everybody(self) -> list[str]:
        """Every recipient."""
        return [address for place in self.__dict__.values() for address in place]


def plan_for(recipients: int, *, has_relay: bool = False) -> Plan:
    """Plan for so many recipients. What is rare comes first: with fewer than about a hundred some of it is left out."""
    if recipients < 1:
        raise ValueError(f"a demonstration needs at least one recipient, not {recipients}")
    plan = Plan()
    left = recipients

    def put(place: list[str], addresses: Iterator[str], most: int) -> None:
        nonlocal left
        taken = min(left, most)
        place.extend(next(addresses) for _ in range(taken))
        left -= taken

    crowd = _crowd()
    special = list(_special(has_relay=has_relay))
    for place, name in (
        (plan.list_to_block, "listed"),
        (plan.cancelled, "cancelled"),
        (plan.planned, "planned"),
        (plan.far_ahead, "tomorrow"),
        (plan.held, "never2"),
        (plan.repeated, "repeated"),
    ):
        put(place, iter([f"{name}@one.{ZONE}"]), 1)
    put(plan.single_smtp, iter(special), len(special))
    put(plan.unusual_letters, iter([f"zoë@smtputf8.{ZONE}", f"zoë@no-smtputf8.{ZONE}"]), 2)
    put(plan.broadcast, iter(AUDIENCE), len(AUDIENCE))
    put(plan.broadcast, crowd, left // 10)
    put(plan.to_many, crowd, min(MANY_AT_ONCE, left // 3))
    put(plan.to_few, crowd, min(FEW, left // 10))
    put(plan.attached, crowd, min(5, left // 20))
    put(plan.single_http, crowd, left // 8)
    put(plan.single_smtp, crowd, left)
    return plan


def _special(*, has_relay: bool) -> Iterator[str]:
    """One address for every behaviour and every domain, and what a list of addresses usually holds."""
    for behaviour in BEHAVIOURS.values():
        yield f"{behaviour.name}@{behaviour.site}.{ZONE}"
    for domain_ in DOMAINS.values():
        name = domain_.name.replace("*", "any")
        if domain_.name in TOO_SLOW or (name == RELAYED and not has_relay):
            continue
        yield f"ann@{name}"
    for i in range(4):
        yield f"ann{i}@busy.{ZONE}"
        yield f"ann{i}@rate.{ZONE}"


def _crowd() -> Iterator[str]:
    """People without end: most are reached, a few in a hundred are not."""
    rare = {7: "unknown", 19: "full-then-ok", 31: "greylist", 43: "full", 61: "inactive", 73: "spam", 89: "moved"}
    domains = cycle(ORDINARY)
    for i in chain(range(1, 10**9)):
        yield f"{rare.get(i % 100, 'person')}{i}@{next(domains)}"
