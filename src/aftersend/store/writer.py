"""Own the one way into the database: group commit.

Whoever wants to write hands a function over and waits. Everything that was handed over while the last commit waited for
the disk goes into the next transaction, and one sync makes all of it durable. So there is no timer, a lone request waits
for nobody, and groups grow by themselves with the load. No future is resolved before its transaction is durable.

Two forms: `join` collects items for one function that takes a whole list (the hot path), `run` takes any function. If a
transaction fails, it is undone and its members are tried one by one, so that one bad member harms no other.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection

from aftersend.errors import TryLater
from aftersend.store import engine as engines
from aftersend.store.engine import Engine
from aftersend.store.hand import Hand

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
Batch = Callable[[Connection, Sequence[Any]], Sequence[Any]]

SHORT_ITEMS = 8
SHORT_S = 0.001
"""Commits of so few items that take less than this, on average, are made on the event loop's thread."""
PATIENCE_S = 0.008
MANY = 200
"""How long work that nobody waits for may wait for company, and how much of it does not wait."""
LIMIT = 2000
"""The most items of one function in one transaction, so that a commit never grows without bound."""


@dataclass(slots=True)
class _Call:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    future: asyncio.Future[Any]
    result: Any = None


@dataclass(slots=True)
class _Group:
    """What goes into one transaction."""

    batches: dict[Batch, tuple[list[Any], list[asyncio.Future[Any]]]] = field(default_factory=dict)
    calls: list[_Call] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.batches or self.calls)

    def resolve(self, outcome: list[Sequence[Any]]) -> None:
        """Hand every waiter its result."""
        for (_, futures), results in zip(self.batches.values(), outcome, strict=True):
            for future, result in zip(futures, results, strict=True):
                if future.done():
                    continue
                if isinstance(result, BaseException):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        for call in self.calls:
            if not call.future.done():
                call.future.set_result(call.result)

    def fail(self, error: BaseException) -> None:
        """Tell every waiter that nothing was kept, and why."""
        futures = [call.future for call in self.calls]
        for _, waiting in self.batches.values():
            futures += waiting
        for future in futures:
            if not future.done():
                future.set_exception(error)


_Settled = tuple[_Group, list[Sequence[Any]], BaseException | None, set[str]]


class Store:
    """The database as the loops see it. Made and used on one event loop; functions given to it are synchronous."""

    def __init__(self, engine: Engine, *, node: int = 0, readers: int = 4) -> None:
        self.engine = engine
        self.node = node
        self._waiting = _Group()
        self._loop = asyncio.get_running_loop()
        self._busy = False
        self._scheduled = False
        self._closed = False
        self._patient = _Group()
        self._commit_s = SHORT_S
        self._patience: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._connection: Connection | None = None
        self._thread = Hand("store-writer")
        self._readers = ThreadPoolExecutor(readers, "store-reader")
        self._bells: dict[str, list[asyncio.Event]] = {}
        self.commits = 0
        self._seen = 0
        engine.listen(self._heard)

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more work."""
        return self._closed

    # ---- asking for work -------------------------------------------------------------------------------------------

    def join(self, function: Batch, item: Any, *, hurry: bool = True) -> asyncio.Future[Any]:
        """Hand one item to `function(connection, items) -> results`; the future gets this item's result once durable.

        A result that is an exception is raised from the future, so one item may be refused without undoing the others.
        What need not `hurry`, since nobody waits for it on a connection, is gathered for `PATIENCE_S` or until it is
        many, so that fewer and larger groups are written.
        """
        future: asyncio.Future[Any] = self._loop.create_future()
        if self._closed:
            future.set_exception(TryLater("The service is stopping; nothing was kept."))
            return future
        group = self._waiting if hurry else self._patient
        items, futures = group.batches.setdefault(function, ([], []))
        items.append(item)
        futures.append(future)
        if hurry:
            self._soon()
        elif len(items) >= MANY:
            self._lose_patience()
        elif self._patience is None:
            self._patience = self._loop.call_later(PATIENCE_S, self._lose_patience)
        return future

    def leave(self, function: Batch, item: Any, *, hurry: bool = True) -> None:
        """As `join`, for what nobody waits for: when it cannot be kept, it is lost without a word."""
        self.join(function, item, hurry=hurry).add_done_callback(_passed_over)

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run `function(connection, …)` in the next transaction and return what it returned, once durable."""
        if self._closed:
            raise TryLater("The service is stopping; nothing was kept.")
        call = _Call(function, args, kwargs, self._loop.create_future())
        self._waiting.calls.append(call)
        self._soon()
        result: T = await call.future
        return result

    async def ask(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run `function(connection, …)` that only reads, on a connection of its own, beside whatever is being written."""
        if self._closed:
            raise TryLater("The service is stopping.")
        return await self._loop.run_in_executor(self._readers, self._read, function, args, kwargs)

    def _read(self, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        try:
            with self.engine.reading() as connection:
                return function(connection, *args, **kwargs)
        except Exception as error:
            translated = engines.translate(error)
            if translated is error:
                raise
            raise translated from error

    # ---- bells -----------------------------------------------------------------------------------------------------

    def bell(self, name: str) -> asyncio.Event:
        """Return an event that is set whenever `name` is rung, here or on another node; the waiter clears it."""
        rung = asyncio.Event()
        self._bells.setdefault(name, []).append(rung)
        return rung

    def unhook(self, name: str, bell: asyncio.Event) -> None:
        """Forget a bell that nobody waits for any more."""
        with contextlib.suppress(ValueError):
            self._bells.get(name, []).remove(bell)

    def ring(self, name: str) -> None:
        """Wake whoever waits for `name` in this process."""
        for rung in self._bells.get(name, ()):
            rung.set()

    def look_around(self) -> None:
        """Ring all bells if another process has written; for SQLite, whose processes cannot ring for each other."""
        if self._busy or self._connection is None:
            return
        seen = engines.data_version(self._connection)
        if seen != self._seen:
            self._seen = seen
            for name in self._bells:
                self.ring(name)

    def _heard(self, name: str) -> None:
        self._loop.call_soon_threadsafe(self.ring, name)

    # ---- the transaction -------------------------------------------------------------------------------------------

    def _lose_patience(self) -> None:
        """Let what was gathered go into the next transaction."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        gathered, self._patient = self._patient, _Group()
        for function, (items, futures) in gathered.batches.items():
            there = self._waiting.batches.setdefault(function, ([], []))
            there[0].extend(items)
            there[1].extend(futures)
        if self._waiting:
            self._soon()

    def _soon(self) -> None:
        if not self._busy and not self._scheduled:
            self._scheduled = True
            self._idle.clear()
            self._loop.call_soon(self._start)

    def _take(self) -> _Group:
        group, self._waiting = self._waiting, _Group()
        for function, (items, futures) in group.batches.items():
            if len(items) > LIMIT:
                self._waiting.batches[function] = (items[LIMIT:], futures[LIMIT:])
                group.batches[function] = (items[:LIMIT], futures[:LIMIT])
        return group

    def _start(self) -> None:
        self._scheduled = False
        group = self._take()
        if not group:
            self._idle.set()
            return
        self._busy = True
        outcome: list[Sequence[Any]] | None = None
        if self.engine.runs_on_loop and group.batches:
            try:
                connection = self._writing()
                if engines.begin(connection, wait=False):
                    done = [function(connection, items) for function, (items, _) in group.batches.items()]
                    engines.complete(connection)
                    outcome = done
            except Exception:
                self._undo()
        if outcome is not None and self._is_short(group):
            self._settle(self._attempt(group, outcome))
        else:
            self._thread.give(partial(self._finish, group, outcome))

    def _is_short(self, group: _Group) -> bool:
        """Whether to commit right here: two hand-overs between threads take longer than a quick disk's sync, and with so
        little to do nobody else waits. On a slow disk, or under load, the commit goes to its thread."""
        few = sum(len(items) for items, _ in group.batches.values()) <= SHORT_ITEMS
        return few and not group.calls and self._commit_s < SHORT_S

    def _writing(self) -> Connection:
        if self._connection is None:
            self._connection = self.engine.connect()
            self._connection.info["node"] = self.node
            engines.never_wait(self._connection)
        return self._connection

    def _undo(self) -> None:
        if self._connection is None:
            return
        try:
            engines.rollback(self._connection)
        except Exception:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def _finish(self, group: _Group, outcome: list[Sequence[Any]] | None) -> None:
        """On the writer's thread: do what has not been done, commit, and hand the results back."""
        settled = self._attempt(group, outcome)
        self._loop.call_soon_threadsafe(self._settle, settled)

    def _attempt(self, group: _Group, outcome: list[Sequence[Any]] | None) -> list[_Settled]:
        try:
            connection = self._writing()
            if outcome is None:
                engines.begin(connection)
                outcome = [function(connection, items) for function, (items, _) in group.batches.items()]
            for call in group.calls:
                call.result = call.function(connection, *call.args, **call.kwargs)
            rung = engines.rung(connection)
            engines.ring_elsewhere(connection, rung)
            before = time.perf_counter()
            engines.commit(connection)
            self._commit_s += (time.perf_counter() - before - self._commit_s) / 8
            return [(group, outcome, None, rung)]
        except Exception as error:
            self._undo()
            return self._one_by_one(group, error)

    def _one_by_one(self, group: _Group, error: Exception) -> list[_Settled]:
        """Try each member of a failed transaction alone, unless the engine itself is what failed."""
        translated = engines.translate(error)
        members = len(group.calls) + sum(len(items) for items, _ in group.batches.values())
        if members == 1 or translated is not error:
            return [(group, [], translated, set())]
        return [settled for part in _parts(group) for settled in self._attempt(part, None)]

    def _settle(self, settled: list[_Settled]) -> None:
        self.commits += 1
        self._busy = False
        for group, outcome, error, rung in settled:
            if error is not None:
                group.fail(error)
            else:
                group.resolve(outcome)
                for name in rung:
                    self.ring(name)
        self._next()

    def _next(self) -> None:
        if self._waiting:
            self._soon()
        else:
            self._idle.set()

    async def close(self) -> None:
        """Finish what was handed over, then close."""
        while self._busy or self._scheduled or self._waiting or self._patient:
            self._lose_patience()
            self._idle.clear()
            await self._idle.wait()
        self._closed = True
        self._thread.rest()
        self._readers.shutdown()
        if self._connection is not None:
            self._connection.close()
        self.engine.close()


def _parts(group: _Group) -> list[_Group]:
    """Split a group: each function's items on their own first, and item by item where there is only one function."""
    if group.calls or len(group.batches) > 1:
        parts = [_Group(batches={function: pair}) for function, pair in group.batches.items()]
        return parts + [_Group(calls=[call]) for call in group.calls]
    ((function, (items, futures)),) = group.batches.items()
    return [_Group(batches={function: ([item], [future])}) for item, future in zip(items, futures, strict=True)]


def _passed_over(done: asyncio.Future[Any]) -> None:
    """Look at a failure, so that asyncio does not complain that nobody did."""
    if not done.cancelled():
        done.exception()
