"""Score what became of mail: a broadcast, or a sending domain over thirty days.

A share of few cases says little, so every share has its bounds (Wilson, 90 %), and the score has a range. Under the minimum
volume there is no score, only the numbers. Machines that open never count; what cannot be measured weighs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from typing import Any, NamedTuple

from aftersend.policy.score.finding import band_of

LEAST_OF_BROADCAST, LEAST_OF_DOMAIN = 400, 1_000
"""Deliveries below which nothing is scored."""
Z = 1.645
"""Of the normal distribution, for bounds that hold in 90 of 100 cases."""
Curve = tuple[tuple[float, float], ...]


class Part(NamedTuple):
    """One thing that is scored: a share, and what it costs."""

    name: str
    title: str
    cap: int
    curve: Curve
    """(share, points lost), linear between."""
    fix: str


PARTS = (
    Part(
        "complaints", "Complaints", 35, ((0.0005, 0.0), (0.001, 10.0), (0.003, 35.0)),
        "Mail only those who asked for it, make unsubscribing easier than complaining, and stop writing to who never reads.",
    ),
    Part(
        "hard_bounces", "Addresses that do not work", 25, ((0.005, 0.0), (0.02, 10.0), (0.05, 25.0)),
        "Clean the list before the next mailing: aftersend score --list NAME --remove. Confirm new addresses.",
    ),
    Part(
        "refused", "Refused as spam or for reputation", 15, ((0.002, 0.0), (0.05, 15.0)),
        "Read what the servers say (aftersend bounces), check the domain (aftersend domain check), and send less for a while.",
    ),
    Part(
        "engagement", "People who read, against the usual", 15, ((0.0, 0.0), (0.5, 15.0), (1.0, 15.0)),
        "Write less often to who has not read for long, and ask them whether they want it still.",
    ),
    Part(
        "unsubscribes", "Unsubscribed", 5, ((0.003, 0.0), (0.02, 5.0)),
        "Look at what the mailing promised when people signed up, and how often it comes.",
    ),
    Part(
        "sender", "From address changed", 5, ((1.0, 0.0), (3.0, 0.0), (8.0, 5.0)),
        "Keep to one From address for each kind of mail; receivers and readers know you by it.",
    ),
)  # fmt: skip
"""Six parts. `engagement` is how far the share of readers falls below the usual one, `sender` a number of addresses."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What became of mail."""

    mailed: int = 0
    """Deliveries that have an end: delivered, or returned for good."""
    delivered: int = 0
    hard: int = 0
    refused: int = 0
    complained: int = 0
    told: int = 0
    """Delivered to providers that say when somebody complains; Gmail does not."""
    read: int = 0
    """Opened, clicked or answered by people."""
    is_tracked: bool = False
    unsubscribed: int = 0
    senders: frozenset[str] = frozenset()
    """From addresses."""

    def __add__(self, other: Numbers) -> Numbers:
        """Add up."""
        names = ("mailed", "delivered", "hard", "refused", "complained", "told", "read", "unsubscribed")
        added = {name: getattr(self, name) + getattr(other, name) for name in names}
        return Numbers(**added, is_tracked=self.is_tracked or other.is_tracked, senders=self.senders | other.senders)


class Outcome(NamedTuple):
    """What became of one part."""

    name: str
    title: str
    cap: int
    number: int
    of: int
    share: float
    low: float
    high: float
    lost: float
    lost_most: float
    """At the unfavourable bound."""
    lost_least: float
    unmeasured: str
    fix: str


@dataclass(frozen=True, slots=True)
class Results:
    """A score of what became of mail, with its range."""

    numbers: Numbers
    least: int
    value: int | None
    """None under the minimum volume."""
    low: int | None
    high: int | None
    parts: tuple[Outcome, ...]
    remarks: tuple[str, ...] = field(default=())

    @property
    def worst(self) -> Outcome | None:
        """The part that costs most; None if none does."""
        costly = [part for part in self.parts if part.lost > 0.5]
        return max(costly, key=lambda part: part.lost) if costly else None

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "score": self.value,
            "band": None if self.value is None else band_of(self.value),
            "range": None if self.low is None or self.high is None else [self.low, self.high],
            "mailed": self.numbers.mailed,
            "delivered": self.numbers.delivered,
            "least": self.least,
            "parts": [
                {
                    "name": part.name,
                    "title": part.title,
                    "cap": part.cap,
                    "number": part.number,
                    "of": part.of,
                    "share": round(part.share, 6),
                    "bounds": [round(part.low, 6), round(part.high, 6)],
                    "lost": round(part.lost, 1),
                    "is_measured": not part.unmeasured,
                    "why_not": part.unmeasured,
                    "fix": part.fix if part.lost > 0 else "",
                }
                for part in self.parts
            ],
            "remarks": list(self.remarks),
        }


def bounds(number: int, of: int) -> tuple[float, float]:
    """Return the Wilson bounds of a share that hold in 90 of 100 cases; 0 and 1 where there is nothing."""
    if of <= 0:
        return 0.0, 1.0
    share, z2 = number / of, Z * Z
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z / (1 + z2 / of) * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def results(numbers: Numbers, *, least: int, usual: float | None = None, remarks: Sequence[str] = ()) -> Results:
    """Score what became of mail. `usual` is the share of readers that is usual for this sender; None where nobody knows."""
    parts = tuple(_outcome(part, numbers, usual) for part in PARTS)
    said = list(remarks)
    if numbers.delivered > numbers.told:
        said.append(
            f"Gmail tells nobody who complains: {numbers.delivered - numbers.told:,} deliveries are left out there."
        )
    if numbers.mailed < least:
        said.append(f"Under {least:,} deliveries nothing is scored: chance would decide. The numbers are shown.")
        return Results(numbers, least, None, None, None, parts, tuple(said))
    value, low, high = (_value(parts, which) for which in ("lost", "lost_most", "lost_least"))
    return Results(numbers, least, value, low, high, parts, tuple(said))


def _value(parts: Sequence[Outcome], which: str) -> int:
    measured = [part for part in parts if not part.unmeasured]
    lost: float = sum(getattr(part, which) for part in measured) * 100 / (sum(part.cap for part in measured) or 100)
    return round(max(0.0, 100 - lost))


def _outcome(part: Part, numbers: Numbers, usual: float | None) -> Outcome:
    number, of, unmeasured = _measured(part.name, numbers, usual)
    share = number / of if of else 0.0
    low, high = bounds(number, of)
    if part.name == "engagement" and usual:
        # How far it falls below the usual: 0 for as usual or better, 1 for nobody.
        share, low, high = (max(0.0, 1 - value / usual) for value in (share, high, low))
    if part.name == "sender":
        share = low = high = float(number)
    lost, most, least = (0.0, 0.0, 0.0) if unmeasured else (_lost(part, at) for at in (share, high, low))
    return Outcome(
        part.name, part.title, part.cap, number, of, share, low, high, lost, most, least, unmeasured, part.fix
    )


def _measured(name: str, numbers: Numbers, usual: float | None) -> tuple[int, int, str]:
    """(how many, of how many, why it is not measured)."""
    if name == "complaints":
        why = "" if numbers.told else "Nobody who got it has a provider that tells of complaints."
        return numbers.complained, numbers.told, why
    if name == "hard_bounces":
        return numbers.hard, numbers.mailed, ""
    if name == "refused":
        return numbers.refused, numbers.mailed, ""
    if name == "unsubscribes":
        return numbers.unsubscribed, numbers.delivered, ""
    if name == "sender":
        return len(numbers.senders), len(numbers.senders), ""
    why = "" if numbers.is_tracked else "Who reads is not tracked."
    why = why or ("" if usual else "There is no earlier mail to hold it against.")
    return numbers.read, numbers.delivered, why


def _lost(part: Part, share: float) -> float:
    if share <= part.curve[0][0]:
        return part.curve[0][1]
    for (left, low), (right, high) in pairwise(part.curve):
        if share <= right:
            return low + (high - low) * (share - left) / (right - left)
    return part.curve[-1][1]


# ---- over time -----------------------------------------------------------------------------------------------------


def changes(before: Results, after: Results, by_day: Mapping[str, Numbers]) -> list[str]:
    """Say what moved the score from one month to the next, the heaviest first, and the day on which most of it happened."""
    moved = []
    for old, new in zip(before.parts, after.parts, strict=True):
        if old.unmeasured or new.unmeasured or abs(new.lost - old.lost) < 1:
            continue
        moved.append((abs(new.lost - old.lost), _change(old, new, by_day)))
    return [said for _, said in sorted(moved, key=lambda pair: -pair[0])]


def _change(old: Outcome, new: Outcome, by_day: Mapping[str, Numbers]) -> str:
    if new.name == "sender":
        said = f"{new.title}: {new.number} addresses, {old.number} before"
    else:
        word = "rose" if new.share > old.share else "fell"
        said = f"{new.title} {word} from {old.share:.2%} to {new.share:.2%}"
    points = old.lost - new.lost
    said += f" ({points:+.0f} points)."
    attribute = {
        "complaints": "complained",
        "hard_bounces": "hard",
        "refused": "refused",
        "unsubscribes": "unsubscribed",
    }
    name = attribute.get(new.name)
    if name and points < 0 and by_day:
        day = max(by_day, key=lambda each: getattr(by_day[each], name))
        number = getattr(by_day[day], name)
        if number * 3 >= new.number:
            said += f" {number:,} of {new.number:,} belong to mail of {day}."
    return said


def usual_share(earlier: Iterable[Numbers], least: int) -> float | None:
    """Return the median share of readers of earlier mailings or days that were large enough; None if there are none."""
    shares = sorted(each.read / each.delivered for each in earlier if each.is_tracked and each.delivered >= least)
    return shares[len(shares) // 2] if shares and shares[len(shares) // 2] > 0 else None
