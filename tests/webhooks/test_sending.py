"""Every event reaches an endpoint at least once, in order for each recipient, whatever the endpoint and the process do."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from typing import Any

import pytest
from hook_receiver import Receiver, in_order, verify
from hooked import SECRET, Post

from aftersend.clock import DAY, HOUR, MINUTE, SECOND
from aftersend.control import hooks as control
from aftersend.ledger.facts import Fact
from aftersend.store import hooks
from aftersend.webhooks import ladder, sending
from given import ACCOUNT


async def assert_whole(post: Post, receiver: Receiver, hook_id: int) -> None:
    """Every event came, each verifies, each recipient's in order, and nothing is left over."""
    every = await post.every()
    assert {event["sequence"] for event in receiver.taken} == set(every)
    for event in receiver.taken:
        assert event["id"] == every[event["sequence"]]["id"]
        assert event["status"] == every[event["sequence"]]["status"]
    assert list(in_order(receiver.taken)) == []
    for taken in receiver.seen[:: max(1, len(receiver.seen) // 200)]:
        verify(taken, post.secrets[hook_id])
    assert await post.store.ask(hooks.how_many_wait, ACCOUNT, hook_id) == {}


async def test_a_healthy_endpoint_gets_all(post: Post) -> None:
    """One event a request, or several; the same events."""
    async with Receiver().listening() as receiver, Receiver().listening() as other:
        hook = await post.hook(receiver.url)
        batched = await post.hook(other.url, batch=50)
        await post.some(200, random.Random(1))
        for each in (hook, batched):
            await post.drain(post.sender(each))
        await assert_whole(post, receiver, hook.id)
        await assert_whole(post, other, batched.id)
        assert len(receiver.seen) == len(receiver.taken) and len(other.seen) < len(receiver.seen) / 10
        first = json.loads(receiver.seen[0].body)
        assert first["type"] == first["data"]["type"] and set(first) == {"type", "timestamp", "data"}
        attempts = await post.store.ask(hooks.attempts_of, ACCOUNT, hook.id, limit=1000)
        assert len(attempts) == len(receiver.seen)


@pytest.mark.parametrize("batch", [1, 20])
async def test_an_endpoint_that_is_down_for_two_days(post: Post, batch: int) -> None:
    """Mail goes on meanwhile; when it is there again, it gets all, and no event has used up its tries."""
    up = False
    async with Receiver(lambda number, body: 200 if up else 503).listening() as receiver:
        hook = await post.hook(receiver.url, batch=batch)
        sender, chance = post.sender(hook), random.Random(2)
        began = post.clock()
        for hour in range(48):
            await post.some(10, chance)
            await post.until(sender, began + (hour + 1) * HOUR)
        assert receiver.taken == []
        assert (await post.now(hook.id)).is_active
        asked = len(receiver.seen)
        assert asked < 150, "an endpoint that is down is knocked at, not hammered"
        up = True
        await post.drain(sender)
        await assert_whole(post, receiver, hook.id)


async def test_an_endpoint_at_its_worst(post: Post) -> None:
    """It answers 500 at random, drops connections, breaks off its answers, asks to be left alone, and the process dies again
    and again in the middle of its work."""
    chance = random.Random(3)
    worst: list[Any] = [
        200,
        200,
        200,
        500,
        502,
        "drop",
        "half",
        (429, {"retry-after": "20"}),
        (503, {"retry-after": "7"}),
    ]
    async with Receiver(lambda number, body: chance.choice(worst)).listening() as receiver:
        hook = await post.hook(receiver.url, batch=3)
        for _ in range(30):
            await post.some(10, chance)
            turn = asyncio.ensure_future(post.sender(hook).turn())
            await asyncio.sleep(chance.random() * 0.02)
            turn.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await turn
            await post.until(post.sender(hook), post.clock() + 10 * SECOND)
        worst[:] = [200, 200, 500]
        await post.drain(post.sender(hook))
        await assert_whole(post, receiver, hook.id)


async def test_a_slow_endpoint_is_given_up_waiting_for(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer in time is a failure like others, and tried again."""
    asked = sending.Client.request

    async def impatient(self: Any, *args: Any, **more: Any) -> Any:
        return await asked(self, *args, **more, within_s=0.2)

    monkeypatch.setattr(sending.Client, "request", impatient)
    async with Receiver(lambda number, body: "stall" if number < 3 else 200).listening() as receiver:
        hook = await post.hook(receiver.url)
        await post.some(10, random.Random(4))
        await post.drain(post.sender(hook))
        await assert_whole(post, receiver, hook.id)
        attempts = await post.store.ask(hooks.attempts_of, ACCOUNT, hook.id, limit=100, outcome="failed")
        assert {a["answer"] for a in attempts} == {"There was no answer within 0.2 seconds."}


async def test_one_event_that_is_never_taken(post: Post) -> None:
    """It is tried for three days and given up; all others go on, those of its recipient after it. It can be replayed."""
    poisoned: set[int] = set()

    def picky(number: int, body: bytes) -> int:
        return 400 if json.loads(body)["data"]["sequence"] in poisoned else 200

    async with Receiver(picky).listening() as receiver:
        hook = await post.hook(receiver.url)
        bad, good = await post.send("bad@example.net", "good@example.net")
        every = await post.every()
        first = min(sequence for sequence, event in every.items() if event["recipient"] == "bad@example.net")
        poisoned.add(first)
        sender, began = post.sender(hook), post.clock()
        await post.until(sender, began + MINUTE)
        assert {e["recipient"] for e in receiver.taken} == {"good@example.net"}, "the others are not kept waiting"
        await post.happen(good, Fact.DELIVERED)
        await post.happen(bad, Fact.DELIVERED)
        await post.until(sender, began + 2 * MINUTE)
        assert [e["fact"] for e in receiver.taken].count("delivered") == 1
        await post.drain(sender)
        assert ladder.LASTS * 0.7 < post.clock() - began < ladder.LASTS * 1.3
        assert sum(each.status == 400 for each in receiver.seen) == ladder.TRIES
        assert {e["sequence"] for e in receiver.taken} == set(await post.every()) - {first}
        assert list(in_order(receiver.taken)) == []
        (given_up,) = await post.store.ask(hooks.waiting_of, ACCOUNT, hook.id, state=hooks.GIVEN_UP, limit=10)
        assert (given_up["sequence"], given_up["said"]) == (first, "The endpoint answered 400.")
        poisoned.clear()
        assert await post.store.run(control.replay, ACCOUNT, hook.id, now=post.clock(), failed=True) == 1
        await post.drain(sender)
        assert first in {e["sequence"] for e in receiver.taken}
        assert await post.store.ask(hooks.how_many_wait, ACCOUNT, hook.id) == {}


async def test_who_takes_nothing_for_three_days_is_paused_and_told(post: Post) -> None:
    """The owner hears of it once; when it goes on, it gets all that happened."""
    up = False
    async with Receiver(lambda number, body: 200 if up else 500).listening() as receiver:
        hook = await post.hook(receiver.url, owner="dev@example.com")
        await post.some(20, random.Random(5))
        sender, began = post.sender(hook), post.clock()
        await post.until(sender, began + 3 * DAY)
        assert (await post.now(hook.id)).is_active
        await post.drain(sender)
        kept = await post.now(hook.id)
        assert (kept.state, len(post.pauses)) == ("paused", 1)
        assert "three days" in str(kept.why) and "500" in str(kept.why)
        await post.some(20, random.Random(6))
        up = True
        await post.store.run(control.resume, ACCOUNT, hook.id, now=post.clock())
        await post.store.run(hooks.claim, 1)
        await post.drain(post.sender(hook))
        await assert_whole(post, receiver, hook.id)


async def test_410_pauses_at_once(post: Post) -> None:
    """An endpoint that says that it is gone is asked no more."""
    async with Receiver(lambda number, body: 410).listening() as receiver:
        hook = await post.hook(receiver.url)
        await post.some(20, random.Random(5))
        await post.drain(post.sender(hook))
        assert (await post.now(hook.id)).state == "paused"
        assert "410" in post.pauses[0]
        assert len(receiver.seen) <= 32


async def test_retry_after_is_heeded(post: Post) -> None:
    """429 with a time leaves the endpoint alone for so long, and no try is used up."""
    async with Receiver(
        lambda number, body: (429, {"retry-after": "600"}) if number == 0 else 200
    ).listening() as receiver:
        hook = await post.hook(receiver.url)
        await post.send("ann@example.net")
        sender = post.sender(hook)
        await sender.turn()
        seen = len(receiver.seen)
        await post.until(sender, post.clock() + 599 * SECOND)
        assert len(receiver.seen) == seen
        await post.drain(sender)
        await assert_whole(post, receiver, hook.id)


async def test_both_secrets_sign_while_they_change(post: Post) -> None:
    """For a day; then only the new one."""
    async with Receiver().listening() as receiver:
        hook = await post.hook(receiver.url)
        former = post.secrets[hook.id]
        _, new = await post.store.run(control.rotate, ACCOUNT, hook.id, secret=SECRET, now=post.clock())
        await post.send("ann@example.net")
        await post.drain(post.sender(hook))
        verify(receiver.seen[-1], former, new)
        post.clock.forward(DAY + 1)
        await post.send("ann@example.net")
        await post.drain(post.sender(hook))
        verify(receiver.seen[-1], new)
        with pytest.raises(Exception, match="signature"):
            verify(receiver.seen[-1], former)


async def test_filters_choose_and_the_rest_is_passed_by(post: Post) -> None:
    """Only the wanted types are sent, and the cursor moves past the others."""
    async with Receiver().listening() as receiver:
        hook = await post.hook(receiver.url, events=["delivered"])
        for delivery_id in await post.send("ann@example.net", "bob@example.net"):
            await post.happen(delivery_id, Fact.DELIVERED)
        await post.drain(post.sender(hook))
        assert [event["type"] for event in receiver.taken] == ["delivery.delivered"] * 2
        assert (await post.now(hook.id)).position == max(await post.every())


async def test_replays(post: Post) -> None:
    """One event, or all of a time, are sent again; beside it, what is new goes on."""
    async with Receiver().listening() as receiver:
        hook = await post.hook(receiver.url)
        await post.send("ann@example.net")
        middle = post.clock.forward(HOUR)
        await post.send("bob@example.net", "cid@example.net")
        sender = post.sender(hook)
        await post.drain(sender)
        every = sorted(await post.every())
        receiver.seen.clear()
        assert await post.store.run(control.replay, ACCOUNT, hook.id, now=post.clock(), sequence=every[1]) == 1
        await post.drain(sender)
        assert [event["sequence"] for event in receiver.taken] == [every[1]]
        receiver.seen.clear()
        assert await post.store.run(control.replay, ACCOUNT, hook.id, now=post.clock(), since=middle) == 4
        await post.send("new@example.net")
        await post.drain(sender)
        assert sorted(event["sequence"] for event in receiver.taken) == sorted(await post.every())[2:]
        assert await post.store.run(control.replay, ACCOUNT, hook.id, now=post.clock(), sequence=1 << 60) == 0
        assert (await post.now(hook.id)).again_from is None


async def test_a_target_that_turns_inside_is_refused_when_it_is_asked(post: Post) -> None:
    """A URL that was good when it was given is checked at each request; nothing is sent, and the reason is kept."""
    hook = await post.hook("https://hooks.example.com/x")
    await post.send("ann@example.net")
    sender = post.sender(hook)
    await sender.turn()
    (attempt, *_) = await post.store.ask(hooks.attempts_of, ACCOUNT, hook.id, limit=10)
    assert (attempt["outcome"], attempt["status"]) == ("failed", None)
    assert attempt["answer"].startswith("Not sent: hooks.example.com has no address")
