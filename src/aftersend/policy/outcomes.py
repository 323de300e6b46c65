"""Decide what an attempt at delivery means: which fact it establishes, whether to try again, and what it says of the site.

The remote's reply comes in diagnosed; what follows from it for the one delivery is decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Category, Reason, is_content_or_reputation
from aftersend.policy.retry import NO_HINTS, Hints

PUSHBACK = frozenset({Reason.SERVER_BUSY, Reason.POLICY_BLOCKED, Reason.SPAM_REJECTED})
PAUSE_S = 30.0
LONG_PAUSE_S = 300.0


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an attempt means for its delivery."""

    fact: Fact
    reason: Reason | None
    detail: str | None
    goes_on: bool
    """Whether somebody tries again or still waits."""
    hints: Hints = NO_HINTS


def of_acceptance(*, smart_host: bool) -> Meaning:
    """The server took it: delivered, or only handed to a relay that has the last word."""
    return Meaning(Fact.RELAYED if smart_host else Fact.DELIVERED, None, None, goes_on=smart_host)


def of_refusal(code: int, reason: Reason, detail: str | None, *, retry_after_s: float | None = None) -> Meaning:
    """The server refused the message or the recipient: for now (4yz), or for good (5yz). SMTP's digit decides which."""
    if code < 500:
        hints = Hints(retry_after_s=retry_after_s, greylisted=detail == "greylisted")
        return Meaning(Fact.DEFERRED, reason, detail, goes_on=True, hints=hints)
    return Meaning(final_fact(reason, detail), reason, detail, goes_on=False)


def final_fact(reason: Reason, detail: str | None) -> Fact:
    """Name the permanent failure: whose fault it is."""
    if is_content_or_reputation(reason, detail):
        return Fact.REJECTED_AS_SPAM
    if reason.category is Category.HARD and reason is not Reason.GENERAL_HARD_BOUNCE:
        return Fact.BOUNCED_INVALID
    return Fact.BOUNCED


def of_no_connection() -> Meaning:
    """Nobody could be reached, or the connection broke before the message was handed over."""
    return Meaning(Fact.DEFERRED, Reason.NETWORK_ERROR, None, goes_on=True)


def of_waiting(last: Reason | None, detail: str | None) -> Meaning:
    """The site is left alone until after this delivery's time: what was heard last is the reason."""
    return Meaning(Fact.DEFERRED, last or Reason.NETWORK_ERROR, detail, goes_on=True)


def of_closed_door(reason: Reason, detail: str | None, retry_after_s: float | None = None) -> Meaning:
    """The server refused the connection, not the message: whatever the number, it is tried again (RFC 5321 §3.1)."""
    return Meaning(Fact.DEFERRED, reason, detail, goes_on=True, hints=Hints(retry_after_s=retry_after_s))


def of_lost_reply(*, lost_before: bool) -> Meaning:
    """The connection broke after the final dot: it may have arrived. One more copy is tried, never a third."""
    return Meaning(Fact.UNCERTAIN, Reason.NETWORK_ERROR, None, goes_on=not lost_before, hints=Hints(uncertain=True))


def of_names(trouble: str, *, seen_before: bool) -> Meaning:
    """The DNS names no server for the domain. A null MX is a refusal; a domain that is missing is looked for twice."""
    if trouble == "null_mx":
        return Meaning(Fact.BOUNCED_INVALID, Reason.BAD_DOMAIN, "null_mx", goes_on=False)
    if trouble in {"no_such_domain", "no_address"} and seen_before:
        return Meaning(Fact.BOUNCED_INVALID, Reason.BAD_DOMAIN, None, goes_on=False)
    if trouble in {"no_such_domain", "no_address"}:
        return Meaning(Fact.DEFERRED, Reason.BAD_DOMAIN, None, goes_on=True, hints=Hints(retry_after_s=3600))
    return Meaning(Fact.DEFERRED, Reason.NETWORK_ERROR, None, goes_on=True)


def of_expiry(last: Reason | None, detail: str | None) -> Meaning:
    """It was tried for as long as allowed; the last thing heard is the reason."""
    return Meaning(Fact.GAVE_UP, last or Reason.NETWORK_ERROR, detail, goes_on=False)


def pushback_s(code: int, enhanced: str, reason: Reason | None, detail: str | None, stage: str) -> float | None:
    """For how long the site wants to be left alone, or None if the reply is about one message only.

    421 anywhere, any refusal of the connection itself, and temporary policy or rate answers (4.7.x, 4.4.5, 4.3.2) speak of
    the sender as a whole; greylisting and a full mailbox do not.
    """
    if detail == "greylisted":
        return None
    if stage in {"greeting", "hello"} and code >= 400:
        return LONG_PAUSE_S if code >= 500 else PAUSE_S
    if code == 421:
        return PAUSE_S
    if 400 <= code < 500 and (
        enhanced.startswith("4.7.") or enhanced in {"4.4.5", "4.3.2"} or detail == "rate_limited"
    ):
        return PAUSE_S if reason in PUSHBACK else None
    return None
