"""Answer with numbers: how many emails each word of each vocabulary counts, by period and stream.

The numbers come from counters that survive retention; each is the length of the list behind it for as long as the rows
are kept. Deliveries are counted under the hour in which they were created.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aftersend.clock import DAY, HOUR, Instant
from aftersend.ledger.conservation import sums
from aftersend.ledger.facts import BY_WORD
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.reports.messages import told_sums
from aftersend.reports.telling import moment
from aftersend.store import condition, counting, deliveries, retention
from aftersend.store.connection import Connection

REPORTS = {
    "results": "delivery_results",
    "lifecycle": "life_cycle",
    "activity": "email_activity",
    "bounces": "bounces",
    "icons": "icons",
}
"""The name of each report in an address, and the vocabulary it counts in."""
_KIND = {
    "delivery_results": "result",
    "life_cycle": "life",
    "email_activity": "activity",
    "bounces": "bounce",
    "icons": "icon",
}
"""Under which kind the counters of a vocabulary are kept."""
STEPS = {HOUR: "hour", DAY: "day"}
"""The widths of a step in a series, in microseconds, and what each is called."""
MOST_STEPS = 750
"""So many steps one series has: a month of hours, two years of days."""


@dataclass(frozen=True, slots=True)
class Period:
    """Which deliveries are counted: created from `since` on, before `until`, in a stream or in all. Whole hours."""

    since: Instant | None = None
    until: Instant | None = None
    stream: str | None = None

    @property
    def hours(self) -> Period:
        """The period widened to whole hours, since counters know no finer time."""
        return Period(
            None if self.since is None else self.since // HOUR * HOUR,
            None if self.until is None else -(-self.until // HOUR) * HOUR,
            self.stream,
        )


def report(connection: Connection, account_id: int, name: str, period: Period) -> dict[str, Any]:
    """Return one vocabulary with the number behind each of its words, zeros included, and what each word means."""
    period = period.hours
    vocabulary = VOCABULARIES[REPORTS[name]]
    numbers = counts(connection, account_id, vocabulary.name, period)
    return {
        "report": name,
        "vocabulary": vocabulary.name,
        "seed": vocabulary.seed,
        "title": vocabulary.title,
        "question": vocabulary.question,
        "since": moment(period.since),
        "until": moment(period.until),
        "stream": period.stream,
        "counts": [{"word": word, "meaning": meaning, "count": numbers[word]} for word, meaning in vocabulary.words],
    }


def counts(connection: Connection, account_id: int, vocabulary: str, period: Period) -> dict[str, int]:
    """Return the number behind each word of a vocabulary, zeros included."""
    period = period.hours
    words = [word for word, _ in VOCABULARIES[vocabulary].words]
    found = counting.counted(
        connection,
        account_id,
        kind=_KIND[vocabulary],
        since=period.since,
        until=period.until,
        stream=period.stream,
    )
    return {word: found.get(word, 0) for word in words}


def all_counts(connection: Connection, account_id: int, period: Period) -> dict[str, dict[str, int]]:
    """Return the numbers of all five vocabularies."""
    return {name: counts(connection, account_id, name, period) for name in VOCABULARIES}


def series(
    connection: Connection,
    account_id: int,
    name: str,
    *,
    since: Instant,
    until: Instant,
    stream: str | None = None,
    step: int,
) -> dict[str, Any]:
    """Return the numbers of one vocabulary over time: for each step of the period the number behind each word, zeros included.

    Steps are whole hours or days (UTC), at most `MOST_STEPS` of them. The sum over the steps is what `report` tells of the
    same period.
    """
    since, until = since // step * step, -(-until // step) * step
    vocabulary = VOCABULARIES[REPORTS[name]]
    words = [word for word, _ in vocabulary.words]
    place = {word: number for number, word in enumerate(words)}
    points = {at: [0] * len(words) for at in range(since, until, step)}
    for at, word, number in counting.counted_over_time(
        connection,
        account_id,
        kind=_KIND[vocabulary.name],
        since=since,
        until=until,
        step=step,
        stream=stream,
    ):
        if word in place:
            points[at][place[word]] = number
    return {
        "report": name,
        "step": STEPS[step],
        "since": moment(since),
        "until": moment(until),
        "stream": stream,
        "words": words,
        "points": [{"at": moment(at), "counts": numbers} for at, numbers in points.items()],
    }


def facts(connection: Connection, account_id: int, period: Period) -> dict[str, int]:
    """Return how many deliveries have each fact, zeros included."""
    period = period.hours
    found = counting.counted(
        connection, account_id, kind="fact", since=period.since, until=period.until, stream=period.stream
    )
    return {word: found.get(word, 0) for word in BY_WORD}


def conservation(connection: Connection, account_id: int, period: Period) -> dict[str, Any]:
    """Check that everybody is accounted for: the audience that was counted when mail came in equals the sum over the rows
    of what has ended and what is under way, and nothing waits without an end.

    Looks only at the time from which no row has been pruned, and says from when that is. The connection sees one moment
    from here on; ask nothing of it before.
    """
    condition.freeze(connection)
    period = period.hours
    pruned = -(-retention.pruned_before(connection) // HOUR) * HOUR
    since = max(period.since or 0, pruned) or None
    audience = counting.counted(
        connection, account_id, kind="fact", since=since, until=period.until, stream=period.stream
    ).get("received", 0)
    grouped = deliveries.by_facts(connection, account_id, since=since, until=period.until, stream=period.stream)
    return {
        "since": moment(since),
        "until": moment(period.until),
        "stream": period.stream,
        **told_sums(sums(audience, grouped)),
    }
