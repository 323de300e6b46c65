"""What is said to one recipient alone is kept with his delivery, and goes with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aftersend.clock import DAY
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.store import personal, record, retention
from given import ACCOUNT, Clock, delivery_ids, step, submission

Do = Callable[..., Any]


def test_it_is_kept_by_delivery_and_pruned_with_it(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Written in the transaction of its message; another account sees nothing; afterwards nothing is left."""
    handed_in = submission(ids, clock(), "ann@example.net", "bob@example.net")
    handed_in.personal = [(ACCOUNT, entry.id, None, f'{{"name":"{entry.recipient}"}}') for entry in handed_in.entries]
    (receipt,) = write(record.accepted, [handed_in])
    ann, bob = delivery_ids(receipt)
    wanted = [(ACCOUNT, [ann, bob, 1]), (2, [ann]), (ACCOUNT, [])]
    kept = [{ann: '{"name":"ann@example.net"}', bob: '{"name":"bob@example.net"}'}, {}, {}]
    assert kept == read(personal.load, wanted)
    write(record.steps, [step(ann, clock(), Fact.DELIVERED, keys=[ids()])])
    days = dict.fromkeys(("bodies", "evidence", "events", "refusals"), 1)
    write(retention.prune, now=clock.forward(2 * DAY), days=days, idempotency_us=DAY)
    assert [{bob: '{"name":"bob@example.net"}'}] == read(personal.load, [(ACCOUNT, [ann, bob])])


def test_the_same_submission_again_writes_nothing(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """An idempotency key covers what is personal as well."""
    first, again = (submission(ids, clock(), "ann@example.net", key="k") for _ in range(2))
    for each in (first, again):
        each.personal = [(ACCOUNT, each.entries[0].id, None, "{}")]
    write(record.accepted, [first])
    write(record.accepted, [again])
    assert [{first.entries[0].id: "{}"}] == read(personal.load, [(ACCOUNT, [first.entries[0].id, again.entries[0].id])])
