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
from aftersend.config import Settings
from aftersend.errors import SettingsError, TryLater
from aftersend.logs import Logger
from aftersend.store import Engine, Store, accounts, feed, nodes, upgrade

log = Logger("app")


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, only: Iterable[str] = (), worker: int = 0, workers: int = 1
) -> AsyncIterator[Service]:
    """Start a node, hand it out when all its ports are open, stop it in good order at the end."""
    parts = tuple(only) or PARTS
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SettingsError(f"--only takes {', '.join(PARTS)}; not {', '.join(sorted(unknown))}.")
    _raise_file_limit()
    with _lock(settings, worker) as lock:
        service = await _enter(settings, worker, place=_place(lock))
        service.is_shared = worker > 0 or workers > 1
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


async def _enter(settings: Settings, worker: int, *, place: str) -> Service:
    """Open the store and take a place among the nodes.

    Who holds the lock knows a former process of this name to be dead, but only one that worked in the same place: over
    PostgreSQL, another machine may have been given the same name by mistake.
    """
    from aftersend.control.secret import installation_secret

    engine = Engine(settings.store_url)
    now = clock.now()
    name = settings.node_name + (f"#{worker}" if worker else "")
    incarnation = f"{place}.{secrets.token_hex(8)}"
    try:
        upgrade.upgrade(engine)
        with engine.writing() as connection:
            secret = installation_secret(settings, connection)
            accounts.ensure_first(connection, now=now)
            feed.align(connection)
            former = nodes.incarnation_of(connection, name)
            take_over = former is not None and former.startswith(f"{place}.")
            number, freed = nodes.enter(connection, name, incarnation, now=now, take_over=take_over)
    except BaseException:
        engine.close()
        raise
    if freed:
        log.info("claims_freed", deliveries=freed, because="an earlier process of this node did not stop in good order")
    store = Store(engine, node=number)
    return Service(settings, engine, store, ids.IdSource(clock.now, number), number, incarnation, secret, clock.now)


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
