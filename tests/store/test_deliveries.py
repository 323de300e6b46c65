"""The questions asked of the log: every filter finds what it says, and pages have neither gaps nor repeats."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersend.clock import DAY, HOUR, MINUTE, SECOND
from aftersend.errors import NotFound
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact, Facts
from aftersend.ledger.reasons import Reason
from aftersend.ledger.vocabularies import delivery_results, life_cycle
from aftersend.store import counting, deliveries, finding, record
from aftersend.store.deliveries import BounceWanted, Filter
from given import ACCOUNT, START, Clock, again, delivery_ids, step, submission

Do = Callable[..., Any]
Rows = list[dict[str, Any]]


def rank(*facts: Fact) -> int:
    """The rank of the delivery result of these facts."""
    return delivery_results.rank_of_bits(Facts.of(Fact.RECEIVED, Fact.TREATED, *facts).bits)


@pytest.fixture
def log(write: Do, read: Do, clock: Clock, ids: IdSource) -> Rows:
    """A log with something of everything, newest first; a second account has mail that must never be seen."""
    names = ["Ann@Example.NET", "bob@example.org", "carl_x@example.net", "100%@example.net"]
    ends: list[tuple[Fact, ...]] = [
        (), (Fact.DELIVERED,), (Fact.DEFERRED,), (Fact.BOUNCED_INVALID,), (Fact.DEFERRED, Fact.DELIVERED), (Fact.GAVE_UP,),
        (Fact.DELIVERED, Fact.OPENED), (Fact.DELIVERED, Fact.BOUNCED), (Fact.CANCELLED,), (Fact.RELAYED,),
    ]  # fmt: skip
    why = [
        None,
        (Reason.MAILBOX_FULL, None, "4.2.2"),
        (Reason.SERVER_BUSY, "greylisted", "4.7.1"),
        (Reason.SERVER_BUSY, None, "4.2.1"),
    ]
    for i, facts in enumerate(ends * 3):
        clock.forward(7 * MINUTE + 123_457)
        made = submission(
            ids, clock(), names[i % 4], names[(i + 1) % 4],
            stream=["transactional", "broadcast"][i % 2],
            sender=["shop@example.com", "news@example.com"][i % 3 == 0],
            subject=["Your Receipt", "100% off_today", "Größe", "[x] 'quoted'"][i % 4],
            tags=json.dumps([["News", "a,b"], ["news"], [], ['say "hi"']][i % 4], separators=(",", ":")) if i % 4 != 2 else None,
            metadata=json.dumps({"order": str(i), "shop": "Berlin"}, separators=(",", ":")) if i % 2 else None,
            body=b"%d" % i,
        )  # fmt: skip
        (receipt,) = write(record.accepted, [made])
        for delivery_id in delivery_ids(receipt):
            reason, detail, status = why[i % 4] or (None, None, "")
            if facts:
                goes_on = facts[-1] in (Fact.DEFERRED, Fact.RELAYED)
                write(record.steps, [step(
                    delivery_id, clock(), *facts, keys=[ids() for _ in facts], reason=reason, detail=detail, status=status,
                    onward=again(clock() + HOUR) if goes_on else None,
                )])  # fmt: skip
    write(record.accepted, [submission(ids, clock(), *names, account=ACCOUNT + 1)])
    return list(read(deliveries.page, ACCOUNT, Filter(), limit=1000))


def test_one_row_for_each_recipient_newest_first(log: Rows) -> None:
    """The log holds the account's deliveries, all of them, and no other account's."""
    assert len(log) == 60
    assert [r["id"] for r in log] == sorted((r["id"] for r in log), reverse=True)
    assert {r["account_id"] for r in log} == {ACCOUNT}


DELIVERED, GONE, WRONG = rank(Fact.DELIVERED), rank(Fact.GAVE_UP), rank(Fact.BOUNCED_INVALID)
DONE = life_cycle.rank_of_bits(Facts.of(Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED).bits)
ONE, TWO = START + HOUR, START + 2 * HOUR


def tagged(row: dict[str, Any], *tags: str) -> bool:
    """Whether a row has one of these tags."""
    return row["tags"] is not None and bool(set(tags) & set(json.loads(row["tags"])))


def noted(row: dict[str, Any], *orders: str) -> bool:
    """Whether a row has one of these orders in its metadata."""
    return row["metadata"] is not None and json.loads(row["metadata"])["order"] in orders


def has(row: dict[str, Any], *facts: Fact) -> bool:
    """Whether a row has one of these facts."""
    return bool(row["facts"] & Facts.of(*facts).bits)


CASES: list[tuple[Filter, Callable[[dict[str, Any]], bool]]] = [
    (Filter(recipient=("ann@example.net",)), lambda r: r["folded"] == "ann@example.net"),
    (Filter(recipient=("ann@example.net", "bob@example.org")), lambda r: r["folded"][:3] in ("ann", "bob")),
    (Filter(domain=("example.org",)), lambda r: r["domain"] == "example.org"),
    (Filter(sender=("news@example.com",)), lambda r: r["sender"] == "news@example.com"),
    (Filter(stream=("broadcast",)), lambda r: r["stream"] == "broadcast"),
    (Filter(subject="receipt"), lambda r: "Receipt" in r["subject"]),
    (Filter(subject="100%"), lambda r: "100%" in r["subject"]),
    (Filter(subject="off_today"), lambda r: "off_today" in r["subject"]),
    (Filter(subject="Off today"), lambda r: False),
    (Filter(subject="öße"), lambda r: "öße" in r["subject"]),
    (Filter(text="receipt"), lambda r: "Receipt" in r["subject"]),
    (Filter(text="carl_x"), lambda r: "carl_x" in r["folded"]),
    (Filter(text="carlyx"), lambda r: False),
    (Filter(text="'quoted'"), lambda r: "'quoted'" in r["subject"]),
    (Filter(tag=("News",)), lambda r: tagged(r, "News")),
    (Filter(tag=("news",)), lambda r: tagged(r, "news")),
    (Filter(tag=("a",)), lambda r: False),
    (Filter(tag=("a,b", 'say "hi"')), lambda r: tagged(r, "a,b", 'say "hi"')),
    (Filter(metadata=(("order", "7"),)), lambda r: noted(r, "7")),
    (Filter(metadata=(("order", "1"), ("order", "3"), ("shop", "Berlin"))), lambda r: noted(r, "1", "3")),
    (Filter(metadata=(("order", "7"), ("shop", "berlin"))), lambda r: False),
    (Filter(results=(DELIVERED,)), lambda r: r["result"] == DELIVERED),
    (Filter(results=(WRONG,)), lambda r: r["result"] == WRONG),
    (Filter(results=(GONE, WRONG)), lambda r: r["result"] in (GONE, WRONG)),
    (Filter(results=(DELIVERED, GONE)), lambda r: r["result"] in (DELIVERED, GONE)),
    (Filter(lives=(DONE,)), lambda r: r["life"] == DONE),
    (
        Filter(having=((Fact.DELIVERED.bit, Fact.BOUNCED.bit),)),
        lambda r: has(r, Fact.DELIVERED) and not has(r, Fact.BOUNCED),
    ),
    (Filter(having=((Fact.OPENED.bit, 0), (Fact.GAVE_UP.bit, 0))), lambda r: has(r, Fact.OPENED, Fact.GAVE_UP)),
    (Filter(reason=("mailbox_full",)), lambda r: r["reason"] == "mailbox_full"),
    (
        Filter(reason=("greylisted", "mailbox_full")),
        lambda r: r["detail"] == "greylisted" or r["reason"] == "mailbox_full",
    ),
    (Filter(live=True), lambda r: r["stage"] is not None),
    (Filter(live=False), lambda r: r["stage"] is None),
    (Filter(since=ONE), lambda r: r["created_us"] >= ONE),
    (Filter(until=ONE), lambda r: r["created_us"] < ONE),
    (Filter(since=ONE, until=TWO), lambda r: ONE <= r["created_us"] < TWO),
    (Filter(since=START + DAY), lambda r: False),
    (Filter(stream=("broadcast",), live=True), lambda r: r["stream"] == "broadcast" and r["stage"] is not None),
    (Filter(broadcast=(5,)), lambda r: False),
]


def test_each_filter_finds_exactly_what_it_says(read: Do, log: Rows) -> None:
    """Values of one field mean or, fields mean and; case counts in tags and metadata, and % and _ are plain signs."""
    for wanted, is_wanted in CASES:
        expected = [r["id"] for r in log if is_wanted(r)]
        found = [r["id"] for r in read(deliveries.page, ACCOUNT, wanted, limit=1000)]
        assert found == expected, wanted
        assert read(deliveries.how_many, ACCOUNT, wanted) == len(expected)
        assert read(deliveries.ids, ACCOUNT, wanted, limit=1000) == expected


def test_filters_by_id(read: Do, log: Rows) -> None:
    """A message's deliveries, single deliveries, and what the sender's own Message-ID finds."""
    one = log[7]
    same = [r["id"] for r in log if r["message_id"] == one["message_id"]]
    assert [r["id"] for r in read(deliveries.page, ACCOUNT, Filter(message=(one["message_id"],)), limit=9)] == same
    assert [r["id"] for r in read(deliveries.page, ACCOUNT, Filter(delivery=(one["id"],)), limit=9)] == [one["id"]]
    wanted = Filter(rfc_message_id=(one["rfc_message_id"],))
    assert [r["id"] for r in read(deliveries.page, ACCOUNT, wanted, limit=9)] == same


def test_a_moment_before_the_end_is_inside(read: Do, log: Rows) -> None:
    """`since` is included and `until` is not, to the microsecond."""
    moment = log[10]["created_us"]
    inside = [r["id"] for r in log if r["created_us"] == moment]
    for wanted, expected in (
        (Filter(since=moment, until=moment + 1), inside),
        (Filter(since=moment, until=moment), []),
        (Filter(since=moment + 1, until=moment + 2), []),
        (Filter(since=moment - MINUTE, until=moment), []),
        (Filter(since=moment, until=moment + 30 * SECOND), inside),
    ):
        assert [r["id"] for r in read(deliveries.page, ACCOUNT, wanted, limit=1000)] == expected, wanted


def test_bounces_are_found_by_their_events(read: Do, log: Rows) -> None:
    """A list of bounces holds what bounced so, whatever came afterwards."""
    bounces = (int(Fact.BOUNCED), int(Fact.BOUNCED_INVALID), int(Fact.GAVE_UP), int(Fact.DEFERRED))

    def found(*wanted: BounceWanted) -> set[int]:
        return {r["id"] for r in read(deliveries.page, ACCOUNT, Filter(bounces=wanted), limit=1000)}

    def expected(is_wanted: Callable[[dict[str, Any]], bool]) -> set[int]:
        with_events = {r["id"]: read(deliveries.events_of, ACCOUNT, r["id"]) for r in log}
        return {i for i, es in with_events.items() if any(e["fact"] in bounces and is_wanted(e) for e in es)}

    busy = BounceWanted(bounces, "server_busy")
    assert found(busy) == expected(lambda e: e["reason"] == "server_busy")
    assert found(replace(busy, details=("greylisted",))) == expected(lambda e: e["detail"] == "greylisted")
    others = replace(busy, details=("greylisted",), is_other_detail=True)
    assert found(others) == expected(lambda e: e["reason"] == "server_busy" and e["detail"] != "greylisted")
    of_mailbox = replace(busy, of_mailbox=True)
    assert found(of_mailbox) == expected(lambda e: e["reason"] == "server_busy" and e["status"] == "4.2.1")
    not_of_mailbox = replace(busy, of_mailbox=False)
    assert found(not_of_mailbox) == expected(lambda e: e["reason"] == "server_busy" and e["status"] != "4.2.1")
    assert found(BounceWanted(bounces, None)) == expected(lambda e: e["reason"] is None)
    assert found(of_mailbox, not_of_mailbox) == found(busy)


@settings(max_examples=40, print_blob=False)
@given(size=st.integers(1, 20), which=st.integers(0, len(CASES) - 1))
def test_pages_have_neither_gaps_nor_repeats(read: Do, log: Rows, size: int, which: int) -> None:
    """Walking forwards, whatever the size of a page and the filter, gives the whole list; walking back gives it again."""
    wanted, is_wanted = CASES[which]
    expected = [r["id"] for r in log if is_wanted(r)]
    forwards: list[int] = []
    before = None
    while page := read(deliveries.page, ACCOUNT, wanted, limit=size, before=before):
        forwards += [r["id"] for r in page]
        before = forwards[-1]
    assert forwards == expected
    backwards: list[int] = []
    after = 0
    while page := read(deliveries.page, ACCOUNT, wanted, limit=size, after=after):
        assert [r["id"] for r in page] == sorted((r["id"] for r in page), reverse=True)
        backwards = [r["id"] for r in page] + backwards
        after = page[0]["id"]
    assert backwards == expected


def both(one: Filter, other: Filter) -> Filter | None:
    """A filter that wants what two want; None if both say something of the same."""
    said = {}
    for each in (one, other):
        for name in Filter.__dataclass_fields__:
            if getattr(each, name) != getattr(Filter(), name):
                if name in said:
                    return None
                said[name] = getattr(each, name)
    return Filter(**said)


@settings(max_examples=60, print_blob=False)
@given(
    cases=st.lists(st.integers(0, len(CASES) - 1), min_size=2, max_size=2, unique=True),
    near=st.integers(1, 8),
    few=st.sampled_from([0, 20, 1000]),
    many=st.sampled_from([0, 1000]),
    step=st.integers(1, 6),
    limit=st.integers(1, 70),
    stretches=st.integers(0, 6),
)
def test_whichever_way_is_taken_and_however_often_time_is_over_the_list_is_the_same(
    read: Do, log: Rows, cases: list[int], near: int, few: int, many: int, step: int, limit: int, stretches: int
) -> None:
    """Two words at once, looked for along the key or along any index, in stretches of any length, in both directions."""
    (one, is_one), (other, is_other) = (CASES[which] for which in cases)
    wanted = both(one, other)
    if wanted is None:
        wanted, is_other = one, is_one
    expected = [r["id"] for r in log if is_one(r) and is_other(r)]

    def look(connection: Any, **place: Any) -> finding.Found:
        left = iter(range(stretches))
        return deliveries.look(
            connection, ACCOUNT, wanted, limit=limit, has_time=lambda: next(left, None) is not None, **place
        )

    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("NEAR", near), ("FAR", near + 3), ("FEW", few), ("MANY", many), ("STEP", step)):
            patch.setattr(finding, name, value)
        down: list[int] = []
        place: int | None = None
        while (found := read(look, before=place)).rows or found.reached is not None:
            down += [r["id"] for r in found.rows]
            place = found.reached or down[-1]
        up: list[int] = []
        place = 0
        while (found := read(look, after=place)).rows or found.reached is not None:
            up = [r["id"] for r in found.rows] + up
            place = found.reached or up[0]
    assert (down, up) == (expected, expected)


def test_rows_that_come_meanwhile_shift_no_page(write: Do, read: Do, log: Rows, clock: Clock, ids: IdSource) -> None:
    """A reader in the middle of the log misses nothing and sees nothing twice while new mail comes."""
    first = read(deliveries.page, ACCOUNT, Filter(), limit=10)
    write(record.accepted, [submission(ids, clock.forward(SECOND), "new@example.net")])
    second = read(deliveries.page, ACCOUNT, Filter(), limit=10, before=first[-1]["id"])
    assert [r["id"] for r in first + second] == [r["id"] for r in log[:20]]
    (newer,) = read(deliveries.page, ACCOUNT, Filter(), limit=10, after=first[0]["id"])
    assert newer["recipient"] == "new@example.net"


def test_walking_through_everything(read: Do, log: Rows) -> None:
    """An export takes every row once, in pages of any size."""
    walked = read(lambda connection: list(deliveries.each(connection, ACCOUNT, Filter(), size=7)))
    assert [r["id"] for r in walked] == [r["id"] for r in log]


def test_counting_stops_at_a_bound(read: Do, log: Rows) -> None:
    """No count scans without end."""
    assert read(deliveries.how_many, ACCOUNT, Filter(), at_most=25) == 25


def test_one_row_whole(read: Do, log: Rows) -> None:
    """A single row has what the page has, and the evidence of receipt; another account's is not there."""
    one = read(deliveries.one, ACCOUNT, log[3]["id"])
    assert {name: one[name] for name in log[3]} == log[3]
    assert one["received"] == "{}"
    for account, delivery in ((ACCOUNT + 1, log[3]["id"]), (ACCOUNT, 1)):
        with pytest.raises(NotFound):
            read(deliveries.one, account, delivery)


def test_messages_are_told_without_their_content(read: Do, log: Rows) -> None:
    """What is known of a message, by its account alone."""
    found = read(deliveries.message, ACCOUNT, log[0]["message_id"])
    assert found["subject"] == log[0]["subject"]
    assert not {"headers", "body"} & found.keys()
    with pytest.raises(NotFound):
        read(deliveries.message, ACCOUNT + 1, log[0]["message_id"])


def test_events_of_many_are_each_ones_own(read: Do, log: Rows) -> None:
    """Asking for many at once gives the same as asking one by one."""
    wanted = [r["id"] for r in log[:12]] + [1]
    together = read(deliveries.events_of_many, ACCOUNT, wanted)
    assert together.keys() == set(wanted)
    for i in wanted:
        alone = read(deliveries.events_of, ACCOUNT, i)
        assert sorted(together[i], key=lambda e: e["key"]) == sorted(alone, key=lambda e: e["key"])


def test_numbers_by_facts_add_up(read: Do, log: Rows) -> None:
    """Grouped by their facts, everybody is there once; any filter gives the sum over the rows that it finds."""
    for options, wanted in (
        ({}, Filter()),
        ({"stream": "broadcast"}, Filter(stream=("broadcast",))),
        ({"since": START + HOUR, "until": START + 2 * HOUR}, Filter(since=START + HOUR, until=START + 2 * HOUR)),
        ({"message_id": log[0]["message_id"]}, Filter(message=(log[0]["message_id"],))),
    ):
        rows = read(deliveries.page, ACCOUNT, wanted, limit=1000)
        grouped: dict[tuple[int, bool], int] = {}
        for r in rows:
            place = (r["facts"], r["stage"] is not None)
            grouped[place] = grouped.get(place, 0) + 1
        found = read(deliveries.by_facts, ACCOUNT, **options)
        assert {(bits, waits): number for bits, waits, number in found} == grouped


def test_counted_by_hour_and_stream(read: Do, log: Rows) -> None:
    """Counters can be asked for a stream and for whole hours of creation."""
    for stream in ("transactional", "broadcast"):
        expected = sum(r["stream"] == stream for r in log)
        assert read(counting.counted, ACCOUNT, kind="fact", stream=stream)["received"] == expected
    hour = START - START % HOUR + HOUR
    expected = sum(hour <= r["created_us"] < hour + HOUR for r in log)
    assert read(counting.counted, ACCOUNT, kind="fact", since=hour, until=hour + HOUR)["received"] == expected
