"""What to do next: claims are exclusive, in due order, end with their node, and nothing waits without an end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from aftersend.clock import HOUR, MINUTE, SECOND
from aftersend.control import queue_verbs
from aftersend.ids import IdSource
from aftersend.store import Engine, nodes, paces, put_back, queue, record, suppressions
from aftersend.store.queue import Claim, ClaimRequest, PutOff, Stage
from given import ACCOUNT, Clock, delivery_ids, submission

Write = Callable[..., Any]


def claim(write: Write, now: int, *, node: int = 1, limit: int = 500, stage: Stage = Stage.DELIVERY) -> list[Claim]:
    """Claim for one node."""
    (found,) = write(queue.claim_for_treatment, [ClaimRequest(stage, now, node, limit)])
    return list(found)


def accept(write: Write, ids: IdSource, now: int, *recipients: str, **options: Any) -> list[int]:
    """Take a message in; return the ids of its deliveries."""
    (receipt,) = write(record.accepted, [submission(ids, now, *recipients, **options)])
    return delivery_ids(receipt)


def test_a_claim_knows_all_that_delivery_needs(write: Write, clock: Clock, ids: IdSource) -> None:
    """No further question is needed to send what was claimed, but for the body."""
    (delivery_id,) = accept(write, ids, clock(), "Ann@Example.NET", subject="Hi")
    (found,) = claim(write, clock())
    assert (found.account_id, found.delivery_id, found.tries, found.faults) == (ACCOUNT, delivery_id, 0, 0)
    assert (found.recipient, found.folded, found.stream) == ("Ann@Example.NET", "ann@example.net", "transactional")
    assert (found.sender, found.received_us, found.due_us) == ("shop@example.com", clock(), clock())
    assert found.expires_us > clock()
    assert b"Subject: Hi" in bytes(found.headers)


def test_nothing_waits_longer_when_the_clock_was_put_back(
    write: Write, read: Callable[..., Any], clock: Clock, ids: IdSource
) -> None:
    """What was due is due, tries come as late as they would have, and what a person set stays."""
    was, now = clock(), clock() - 2 * HOUR
    accept(write, ids, was, *(f"{i}@example.net" for i in range(4)))
    held = sorted(claim(write, was), key=lambda each: each.delivery_id)
    places = [(each.account_id, each.delivery_id, 1) for each in held]
    dues = [was - MINUTE, was, was + 5 * MINUTE, now - MINUTE]
    write(queue.put_off, [PutOff(*place, due, "example.net", "") for place, due in zip(places, dues, strict=True)])
    write(put_back.due_as_before, was=was, now=now)
    assert {each.delivery_id for each in claim(write, now)} == {places[n][1] for n in (0, 1, 3)}
    assert claim(write, now + 5 * MINUTE - 1) == []
    assert [each.delivery_id for each in claim(write, now + 5 * MINUTE)] == [places[2][1]]


def test_no_rate_is_used_up_longer_when_the_clock_was_put_back(
    write: Write, read: Callable[..., Any], clock: Clock
) -> None:
    """What was taken lately, and the line before it, end as long after now as they would have; what is over is over."""
    was, now = clock(), clock() - 2 * HOUR
    busy, free = (ACCOUNT, "news"), (ACCOUNT, "quiet")
    write(paces.write, [(busy, 5 * MINUTE)], [(busy, was + 9 * MINUTE)], now=was)
    write(paces.write, [(free, MINUTE)], [], now=now - HOUR)
    write(put_back.due_as_before, was=was, now=now)
    assert read(paces.read, [busy, free]) == {
        busy: (now + 5 * MINUTE, now + 9 * MINUTE),
        free: (now - HOUR + MINUTE, now - HOUR),
    }


def test_no_item_is_held_twice(write: Write, clock: Clock, ids: IdSource) -> None:
    """What one node holds, no other gets, nor the same one again."""
    accept(write, ids, clock(), *(f"{i}@example.net" for i in range(10)))
    first, second, third = (claim(write, clock(), node=n, limit=5) for n in (1, 2, 1))
    assert len(first) == len(second) == 5
    assert third == []
    assert not {c.delivery_id for c in first} & {c.delivery_id for c in second}


def test_two_nodes_that_claim_at_once_share_the_work(engine: Engine, write: Write, clock: Clock, ids: IdSource) -> None:
    """Nodes that race for the same items each get some, none twice, none left over."""
    everything = set(accept(write, ids, clock(), *(f"{i}@example.net" for i in range(200))))
    taken: dict[int, list[int]] = {1: [], 2: [], 3: []}
    start = threading.Barrier(3)

    def work(node: int) -> None:
        start.wait()
        while True:
            with engine.writing() as connection:
                (found,) = queue.claim(connection, [ClaimRequest(Stage.DELIVERY, clock(), node, 10)])
            if not found:
                return
            taken[node] += [c.delivery_id for c in found]

    threads = [threading.Thread(target=work, args=(n,)) for n in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = [delivery_id for found in taken.values() for delivery_id in found]
    assert len(together) == len(everything)
    assert set(together) == everything


def test_what_has_been_due_for_longest_comes_first(write: Write, clock: Clock, ids: IdSource) -> None:
    """Claims come in the order of their due times; what is not due yet does not come."""
    made = [accept(write, ids, clock() + wait * SECOND, f"{wait}@example.net")[0] for wait in (30, 10, 20, 90)]
    clock.forward(30 * SECOND)
    assert [c.delivery_id for c in claim(write, clock(), limit=10)] == [made[1], made[2], made[0]]
    assert claim(write, clock()) == []


def test_never_more_than_asked_for(write: Write, clock: Clock, ids: IdSource) -> None:
    """A node gets no more than it has room for, and something if there is anything."""
    accept(write, ids, clock(), *(f"{i}@example.net" for i in range(60)))
    for limit in (1, 3, 7, 12, 41):
        found = claim(write, clock(), limit=limit)
        assert 1 <= len(found) <= limit


def test_a_node_that_starts_again_frees_its_own(write: Write, clock: Clock, ids: IdSource) -> None:
    """Claims of a former life are due as they were."""
    number, _ = write(nodes.enter, "one", "a", now=clock(), take_over=True)
    made = accept(write, ids, clock(), "a@example.net", "b@example.net")
    held = claim(write, clock(), node=number)
    number, freed = write(nodes.enter, "one", "b", now=clock.forward(SECOND), take_over=True)
    assert freed == 2
    again = claim(write, clock(), node=number)
    assert [c.delivery_id for c in again] == made
    assert [c.due_us for c in again] == [c.due_us for c in held]


def test_putting_off_gives_back_untried(write: Write, read: Write, clock: Clock, ids: IdSource) -> None:
    """What could not be tried now waits until its time, its tries uncounted, and says for what it waits."""
    accept(write, ids, clock())
    (held,) = claim(write, clock())
    later = clock() + MINUTE
    write(queue.put_off, [PutOff(ACCOUNT, held.delivery_id, 1, later, "example.net", "the site is closed")])
    assert claim(write, clock()) == []
    assert read(queue.next_due, Stage.DELIVERY) == later
    (again,) = claim(write, later)
    assert (again.tries, again.site, again.due_us) == (0, "example.net", later)


def test_only_the_holder_gives_back(write: Write, clock: Clock, ids: IdSource) -> None:
    """A node that was taken for dead cannot touch what another holds now."""
    accept(write, ids, clock())
    (held,) = claim(write, clock(), node=1)
    write(nodes.release_claims, 1)
    claim(write, clock(), node=2)
    write(queue.put_off, [PutOff(ACCOUNT, held.delivery_id, 1, clock(), "", None)])
    assert claim(write, clock(), node=3) == []


def test_three_faults_of_ours_set_an_item_aside(write: Write, read: Write, clock: Clock, ids: IdSource) -> None:
    """Our own bugs never lose mail: it is tried again twice, ever later, then kept for an operator, with the traceback."""
    accept(write, ids, clock())
    waits = []
    for time in range(3):
        (held,) = claim(write, clock())
        assert held.faults == time
        aside = write(queue.set_aside, held, Stage.DELIVERY, now=clock(), traceback=f"Traceback {time}")
        assert aside is (time == 2)
        if not aside:
            due = read(queue.next_due, Stage.DELIVERY)
            waits.append(due - clock())
            clock.now = due
    assert 0 < waits[0] < waits[1]
    assert claim(write, clock() + HOUR) == []
    (row,) = read(queue.summary)
    assert (row["stage"], row["deliveries"], row["claimed"]) == ("set_aside", 1, 0)
    assert row["first_due_us"] is not None


def test_the_summary_counts_what_waits(write: Write, read: Write, clock: Clock, ids: IdSource) -> None:
    """An operator sees how much waits in which stage, since when and until when."""
    accept(write, ids, clock(), "a@example.net", "b@example.net")
    accept(write, ids, clock(), "c@example.net", scheduled=clock() + HOUR)
    claim(write, clock(), limit=1)
    by_stage = {row["stage"]: row for row in read(queue.summary)}
    assert (by_stage["delivery"]["deliveries"], by_stage["delivery"]["claimed"]) == (2, 1)
    assert by_stage["treatment"]["deliveries"] == 1


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("", None)], "cause 0"),
        ([("transactional", None)], "cause 0"),
        ([("broadcast", None)], None),
        ([("", -MINUTE)], None),
        ([("", MINUTE)], "cause 0"),
        ([("", None), ("transactional", MINUTE)], "cause 0"),
        ([("", MINUTE), ("transactional", None)], "cause 1"),
        ([("", None), ("transactional", -MINUTE)], "cause 0"),
    ],
)
def test_a_claim_knows_the_list_that_holds_longest(
    write: Write, clock: Clock, ids: IdSource, entries: list[tuple[str, int | None]], expected: str | None
) -> None:
    """Every list that the address is on counts: an entry that ends soon, or has ended, hides none that stays."""
    accept(write, ids, clock())
    clock.forward(2 * HOUR)
    for i, (stream, ends) in enumerate(entries):
        expires = None if ends is None else clock() + ends
        write(
            suppressions.put, ACCOUNT, "ann@example.net", cause=f"cause {i}", origin="learned", now=clock() - HOUR,
            stream=stream, expires_us=expires,
        )  # fmt: skip
    (found,) = claim(write, clock()) + claim(write, clock(), stage=Stage.TREATMENT)
    assert found.suppressed == expected


def test_another_accounts_list_does_not_count(write: Write, clock: Clock, ids: IdSource) -> None:
    """Lists are an account's own."""
    accept(write, ids, clock())
    write(suppressions.put, ACCOUNT + 1, "ann@example.net", cause="theirs", origin="learned", now=clock())
    (found,) = claim(write, clock())
    assert found.suppressed is None


def test_who_comes_on_a_list_is_looked_at_again(write: Write, clock: Clock, ids: IdSource) -> None:
    """What waits for delivery to the address goes back to treatment, of the stream that the entry is about; the rest stays."""
    ours, other = accept(write, ids, clock(), "ann@example.net", "bob@example.net")
    (general,) = accept(write, ids, clock(), "ann@example.net", stream="general")
    (elsewhere,) = accept(write, ids, clock(), "ann@example.net", account=ACCOUNT + 1)
    write(
        suppressions.put, ACCOUNT, "ann@example.net", cause="unsubscribed", origin="learned", now=clock(),
        stream="transactional",
    )  # fmt: skip
    (found,) = claim(write, clock(), stage=Stage.TREATMENT)
    assert (found.delivery_id, found.suppressed) == (ours, "unsubscribed")
    assert {item.delivery_id for item in claim(write, clock())} == {other, general, elsewhere}


def test_what_is_released_is_looked_at_again_if_it_is_listed_by_now(write: Write, clock: Clock, ids: IdSource) -> None:
    """Whoever opted out while it was on hold gets nothing."""
    listed, free = accept(write, ids, clock(), "ann@example.net", "bob@example.net")
    given = {"by": queue_verbs.Actor("test"), "ids": ids, "now": clock()}
    write(queue_verbs.act, ACCOUNT, "hold", [listed, free], **given)
    write(suppressions.put, ACCOUNT, "ann@example.net", cause="unsubscribed", origin="learned", now=clock())
    write(queue_verbs.act, ACCOUNT, "release", [listed, free], **given)
    assert [item.delivery_id for item in claim(write, clock(), stage=Stage.TREATMENT)] == [listed]
    assert [item.delivery_id for item in claim(write, clock())] == [free]


def test_what_a_person_holds_stays_on_hold_when_its_broadcast_goes_on(
    write: Write, clock: Clock, ids: IdSource
) -> None:
    """A pause holds the others, and its end releases those only."""
    held, other = accept(write, ids, clock(), "ann@example.net", "bob@example.net")
    given: dict[str, Any] = {"by": queue_verbs.Actor("ann"), "ids": ids, "now": clock()}
    write(queue_verbs.act, ACCOUNT, "hold", [held], **given)
    assert write(queue_verbs.act, ACCOUNT, "pause", [held, other], **given).as_dict() == {
        "done": 1,
        "skipped": {"held": 1},
    }
    assert write(queue_verbs.act, ACCOUNT, "resume", [held, other], **given).done == [other]
    assert [item.delivery_id for item in claim(write, clock())] == [other]
    assert write(queue_verbs.act, ACCOUNT, "release", [held], **given).done == [held]
