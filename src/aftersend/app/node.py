"""How a node begins and ends: the lock on its data directory, its place among the nodes, its parts."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import IO

from aftersend import clock, ids
from aftersend.app.parts import start
from aftersend.app.service import PARTS, Service
from aftersend.clock import Instant
from aftersend.config import Settings
from aftersend.control.secret import Secret, installation_secret
from aftersend.errors import SettingsError, TryLater
from aftersend.logs import Logger
from aftersend.store import Engine, Store, accounts, feed, nodes, upgrade
from aftersend.store.connection import Connection
from aftersend.store.remote import RemoteStore

log = Logger("app")


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    *,
    only: Iterable[str] = (),
    workers: int = 0,
    worker: int = 0,
    through: RemoteStore | None = None,
    stopping: asyncio.Event | None = None,
) -> AsyncIterator[Service]:
    """Start a node, hand it out when all its ports are open, stop it in good order at the end.

    With `workers`, processes beside this one deliver in its place. A worker is a node of its own that works `through` the
    store of the process that started it. `stopping`, where it is given, is the event that asks the service to stop; it may be
    set before the service stands.
    """
    parts = tuple(only) or PARTS
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SettingsError(f"--only takes {', '.join(PARTS)}; not {', '.join(sorted(unknown))}.")
    if workers:
        parts = tuple(part for part in parts if part != "delivery")
    _raise_file_limit()
    delivers = "delivery" in parts and not settings.delivery.hold
    with _lock(settings, worker) as lock:
        if through is None:
            service = await _enter(settings, place=_place(lock), delivers=delivers)
        else:
            service = await _enter_through(through, settings, worker, place=_place(lock))
        service.workers = workers
        service.stopping = stopping or service.stopping
        try:
            await start(service, parts)
            yield service
        finally:
            await _stop(service)


def _lock(settings: Settings, worker: int) -> IO[str]:
    """Hold the lock that proves no other process works as this node on this data directory, until it is closed."""
    folder = Path(settings.data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    name = f"node-{settings.node_name}{f'-{worker}' if worker else ''}.lock".replace("/", "_")
    handle = (folder / name).open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        raise SettingsError(
            f"Another Aftersend works in {folder.absolute()} under the name {settings.node_name!r}. Stop it, or give this one "
            "another `node` name (PostgreSQL) or another `data_dir`."
        ) from None
    return handle


def _place(lock: IO[str]) -> str:
    """Return the word by which this data directory is known among the nodes; it is kept in the file of the lock."""
    lock.seek(0)
    word = lock.read().strip()
    if not word:
        word = secrets.token_hex(8)
        with contextlib.suppress(OSError):  # on a full disk the place is a new one each time
            lock.write(word)
            lock.flush()
    return word


async def _enter(settings: Settings, *, place: str, delivers: bool) -> Service:
    """Open the store and take a place among the nodes.

    Who holds the lock knows a former process of this name to be dead, but only one that worked in the same place: over
    PostgreSQL, another machine may have been given the same name by mistake.
    """
    engine = Engine(settings.store_url)
    now = clock.now()
    incarnation = f"{place}.{secrets.token_hex(8)}"
    try:
        upgrade.upgrade(engine)
        with engine.writing() as connection:
            secret = installation_secret(settings, connection)
            accounts.ensure_first(connection, now=now)
            feed.align(connection)
            number, freed = _take_place(connection, settings.node_name, incarnation, now=now, delivers=delivers)
    except BaseException:
        engine.close()
        raise
    _tell_freed(freed)
    store = Store(engine, node=number)
    return Service(settings, engine, store, ids.IdSource(clock.now, number), number, incarnation, secret, clock.now)


async def _enter_through(store: RemoteStore, settings: Settings, worker: int, *, place: str) -> Service:
    """Take a worker's place among the nodes; the database is open and up to date, and the secret is where it belongs."""
    name, incarnation = f"{settings.node_name}#{worker}", f"{place}.{secrets.token_hex(8)}"
    number, freed = await store.run(_take_place, name, incarnation, now=clock.now(), delivers=True)
    secret = await store.run(_secret_of, settings)
    _tell_freed(freed)
    store.node = number
    return Service(settings, None, store, ids.IdSource(clock.now, number), number, incarnation, secret, clock.now)


def _secret_of(connection: Connection, settings: Settings) -> Secret:
    return installation_secret(settings, connection)


def _take_place(
    connection: Connection, name: str, incarnation: str, *, now: Instant, delivers: bool
) -> tuple[int, int]:
    former = nodes.incarnation_of(connection, name)
    place = incarnation.partition(".")[0]
    take_over = former is not None and former.startswith(f"{place}.")
    return nodes.enter(connection, name, incarnation, now=now, take_over=take_over, delivers=delivers)


def _tell_freed(freed: int) -> None:
    if freed:
        log.info("claims_freed", deliveries=freed, because="an earlier process of this node did not stop in good order")


async def _stop(service: Service) -> None:
    service.stopping.set()
    for close in reversed(service.closers):
        try:
            await close()
        except Exception:
            log.exception("stop_failed")
    for task in service.tasks:
        task.cancel()
    await asyncio.gather(*service.tasks, return_exceptions=True)
    with contextlib.suppress(TryLater):
        await service.store.run(nodes.leave, service.node, service.incarnation)
    await service.store.close()


def _raise_file_limit() -> None:
    """Take as many file descriptors as we may: every connection is one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else hard
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, 65_536), hard))
