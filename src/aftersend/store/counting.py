"""Own the numbers of deliveries: how many there are with each set of facts, by the hour of their creation and by stream.

A number behind a word of a vocabulary is read from that: the sum over the sets of facts to which the vocabulary gives the
word. So a delivery whose facts grow moves from one counter to another, whatever words that changes, and every number
equals the length of the list behind it without ever scanning the list. Bounces are counted by their word, for each event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection, func, select

from aftersend.clock import Instant
from aftersend.ledger.facts import Facts
from aftersend.ledger.vocabularies import delivery_results, email_activity, icons, life_cycle
from aftersend.store.schema import counts

FACTS = "facts"
"""The kind of the counters of which the word is a set of facts, as the number that its bits make."""
BOUNCE = "bounce"
"""The kind of the counters of bounce events; the word is “category/reason”."""


@lru_cache(maxsize=20_000)
def words(bits: int) -> frozenset[tuple[str, str]]:
    """Return every (kind, word) under which a delivery with these facts is counted; none for no facts."""
    if not bits:
        return frozenset()
    facts = Facts(bits)
    found = {("fact", fact.name.lower()) for fact in facts}
    found.add(("result", delivery_results.delivery_result(facts).word))
    found |= {("life", word.word) for word in life_cycle.words_of(facts)}
    found |= {("activity", box.word) for box in email_activity.boxes(facts)}
    found.add(("icon", icons.icon(facts).word))
    return frozenset(found)


def spread(kind: str, counted: Iterable[tuple[str, int]]) -> Counter[str]:
    """Turn numbers by counter into numbers by word of a kind: fact, result, life, activity, icon or bounce."""
    found: Counter[str] = Counter()
    for word, number in counted:
        for its_kind, its_word in ((BOUNCE, word),) if kind == BOUNCE else words(int(word)):
            if its_kind == kind:
                found[its_word] += int(number)
    return +found


def stored_as(kind: str) -> str:
    """Return under which kind of counter the words of a kind are found."""
    return BOUNCE if kind == BOUNCE else FACTS


def counted(
    connection: Connection,
    account_id: int,
    *,
    kind: str,
    since: Instant | None = None,
    until: Instant | None = None,
    stream: str | None = None,
) -> dict[str, int]:
    """Return how many deliveries each word of a kind counts, by the hour of creation; words that count none are left out."""
    query = (
        select(counts.c.word, func.sum(counts.c.number))
        .where(counts.c.account_id == account_id, counts.c.kind == stored_as(kind))
        .group_by(counts.c.word)
    )
    if since is not None:
        query = query.where(counts.c.bucket_us >= since)
    if until is not None:
        query = query.where(counts.c.bucket_us < until)
    if stream is not None:
        query = query.where(counts.c.stream == stream)
    return dict(sorted(spread(kind, [(word, number) for word, number in connection.execute(query)]).items()))


def counted_over_time(
    connection: Connection,
    account_id: int,
    *,
    kind: str,
    since: Instant,
    until: Instant,
    step: int,
    stream: str | None = None,
) -> list[tuple[Instant, str, int]]:
    """Return (begin of a step, word, how many) by the time of creation; steps of nothing are not in it. `step` is in
    microseconds, whole hours."""
    begin = counts.c.bucket_us - counts.c.bucket_us % step
    query = (
        select(begin, counts.c.word, func.sum(counts.c.number))
        .where(
            counts.c.account_id == account_id,
            counts.c.kind == stored_as(kind),
            counts.c.bucket_us >= since,
            counts.c.bucket_us < until,
        )
        .group_by(begin, counts.c.word)
    )
    if stream is not None:
        query = query.where(counts.c.stream == stream)
    steps: dict[int, list[tuple[str, int]]] = {}
    for at, word, number in connection.execute(query):
        steps.setdefault(int(at), []).append((word, number))
    return [(at, word, number) for at in sorted(steps) for word, number in sorted(spread(kind, steps[at]).items())]
