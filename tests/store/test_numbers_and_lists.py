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

from aftersend.clock import DAY, HOUR, SECOND, iso
from aftersend.ids import IdSource, show
from aftersend.ids import read as read_id
from aftersend.ledger.facts import ALL, Fact, Phase
from aftersend.ledger.reasons import DETAILS, Reason
from aftersend.ledger.vocabularies import VOCABULARIES
from aftersend.ledger.vocabularies.bounces import KINDS
from aftersend.reports import activity, bounces, broadcasts, reading, search
from aftersend.reports.activity import Period
from aftersend.store import deliveries, erasure, finding, hits, judged, record, schema, verbs
from aftersend.store.reading import Scope
from aftersend.store.rebuild import rebuild
from aftersend.tracking.origins import Origin
from aftersend.tracking.reading import Pace
from aftersend.tracking.reading import read as look
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


VISITS = st.lists(
    st.tuples(
        st.booleans(),
        st.sampled_from([(), (Fact.UNSUBSCRIBED,), (Fact.COMPLAINED,), (Fact.UNSUBSCRIBED, Fact.COMPLAINED)]),
        st.sampled_from(["transactional", "broadcast"]),
        st.lists(
            st.tuples(st.sampled_from(["open", "read", "click"]), st.booleans(), st.integers(1, 9000)), max_size=4
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
"""Of each recipient: whether it arrived, what they said, the stream, the visits (what, by a person, when), whether the person is
erased in the end."""
PERSON, SCANNER = Origin("residential"), Origin("security_vendor", "Some Gateway")


def are_visited(write: Do, read: Do, clock: Clock, ids: IdSource, visits: list[Any]) -> list[int]:
    """Let mail arrive, two recipients a message, an hour apart, and be visited; return the messages."""
    made_ids = []
    for number, (arrives, says, stream, seen, _) in enumerate(visits):
        clock.forward(HOUR - 7)
        made = submission(ids, clock(), f"p{number}@d{number % 3}.test", f"q{number}@d0.test", stream=stream)
        (receipt,) = write(record.accepted, [made])
        place, other = delivery_ids(receipt)
        made_ids.append(receipt.message_id)
        facts = [*([Fact.DELIVERED] if arrives else [Fact.BOUNCED]), *says]
        write(record.steps, [step(each, clock(), *facts, keys=[ids() for _ in facts]) for each in (place, other)])
        for kind, is_person, after in seen:
            at = clock() + after * SECOND
            address = f"192.0.2.{number}" if is_person else "198.51.100.1"
            link = 1 if kind == "click" else 0
            row = (
                ACCOUNT,
                place,
                ids(),
                receipt.message_id,
                kind,
                link,
                "GET",
                at,
                address,
                "Mozilla/5.0 (X11; Linux)",
                None,
            )
            write(hits.keep, [[row]])
        are_labelled(write, read, clock() + 30 * SECOND)
    are_labelled(write, read, clock.forward(DAY))
    are_labelled(write, read, clock.forward(DAY))
    return made_ids


def are_labelled(write: Do, read: Do, now: int) -> None:
    """Look at what is due."""
    places = read(hits.waiting, now=now, limit=100)
    origins = {f"192.0.2.{number}": PERSON for number in range(10)} | {"198.51.100.1": SCANNER}
    seen = [
        look(each, origins, now=now, pace=Pace()) for each in read(hits.visited, places, within_us=60 * SECOND)
    ]  # fmt: skip
    write(record.steps, [each for one in seen for each in one.steps])
    write(judged.looked, [each.looked for each in seen])


@settings(max_examples=6, print_blob=False)
@given(visits=VISITS)
def test_how_mail_was_read_is_the_length_of_its_lists(
    write: Do, read: Do, clock: Clock, ids: IdSource, visits: list[Any]
) -> None:
    """Arrived, opted out, complained, opened, followed: of all, of a period, by stream, domain and message; also of the erased."""
    message_ids = are_visited(write, read, clock, ids, visits)
    for number, (*_, is_erased) in enumerate(visits):
        if is_erased:
            write(erasure.from_deliveries, ACCOUNT, [f"p{number}@d{number % 3}.test"], shared=(), limit=9)
    now = clock()

    def listed(*words: tuple[str, str]) -> int:
        return int(read(deliveries.how_many, ACCOUNT, search.read(words, now=now)))

    def agree(row: dict[str, Any], *words: tuple[str, str]) -> None:
        for name in ("delivered", "unsubscribed", "complained"):
            assert row[name] == listed(("fact", name), *words), (name, words)
        assert row["opens"]["human"] == listed(("status", "activity:Opened"), *words), words
        assert row["clicks"]["human"] == listed(("fact", "clicked"), *words), words
        assert row["read"]["yes"] == listed(("fact", "read"), *words), words

    since = (now - 2 * DAY - 2 * HOUR) // HOUR * HOUR
    for scope, words in ((Scope(), []), (Scope(since), [("since", iso(since))])):
        whole = read(reading.report, ACCOUNT, scope)
        agree(whole, *words)
        for by in ("stream", "domain"):
            rows = read(reading.grouped, ACCOUNT, scope, by)["data"]
            for row in rows:
                if row["word"]:
                    agree(row, (by, row["word"]), *words)
            for name in ("opens", "clicks"):
                assert {v: sum(row[name][v] for row in rows) for v in reading.VERDICTS} == whole[name], by
            assert sum(row["delivered"] for row in rows) == whole["delivered"], by
        hours = read(reading.grouped, ACCOUNT, scope, "hour")["data"]
        assert sum(row["opened"] for row in hours) == whole["opens"]["human"]
    by_message = read(reading.grouped, ACCOUNT, Scope(), "message")["data"]
    of_now = {show("msg", each) for each in message_ids}
    assert {row["word"] for row in by_message} >= of_now
    for row in by_message:
        if row["word"] not in of_now:
            continue
        agree(row, ("message_id", row["word"]))
        alone = read(reading.report, ACCOUNT, Scope(message_id=read_id("msg", row["word"])))
        assert {name: row[name] for name in reading.told(reading.NONE, reading.NOTHING)}.items() <= alone.items()
    assert not read(rebuild, write=False)
