"""The store as a second process sees it: the same answers, the same errors, the same bells, and no hope when its owner is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st
from sqlalchemy import Connection

from aftersend.errors import BadField, OutOfSpace, TryLater
from aftersend.store import Store, meta
from aftersend.store.engine import ring
from aftersend.store.remote import Owner, RemoteStore, Wire

Play = Callable[[RemoteStore, "Scene"], Coroutine[Any, Any, None]]


def kept(connection: Connection, items: Sequence[tuple[str, str]]) -> list[Any]:
    """Keep pairs; those with an empty value are refused, each by itself."""
    for name, value in items:
        if value:
            meta.put(connection, name, value)
    return [name if value else BadField(f"#/{name}", "is empty") for name, value in items]


def fetched(connection: Connection, name: str) -> str | None:
    """What was kept."""
    return meta.get(connection, name)


def refusing(connection: Connection) -> None:
    """Cannot now."""
    raise OutOfSpace("The disk is full; nothing was kept.")


class _Odd(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def odd(connection: Connection) -> None:
    """Raises what no pickle brings back."""
    raise _Odd(1, 2)


def rings(connection: Connection, name: str) -> None:
    """Ring a bell with the transaction."""
    ring(connection, name)


class Scene:
    """What happens at the owner's side."""

    def __init__(self) -> None:
        self.owner: Owner | None = None
        self.told: list[tuple[str, Any]] = []
        self.lost = 0

    def owner_is_gone(self) -> None:
        """Count that the owner is gone."""
        self.lost += 1


def play(store: Store, runner: asyncio.Runner, what: Play) -> Scene:
    """Let a second process's store work on this one, both ends in this process."""
    scene = Scene()

    async def both() -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        scene.owner = await Owner.connect(ours, store, lambda name, value: scene.told.append((name, value)))
        remote = await RemoteStore.connect(theirs, scene.owner_is_gone)
        await asyncio.wait_for(what(remote, scene), 20)
        await remote.close()
        await asyncio.sleep(0.01)

    runner.run(both())
    return scene


def test_what_is_handed_over_is_kept(store: Store, runner: asyncio.Runner) -> None:
    """Items, calls and questions give what they give in the owner's process; one that is refused harms no other."""

    async def what(remote: RemoteStore, scene: Scene) -> None:
        results = await asyncio.gather(
            remote.join(kept, ("a", "1")),
            remote.join(kept, ("b", "")),
            remote.join(kept, ("ü", "ж\0 \U0001f4e8"[:1]), hurry=False),
            return_exceptions=True,
        )
        assert results[0] == "a"
        assert isinstance(results[1], BadField)
        assert results[1].pointer == "#/b"
        assert results[2] == "ü"
        assert await remote.ask(fetched, "a") == "1"
        assert await remote.ask(fetched, "b") is None
        assert await remote.run(fetched, name="ü") == "ж"

    play(store, runner, what)


def test_errors_come_as_they_are(store: Store, runner: asyncio.Runner) -> None:
    """A caller tells errors apart by their class; what cannot travel still says what it was."""

    async def what(remote: RemoteStore, scene: Scene) -> None:
        with pytest.raises(OutOfSpace, match="disk is full"):
            await remote.run(refusing)
        with pytest.raises(RuntimeError, match="1 and 2"):
            await remote.run(odd)

    play(store, runner, what)


def test_bells_and_news(store: Store, runner: asyncio.Runner) -> None:
    """What the owner's transactions ring is heard beside it; news go the other way."""

    async def what(remote: RemoteStore, scene: Scene) -> None:
        bell, other = remote.bell("delivery"), remote.bell("other")
        await asyncio.sleep(0.05)
        await store.run(rings, "delivery")
        await asyncio.wait_for(bell.wait(), 5)
        bell.clear()
        await remote.run(rings, "delivery")
        await asyncio.wait_for(bell.wait(), 5)
        assert not other.is_set()
        remote.tell("meter", {"sent": 3})

    assert play(store, runner, what).told == [("meter", {"sent": 3})]


def test_an_owner_that_is_gone_is_noticed(store: Store, runner: asyncio.Runner) -> None:
    """Whoever waits hears at once that nothing was kept, and nothing more is taken."""

    async def what(remote: RemoteStore, scene: Scene) -> None:
        assert scene.owner is not None
        waiting = remote.join(kept, ("late", "1"), hurry=False)
        scene.owner.close()
        with pytest.raises(TryLater, match="gone"):
            await waiting
        with pytest.raises(TryLater):
            await remote.run(fetched, "late")
        assert remote.is_closed

    assert play(store, runner, what).lost == 1


def test_a_good_end_alarms_nobody(store: Store, runner: asyncio.Runner) -> None:
    """Closing waits for what was handed over, and is no loss."""

    async def what(remote: RemoteStore, scene: Scene) -> None:
        last = remote.join(kept, ("last", "1"), hurry=False)
        await remote.close()
        assert last.result() == "last"

    assert play(store, runner, what).lost == 0


@hypothesis_given(
    said=st.lists(st.lists(st.one_of(st.integers(), st.binary(max_size=300), st.text(max_size=20)), min_size=1), max_size=8),
    cuts=st.lists(st.integers(1, 70), min_size=1, max_size=40),
)  # fmt: skip
def test_frames_are_whole_however_they_come(said: list[list[Any]], cuts: list[int]) -> None:
    """What one end says in one turn the other hears in one piece and in order, wherever the stream is cut."""

    async def both() -> None:
        heard: list[Any] = []
        written: list[bytes] = []

        class Line(asyncio.Transport):
            def write(self, data: Any) -> None:
                written.append(bytes(data))

        mouth, ear = Wire(lambda frame: None, lambda: None), Wire(heard.append, lambda: None)
        mouth.connection_made(Line())
        for turn in said:
            for item in turn:
                mouth.say(item)
            await asyncio.sleep(0)
        stream = b"".join(written)
        at = 0
        while at < len(stream):
            size = cuts[at % len(cuts)]
            ear.data_received(stream[at : at + size])
            at += size
        assert heard == said

    asyncio.run(both())
