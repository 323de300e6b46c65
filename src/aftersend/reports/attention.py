"""Answer what needs somebody now: the few things of an account that will not mend themselves, worst first.

Every number is the length of the list behind it, which is named beside it. What is in order is not mentioned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlencode

from aftersend.clock import DAY, HOUR, Instant, iso
from aftersend.ledger.facts import Fact
from aftersend.ledger.spoken import Slot, Spoken
from aftersend.reports import activity
from aftersend.reports.activity import Period
from aftersend.store import accounts, returned, verbs
from aftersend.store.connection import Connection

LOOKS_BACK = 7 * DAY
LEAST_VOLUME = 100
"""Shares of fewer mails say nothing."""
HARD_SHARES = ((0.05, "critical"), (0.02, "warning"))
"""Of mail that ended: providers begin to doubt a sender from 2 % of wrong addresses on, and refuse from 5 % on."""
COMPLAINT_SHARES = ((0.003, "critical"), (0.001, "warning"))
"""Of delivered mail: Google and Yahoo ask senders to stay below 0.1 %, and refuse mail from 0.3 % on."""
_NO_SUCH_ADDRESS = (Fact.BOUNCED_INVALID, Fact.INVALID_ADDRESS)
"""No delivery has both: the one comes back from mail that went out, the other keeps it from going."""
_ORDER = ("critical", "warning", "notice")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that needs somebody."""

    id: str
    severity: str
    """critical, warning or notice."""
    number: int
    sentence: Spoken
    """What is so, with the number in it."""
    advice: str
    """What to do about it."""
    who_must_act: str
    """sender or operator."""
    list: str
    """Where the list behind the number is found in the API."""


def items(connection: Connection, account_id: int, *, now: Instant) -> dict[str, Any]:
    """Return what needs somebody, worst first, in English; an empty list when nothing does."""
    told = [
        {**{f.name: getattr(item, f.name) for f in fields(item)}, "sentence": str(item.sentence)}
        for item in found(connection, account_id, now=now)
    ]
    return {"since": iso(_since(now)), "items": told}


def found(connection: Connection, account_id: int, *, now: Instant) -> list[Item]:
    """Return what needs somebody, worst first, to be said in any language."""
    period = Period(since=_since(now))
    needs = [
        *_of_results(connection, account_id, period),
        *_of_complaints(connection, account_id, period),
        *_of_domains(connection, account_id),
        *_of_queue(connection, account_id),
        *_of_returns(connection, account_id),
    ]
    return sorted(needs, key=lambda item: (_ORDER.index(item.severity), item.id))


def _since(now: Instant) -> Instant:
    return (now - LOOKS_BACK) // HOUR * HOUR


def _deliveries(*pairs: tuple[str, str], since: str) -> str:
    return f"/v1/deliveries?{urlencode([*pairs, ('since', since)])}"


def _severity(share: float, shares: tuple[tuple[float, str], ...]) -> str | None:
    return next((name for least, name in shares if share >= least), None)


def _of_results(connection: Connection, account_id: int, period: Period) -> Iterator[Item]:
    """An address that does not exist is the sender's data to be updated, however late that was said: 001 keeps a late one with
    what was delivered, so the facts are counted."""
    facts = activity.facts(connection, account_id, period)
    failed = sum(facts[fact.word] for fact in _NO_SUCH_ADDRESS)
    if not failed:
        return
    counted = activity.counts(connection, account_id, "delivery_results", period)
    ended = sum(counted[word] for word in ("Failed", "Bounced", "Delivered", "Opened", "Sent"))
    share = failed / max(ended, 1)
    severity = _severity(share, HARD_SHARES) if ended >= LEAST_VOLUME else None
    yield Item(
        "addresses_to_update",
        severity or "notice",
        failed,
        _many(
            failed,
            "%(n)s address does not exist%(share)s.",
            "%(n)s addresses do not exist%(share)s.",
            share=Spoken(", %(part)s of what went out", {"part": f"{share:.1%}"}) if severity else "",
        ),
        "Update these addresses or take them off your lists; nothing more is sent to them meanwhile.",
        "sender",
        _deliveries(*(("fact", fact.word) for fact in _NO_SUCH_ADDRESS), since=iso(period.since or 0)),
    )


def _of_complaints(connection: Connection, account_id: int, period: Period) -> Iterator[Item]:
    facts = activity.facts(connection, account_id, period)
    complained, delivered = facts["complained"], facts["delivered"]
    if not complained:
        return
    share = complained / max(delivered, 1)
    severity = _severity(share, COMPLAINT_SHARES) if delivered >= LEAST_VOLUME else None
    yield Item(
        "complaints",
        severity or "notice",
        complained,
        _many(
            complained,
            "%(n)s person reported your mail as spam%(share)s.",
            "%(n)s people reported your mail as spam%(share)s.",
            share=Spoken(", %(part)s of what was delivered", {"part": f"{share:.2%}"}) if severity else "",
        ),
        "Write only to those who asked for it, make leaving easy, and look at what these mails have in common.",
        "sender",
        _deliveries(("fact", "complained"), since=iso(period.since or 0)),
    )


def _of_domains(connection: Connection, account_id: int) -> Iterator[Item]:
    open_ones = [row["name"] for row in accounts.domains_of(connection, account_id) if row["verified_us"] is None]
    if open_ones:
        more = Spoken(" and %(n)s more", {"n": f"{len(open_ones) - 3:,}"}) if len(open_ones) > 3 else ""
        yield Item(
            "domains_not_verified",
            "warning",
            len(open_ones),
            _many(
                len(open_ones),
                "%(n)s sending domain is not verified: %(names)s%(more)s.",
                "%(n)s sending domains are not verified: %(names)s%(more)s.",
                names=", ".join(open_ones[:3]),
                more=more,
            ),
            "Publish the DNS records that are shown with each domain, then have them checked.",
            "operator",
            "/v1/domains",
        )


def _of_queue(connection: Connection, account_id: int) -> Iterator[Item]:
    waiting = {row["stage"]: row["deliveries"] for row in verbs.summary(connection, account_id)}
    aside = waiting.get("set_aside", 0)
    if aside:
        yield Item(
            "set_aside",
            "critical",
            aside,
            _many(
                aside,
                "%(n)s mail was set aside, because a fault of Aftersend met it.",
                "%(n)s mails were set aside, because a fault of Aftersend met them.",
            ),
            "Look at the log of the service; “aftersend queue retry” lets them go again after the fault was mended.",
            "operator",
            "/v1/queue",
        )
    held = waiting.get("held", 0)
    if held:
        yield Item(
            "held",
            "notice",
            held,
            _many(held, "%(n)s mail is held back by a person.", "%(n)s mails are held back by a person."),
            "Release or cancel them; what is held ends when its time is over.",
            "sender",
            "/v1/queue",
        )


def _of_returns(connection: Connection, account_id: int) -> Iterator[Item]:
    number = returned.how_many_unread(connection, account_id)
    if number:
        yield Item(
            "returns_not_understood",
            "notice",
            number,
            _many(number, "%(n)s returned mail was not understood.", "%(n)s returned mails were not understood."),
            "Read them and say what they mean; the delivery is told then.",
            "operator",
            "/v1/returns",
        )


def _many(number: int, one: str, several: str, **slots: Slot) -> Spoken:
    return Spoken(one if number == 1 else several, {"n": f"{number:,}", **slots})
