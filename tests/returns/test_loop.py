"""Mail that was kept is read and applied once, whatever stops us in between."""

from __future__ import annotations

import asyncio

import pytest
from comeback import FULL, NO_SUCH_USER, PLACE, Post, arf, dsn

from aftersend.ledger.facts import Fact
from aftersend.mail import verp
from aftersend.returns import Returns, applying
from aftersend.returns.loop import BATCH
from aftersend.store import Store, returned
from aftersend.store.returned import Returned
from given import ACCOUNT

ANN = "ann@example.net"


def kept(post: Post, to: str, raw: bytes) -> Returned:
    """A mail that waits to be read."""
    return Returned(post.ids(), to, "", "192.0.2.1", raw, post.clock())


async def hand_in(store: Store, *items: Returned) -> None:
    """Keep mail, as the server does."""
    await asyncio.gather(*(store.join(returned.keep, item) for item in items))


async def read_all(store: Store, post: Post) -> Returns:
    """Read everything that waits."""
    returns = Returns(store, post.clock, PLACE, post.desk.rules)
    while await returns.read_waiting():
        pass
    return returns


async def test_everything_that_waits_is_applied_and_goes(post: Post, store: Store) -> None:
    """More than one batch; nothing is left."""
    found = [post.sent(f"ann{n}@example.net")[0] for n in range(BATCH + 5)]
    items = [kept(post, post.path(d), dsn((f"ann{n}@example.net", *NO_SUCH_USER))) for n, d in enumerate(found)]
    await hand_in(store, *items)
    returns = await read_all(store, post)
    assert returns.applied == len(found)
    assert all(Fact.BOUNCED_INVALID in post.facts(delivery) for delivery in found)
    assert await store.ask(returned.waiting, limit=10) == []


async def test_two_nodes_apply_it_once(post: Post, store: Store) -> None:
    """Both have read the same mail; whoever comes second finds it gone."""
    (delivery,) = post.sent(ANN)
    await hand_in(store, *[kept(post, post.path(delivery), arf()) for _ in range(3)])
    items = await store.ask(returned.waiting, limit=10)
    mails = [applying.reading.read(item.raw, item.peer) for item in items]
    for _ in range(2):
        for item, mail in zip(items, mails, strict=True):
            await store.run(applying.apply, item, mail, post.desk)
    assert [event["kind"] for event in post.events(delivery)].count("complained") == 1


async def test_cut_off_before_the_commit_it_is_read_again(
    post: Post, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after everything was written and before it was durable: the mail still waits, and counts once."""
    (delivery,) = post.sent(ANN)
    await hand_in(store, kept(post, post.path(delivery), dsn((ANN, *FULL))))

    class Killed(BaseException):
        pass

    (item,) = await store.ask(returned.waiting, limit=10)
    mail = applying.reading.read(item.raw, item.peer)
    with pytest.raises(Killed), post.engine.writing() as connection:
        applying.apply(connection, item, mail, post.desk)
        raise Killed
    assert post.facts(delivery) == {Fact.DELIVERED}
    await read_all(store, post)
    assert [event["kind"] for event in post.events(delivery)].count("bounced") == 1


async def test_a_fault_of_ours_keeps_the_mail_for_a_person(
    post: Post, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After three tries it is shown, with the fault; others in the batch are not held up."""
    bad, good = post.sent(ANN)[0], post.sent("bob@example.net")[0]
    real = applying.reading.step_for

    def faulty(subject: object, *args: object, **kwargs: object) -> object:
        if subject.recipient == ANN:  # type: ignore[attr-defined]
            raise RuntimeError("a bug")
        return real(subject, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(applying.reading, "step_for", faulty)
    await hand_in(store, kept(post, post.path(bad), arf()), kept(post, post.path(good), arf()))
    await read_all(store, post)
    assert Fact.COMPLAINED in post.facts(good)
    assert post.facts(bad) == {Fact.DELIVERED}
    (row,) = await store.ask(returned.unread, ACCOUNT, limit=10)
    assert "a bug" in row["why"]


async def test_what_nobody_reads_goes_in_time(post: Post, store: Store) -> None:
    """Kept for a while, then thrown away."""
    post.comes(post.path(post.sent(ANN)[0]), b"Subject: Hello\n\nHello\n")
    assert await store.run(returned.prune, before=post.clock()) == 0
    assert await store.run(returned.prune, before=post.clock() + 1) == 1
    assert await store.ask(returned.unread, ACCOUNT, limit=10) == []


def test_a_token_names_one_purpose() -> None:
    """A return path for bounces is no address for complaints."""
    assert verp.make(b"s", 1, 1, purpose="b")[1:] != verp.make(b"s", 1, 1, purpose="f")[1:]
