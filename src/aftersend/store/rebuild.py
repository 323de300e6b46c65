"""Own the proof that nothing but the ledger is needed: fold every delivery's events again and compare with what is cached.

Counters are made again too, for the time from which no delivery has been pruned; those of reading from what is kept of each
delivery that was visited.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select, tuple_, update

from aftersend.clock import HOUR, Instant
from aftersend.ledger.facts import Fact
from aftersend.ledger.vocabularies import bounces, delivery_results, life_cycle
from aftersend.store import judged
from aftersend.store.counting import BOUNCE, FACTS
from aftersend.store.engine import insert_rows, many
from aftersend.store.retention import pruned_before
from aftersend.store.schema import counts, deliveries, events
from aftersend.store.schema.tracking import read_counts, readings

BATCH = 1000


@dataclass(slots=True)
class Differences:
    """What the fold says otherwise than what was cached; empty when all is well."""

    deliveries: int = 0
    """How many deliveries were folded."""
    readings: list[str] = field(default_factory=list)
    counters: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.readings or self.counters)


def rebuild(connection: Connection, *, write: bool) -> Differences:
    """Fold the ledger again; say what differs and, if `write`, put it right."""
    found = Differences()
    numbers: Counter[tuple[Any, ...]] = Counter()
    for row, bits, pairs in _folded(connection):
        found.deliveries += 1
        expected = (bits, delivery_results.rank_of_bits(bits), life_cycle.rank_of_bits(bits))
        if expected != (row.facts, row.result, row.life):
            found.readings.append(f"delivery {row.id}: cached {(row.facts, row.result, row.life)}, folded {expected}")
            if write:
                connection.execute(
                    update(deliveries)
                    .where(deliveries.c.account_id == row.account_id, deliveries.c.id == row.id)
                    .values(facts=expected[0], result=expected[1], life=expected[2])
                )
        bucket = row.created_us - row.created_us % HOUR
        if bits:
            numbers[row.account_id, bucket, row.stream, FACTS, str(bits)] += 1
        for category, reason in pairs:
            numbers[row.account_id, bucket, row.stream, BOUNCE, f"{category}/{reason}"] += 1
    _compare_counters(connection, numbers, found, write=write)
    _compare_numbers_of_reading(connection, found, write=write)
    return found


def _folded(connection: Connection) -> Iterator[tuple[Any, int, list[tuple[str, str]]]]:
    """Each delivery with the bits of its facts and the bounce pairs of its events, folded from the ledger alone."""
    last = (-1, -1)
    while True:
        d = deliveries.c
        page = connection.execute(
            select(d.account_id, d.id, d.facts, d.result, d.life, d.created_us, d.stream)
            .where(tuple_(d.account_id, d.id) > last)
            .order_by(d.account_id, d.id)
            .limit(BATCH)
        ).all()
        if not page:
            return
        for account_id in {row.account_id for row in page}:
            rows = {row.id: row for row in page if row.account_id == account_id}
            bits = dict.fromkeys(rows, 0)
            pairs: dict[int, list[tuple[str, str]]] = {i: [] for i in rows}
            e = events.c
            for delivery_id, kind, fact, reason, detail, status in connection.execute(
                select(e.delivery_id, e.kind, e.fact, e.reason, e.detail, e.status).where(
                    e.account_id == account_id, e.delivery_id >= min(rows), e.delivery_id <= max(rows)
                )
            ):
                if delivery_id not in rows:
                    continue
                if fact is not None:
                    bits[delivery_id] |= Fact(fact).bit
                if kind in bounces.KINDS:
                    pairs[delivery_id].append(bounces.counted(reason, detail, status).words)
            for delivery_id, row in rows.items():
                yield row, bits[delivery_id], pairs[delivery_id]
        last = (page[-1].account_id, page[-1].id)


def _compare_counters(
    connection: Connection, numbers: Counter[tuple[Any, ...]], found: Differences, *, write: bool
) -> None:
    horizon = _horizon(connection)
    c = counts.c
    kept: Counter[tuple[Any, ...]] = Counter()
    for row in connection.execute(select(counts).where(c.bucket_us >= horizon)):
        kept[row.account_id, row.bucket_us, row.stream, row.kind, row.word] += row.number
    expected = {place: number for place, number in numbers.items() if number and place[1] >= horizon}
    differences = _differences("counter", expected, kept)
    found.counters += differences
    if write and differences:
        connection.execute(delete(counts).where(c.bucket_us >= horizon))
        for (account_id, bucket, stream, kind, word), number in expected.items():
            connection.execute(
                insert(counts).values(
                    account_id=account_id, bucket_us=bucket, stream=stream, kind=kind, word=word, node=0, number=number
                )
            )


def _compare_numbers_of_reading(connection: Connection, found: Differences, *, write: bool) -> None:
    """How many opened and followed, against what is kept of each delivery that was visited."""
    horizon = _horizon(connection)
    numbers: Counter[tuple[Any, ...]] = Counter()
    for row in _visited(connection):
        numbers.update(
            judged.counters_of(
                row.account_id, row.message_id,
                (row.stream, row.domain, row.open, row.click, row.read, row.opened_us, row.clicked_us, row.created_us),
            )
        )  # fmt: skip
    n = read_counts.c
    kept = {
        tuple(row)[:-1]: row.number for row in connection.execute(select(read_counts).where(n.bucket_us >= horizon))
    }
    expected = {place: number for place, number in numbers.items() if place[2] >= horizon}
    differences = _differences("counter of reading", expected, kept)
    found.counters += differences
    if write and differences:
        connection.execute(delete(read_counts).where(n.bucket_us >= horizon))
        many(connection, _READ_COUNT, [(*place, number) for place, number in sorted(expected.items())])


_READ_COUNT = insert_rows(read_counts)


def _visited(connection: Connection) -> Iterator[Any]:
    """Every row of `readings`, page by page."""
    r = readings.c
    place = (r.account_id, r.message_id, r.delivery_id)
    last = (-1, -1, -1)
    while True:
        page = connection.execute(select(readings).where(tuple_(*place) > last).order_by(*place).limit(BATCH)).all()
        if not page:
            return
        yield from page
        last = (page[-1].account_id, page[-1].message_id, page[-1].delivery_id)


def _horizon(connection: Connection) -> Instant:
    """From when on nothing has been pruned: the hours that can be counted again."""
    pruned = pruned_before(connection)
    return pruned - pruned % HOUR + HOUR if pruned else 0


def _differences(name: str, expected: Mapping[Any, int], kept: Mapping[Any, int]) -> list[str]:
    """Say where the numbers that are kept are not those that were folded; 0 and none are the same."""
    return [
        f"{name} {place}: kept {kept.get(place, 0)}, folded {expected.get(place, 0)}"
        for place in sorted(expected.keys() | kept.keys())
        if expected.get(place, 0) != kept.get(place, 0)
    ]
