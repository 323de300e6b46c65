"""Forecast how many of a list's addresses will bounce, and say which, why, and what the list is worth without them.

Each signal is a probability that mail to the address comes back for good; what is known of an address is taken together as
if the signals were independent. They are priors, and the installation's own outcomes move them (`calibrated`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from aftersend.errors import BadField
from aftersend.mail import address
from aftersend.policy.score import typos
from aftersend.policy.score.finding import band_of
from aftersend.policy.score.roles import NEVER, role_of

REMOVED_FROM = 0.25
"""Whose mail bounces with at least this probability is better left out."""
OUTCOMES_LEAST, PRIOR_WEIGHS = 200, 50
"""So many outcomes move a prior, which itself weighs as much as so many."""
DAY = 86_400_000_000
ACTIVE_FOR, GOOD_FOR = 90 * DAY, 400 * DAY
SOFT_ROW = 3
BOUNCING_FOR, BOUNCING_LEAST, BOUNCING_SHARE = 7 * DAY, 10, 0.3
_CURVE = ((0.0, 100.0), (0.003, 100.0), (0.01, 85.0), (0.02, 65.0), (0.05, 40.0), (0.10, 10.0), (0.20, 0.0), (1.0, 0.0))
"""(share that bounces, score): what receivers put up with, and what large services pause senders for."""
DUPLICATES_COST, IDLE_COST, LEAP_COST = 5.0, 15.0, 10.0
IDLE_FROM, IDLE_ALL, IDLE_LEAST = 0.7, 0.95, 100
"""Shares of idle readers, from which on they cost something and from which on all; among so many at least."""
LEAP_FROM, LEAP_ALL, LEAP_LEAST = 3.0, 10.0, 1_000
"""So many times the mail of a usual day, and so many recipients at least."""


class Signal(NamedTuple):
    """Something that tells whether an address takes mail."""

    p: float
    """The probability of a hard bounce."""
    says: str
    fix: str


SIGNALS = {
    "malformed": Signal(1.0, "The address cannot be one.", "Correct it, or take it off the list."),
    "unknown-domain": Signal(0.99, "The domain does not exist.", "Correct it, or take it off the list."),
    "takes-no-mail": Signal(0.99, "The domain says that it takes no mail (null MX).", "Take it off the list."),
    "no-server": Signal(0.99, "The domain has no server for mail.", "Correct it, or take it off the list."),
    "no-mx": Signal(0.3, "The domain names no mail server; its web server may or may not take mail.", "Check it."),
    "typo": Signal(0.6, "The domain looks like a slip of a large provider's, and may be a spam trap.", "Correct it."),
    "bounced-before": Signal(0.95, "Mail from here came back for good, last time.", "Take it off the list."),
    "soft-bounces": Signal(0.3, "Mail from here came back several times in a row.", "Wait, or take it off the list."),
    "domain-bounces": Signal(
        0.4, "Much mail to this domain came back for good in the last seven days.", "Wait until it is known why."
    ),
    "disposable": Signal(0.25, "The domain gives out addresses for an hour or a day.", "Ask for a lasting address."),
    "role": Signal(0.05, "The address is a role's, not a person's; nobody there may have asked for this.", "Ask again."),
    "forbidden-role": Signal(0.3, "The address is for complaints or for machines, never for news.", "Take it off the list."),
    "dns-unknown": Signal(0.02, "The DNS did not answer for the domain.", "Try again later."),
    "never-mailed": Signal(0.01, "No mail went to it from here yet.", "Send to such addresses in small steps."),
    "delivered-before": Signal(0.003, "It took mail from here.", ""),
    "active": Signal(0.002, "Its reader opened, clicked or answered not long ago.", ""),
}  # fmt: skip
BASES = ("never-mailed", "delivered-before", "active")
"""One of these holds for every address that can be one; nobody has to do anything about them."""


class History(NamedTuple):
    """What this account knows of an address. Moments in microseconds."""

    is_suppressed: bool = False
    delivered_us: int | None = None
    bounced_us: int | None = None
    human_us: int | None = None
    soft_in_row: int = 0


UNKNOWN = History()


class Judged(NamedTuple):
    """An address and what is to be expected of it."""

    address: str
    p: float
    signals: tuple[str, ...]
    suggestion: str = ""
    is_mailed: bool = True
    """False for an address that is suppressed: nothing goes to it, so nothing bounces."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to be expected of a list."""

    addresses: int
    mailed: int
    """Without those that are suppressed, and duplicates."""
    suppressed: int
    duplicates: int
    expected: float
    """Hard bounces."""
    value: int
    doubtful: tuple[Judged, ...]
    """Those better left out, the worst first."""
    value_without: int
    expected_without: float
    signals: tuple[tuple[str, int], ...]
    """(signal, how many), in the order of what they cost."""
    suggestions: tuple[tuple[str, str, int], ...]
    """(domain as written, domain meant, how many)."""
    remarks: tuple[tuple[float, str], ...] = ()
    """(points lost beside the bounces, why and what to do)."""

    @property
    def rate(self) -> float:
        """The share of mail that will bounce."""
        return self.expected / self.mailed if self.mailed else 0.0

    @property
    def rate_without(self) -> float:
        """The same without the doubtful ones."""
        left = self.mailed - len(self.doubtful)
        return self.expected_without / left if left else 0.0

    def as_dict(self, shown: int) -> dict[str, Any]:
        """Return it for JSON, with so many of the doubtful addresses."""
        return {
            "score": self.value,
            "band": band_of(self.value),
            "addresses": self.addresses,
            "mailed": self.mailed,
            "suppressed": self.suppressed,
            "duplicates": self.duplicates,
            "expected_bounces": round(self.expected, 1),
            "expected_rate": round(self.rate, 5),
            "signals": [
                {"id": name, "number": number, "says": SIGNALS[name].says, "fix": SIGNALS[name].fix}
                for name, number in self.signals
            ],
            "suggestions": [
                {"domain": wrong, "meant": right, "number": number} for wrong, right, number in self.suggestions
            ],
            "remarks": [{"points": round(points, 1), "says": says} for points, says in self.remarks],
            "without": {
                "removed": len(self.doubtful),
                "score": self.value_without,
                "expected_bounces": round(self.expected_without, 1),
                "expected_rate": round(self.rate_without, 5),
            },
            "doubtful": [
                {
                    "address": each.address,
                    "probability": round(each.p, 3),
                    "signals": list(each.signals),
                    "suggestion": each.suggestion or None,
                }
                for each in self.doubtful[:shown]
            ],
            "has_more": len(self.doubtful) > shown,
        }


def calibrated(outcomes: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """Return the probability of each signal after (mailed, bounced) of it here: the prior, until there are enough."""
    moved = {name: signal.p for name, signal in SIGNALS.items()}
    for name, (mailed, bounced) in outcomes.items():
        if name in moved and mailed >= OUTCOMES_LEAST:
            moved[name] = (SIGNALS[name].p * PRIOR_WEIGHS + bounced) / (PRIOR_WEIGHS + mailed)
    return moved


def judge(
    written: str,
    server: str | None,
    history: History,
    *,
    now: int,
    is_disposable: bool,
    probabilities: Mapping[str, float],
    is_bouncing: bool = False,
) -> Judged:
    """Say what is to be expected of one address.

    `server` is what the DNS says of its domain: `ok`, `a` (no MX, but an address), `no_such_domain`, `null_mx`, `no_address`, or
    None when it did not answer. `is_bouncing`: see `bouncing_domains`.
    """
    try:
        parsed = address.parse(written.strip())
    except BadField:
        return Judged(written.strip()[:320], 1.0, ("malformed",))
    found = [*_of_server(server), *_of_history(history, now)]
    if is_bouncing and not {"bounced-before", "active"}.intersection(found):
        found.append("domain-bounces")
    suggestion = typos.suggest(parsed.domain) or ""
    if suggestion:
        found.append("typo")
    elif is_disposable:
        found.append("disposable")
    role = role_of(parsed.local)
    if role:
        found.append("forbidden-role" if role in NEVER else "role")
    passes = 1.0
    for name in found:
        passes *= 1.0 - probabilities[name]
    better = f"{parsed.local}@{suggestion}" if suggestion else ""
    return Judged(str(parsed), 1.0 - passes, tuple(found), better, not history.is_suppressed)


_OF_SERVER = {
    "no_such_domain": "unknown-domain",
    "null_mx": "takes-no-mail",
    "no_address": "no-server",
    "a": "no-mx",
    None: "dns-unknown",
}


def _of_server(server: str | None) -> list[str]:
    name = _OF_SERVER.get(server)
    return [name] if name else []


def _of_history(history: History, now: int) -> list[str]:
    found = []
    bounced, delivered = history.bounced_us, history.delivered_us
    if bounced is not None and (delivered is None or delivered < bounced):
        found.append("bounced-before")
    if history.soft_in_row >= SOFT_ROW:
        found.append("soft-bounces")
    if found:
        return found
    if history.human_us is not None and now - history.human_us < ACTIVE_FOR:
        return ["active"]
    if delivered is not None and now - delivered < GOOD_FOR:
        return ["delivered-before"]
    return ["never-mailed"]


def bouncing_domains(known: Iterable[tuple[str, History]], now: int) -> frozenset[str]:
    """Return the domains of which much of the last seven days' mail came back for good, from (domain, history) of addresses."""
    mailed: Counter[str] = Counter()
    bounced: Counter[str] = Counter()
    for domain, history in known:
        has_bounced = history.bounced_us is not None and now - history.bounced_us < BOUNCING_FOR
        mailed[domain] += has_bounced or (
            history.delivered_us is not None and now - history.delivered_us < BOUNCING_FOR
        )
        bounced[domain] += has_bounced
    return frozenset(
        domain
        for domain, number in mailed.items()
        if number >= BOUNCING_LEAST and bounced[domain] > BOUNCING_SHARE * number
    )


def forecast(judged: Sequence[Judged], duplicates: int = 0, usual_day: int | None = None) -> Forecast:
    """Add up what was said of each address; every address once, `duplicates` left out already.

    `usual_day` is how many recipients the account mails on a usual day; None where nobody knows.
    """
    mailed = [each for each in judged if each.is_mailed]
    doubtful = sorted((each for each in mailed if each.p >= REMOVED_FROM), key=lambda each: (-each.p, each.address))
    expected = sum(each.p for each in mailed)
    left = expected - sum(each.p for each in doubtful)
    numbers: Counter[str] = Counter(name for each in mailed for name in each.signals if name not in BASES)
    slips: Counter[tuple[str, str]] = Counter(
        (each.address.rpartition("@")[2], each.suggestion.rpartition("@")[2]) for each in mailed if each.suggestion
    )
    cost = sorted(numbers.items(), key=lambda pair: (-pair[1] * SIGNALS[pair[0]].p, pair[0]))
    lasting = [remark for remark in (_idle(mailed), _leap(len(mailed), usual_day)) if remark is not None]
    again = _again(duplicates, len(judged) + duplicates)
    remarks = [*([again] if again is not None else []), *lasting]
    return Forecast(
        len(judged) + duplicates,
        len(mailed),
        len(judged) - len(mailed),
        duplicates,
        expected,
        score_of(expected / len(mailed) if mailed else 0.0, sum(points for points, _ in remarks)),
        tuple(doubtful),
        score_of(
            left / (len(mailed) - len(doubtful)) if len(mailed) > len(doubtful) else 0.0,
            sum(points for points, _ in lasting),
        ),
        left,
        tuple(cost),
        tuple((wrong, right, number) for (wrong, right), number in slips.most_common(50)),
        tuple(remarks),
    )


def _again(duplicates: int, addresses: int) -> tuple[float, str] | None:
    if not duplicates:
        return None
    said = f"{duplicates:,} addresses stand there more than once; each gets one copy, but the list is not kept well."
    return min(DUPLICATES_COST, 50 * duplicates / addresses), said


def _idle(mailed: Sequence[Judged]) -> tuple[float, str] | None:
    """What readers who do not read cost: known only where somebody reads."""
    active = sum("active" in each.signals for each in mailed)
    known = active + sum("delivered-before" in each.signals for each in mailed)
    points = IDLE_COST * _part(1 - active / known, IDLE_FROM, IDLE_ALL) if active and known >= IDLE_LEAST else 0.0
    if not points:
        return None
    said = (
        f"Of {known:,} who got mail before, {active:,} opened, clicked or answered in the last 90 days. Write less often to the "
        "others, and ask them whether they want it still."
    )
    return points, said


def _leap(mailed: int, usual_day: int | None) -> tuple[float, str] | None:
    """What it costs to send much more than usual: receivers slow down who leaps."""
    if usual_day is None or mailed < LEAP_LEAST:
        return None
    points = LEAP_COST * _part(mailed / usual_day if usual_day else LEAP_ALL, LEAP_FROM, LEAP_ALL)
    if not points:
        return None
    usual = (
        f"{mailed / usual_day:,.0f} times the {usual_day:,} of a usual day"
        if usual_day
        else "and there was no mail before"
    )
    return points, f"{mailed:,} recipients, {usual}: receivers slow down who leaps. Send in parts, over some days."


def _part(value: float, start: float, whole: float) -> float:
    """How far a value lies between two others, 0 to 1."""
    return min(1.0, max(0.0, (value - start) / (whole - start)))


def score_of(rate: float, penalty: float = 0.0) -> int:
    """Return the score of a list of which this share bounces."""
    for (left, high), (right, low) in pairwise(_CURVE):
        if rate <= right:
            value = high + (low - high) * (rate - left) / (right - left)
            return round(max(0.0, value - penalty))
    return 0


def together(message: int | None, list_value: int | None, results: int | None, *, is_blocked: bool) -> int | None:
    """Return one number of the scores that are there: 45, 40 and 15 parts of message, list and results."""
    parts = [(0.45, message), (0.40, list_value), (0.15, results)]
    there = [(weight, value) for weight, value in parts if value is not None]
    if not there:
        return None
    value = round(sum(weight * value for weight, value in there) / sum(weight for weight, _ in there))
    return min(value, 39) if is_blocked else value
