"""The list of bounce events and their numbers: the same events, whatever is asked for and however long a page is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersend.clock import HOUR
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason
from aftersend.store import bounced, deliveries, record
from aftersend.store.bounced import DAYS, DOMAIN, WORDS, Wanted
from given import ACCOUNT, START, Clock, delivery_ids, step, submission

Do = Callable[..., Any]
Events = list[dict[str, Any]]
FATES: list[list[tuple[Fact, Reason | None]]] = [
    [(Fact.BOUNCED, Reason.MAILBOX_FULL)],
    [(Fact.DELIVERED, None)],
    [(Fact.DELIVERED, None), (Fact.BOUNCED, Reason.MAILBOX_FULL), (Fact.GAVE_UP, Reason.SERVER_BUSY)],
    [(Fact.BOUNCED_INVALID, Reason.INVALID_RECIPIENT)],
    [(Fact.DEFERRED, Reason.SERVER_BUSY)],
    [(Fact.REJECTED_AS_SPAM, None), (Fact.BOUNCED, Reason.INVALID_RECIPIENT)],
]


@pytest.fixture
def came_back(write: Do, read: Do, clock: Clock, ids: IdSource) -> Events:
    """Bounce events of thirty deliveries over some days, newest first; another account has its own."""
    rows: list[dict[str, Any]] = []
    for i in range(30):
        made = submission(
            ids, clock.forward(5 * HOUR + 7), f"p{i}@d{i % 4}.test",
            stream=["transactional", "broadcast"][i % 3 == 0], account=ACCOUNT + (i % 7 == 6),
        )  # fmt: skip
        (receipt,) = write(record.accepted, [made])
        (delivery,) = delivery_ids(receipt)
        for fact, reason in FATES[i % 5]:
            write(record.steps, [step(delivery, clock(), fact, keys=[ids()], reason=reason, account=made.account_id)])
        if made.account_id == ACCOUNT:
            rows += [
                {**event, "domain": f"d{i % 4}.test", "stream": made.stream, "created_us": clock()}
                for event in read(deliveries.events_of, ACCOUNT, delivery)
                if event["fact"] in (21, 22, 23, 24)
            ]
    return sorted(rows, key=lambda row: (row["delivery_id"], row["key"]), reverse=True)


CASES: list[tuple[Wanted, Callable[[dict[str, Any]], bool]]] = [
    (Wanted(), lambda e: True),
    (Wanted(domains=("d1.test",)), lambda e: e["domain"] == "d1.test"),
    (Wanted(domains=("d1.test", "d2.test")), lambda e: e["domain"] in ("d1.test", "d2.test")),
    (Wanted(domains=("d1.test",), beginnings=("d3.",)), lambda e: e["domain"] in ("d1.test", "d3.test")),
    (Wanted(domains=("d9.test",)), lambda e: False),
    (Wanted(stream="broadcast"), lambda e: e["stream"] == "broadcast"),
    (Wanted(reason="mailbox_full"), lambda e: e["reason"] == "mailbox_full"),
    (Wanted(detail=""), lambda e: e["reason"] is None),
    (Wanted(since=START + 40 * HOUR), lambda e: e["created_us"] >= START + 40 * HOUR),
    (Wanted(until=START + 40 * HOUR), lambda e: e["created_us"] < START + 40 * HOUR),
    (
        Wanted(since=START + 40 * HOUR, until=START + 90 * HOUR, domains=("d0.test", "d3.test")),
        lambda e: START + 40 * HOUR <= e["created_us"] < START + 90 * HOUR and e["domain"] in ("d0.test", "d3.test"),
    ),
    (Wanted(broadcast_id=5), lambda e: False),
]


@settings(max_examples=50, print_blob=False)
@given(which=st.integers(0, len(CASES) - 1), size=st.integers(1, 9))
def test_pages_of_any_length_are_the_list(read: Do, came_back: Events, which: int, size: int) -> None:
    """Also where several bounces of one delivery fall on both sides of the end of a page."""
    wanted, is_wanted = CASES[which]
    found: list[tuple[int, int]] = []
    while page := read(bounced.page, ACCOUNT, wanted, limit=size, after=found[-1] if found else None):
        found += [(row["delivery_id"], row["key"]) for row in page]
    assert found == [(e["delivery_id"], e["key"]) for e in came_back if is_wanted(e)]
    assert all(one > other for one, other in pairwise(found))


@pytest.mark.parametrize("which", range(len(CASES)))
def test_numbers_are_of_the_same_events(read: Do, came_back: Events, which: int) -> None:
    """Counted by where, when and what, by one of them or all, they add up to the list."""
    wanted, is_wanted = CASES[which]
    events = [e for e in came_back if is_wanted(e)]
    day = 24 * HOUR
    assert {g.domain: g.number for g in read(bounced.grouped, ACCOUNT, wanted, [DOMAIN])} == Counter(
        e["domain"] for e in events
    )
    assert {g.day_us: g.number for g in read(bounced.grouped, ACCOUNT, wanted, [DAYS])} == Counter(
        e["created_us"] // day * day for e in events
    )
    found = read(bounced.grouped, ACCOUNT, wanted, [DAYS, DOMAIN, WORDS])
    assert {(g.domain, g.day_us, g.reason): g.number for g in found} == Counter(
        (e["domain"], e["created_us"] // day * day, e["reason"]) for e in events
    )
