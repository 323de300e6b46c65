"""What is written down: a row for everybody, facts that only grow, and counters that equal the lists behind them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aftersend.clock import HOUR, MINUTE, SECOND
from aftersend.errors import Conflict, NotFound
from aftersend.ids import IdSource
from aftersend.ledger.facts import ALL, Fact, Facts, bits_of
from aftersend.ledger.reasons import Reason
from aftersend.ledger.vocabularies import delivery_results, email_activity, life_cycle
from aftersend.store import Engine, content, counting, deliveries, queue, rebuild, record, suppressions
from aftersend.store import engine as engines
from aftersend.store.deliveries import Filter
from aftersend.store.queue import ClaimRequest, Stage
from given import ACCOUNT, Clock, again, delivery_ids, step, submission

Do = Callable[..., Any]


def row(read: Do, delivery_id: int) -> dict[str, Any]:
    """A row of the log."""
    return dict(read(deliveries.one, ACCOUNT, delivery_id))


def facts_of(read: Do, delivery_id: int) -> set[Fact]:
    """The facts of a delivery, as they are cached."""
    return set(Facts(row(read, delivery_id)["facts"]))


# ---- taking in -----------------------------------------------------------------------------------------------------


def test_everybody_gets_a_row(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """One row, one event "received" and one place in the queue for each recipient, whoever that is."""
    names = [f"r{i}@example.net" for i in range(7)] + ["r0@example.net", "no domain"]
    (receipt,) = write(record.accepted, [submission(ids, clock(), *names)])
    assert [name for _, name, _ in receipt.deliveries] == names
    found = read(deliveries.page, ACCOUNT, Filter(message=(receipt.message_id,)), limit=100)
    assert sorted(r["recipient"] for r in found) == sorted(names)
    assert all(r["due_us"] == clock() for r in found)
    for delivery_id in delivery_ids(receipt):
        assert [e["kind"] for e in read(deliveries.events_of, ACCOUNT, delivery_id)] == ["received", "treated"]


def test_the_message_is_kept_as_it_came(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Header and body come back octet for octet, and a body that many messages share is stored once."""
    body = bytes(range(256)) * 10
    made = [submission(ids, clock(), body=body) for _ in range(3)]
    receipts = write(record.accepted, made)
    for receipt, s in zip(receipts, made, strict=True):
        assert read(content.raw, ACCOUNT, receipt.message_id) == bytes(s.message[8]) + b"\r\n" + body
    assert read(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM bodies").scalar()) == 1
    with pytest.raises(NotFound):
        read(content.raw, ACCOUNT + 1, receipts[0].message_id)


def test_what_passed_goes_to_delivery_and_the_rest_to_treatment(
    write: Do, read: Do, clock: Clock, ids: IdSource
) -> None:
    """Only what a gate has something against, or may have, is looked at again."""
    write(suppressions.put, ACCOUNT, "listed@example.net", cause="bounced", origin="learned", now=clock())
    write(suppressions.put, ACCOUNT + 1, "free@example.net", cause="bounced", origin="learned", now=clock())
    made = [
        submission(ids, clock(), "free@example.net", "listed@example.net", "LISTED@example.net"),
        submission(ids, clock(), "held@example.net", passed=False),
        submission(ids, clock(), "later@example.net", scheduled=clock() + HOUR),
    ]
    write(record.accepted, made)
    by_name = {r["recipient"]: r for r in read(deliveries.page, ACCOUNT, Filter(), limit=100)}
    stages = {name: Stage(r["stage"]) for name, r in by_name.items()}
    assert stages == {
        "free@example.net": Stage.DELIVERY,
        "listed@example.net": Stage.TREATMENT,
        "LISTED@example.net": Stage.TREATMENT,
        "held@example.net": Stage.TREATMENT,
        "later@example.net": Stage.TREATMENT,
    }
    assert set(Facts(by_name["free@example.net"]["facts"])) == {Fact.RECEIVED, Fact.TREATED}
    assert set(Facts(by_name["listed@example.net"]["facts"])) == {Fact.RECEIVED}


def test_the_same_key_and_message_is_taken_once(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """A repetition writes nothing and gets the first receipt, whether it comes later or in the same transaction."""
    first = submission(ids, clock(), "a@example.net", "b@example.net", key="order-1")
    repeats = [submission(ids, clock(), "a@example.net", "b@example.net", key="order-1") for _ in range(4)]
    receipts = write(record.accepted, [first, *repeats[:2]]) + write(record.accepted, repeats[2:])
    assert {r.message_id for r in receipts} == {first.message_id}
    assert [r.replayed for r in receipts] == [False, True, True, True, True]
    assert {tuple(delivery_ids(r)) for r in receipts} == {tuple(e.id for e in first.entries)}
    assert len(read(deliveries.page, ACCOUNT, Filter(), limit=100)) == 2


def test_the_same_key_for_another_message_is_refused(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """A key is not used for two messages: the second is told so, now and later, and nothing of it is kept."""
    other = b"\x02" * 32
    made = [submission(ids, clock(), key="k"), submission(ids, clock(), key="k", fingerprint=other)]
    first, second = write(record.accepted, made)
    (third,) = write(record.accepted, [submission(ids, clock(), key="k", fingerprint=other)])
    assert first.message_id == made[0].message_id
    assert isinstance(second, Conflict)
    assert isinstance(third, Conflict)
    assert len(read(deliveries.page, ACCOUNT, Filter(), limit=100)) == 1


def test_a_key_is_an_accounts_own(write: Do, clock: Clock, ids: IdSource) -> None:
    """Two accounts may use the same key."""
    made = [submission(ids, clock(), key="k", account=a) for a in (ACCOUNT, ACCOUNT + 1)]
    assert [r.replayed for r in write(record.accepted, made)] == [False, False]


def test_two_nodes_that_take_the_same_key_at_once(engine: Engine, read: Do, clock: Clock, ids: IdSource) -> None:
    """A client that tries two nodes at the same moment gets one message and the same receipt from both."""
    receipts: list[Any] = []
    start = threading.Barrier(4)

    def take(number: int) -> None:
        for i in range(10):
            made = submission(ids, clock(), key=f"k{i}")
            start.wait()
            with engine.writing() as connection:
                receipts.append((i, record.accepted(connection, [made])[0]))

    threads = [threading.Thread(target=take, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(10):
        same = [receipt for key, receipt in receipts if key == i]
        assert len({r.message_id for r in same}) == 1
        assert sorted(r.replayed for r in same) == [False, True, True, True]
    assert len(read(deliveries.page, ACCOUNT, Filter(), limit=100)) == 10


def test_refused_submissions_are_kept(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Who was turned away, and why, can be read afterwards, newest first; by that account alone."""
    made = [
        (ACCOUNT, ids(), "smtp", "192.0.2.1", "a@example.com", None, "no-from", f"550 5.6.0 {i}", None, clock())
        for i in range(3)
    ]
    write(record.refused, made)
    found = read(deliveries.refusals_of, ACCOUNT, limit=2)
    assert [r["said"] for r in found] == ["550 5.6.0 2", "550 5.6.0 1"]
    older = read(deliveries.refusals_of, ACCOUNT, limit=2, before=found[-1]["id"])
    assert [r["said"] for r in older] == ["550 5.6.0 0"]
    assert read(deliveries.refusals_of, ACCOUNT + 1, limit=2) == []


# ---- what happens to a delivery ------------------------------------------------------------------------------------


@pytest.fixture
def delivery_id(write: Do, clock: Clock, ids: IdSource) -> int:
    """A delivery that is about to be tried."""
    (receipt,) = write(record.accepted, [submission(ids, clock())])
    return int(delivery_ids(receipt)[0])


def test_an_end_takes_it_out_of_the_queue(write: Do, read: Do, clock: Clock, ids: IdSource, delivery_id: int) -> None:
    """What has ended waits for nothing; its row says what was said and how often it was tried."""
    write(queue.claim, [ClaimRequest(Stage.DELIVERY, clock(), 1, 10)])
    done = step(
        delivery_id, clock(), Fact.BOUNCED_INVALID, keys=[ids()], holder=1, reason=Reason.INVALID_RECIPIENT,
        status="5.1.1", said="550 5.1.1 No such user", tries=1,
    )  # fmt: skip
    assert write(record.steps, [done]) == [True]
    found = row(read, delivery_id)
    assert (found["reason"], found["said"], found["tries"]) == ("invalid_recipient", "550 5.1.1 No such user", 1)
    assert found["stage"] is None
    assert read(queue.next_due, Stage.DELIVERY) is None


def test_another_try_is_planned(write: Do, read: Do, clock: Clock, ids: IdSource, delivery_id: int) -> None:
    """What goes on has a time, a reason for waiting and the number of tries, and is free to be claimed."""
    write(queue.claim, [ClaimRequest(Stage.DELIVERY, clock(), 1, 10)])
    due = clock() + 5 * MINUTE
    onward = again(due, tries=3, site="example.net", expires=clock() + HOUR)
    write(record.steps, [step(delivery_id, clock(), Fact.DEFERRED, keys=[ids()], holder=1, onward=onward)])
    found = row(read, delivery_id)
    assert (found["stage"], found["due_us"], found["waits"], found["holder"]) == (2, due, "retry", 0)
    assert found["expires_us"] == clock() + HOUR
    (claimed,) = write(queue.claim, [ClaimRequest(Stage.DELIVERY, due, 2, 10)])[0]
    assert (claimed.tries, claimed.site) == (3, "example.net")


def test_only_the_holder_moves_the_queue(write: Do, read: Do, clock: Clock, ids: IdSource, delivery_id: int) -> None:
    """What a node that lost its claim found out is kept, but what happens next is the new holder's to say."""
    write(queue.claim, [ClaimRequest(Stage.DELIVERY, clock(), 2, 10)])
    late = step(delivery_id, clock(), Fact.DELIVERED, keys=[ids()], holder=1)
    assert write(record.steps, [late]) == [True]
    assert Fact.DELIVERED in facts_of(read, delivery_id)
    assert row(read, delivery_id)["holder"] == 2


def test_an_unknown_delivery_is_said_to_be_unknown(
    write: Do, read: Do, clock: Clock, ids: IdSource, delivery_id: int
) -> None:
    """News of what we do not know, or of another account's, changes nothing and harms nothing beside it."""
    steps = [
        step(12345, clock(), Fact.DELIVERED, keys=[ids()]),
        step(delivery_id, clock(), Fact.DELIVERED, keys=[ids()]),
        step(delivery_id, clock(), Fact.OPENED, keys=[ids()], account=ACCOUNT + 1),
    ]
    assert write(record.steps, steps) == [False, True, False]
    assert facts_of(read, delivery_id) == {Fact.RECEIVED, Fact.TREATED, Fact.DELIVERED}
    assert not read(rebuild.rebuild, write=False)


def test_a_repeated_step_changes_nothing(write: Do, read: Do, clock: Clock, ids: IdSource, delivery_id: int) -> None:
    """News that comes twice is harmless: not counted twice, not tried once more, no second event, no place in the queue
    lost."""
    keys = [ids(), ids()]
    due = clock() + MINUTE
    bounce = step(
        delivery_id, clock(), Fact.BOUNCED, keys=keys[:1], reason=Reason.GENERAL_ERROR, tries=1, onward=again(due)
    )
    later = step(delivery_id, clock(), Fact.OPENED, keys=keys[1:], onward=record.Next(Stage.HELD, due))
    write(record.steps, [bounce, bounce])
    before = row(read, delivery_id), read(counting.counted, ACCOUNT, kind="bounce")
    write(record.steps, [bounce])
    assert (row(read, delivery_id), read(counting.counted, ACCOUNT, kind="bounce")) == before
    write(record.steps, [later])
    write(record.steps, [bounce])
    found = row(read, delivery_id)
    assert (found["tries"], found["stage"]) == (1, Stage.HELD)
    assert sum(read(counting.counted, ACCOUNT, kind="bounce").values()) == 1
    assert len(read(deliveries.events_of, ACCOUNT, delivery_id)) == 4
    assert not read(rebuild.rebuild, write=False)


def test_the_same_fact_again_is_another_event(
    write: Do, read: Do, clock: Clock, ids: IdSource, delivery_id: int
) -> None:
    """A second deferral adds no fact, but it is in the history and it counts as a try."""
    for _ in range(3):
        due = clock.forward(MINUTE) + MINUTE
        write(record.steps, [step(delivery_id, clock(), Fact.DEFERRED, keys=[ids()], tries=1, onward=again(due))])
    assert row(read, delivery_id)["tries"] == 3
    assert [e["kind"] for e in read(deliveries.events_of, ACCOUNT, delivery_id)][2:] == ["deferred"] * 3


def test_a_late_fact_is_shown_beside_the_headline(
    write: Do, read: Do, clock: Clock, ids: IdSource, delivery_id: int
) -> None:
    """What came back after a delivery takes nothing away: the rank of the result stays, the fact is there."""
    write(record.steps, [step(delivery_id, clock(), Fact.DELIVERED, keys=[ids()])])
    delivered = row(read, delivery_id)["result"]
    late = step(delivery_id, clock.forward(3 * HOUR), Fact.BOUNCED, keys=[ids()], reason=Reason.MAILBOX_FULL)
    write(record.steps, [late])
    found = row(read, delivery_id)
    assert found["result"] == delivered
    assert Fact.BOUNCED in Facts(found["facts"])
    assert found["reason"] == "mailbox_full"


def test_several_steps_of_one_delivery_in_one_transaction(
    write: Do, read: Do, clock: Clock, ids: IdSource, delivery_id: int
) -> None:
    """They are taken in their order, and counted as if they had come apart."""
    due = clock() + MINUTE
    steps = [
        step(delivery_id, clock(), Fact.DEFERRED, keys=[ids()], onward=again(due), tries=1),
        step(delivery_id, clock(), Fact.DELIVERED, keys=[ids()], tries=1),
    ]
    write(record.steps, steps)
    found = row(read, delivery_id)
    assert (found["tries"], found["stage"]) == (2, None)
    assert not read(rebuild.rebuild, write=False)


def test_the_rank_of_a_result_may_only_rise(write: Do, read: Do, clock: Clock, ids: IdSource, delivery_id: int) -> None:
    """Whatever comes, and however late, the cached readings never fall."""
    ranks = []
    for fact in (Fact.OPENED, Fact.DELIVERED, Fact.DEFERRED, Fact.BOUNCED, Fact.CANCELLED):
        write(record.steps, [step(delivery_id, clock.forward(SECOND), fact, keys=[ids()])])
        found = row(read, delivery_id)
        ranks.append((found["result"], found["life"]))
    assert ranks == sorted(ranks)


# ---- laws ----------------------------------------------------------------------------------------------------------

WHY = st.sampled_from([None, (Reason.MAILBOX_FULL, None, "4.2.2"), (Reason.SERVER_BUSY, "greylisted", "4.7.1"),
                       (Reason.OTHER_RECEIVER_ERROR, None, "4.2.0"), (Reason.SPAM_REJECTED, "bad_link", "5.7.1"),
                       (Reason.COMPLAINT, None, "")])  # fmt: skip
STEP = st.tuples(
    st.integers(0, 3),
    st.lists(st.sampled_from(ALL), min_size=1, max_size=3, unique=True),
    WHY,
    st.booleans(),
    st.booleans(),
)
"""Which delivery, which facts, why, whether it goes on, and whether the same news comes once more in the end."""


@settings(max_examples=60)
@given(groups=st.lists(st.lists(STEP, min_size=1, max_size=5), min_size=1, max_size=5))
def test_counters_equal_the_lists_behind_them(
    write: Do, read: Do, clock: Clock, ids: IdSource, groups: list[list[tuple[Any, ...]]]
) -> None:
    """Whatever happens, in whatever order and however often: a number is the length of the list that it opens, and folding
    the ledger again gives what is cached."""
    clock.forward(HOUR)
    made = [
        submission(ids, clock(), f"{i}@example.net", stream=("transactional", "broadcast")[i % 2]) for i in range(4)
    ]
    places = [i for receipt in write(record.accepted, made) for i in delivery_ids(receipt)]
    expected = {i: {Fact.RECEIVED, Fact.TREATED} for i in places}
    repeated = []
    for group in groups:
        steps = []
        for which, facts, why, goes_on, is_repeated in group:
            reason, detail, status = why or (None, None, "")
            one = step(
                places[which], clock.forward(SECOND), *facts, keys=[ids() for _ in facts], reason=reason, detail=detail,
                status=status, onward=again(clock() + MINUTE) if goes_on else None,
            )  # fmt: skip
            expected[places[which]] |= set(facts)
            steps.append(one)
            if is_repeated:
                repeated.append(one)
        write(record.steps, steps)
    write(record.steps, repeated)
    assert {i: facts_of(read, i) for i in places} == expected
    differences = read(rebuild.rebuild, write=False)
    assert not differences, differences
    for kind, expected_numbers in lists(read).items():
        assert read(counting.counted, ACCOUNT, kind=kind) == expected_numbers


def lists(read: Do) -> dict[str, dict[str, int]]:
    """How long the list behind each number is."""
    found: dict[str, Counter[str]] = {kind: Counter() for kind in ("fact", "result", "life", "activity")}
    for r in read(lambda connection: list(deliveries.each(connection, ACCOUNT, Filter()))):
        facts = Facts(r["facts"])
        found["fact"].update(fact.word for fact in facts)
        found["result"][delivery_results.delivery_result(facts).word] += 1
        found["life"].update(word.word for word in life_cycle.words_of(facts))
        found["activity"].update(box.word for box in email_activity.boxes(facts))
    return {kind: dict(sorted(numbers.items())) for kind, numbers in found.items()}


@settings(max_examples=15)
@given(order=st.permutations(list(ALL)), cut=st.integers(1, len(ALL)))
def test_the_order_of_news_does_not_matter(
    write: Do, read: Do, clock: Clock, ids: IdSource, order: Sequence[Fact], cut: int
) -> None:
    """The same facts in any order, in any grouping, end in the same row."""
    known = {Fact.RECEIVED, Fact.TREATED, *order[:cut]}
    rows = []
    for facts in (order[:cut], sorted(order[:cut])):
        (receipt,) = write(record.accepted, [submission(ids, clock())])
        (i,) = delivery_ids(receipt)
        for part in [facts[at : at + 3] for at in range(0, len(facts), 3)]:
            write(record.steps, [step(i, clock(), *part, keys=[ids() for _ in part])])
        rows.append(row(read, i))
    for found in rows:
        assert found["facts"] == bits_of(known)
        assert found["result"] == delivery_results.rank_of_bits(bits_of(known))
        assert found["life"] == life_cycle.rank_of_bits(bits_of(known))


def test_two_nodes_with_news_of_the_same_deliveries(
    engine: Engine, write: Do, read: Do, clock: Clock, ids: IdSource
) -> None:
    """Nodes that record at the same moment wait for each other: no fact is lost, and none is counted twice."""
    (receipt,) = write(record.accepted, [submission(ids, clock(), *(f"{i}@example.net" for i in range(3)))])
    places = delivery_ids(receipt)
    facts = [f for f in ALL if f not in (Fact.RECEIVED, Fact.TREATED)]
    start = threading.Barrier(3)
    failed: list[BaseException] = []

    def work(node: int) -> None:
        try:
            for fact in facts:
                start.wait(30)
                with engine.connect() as connection:
                    connection.info["node"] = node
                    own = places if node % 2 else places[::-1]
                    steps = [step(i, clock(), fact, keys=[ids()]) for i in own]
                    engines.begin(connection)
                    record.steps(connection, steps)
                    engines.commit(connection)
                    connection.info.pop("node")
        except BaseException as error:
            failed.append(error)
            start.abort()

    threads = [threading.Thread(target=work, args=(n,)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert {frozenset(facts_of(read, i)) for i in places} == {frozenset(ALL)}
    differences = read(rebuild.rebuild, write=False)
    assert not differences, differences
