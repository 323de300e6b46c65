"""Own what is counted of attempts in this process: by outcome and provider, and how long mail took. Plain numbers, since this
stands on the hot path; `web.metrics` writes them for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from aftersend.clock import SECOND, Instant
from aftersend.delivery.outcome import Attempt
from aftersend.ledger.facts import Fact
from aftersend.ledger.providers import BY_NAME, provider_of
from aftersend.logs import Logger
from aftersend.store import record
from aftersend.store.queue import Claim

BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 3600.0, 14400.0, 86400.0)
OTHER = "other"

_STATUS = {Fact.DELIVERED: "sent", Fact.RELAYED: "sent", Fact.DEFERRED: "deferred", Fact.UNCERTAIN: "deferred"}

log = Logger("delivery")


Counted = tuple[dict[tuple[str, str], int], list[int], float, list[int], float]
"""What a meter has counted: attempts, then counts and sum of both times."""


class Times:
    """How many took how long."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_S) + 1)
        self.sum_s = 0.0

    def took(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS_S, seconds)] += 1
        self.sum_s += seconds

    def add(self, counts: Sequence[int], sum_s: float) -> None:
        """Take over what another process has counted."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, counts, strict=True)]
        self.sum_s += sum_s

    def buckets(self) -> list[tuple[str, float]]:
        """Return for each bound how many took no longer, as Prometheus wants it."""
        told, so_far = [], 0
        for bound, number in zip((*map(str, BOUNDS_S), "+Inf"), self.counts, strict=True):
            so_far += number
            told.append((bound, float(so_far)))
        return told


class Meter:
    """Counts attempts; `watch` is called with the end of each."""

    def __init__(self, *, is_talkative: bool = False) -> None:
        self.attempts: dict[tuple[str, str], int] = {(fact.word, OTHER): 0 for fact in _STATUS}
        """By outcome (the word of a fact) and provider; what is usual begins with 0, so that rates can be taken."""
        self.first_attempt = Times()
        self.delivered = Times()
        self._is_talkative = is_talkative

    def give(self) -> Counted:
        """Hand out what has been counted since this was asked last, for a meter in another process."""
        counted = (
            self.attempts,
            self.first_attempt.counts,
            self.first_attempt.sum_s,
            self.delivered.counts,
            self.delivered.sum_s,
        )
        self.attempts, self.first_attempt, self.delivered = {}, Times(), Times()
        return counted

    def take(self, counted: Counted) -> None:
        """Add what a meter in another process has counted."""
        attempts, first, first_sum, delivered, delivered_sum = counted
        for place, number in attempts.items():
            self.attempts[place] = self.attempts.get(place, 0) + number
        self.first_attempt.add(first, first_sum)
        self.delivered.add(delivered, delivered_sum)

    def watch(self, claim: Claim, step: record.Step, attempt: Attempt) -> None:
        """Count one attempt, and write a line about it where that is wanted."""
        fact = attempt.meaning.fact
        place = (fact.word, provider_label(claim.domain))
        self.attempts[place] = self.attempts.get(place, 0) + 1
        since = max(claim.received_us, claim.scheduled_us or 0)
        if claim.tries == 0:
            self.first_attempt.took((step.now - since) / SECOND)
        if fact is Fact.DELIVERED:
            self.delivered.took((step.now - since) / SECOND)
        if self._is_talkative:
            _tell(claim, attempt, step.now, since)


@lru_cache(maxsize=10_000)
def provider_label(domain: str) -> str:
    """Name the provider behind a domain, from a closed list: never the domain itself."""
    name = provider_of(domain)
    return name if name.lower() in BY_NAME else OTHER


def _tell(claim: Claim, attempt: Attempt, now: Instant, since: Instant) -> None:
    """One line an attempt; the words that Postfix has too (to, relay, delay, dsn, status) are kept on purpose."""
    from aftersend import ids

    proof = attempt.evidence
    log.debug(
        "delivery_attempt",
        delivery_id=ids.show("dlv", claim.delivery_id),
        message_id=ids.show("msg", claim.message_id),
        to=claim.recipient,
        relay=f"{proof['host']}[{proof.get('ip', '')}]" if "host" in proof else "none",
        tls=proof.get("tls") or "none",
        delay=round((now - since) / SECOND, 3),
        dsn=attempt.status or "",
        status=_STATUS.get(attempt.meaning.fact, "bounced"),
        fact=attempt.meaning.fact.word,
        said=attempt.said[:300],
    )
