"""Group commit: one transaction for many, results only once durable, and one bad member harms no other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Connection, text

from aftersend.errors import Conflict, OutOfSpace, TryLater
from aftersend.store import Engine, Store, meta
from aftersend.store import engine as engines
from given import NODE


def keep(connection: Connection, items: Sequence[str]) -> list[int]:
    """Keep texts under their own names; return how many were kept before each."""
    before = connection.execute(text("SELECT count(*) FROM meta")).scalar_one()
    for item in items:
        if item == "bad":
            raise ValueError("a bad item")
        meta.put(connection, item, item)
    return [int(before) + i for i in range(len(items))]


def keep_or_say(connection: Connection, items: Sequence[str]) -> list[Any]:
    """Keep what is good, refuse what is bad one by one."""
    said: list[Any] = []
    for item in items:
        if item == "bad":
            said.append(Conflict("not this one"))
        else:
            meta.put(connection, item, item)
            said.append(item)
    return said


def kept(engine: Engine) -> set[str]:
    """What another connection sees, which is what is durable."""
    with engine.reading() as connection:
        return set(connection.execute(text("SELECT name FROM meta")).scalars())


async def test_what_is_handed_over_together_is_one_transaction(store: Store, engine: Engine) -> None:
    """A burst costs one commit, not one each."""
    await asyncio.gather(*(store.join(keep, f"item {i}") for i in range(50)))
    assert store.commits == 1
    assert kept(engine) == {f"item {i}" for i in range(50)}


async def test_groups_form_while_a_commit_is_under_way(store: Store) -> None:
    """While one transaction waits for the disk, what comes gathers for the next one; there is no timer."""

    async def client(number: int) -> None:
        for i in range(5):
            await store.join(keep, f"{number}/{i}")

    await asyncio.gather(*(client(n) for n in range(20)))
    assert 5 <= store.commits < 100


async def test_a_result_comes_only_when_it_is_durable(store: Store, engine: Engine) -> None:
    """Whoever has a result can lose power: at the moment that a future is done, another connection sees the rows."""
    seen: list[bool] = []

    def look(name: str, done: asyncio.Future[Any]) -> None:
        seen.append(name in kept(engine))

    waiting = []
    for i in range(20):
        future = store.join(keep, f"joined {i}")
        future.add_done_callback(lambda done, name=f"joined {i}": look(name, done))
        waiting.append(future)
    call = asyncio.ensure_future(store.run(meta.put, "called", "x"))
    call.add_done_callback(lambda done: look("called", done))
    await asyncio.gather(*waiting, call)
    assert seen == [True] * 21


async def test_nothing_is_seen_before_the_commit(store: Store, engine: Engine) -> None:
    """While a transaction is under way, no other connection sees a part of it."""
    inside, go_on = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        meta.put(connection, "half", "done")
        inside.set()
        go_on.wait(10)

    future = asyncio.ensure_future(store.run(slow))
    await asyncio.to_thread(inside.wait, 10)
    assert "half" not in kept(engine)
    assert not future.done()
    go_on.set()
    await future
    assert "half" in kept(engine)


async def test_one_bad_item_harms_no_other(store: Store, engine: Engine) -> None:
    """Who is the fault gets the error; everybody else of the same transaction gets their result, once."""
    names = ["a", "b", "bad", "c"]
    first, second, bad, last = await asyncio.gather(*(store.join(keep, n) for n in names), return_exceptions=True)
    assert isinstance(bad, ValueError)
    assert not any(isinstance(done, BaseException) for done in (first, second, last))
    assert kept(engine) == {"a", "b", "c"}


async def test_one_bad_call_harms_no_item(store: Store, engine: Engine) -> None:
    """The same holds between the two forms of asking, and for an error that a caller can mend."""

    def refuse(connection: Connection) -> None:
        meta.put(connection, "never", "kept")
        raise TryLater("not now")

    done = await asyncio.gather(
        store.join(keep, "a"), store.run(refuse), store.run(meta.put, "b", "b"), return_exceptions=True
    )
    assert isinstance(done[1], TryLater)
    assert not isinstance(done[0], BaseException)
    assert not isinstance(done[2], BaseException)
    assert kept(engine) == {"a", "b"}


async def test_an_item_may_be_refused_without_undoing_the_others(store: Store, engine: Engine) -> None:
    """A result that is an exception is raised to its own item, and costs no second transaction."""
    done = await asyncio.gather(*(store.join(keep_or_say, n) for n in ("a", "bad", "b")), return_exceptions=True)
    assert [type(d) for d in done] == [str, Conflict, str]
    assert kept(engine) == {"a", "b"}
    assert store.commits == 1


async def test_items_keep_their_order(store: Store) -> None:
    """Items of one function are done in the order in which they were handed over."""
    seen: list[int] = []

    def note(connection: Connection, items: Sequence[int]) -> list[int]:
        seen.extend(items)
        return list(items)

    results = await asyncio.gather(*(store.join(note, i) for i in range(5000)))
    assert results == list(range(5000))
    assert seen == list(range(5000))


async def test_a_group_is_bounded(store: Store) -> None:
    """However much waits, no transaction takes more than a bounded number of items of one function."""
    sizes: list[int] = []

    def note(connection: Connection, items: Sequence[int]) -> list[None]:
        sizes.append(len(items))
        return [None] * len(items)

    await asyncio.gather(*(store.join(note, i) for i in range(4500)))
    assert sizes == [2000, 2000, 500]


async def test_what_need_not_hurry_is_gathered(store: Store, engine: Engine) -> None:
    """Work that nobody waits for does not swell the transactions that somebody waits for; it is written together."""
    lazy = [store.join(keep, f"lazy {i}", hurry=False) for i in range(20)]
    await store.join(keep, "hurried")
    assert kept(engine) == {"hurried"}
    await asyncio.gather(*lazy)
    assert store.commits == 2
    assert len(kept(engine)) == 21


async def test_much_that_need_not_hurry_does_not_wait(store: Store) -> None:
    """Two hundred are enough for a transaction of their own."""
    sizes: list[int] = []

    def note(connection: Connection, items: Sequence[int]) -> list[None]:
        sizes.append(len(items))
        return [None] * len(items)

    await asyncio.gather(*(store.join(note, i, hurry=False) for i in range(200)))
    assert sizes == [200]


async def test_what_need_not_hurry_is_done_all_the_same(store: Store, engine: Engine) -> None:
    """With nobody to ride along with, it is done after a little while."""
    async with asyncio.timeout(10):
        await store.join(keep, "lazy", hurry=False)
        await asyncio.gather(*(store.join(keep, f"lazy {i}", hurry=False) for i in range(10)))
    assert len(kept(engine)) == 11


async def test_closing_finishes_what_was_handed_over(store: Store, engine: Engine) -> None:
    """What was handed over before the end is kept; what comes later is told to try later, in all three forms."""
    waiting = [store.join(keep, f"hurried {i}") for i in range(5)]
    waiting += [store.join(keep, f"lazy {i}", hurry=False) for i in range(5)]
    call = asyncio.ensure_future(store.run(meta.put, "call", "x"))
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await store.close()
    assert all(future.done() for future in waiting)
    await call
    assert store.is_closed
    assert len(kept(engine)) == 11
    with pytest.raises(TryLater):
        await store.join(keep, "late")
    with pytest.raises(TryLater):
        await store.run(meta.put, "late", "x")
    with pytest.raises(TryLater):
        await store.ask(meta.get, "late")


async def test_who_stops_waiting_harms_nobody(store: Store, engine: Engine) -> None:
    """A client that went away does not undo its transaction, nor stop the writer."""
    gone = store.join(keep, "gone")
    other = store.join(keep, "other")
    gone.cancel()
    await other
    assert kept(engine) == {"gone", "other"}


async def test_a_group_that_the_disk_refuses_is_told_so(store: Store, engine: Engine) -> None:
    """When the engine itself fails, nobody is tried alone: all hear that nothing was kept, and why."""
    calls = 0

    def no_room(connection: Connection, items: Sequence[str]) -> list[None]:
        nonlocal calls
        calls += 1
        raise engines.sqlite.OperationalError("database or disk is full")

    done = await asyncio.gather(*(store.join(no_room, str(i)) for i in range(10)), return_exceptions=True)
    assert [type(d) for d in done] == [OutOfSpace] * 10
    assert calls <= 2
    assert await store.join(keep, "afterwards") == 0


async def test_a_question_that_the_engine_fails_is_told_to_try_later(store: Store) -> None:
    """A loop that asks never sees a driver's own error for a database that is away for a moment."""

    def locked(connection: Connection) -> None:
        raise engines.sqlite.OperationalError("database is locked")

    with pytest.raises(TryLater):
        await store.ask(locked)
    with pytest.raises(ZeroDivisionError):
        await store.ask(lambda connection: 1 / 0)


async def test_a_lone_short_item_on_sqlite_is_committed_at_once(store: Store, engine: Engine) -> None:
    """A lone request waits for nobody: on SQLite with a quick disk it is durable without a hand-over to a thread."""
    threads: set[str] = set()

    def note(connection: Connection, items: Sequence[str]) -> list[Any]:
        threads.add(threading.current_thread().name)
        return keep(connection, items)

    for i in range(5):
        await store.join(note, f"lone {i}")
    assert len(kept(engine)) == 5
    if engine.runs_on_loop:
        assert threads == {threading.main_thread().name}


async def test_a_busy_database_is_waited_for(store: Store, engine: Engine) -> None:
    """When another process writes, the loop goes on, and the work is done when the other has finished."""
    holding, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with engine.writing() as connection:
            meta.put(connection, "other process", "x")
            holding.set()
            let_go.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    await asyncio.to_thread(holding.wait, 10)
    future = store.join(keep, "mine")
    turns = 0
    while turns < 20:
        await asyncio.sleep(0.001)
        turns += 1
    let_go.set()
    async with asyncio.timeout(15):
        await future
    thread.join()
    assert kept(engine) == {"mine", "other process"}


async def test_bells_ring_after_the_commit_only(store: Store, engine: Engine) -> None:
    """A loop is woken when there is something to see, and not by what was undone."""
    bell = store.bell("delivery")

    def ring(connection: Connection, *, fail: bool) -> None:
        engines.ring(connection, "delivery")
        assert not bell.is_set()
        if fail:
            raise ValueError("undone")

    with pytest.raises(ValueError):
        await store.run(ring, fail=True)
    assert not bell.is_set()
    await store.run(ring, fail=False)
    assert bell.is_set()


@pytest.mark.postgres
async def test_bells_ring_on_other_nodes(store: Store, engine: Engine) -> None:
    """On PostgreSQL the loops of another node wake as well."""
    if engine.is_sqlite:
        pytest.skip("SQLite has no bell between processes")
    other_engine = Engine(engine.url)
    other = Store(other_engine, node=NODE + 1)
    bell = other.bell("delivery")
    try:
        async with asyncio.timeout(20):
            while not bell.is_set():
                await store.run(lambda connection: engines.ring(connection, "delivery"))
                await asyncio.sleep(0.05)
    finally:
        await other.close()


async def test_what_is_done_before_the_commit_is_part_of_it(store: Store, engine: Engine) -> None:
    """`before_commit` acts once for a transaction, and not at all for one that is undone."""
    acted: list[str] = []

    def act(connection: Connection) -> None:
        acted.append("acted")
        meta.put(connection, "acted", str(len(acted)))

    def ask(connection: Connection, *, fail: bool = False) -> None:
        engines.before_commit(connection, "once", act)
        engines.before_commit(connection, "once", act)
        if fail:
            raise ValueError("undone")

    with pytest.raises(ValueError):
        await store.run(ask, fail=True)
    assert acted == []
    await store.run(ask)
    assert acted == ["acted"]
    assert kept(engine) == {"acted"}


async def test_what_fails_before_the_commit_harms_no_other(store: Store, engine: Engine) -> None:
    """When what is left for the end of a transaction fails, its members are tried one by one."""

    def act(connection: Connection) -> None:
        raise ValueError("a bad end")

    def keep_with_ends(connection: Connection, items: Sequence[str]) -> list[int]:
        found = keep(connection, items)
        if "one" in items:
            engines.before_commit(connection, "ends", act)
        return found

    one, two = store.join(keep_with_ends, "one"), store.join(keep_with_ends, "two")
    with pytest.raises(ValueError, match="a bad end"):
        await one
    await two
    assert kept(engine) == {"two"}
