"""What may not be asked is not asked, also when it was good when it was given: every request is checked anew."""

from __future__ import annotations

import asyncio

import pytest
from hook_receiver import Receiver
from hooked import Post
from test_guard import HOSTILE, PUBLIC, look

from aftersend.ledger.wanted import Wanted
from aftersend.store import hooks
from aftersend.store.hooks import Hook
from aftersend.webhooks.client import Client
from aftersend.webhooks.guard import Allowance, Guard
from aftersend.webhooks.requests import ask
from given import ACCOUNT, START


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_target_is_refused_at_delivery(url: str) -> None:
    """Even if it had come into the store, nothing is sent, and the attempt says why."""
    hook = Hook(
        1, 1, "", url, Wanted(), 1, None, b"", None, None, "active", None, 0, None, None, 0, None, 0, None, 0, 0, 0
    )
    client = Client(Guard(look))
    outcome = await ask(client, hook, [b"k" * 32], "evt_1", b"{}", now=START)
    await client.close()
    assert (outcome.word, outcome.status, outcome.ip) == ("failed", None, "")
    assert outcome.said.startswith("Not sent: ")
    assert HOSTILE[url] in outcome.said


async def test_a_name_that_turns_inside_between_two_events(post: Post) -> None:
    """Rebinding: the first event goes out, the next one is refused, and waits until the name is mended."""
    leads = ["127.0.0.1"]

    async def turning(host: str) -> list[str]:
        return leads

    async with Receiver().listening() as receiver:
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        await post.tools.client.close()
        post.tools.client = Client(Guard(turning, Allowance.of(["127.0.0.1/32"])))
        hook = await post.hook(f"http://turning.example.com:{port}/hook")
        sender = post.sender(hook)
        await post.send("ann@example.net")
        await post.drain(sender)
        assert len(receiver.taken) == 2
        leads[:] = ["169.254.169.254"]
        await post.tools.client.close()  # the kept connection is gone
        post.tools.client = Client(Guard(turning, Allowance.of(["127.0.0.1/32"])))
        await post.send("bob@example.net")
        await sender.turn()
        (attempt, *_) = await post.store.ask(hooks.attempts_of, ACCOUNT, hook.id, limit=1)
        assert "169.254.169.254" in attempt["answer"] and "metadata" in attempt["answer"]
        leads[:] = ["127.0.0.1"]
        await post.drain(sender)
        assert {event["recipient"] for event in receiver.taken} == {"ann@example.net", "bob@example.net"}


@pytest.mark.parametrize("where", ["http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "/elsewhere"])
async def test_a_redirect_leads_nowhere(post: Post, where: str) -> None:
    """It is a failure that names the place, whatever the place is."""
    async with Receiver(lambda number, body: (307, {"location": where})).listening() as receiver:
        hook = await post.hook(receiver.url)
        await post.send("ann@example.net")
        await post.sender(hook).turn()
        (attempt, *_) = await post.store.ask(hooks.attempts_of, ACCOUNT, hook.id, limit=1)
        assert (attempt["outcome"], attempt["status"]) == ("failed", 307)
        (waiting, *_) = await post.store.ask(hooks.waiting_of, ACCOUNT, hook.id, state=hooks.WAITING, limit=1)
        assert where in waiting["said"] and "not followed" in waiting["said"]
        assert all(each.headers["host"].startswith("127.0.0.1") for each in receiver.seen)


def test_public_names_are_not_refused() -> None:
    """The guard of these tests lets the public internet through, so what it refuses it refuses for itself."""
    target, addresses = asyncio.run(Guard(look).check("https://public.example.com/x"))
    assert (target.host, [str(each) for each in addresses]) == ("public.example.com", [PUBLIC])
