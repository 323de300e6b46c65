"""Let a second process of this machine work on the store through the process that owns it.

One process writes: what the other hands over goes into the same transactions, so neither waits for the other's lock and one
sync stands behind both. Frames are a length of four bytes and a pickle, over a pair of sockets that only these two hold; each
frame carries all that was said in one turn of the event loop. What is handed over are functions of this room, by name, and
their arguments.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, cast

from aftersend.errors import AftersendError, TryLater
from aftersend.store.writer import PATIENCE_S, Batch, Store

T = TypeVar("T")
_LENGTH = struct.Struct("!I")
JOIN, RUN, ASK, LISTEN, TOLD = range(5)
"""What the other process says: an item for a batch, a call that writes, one that reads, a bell it waits for, news."""
RINGS_APART_S = 0.004
"""A bell that rings again so soon is heard once: whoever it wakes finds all that there is."""
RING, BROUGHT = -1, -2
"""Stand in the place of a number where the owner says that a bell rang, or hands over what nobody asked for."""


class Wire(asyncio.Protocol):
    """One end of the pair of sockets: whole frames in, everything said in one turn out as one frame."""

    def __init__(self, heard: Callable[[list[Any]], None], lost: Callable[[], None]) -> None:
        self._heard = heard
        self._lost = lost
        self._parts: list[bytes] = []
        self._size = 0
        self._said: list[Any] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Put frames together."""
        self._parts.append(data)
        self._size += len(data)
        if self._size < _LENGTH.size:
            return
        if len(self._parts[0]) < _LENGTH.size:
            self._parts = [b"".join(self._parts)]
        if self._size < _LENGTH.size + _LENGTH.unpack_from(self._parts[0])[0]:
            return
        held = memoryview(b"".join(self._parts))
        while len(held) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(held)[0]
            if len(held) < end:
                break
            self._heard(
                pickle.loads(held[_LENGTH.size : end])
            )  # from our own process, by a socket that nobody else holds
            held = held[end:]
        self._parts = [bytes(held)] if held else []
        self._size = len(held)

    def connection_lost(self, error: Exception | None) -> None:
        """The other process is gone."""
        self._transport = None
        self._lost()

    def say(self, item: Any) -> None:
        """Say something in this turn of the loop."""
        if not self._said:
            self._loop.call_soon(self._flush)
        self._said.append(item)

    def _flush(self) -> None:
        said, self._said = self._said, []
        if self._transport is None:
            return
        frame = pickle.dumps(said, protocol=5)
        self._transport.write(_LENGTH.pack(len(frame)) + frame)

    def close(self) -> None:
        """Say what is left, and end."""
        if self._said:
            self._flush()
        if self._transport is not None:
            self._transport.close()


class RemoteStore(Store):
    """The store as the second process sees it. Everything of `Store` that a loop needs; the engine is with the owner."""

    def __init__(self, lost: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._bells: dict[str, list[asyncio.Event]] = {}
        self._numbers = 0
        self._open: dict[int, asyncio.Future[Any]] = {}
        self._gathered: list[tuple[Any, ...]] = []
        self._patience: asyncio.TimerHandle | None = None
        self._when_lost = lost
        self.brought: Callable[[Any], None] | None = None
        """Gets what the owner hands over unasked."""
        self._wire = Wire(self._answered, self._owner_lost)

    @classmethod
    async def connect(cls, pair: socket.socket, lost: Callable[[], None]) -> RemoteStore:
        """Work through this socket; `lost` is called when the owner is gone."""
        store = cls(lost)
        await asyncio.get_running_loop().create_connection(lambda: store._wire, sock=pair)
        return store

    def join(self, function: Batch, item: Any, *, hurry: bool = True) -> asyncio.Future[Any]:
        """As `Store.join`: the future is resolved once the owner's transaction is durable."""
        number, future = self._ask_for()
        if future.done():
            return future
        if hurry:
            self._wire.say((JOIN, number, function, item))
        else:
            self._gathered.append((JOIN, number, function, item))
            if self._patience is None:
                self._patience = self._loop.call_later(PATIENCE_S, self._lose_patience)
        return future

    def _lose_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        gathered, self._gathered = self._gathered, []
        for said in gathered:
            self._wire.say(said)

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """As `Store.run`."""
        number, future = self._ask_for()
        if not future.done():
            self._wire.say((RUN, number, function, args, kwargs))
        return cast(T, await future)

    async def ask(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """As `Store.ask`."""
        number, future = self._ask_for()
        if not future.done():
            self._wire.say((ASK, number, function, args, kwargs))
        return cast(T, await future)

    def bell(self, name: str) -> asyncio.Event:
        """As `Store.bell`."""
        if name not in self._bells:
            self._wire.say((LISTEN, name))
        return super().bell(name)

    def tell(self, name: str, value: Any) -> None:
        """Give the owner news that do not go into the database."""
        self._wire.say((TOLD, name, value))

    def look_around(self) -> None:
        """Nothing to do: the owner rings for us."""

    def _ask_for(self) -> tuple[int, asyncio.Future[Any]]:
        self._numbers += 1
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closed:
            future.set_exception(TryLater("The service is stopping; nothing was kept."))
        else:
            self._open[self._numbers] = future
        return self._numbers, future

    def _answered(self, frame: list[Any]) -> None:
        for number, *rest in frame:
            if number == RING:
                self.ring(rest[0])
                continue
            if number == BROUGHT:
                if self.brought is not None:
                    self.brought(rest[0])
                continue
            future = self._open.pop(number)
            is_error, value = rest
            if future.done():
                continue
            if is_error:
                future.set_exception(value)
            else:
                future.set_result(value)

    def _owner_lost(self) -> None:
        was_closed, self._closed = self._closed, True
        for future in self._open.values():
            if not future.done():
                future.set_exception(TryLater("The process that owns the store is gone; nothing was kept."))
        self._open.clear()
        if not was_closed:
            self._when_lost()

    async def close(self) -> None:
        """Wait for what was handed over, then close."""
        self._lose_patience()
        if self._open:
            await asyncio.wait(list(self._open.values()))
        self._closed = True
        self._wire.close()


class Owner:
    """The owner's side: does what the second process asks for, and rings for it."""

    def __init__(self, store: Store, told: Callable[[str, Any], None]) -> None:
        self._store = store
        self._told = told
        self._tasks: set[asyncio.Task[Any]] = set()
        self._bells: list[tuple[str, asyncio.Event]] = []
        self._wire = Wire(self._heard, self._lost)

    @classmethod
    async def connect(cls, pair: socket.socket, store: Store, told: Callable[[str, Any], None]) -> Owner:
        """Serve the process at the other end; `told` hears its news."""
        owner = cls(store, told)
        await asyncio.get_running_loop().create_connection(lambda: owner._wire, sock=pair)
        return owner

    def _heard(self, frame: list[Any]) -> None:
        for said in frame:
            kind = said[0]
            if kind == JOIN:
                _, number, function, item = said
                self._store.join(function, item).add_done_callback(partial(self._answer, number))
            elif kind in (RUN, ASK):
                _, number, function, args, kwargs = said
                work = (self._store.run if kind == RUN else self._store.ask)(function, *args, **kwargs)
                self._spawn(work).add_done_callback(partial(self._answer, number))
            elif kind == LISTEN:
                self._spawn(self._listen(said[1]))
            else:
                self._told(said[1], said[2])

    def _answer(self, number: int, done: asyncio.Future[Any]) -> None:
        if done.cancelled():
            self._wire.say((number, True, TryLater("The service is stopping; nothing was kept.")))
            return
        error = done.exception()
        self._wire.say((number, False, done.result()) if error is None else (number, True, _portable(error)))

    async def _listen(self, name: str) -> None:
        bell = self._store.bell(name)
        self._bells.append((name, bell))
        while True:
            await bell.wait()
            bell.clear()
            self._wire.say((RING, name))
            await asyncio.sleep(RINGS_APART_S)

    def bring(self, item: Any) -> None:
        """Hand something over to the other process; lost if that is gone."""
        self._wire.say((BROUGHT, item))

    def close(self) -> None:
        """Serve no more."""
        self._wire.close()

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return cast("asyncio.Task[Any]", task)

    def _lost(self) -> None:
        for name, bell in self._bells:
            self._store.unhook(name, bell)
        for task in self._tasks:
            task.cancel()


def _portable(error: BaseException) -> BaseException:
    """The error, or one that says the same where it cannot go over the wire."""
    try:
        again = pickle.loads(pickle.dumps(error, protocol=5))
    except Exception:
        again = None
    if type(again) is type(error):
        return error
    return AftersendError(str(error)) if isinstance(error, AftersendError) else RuntimeError(repr(error))
