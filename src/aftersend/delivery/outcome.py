"""Turn the end of an attempt into what is written down. Pure: the world has spoken already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from aftersend.clock import DAY, Instant
from aftersend.ledger.facts import Fact
from aftersend.ledger.standing import Heard, Judge
from aftersend.ledger.vocabularies import bounces
from aftersend.policy import suppression
from aftersend.policy.counters import SUPPRESSION_RULES, SuppressionRules
from aftersend.policy.outcomes import Meaning, of_expiry
from aftersend.policy.retry import RetryPlan, next_try
from aftersend.store import record
from aftersend.store.queue import Claim, Stage

RELAY_NEWS_WAIT_US = 5 * 24 * 3600 * 1_000_000
"""For how long news from a smart host is awaited (RFC 5321 §4.5.4.1: it tries four to five days)."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt came to."""

    meaning: Meaning
    said: str
    """The remote's words, or ours where there are none; bounded."""
    evidence: Mapping[str, Any]
    status: str = ""
    tried: bool = True
    """Whether it counts as a try: something was really sent or asked."""
    is_weak: bool = False
    """Whether a refusal's words leave open that the address is at fault."""
    command: str = ""
    """What was answered: rcpt, data, dot …"""


def step_after(
    claim: Claim, attempt: Attempt, *, now: Instant, node: int, keys: tuple[int, int], plan: RetryPlan, chance: float, site: str,
    rules: SuppressionRules = SUPPRESSION_RULES, is_leap: bool = False, takes_mail: bool = False,
    is_clock_doubted: bool = False,
) -> record.Step:  # fmt: skip
    """Say what is to be recorded after an attempt. `keys` are two fresh ids for its events.

    `is_leap` and `takes_mail` say of the site that it denies far more addresses than usual, and that it took mail lately. While
    the clock is doubted nothing is given up for its age.
    """
    meaning = attempt.meaning
    tries = claim.tries + attempt.tried
    reason = None if meaning.reason is None else meaning.reason.value
    events = [
        record.event_row(
            claim.account_id, claim.delivery_id, keys[0], meaning.fact.word, int(meaning.fact), now, now, reason,
            meaning.detail, attempt.status or None, msgspec.json.encode(attempt.evidence).decode(),
        )
    ]  # fmt: skip
    facts = meaning.fact.bit
    ended = meaning
    onward: record.Next | None = None
    if meaning.fact is Fact.RELAYED:
        onward = record.Next(Stage.RELAYED, now + RELAY_NEWS_WAIT_US, "the smart host has the last word")
    elif meaning.goes_on:
        due = next_try(
            plan, accepted_us=max(claim.received_us, claim.scheduled_us or 0), failed_us=now, tries=max(tries, 1),
            ends_us=max(claim.expires_us, now + DAY) if is_clock_doubted else claim.expires_us, chance=chance, hints=meaning.hints,
        )  # fmt: skip
        if due is None:
            ended = of_expiry(meaning.reason, meaning.detail)
            events.append(
                record.event_row(
                    claim.account_id, claim.delivery_id, keys[1], ended.fact.word, int(ended.fact), now, now,
                    reason, meaning.detail, attempt.status or None,
                )
            )  # fmt: skip
            facts |= ended.fact.bit
        else:
            onward = record.Next(Stage.DELIVERY, due, "retry", tries, site, claim.expires_us)
    is_bounce = bool(ended.fact.bit & bounces.BITS)
    pairs = [bounces.counted(reason, meaning.detail, attempt.status).words] if is_bounce else []
    return record.Step(
        claim.account_id, claim.delivery_id, events, facts, now, onward, node, reason=reason, detail=meaning.detail,
        said=attempt.said, tries=int(attempt.tried), pairs=pairs, is_leap=is_leap, site=site,
        judge=_judge(ended, attempt, rules, is_leap=is_leap, takes_mail=takes_mail),
    )  # fmt: skip


def held_back(claim: Claim, why: str, *, until: Instant, now: Instant, node: int, key: int, site: str) -> record.Step:
    """Say what is recorded when a rate of where mail leaves from holds it back: an event the first time, then the time only.

    The time for trying does not run meanwhile.
    """
    fact = Fact.HELD_AT_SENDING
    onward = record.Next(Stage.DELIVERY, until, why, claim.tries, site, claim.expires_us + until - now)
    step = record.Step(claim.account_id, claim.delivery_id, [], 0, now, onward, node)
    if not claim.facts & fact.bit:
        proof = msgspec.json.encode({"why": why}).decode()
        place = (claim.account_id, claim.delivery_id, key)
        step.events.append(record.event_row(*place, fact.word, int(fact), now, now, evidence=proof))
        step.facts = fact.bit
    return step


def _judge(
    ended: Meaning, attempt: Attempt, rules: SuppressionRules, *, is_leap: bool, takes_mail: bool
) -> Judge | None:
    """Who decides what follows for the address; nobody where it cannot matter."""
    if ended.fact is Fact.DELIVERED:
        return suppression.after_delivery
    if ended.reason is None or not ended.fact.bit & bounces.BITS:
        return None
    heard = Heard(
        ended.reason, ended.detail, attempt.status, is_weak=attempt.is_weak, is_after_data=attempt.command in _AFTER_DATA,
        is_expiry=ended.fact is Fact.GAVE_UP, is_leap=is_leap, provider_takes_mail=takes_mail,
    )  # fmt: skip
    if suppression.count_for(heard) is None and not suppression.is_at_once(heard):
        return None
    return partial(suppression.after_failure, heard, rules)


_AFTER_DATA = frozenset({"data", "bdat", "dot"})
