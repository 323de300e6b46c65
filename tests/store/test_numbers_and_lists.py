"""A number is the length of the list behind it: over ledgers that grow at random, for every word that has a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Integer, LargeBinary, insert

from aftersend.clock import DAY, HOUR, iso
from aftersend.ids import IdSource, show
from aftersend.ledger.facts import ALL, Fact, Phase
from aftersend.ledger.reasons import DETAILS, Reason
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.ledger.vocabularies.bounces import KINDS
from aftersend.reports import activity, bounces, broadcasts, search
from aftersend.reports.activity import Period
from aftersend.store import deliveries, finding, record, schema, verbs
from aftersend.store.rebuild import rebuild
from given import ACCOUNT, Clock, again, delivery_ids, step, submission

Do = Callable[..., Any]
HAPPENS = [fact for fact in ALL if fact not in (Fact.RECEIVED, Fact.REFUSED, Fact.THIRD_SOFT_BOUNCE)]
GOES_ON = (Phase.ON_ITS_WAY, Phase.TRYING)
WHY = [(None, None), *((reason, None) for reason in Reason), *DETAILS, (Reason.MAILBOX_FULL, "new_word")]
"""Why something bounces: also for reasons that 002 does not know as a bounce, and in words that no table knows."""
STORIES = st.lists(
    st.tuples(
        st.lists(
            st.tuples(
                st.sampled_from(HAPPENS), st.sampled_from(WHY), st.sampled_from(["", "5.1.1", "5.2.2", "4.4.1", "5.2"])
            ),
            max_size=5,
        ),
        st.sampled_from(["transactional", "broadcast"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)
BROADCAST = 4711
PREFIX = {name: prefix for prefix, name in activity.REPORTS.items()}


@pytest.fixture
def a_broadcast(write: Do, clock: Clock) -> int:
    """The message of a broadcast, of which some deliveries are."""
    for table in (schema.audience.broadcasts, schema.messages):
        empty: dict[str, Any] = {
            each.name: 0 if isinstance(each.type, Integer) else b"" if isinstance(each.type, LargeBinary) else "{}"
            for each in table.columns if not each.nullable
        }  # fmt: skip
        row = {**empty, "account_id": ACCOUNT, "id": BROADCAST}
        if table is schema.audience.broadcasts:
            row |= {"message_id": BROADCAST, "state": "sent", "part": 9}
        write(lambda connection, rows, made=insert(table).values(**row): [connection.execute(made)], [row])
    return BROADCAST


def live_through(write: Do, clock: Clock, ids: IdSource, stories: list[Any], broadcast: int) -> None:
    """Let deliveries begin, one or two hours apart, and what happens to each."""
    for number, (story, stream, is_broadcast) in enumerate(stories):
        clock.forward(HOUR + 7)
        made = submission(ids, clock(), f"p{number}@d{number % 3}.test", stream=stream)
        if is_broadcast:
            made = replace(made, broadcast_id=broadcast)
        (receipt,) = write(record.accepted, [made])
        (delivery,) = delivery_ids(receipt)
        if is_broadcast:
            of_it = schema.deliveries.update().where(schema.deliveries.c.id == delivery).values(message_id=broadcast)
            write(lambda connection, rows, of_it=of_it: [connection.execute(of_it)], [made])
        for fact, (reason, detail), status in story:
            is_told = fact.word in KINDS or fact is Fact.DEFERRED
            goes_on = all(each.phase in GOES_ON for each, *_ in story)
            write(record.steps, [step(
                delivery, clock.forward(1), fact, keys=[ids()], reason=reason if is_told else None,
                detail=detail if is_told else None, status=status if is_told else "",
                onward=again(clock() + HOUR) if goes_on else None,
            )])  # fmt: skip


STATUSES = ["", "5.1.1", "5.2.2", "4.4.1", "5.2", "4.2.0"]
BOUNCES = [fact for fact in ALL if fact.word in KINDS]


def test_every_bounce_counts_where_it_is_listed(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Each of the facts, reasons, finer words and enhanced statuses there are: counted once, under the pair it is listed by."""
    (receipt,) = write(record.accepted, [submission(ids, clock())])
    (delivery,) = delivery_ids(receipt)
    all_there_are = list(product(BOUNCES, WHY, STATUSES))
    steps = [
        step(delivery, clock(), fact, keys=[ids()], reason=reason, detail=detail, status=status)
        for fact, (reason, detail), status in all_there_are
    ]
    write(record.steps, steps)
    rows, _ = read(bounces.page, ACCOUNT, [], now=clock(), limit=10_000)
    told = Counter(f"{row['category']}/{row['reason']}" for row in rows)
    assert told.total() == len(all_there_are)
    counted = read(activity.counts, ACCOUNT, "bounces", Period())
    assert {word: number for word, number in counted.items() if number} == told
    sides = read(bounces.breakdowns, ACCOUNT, ["reason"], [], now=clock())
    assert {row["word"]: row["count"] for row in sides["reason"]["rows"] if row["count"]} == told
    for word, number in told.items():
        category, _, reason = word.partition("/")
        listed, _ = read(bounces.page, ACCOUNT, [("category", category), ("reason", reason)], now=clock(), limit=10_000)
        assert len(listed) == number, word
    assert not read(rebuild, write=False)


@settings(max_examples=6, print_blob=False)
@given(stories=STORIES, near=st.sampled_from([1, 3, 2000]))
def test_every_number_is_the_length_of_its_list(
    write: Do, read: Do, clock: Clock, ids: IdSource, a_broadcast: int, stories: list[Any], near: int
) -> None:
    """The words of all vocabularies and the facts, by period and stream; bounces by every side; a broadcast; the queue."""
    live_through(write, clock, ids, stories, a_broadcast)
    now, of_broadcast = clock(), ("broadcast", show("brd", a_broadcast))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "NEAR", near)

        def listed(*words: tuple[str, str]) -> int:
            return int(read(deliveries.how_many, ACCOUNT, search.read(words, now=now)))

        def bounced(*words: tuple[str, str]) -> int:
            rows, onward = read(bounces.page, ACCOUNT, words, now=now, limit=10_000)
            assert onward is None
            return len(rows)

        since = (now - DAY) // HOUR * HOUR
        for period, words in (
            (Period(), []),
            (Period(since), [("since", iso(since))]),
            (Period(since, None, "broadcast"), [("since", iso(since)), ("stream", "broadcast")]),
        ):
            for name, prefix in PREFIX.items():
                for word, number in read(activity.counts, ACCOUNT, name, period).items():
                    if name == "bounces":
                        category, _, reason = word.partition("/")
                        assert bounced(("category", category), ("reason", reason), *words) == number, word
                    else:
                        assert listed(("status", f"{prefix}:{word}"), *words) == number, (name, word)
            for word, number in read(activity.facts, ACCOUNT, period).items():
                assert listed(("fact", word), *words) == number, word
        for side, told in read(bounces.breakdowns, ACCOUNT, bounces.BY, [], now=now).items():
            assert told["total"] == bounced(), side
            for row in told["rows"]:
                assert bounced(*parse_qsl(row["list"].partition("?")[2])) == row["count"], row
        results = read(broadcasts.results, ACCOUNT, a_broadcast)
        for name, told in results["vocabularies"].items():
            for row in told["counts"]:
                if name != "bounces":
                    assert listed(of_broadcast, ("status", f"{PREFIX[name]}:{row['word']}")) == row["count"], row
        assert sum(row["deliveries"] for row in read(verbs.summary, ACCOUNT)) == listed(("live", "true"))
        assert listed(("live", "true")) + listed(("live", "false")) == listed()
    assert set(PREFIX) == set(VOCABULARIES)
