"""Decide what follows for an address from what was said of one delivery: a list entry, a count, the end of an entry.

Only a fault of the address itself suppresses at once. Content, reputation, policy, authentication, size, rates and our own
faults never do, however often they come. Where an answer leaves a doubt, it is counted, and a delivery in between ends
the count. Knows nothing of how answers are read (`diagnosis`) or of when mail is tried again (`retry`).
"""

from __future__ import annotations

from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.ledger.standing import (
    NOTHING,
    Cause,
    Change,
    Counter,
    Heard,
    History,
    Listed,
    Standing,
    Streak,
)
from aftersend.policy.counters import SuppressionRules, counted, emptied, interrupted

_OF_ADDRESS = frozenset({Reason.INVALID_RECIPIENT, Reason.ADDRESS_ERROR, Reason.CLOSED_ACCOUNT})
_OF_MAILBOX = frozenset({Reason.MAILBOX_FULL, Reason.ACCOUNT_INACTIVE})
_DOUBTFUL = frozenset({Reason.BAD_DOMAIN.value, Reason.GENERAL_HARD_BOUNCE.value, Reason.ACCOUNT_INACTIVE.value})
"""Entries learned from these go when mail arrives after all."""
_OF_BOUNCES = frozenset({Cause.BOUNCED.value, Cause.SOFT_BOUNCES.value})
_RENEWALS_MOST = 3
"""Each renewal doubles the time, up to eight times the first."""

AT_ONCE = "The address itself was refused."
PROVISIONAL = (
    "The address was refused at a time when its provider refuses many more than usual; it took mail before. "
    "The next message decides."
)
PROBED = "The one message that was let through to see how things are came back too."
COMPLAINT = "The recipient reported a message as spam; nothing is sent to them any more."
UNSUBSCRIBED = "The recipient asked not to get such mail any more."
ARRIVED = "A message arrived after all."
_FULL = {
    Counter.SOFT: "{number} deliveries in a row came back because of the mailbox, with none in between that arrived.",
    Counter.HARD: "The address was refused {number} times within thirty days, with no delivery in between.",
    Counter.DOMAIN: "On {number} different days mail to this address could not be placed for good.",
}


def count_for(heard: Heard) -> Counter | None:
    """Return the counter that an answer belongs to; None if it counts for nothing, or suppresses at once."""
    if is_at_once(heard):
        return None
    if heard.reason in _OF_ADDRESS:
        if heard.is_expiry:
            return Counter.DOMAIN
        return Counter.HARD if heard.is_after_data or not heard.is_weak else Counter.SOFT
    if heard.reason in _OF_MAILBOX:
        return Counter.SOFT
    if heard.reason is Reason.BAD_DOMAIN:
        return Counter.DOMAIN
    if heard.reason is Reason.GENERAL_HARD_BOUNCE:
        return Counter.UNKNOWN if heard.is_expiry else Counter.HARD
    if heard.reason is Reason.GENERAL_ERROR:
        return Counter.UNKNOWN
    if heard.reason is Reason.NETWORK_ERROR:
        return Counter.UNREACHABLE if heard.is_expiry or heard.detail == "waited_too_long" else None
    if heard.reason is Reason.POLICY_BLOCKED and heard.detail == "relaying_denied":
        return Counter.RELAYING
    return None


def is_at_once(heard: Heard) -> bool:
    """Say whether an answer proves by itself that the address is at fault."""
    if heard.is_expiry:
        return False
    if heard.reason is Reason.BAD_DOMAIN:
        return heard.detail == "null_mx"
    if heard.reason not in _OF_ADDRESS or heard.is_after_data:
        return False
    # Directory-based blocking says "access denied" of addresses that do not exist, and of senders that are not liked.
    is_denied = heard.is_weak and heard.status.endswith(".4.1") and heard.provider_takes_mail
    return is_denied or not heard.is_weak


def after_failure(heard: Heard, rules: SuppressionRules, history: History) -> Change:
    """Say what follows from an answer that ended a delivery for good."""
    if heard.is_second_hand:
        return NOTHING
    counter = count_for(heard)
    if is_at_once(heard):
        return _at_once(heard, rules, history)
    if counter is None:
        return NOTHING
    limit = rules.limit(counter)
    if limit.number <= 0:
        return NOTHING
    streak, is_full = counted(counter, limit, history)
    streaks = [streak]
    if is_full and isinstance(limit.leads_to, Counter):
        streaks[0] = emptied(streak)
        counter, limit = limit.leads_to, rules.limit(limit.leads_to)
        streak, is_full = counted(counter, limit, history)
        streaks.append(streak)
    fact = Fact.THIRD_SOFT_BOUNCE if is_full and counter is Counter.SOFT else None
    if not is_full and not (_is_probe(history) and isinstance(limit.leads_to, Cause)):
        return Change(streaks=_changed(streaks, history), fact=fact)
    rule = _FULL[counter].format(number=streak.number) if is_full else PROBED
    assert isinstance(limit.leads_to, Cause)
    listed = _listed(limit.leads_to, rules, history)
    return Change(_changed(streaks, history), listed, fact=fact, rule=rule if listed else "")


def _at_once(heard: Heard, rules: SuppressionRules, history: History) -> Change:
    if heard.is_leap and history.accepted_before:
        listed = _listed(Cause.BOUNCED, rules, history, is_provisional=True)
        return Change(listed=listed, rule=PROVISIONAL if listed else "")
    listed = _listed(Cause.BOUNCED, rules, history)
    rule = PROBED if _is_probe(history) else AT_ONCE
    return Change(listed=listed, rule=rule if listed else "")


def _listed(cause: Cause, rules: SuppressionRules, history: History, *, is_provisional: bool = False) -> Listed | None:
    """The entry to make, or None where a weightier one, or one like it, stands already."""
    standing, now, tier = history.standing, history.now, 0
    if standing is not None:
        is_over = standing.expires_us is not None and standing.expires_us <= now
        if not (is_over or _gives_way(standing, cause, history, is_provisional=is_provisional)):
            return None
        if standing.is_learned and standing.cause in _OF_BOUNCES and not standing.is_provisional:
            tier = standing.tier + (is_over or _is_probe(history))
    if is_provisional:
        return Listed(cause, now + rules.provisional_lasts_us, tier=tier, is_provisional=True)
    lasts = rules.soft_lasts_us if cause is Cause.SOFT_BOUNCES else rules.hard_lasts_us
    return Listed(cause, now + lasts * 2 ** min(tier, _RENEWALS_MOST), tier=tier)


def _gives_way(standing: Standing, cause: Cause, history: History, *, is_provisional: bool) -> bool:
    """Whether an entry that has not ended is replaced: a person's, an opt-out and a complaint never are."""
    if not standing.is_learned or standing.cause not in _OF_BOUNCES:
        return False
    if _is_probe(history):
        return True
    if is_provisional:
        return False
    return standing.is_provisional or (standing.cause == Cause.SOFT_BOUNCES and cause is Cause.BOUNCED)


def _is_probe(history: History) -> bool:
    return history.standing is not None and history.standing.probe == history.delivery_id


def _changed(streaks: list[Streak], history: History) -> tuple[Streak, ...]:
    return tuple(streak for streak in streaks if history.streaks.get(streak.counter) != streak)


def after_delivery(history: History) -> Change:
    """Say what follows from a delivery that arrived: every count begins anew, and doubtful entries go."""
    streaks = tuple(interrupted(streak, history.delivery_id) for streak in history.streaks.values() if streak.number)
    standing = history.standing
    lifts = (
        standing is not None
        and standing.is_learned
        and standing.cause in _OF_BOUNCES
        and (standing.is_provisional or _is_probe(history) or standing.reason in _DOUBTFUL)
    )
    return Change(streaks=streaks, lifts=lifts, rule=ARRIVED if lifts else "")


def after_complaint(history: History) -> Change:
    """Say what follows from a complaint: nothing is sent to the address any more, in the whole account, for ever."""
    standing = history.standing
    if standing is not None and standing.is_learned and standing.cause == Cause.COMPLAINED:
        return NOTHING
    return Change(listed=Listed(Cause.COMPLAINED, None), rule=COMPLAINT)


def after_unsubscription(stream: str, history: History) -> Change:
    """Say what follows from an opt-out: no more mail on the stream, for ever; "" stands for all."""
    standing = history.standing
    if not stream and standing is not None and standing.cause in (Cause.COMPLAINED, Cause.UNSUBSCRIBED):
        return NOTHING
    return Change(listed=Listed(Cause.UNSUBSCRIBED, None, stream), rule=UNSUBSCRIBED)
