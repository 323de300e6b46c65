"""Nothing but the ledger is needed: folding it again finds what differs from what is cached, and can mend it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from aftersend.clock import HOUR
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.store import counting, deliveries, judged, reading, rebuild, record
from aftersend.store.deliveries import Filter
from aftersend.store.schema import counts
from aftersend.store.schema import deliveries as delivery_table
from aftersend.store.schema.tracking import read_counts
from given import ACCOUNT, Clock, delivery_ids, step, submission

Do = Callable[..., Any]


@pytest.fixture
def places(write: Do, read: Do, clock: Clock, ids: IdSource) -> list[int]:
    """Some deliveries of two streams and two hours, of which something has become, and two of which were visited."""
    made: list[int] = []
    for stream in ("transactional", "broadcast"):
        clock.forward(HOUR)
        (receipt,) = write(record.accepted, [submission(ids, clock(), *"abcd", stream=stream)])
        made += delivery_ids(receipt)
    write(record.steps, [
        step(made[0], clock(), Fact.DELIVERED, keys=[ids()]),
        step(made[1], clock(), Fact.BOUNCED_INVALID, keys=[ids()], reason=Reason.INVALID_RECIPIENT, status="5.1.1"),
        step(made[2], clock(), Fact.GAVE_UP, keys=[ids()]),
        step(made[5], clock(), Fact.DELIVERED, Fact.OPENED, keys=[ids(), ids()]),
    ])  # fmt: skip
    message_of = {row["id"]: row["message_id"] for row in read(deliveries.page, ACCOUNT, Filter(), limit=100)}
    write(judged.looked, [
        judged.Looked(ACCOUNT, i, 0, [], (
            ACCOUNT, message_of[i], i, "broadcast", "example.net", opened, "none", "no", clock(), None, clock()
        ), [], None)
        for i, opened in ((made[5], "human"), (made[6], "machine"))
    ])  # fmt: skip
    return made


def everything(read: Do) -> Any:
    """What is cached."""
    kinds = ("fact", "result", "life", "activity", "bounce")
    rows = [(r["id"], r["facts"], r["result"], r["life"]) for r in read(deliveries.page, ACCOUNT, Filter(), limit=100)]
    read_by = {by: read(reading.counted, ACCOUNT, reading.Scope(), by) for by in (None, *reading.BY)}
    return rows, read_by, {kind: read(counting.counted, ACCOUNT, kind=kind) for kind in kinds}


def test_what_was_recorded_folds_to_what_is_cached(read: Do, places: list[int]) -> None:
    """With nothing wrong, nothing differs, and everybody was looked at."""
    found = read(rebuild.rebuild, write=False)
    assert not found
    assert found.deliveries == len(places)


def test_pages_of_the_walk_lose_nobody(read: Do, places: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The walk goes page by page, over accounts and ids."""
    monkeypatch.setattr(rebuild, "BATCH", 3)
    found = read(rebuild.rebuild, write=False)
    assert not found
    assert found.deliveries == len(places)


DAMAGE: dict[str, Callable[[list[int]], Any]] = {
    "a fact was lost": lambda i: update(delivery_table).where(delivery_table.c.id == i[0]).values(facts=Fact.RECEIVED.bit),
    "a fact was made up": lambda i: update(delivery_table).where(delivery_table.c.id == i[3]).values(facts=Fact.OPENED.bit | 257),
    "a rank is wrong": lambda i: update(delivery_table).where(delivery_table.c.id == i[1]).values(result=0),
    "a step of the life cycle is wrong": lambda i: update(delivery_table).where(delivery_table.c.id == i[1]).values(life=1),
    "a number is wrong": lambda i: update(counts).where(counts.c.kind == "facts").values(number=counts.c.number + 1),
    "a number is missing": lambda i: delete(counts).where(counts.c.kind == "bounce"),
    "a number is made up": lambda i: insert(counts).values(
        account_id=ACCOUNT, bucket_us=0, stream="x", kind="facts", word=str(Fact.OPENED.bit), node=3, number=1
    ),
    "a number of reading is wrong": lambda i: update(read_counts).values(number=read_counts.c.number + 1),
    "a number of reading is missing": lambda i: delete(read_counts).where(read_counts.c.by == "hour"),
    "a number of reading is made up": lambda i: insert(read_counts).values(
        account_id=ACCOUNT, by="all", bucket_us=0, place="", stream="x", open="human", click="none", read="no", number=1
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_found_and_mended(write: Do, read: Do, places: list[int], what: str) -> None:
    """Whatever differs from the ledger is named; looking changes nothing, mending puts everything right."""
    right = everything(read)
    write(lambda connection: connection.execute(DAMAGE[what](places)))
    wrong = everything(read)
    assert wrong != right
    found = read(rebuild.rebuild, write=False)
    assert found
    assert found.readings or found.counters
    assert everything(read) == wrong
    assert write(rebuild.rebuild, write=True)
    assert everything(read) == right
    assert not read(rebuild.rebuild, write=False)


def test_the_numbers_of_all_nodes_count_together(
    write: Do, read: Do, places: list[int], clock: Clock, ids: IdSource
) -> None:
    """Each node counts in rows of its own; only the sums have to be right."""

    def as_node(connection: Any, steps: list[record.Step]) -> Any:
        connection.info["node"] = 7
        try:
            return record.steps(connection, steps)
        finally:
            record_rows = connection.info.get("counted")
            assert record_rows

    write(as_node, [step(places[3], clock(), Fact.DELIVERED, keys=[ids()])])
    assert not read(rebuild.rebuild, write=False)
