"""Processes beside the service that deliver in its place: started, watched, started again, and ended with it.

A worker has its own event loop, and so its own core; the store stays with the process that started it (`store.remote`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from functools import partial
from typing import Any

import msgspec

from aftersend.app.hands import HANDS, Grip, Hand
from aftersend.app.node import running
from aftersend.app.service import Service
from aftersend.config import Settings
from aftersend.logs import Logger
from aftersend.store.remote import Owner, RemoteStore

log = Logger("app")

SETTINGS, NUMBER, SOCKET = "AFTERSEND_WORKER_SETTINGS", "AFTERSEND_WORKER", "AFTERSEND_WORKER_SOCKET"
AGAIN_AFTER_S = 1.0
STOPS_WITHIN_S = 30.0
TELL_EVERY_S = 1.0
OWNER_GONE = 3
"""The exit status of a worker whose service is gone."""


def most_of(cores: int) -> int:
    """Say how many workers a machine with so many cores has use for: half of them, two at most, since one worker
    delivers more than one process accepts; signing much mail wants more."""
    return min(cores // 2, 2)


class Worker:
    """One worker as the service sees it."""

    def __init__(self, settings: Settings, number: int) -> None:
        self._settings = settings
        self._number = number
        self._process: asyncio.subprocess.Process | None = None
        self._pair: socket.socket | None = None

    async def start(self) -> None:
        """Start the process; it gets ready beside us, and waits until it is served."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        variables = {
            **os.environ,
            NUMBER: str(self._number),
            SETTINGS: msgspec.json.encode(self._settings).decode(),
            SOCKET: str(theirs.fileno()),
        }
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "aftersend.app.worker", env=variables, pass_fds=(theirs.fileno(),)
            )
        self._pair = ours

    async def keep(self, service: Service) -> None:
        """Serve it until the service stops; what it held when it died is freed by the one that follows it."""
        stopping = asyncio.ensure_future(service.stopping.wait())
        while True:
            assert self._process is not None
            assert self._pair is not None
            pair, self._pair = self._pair, None
            hand = Hand()
            owner = await Owner.connect(pair, service.store, partial(_told, service, hand))
            hand.give = owner.bring
            if service.hands is not None:
                service.hands.join(hand)
            ended = asyncio.ensure_future(self._process.wait())
            await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            if service.hands is not None:
                await service.hands.leave(hand)
            if service.stopping.is_set():
                await _end(self._process, ended)
                owner.close()
                return
            owner.close()
            log.critical("worker_died", worker=self._number, status=ended.result(), effect="another one is started")
            await asyncio.sleep(AGAIN_AFTER_S)
            await self.start()

    async def give_up(self) -> None:
        """End a worker that never came to be served."""
        if self._pair is not None and self._process is not None:
            self._pair.close()
            await self._process.wait()


def _told(service: Service, hand: Hand, name: str, value: Any) -> None:
    if name == HANDS:
        hand.hear(value, asyncio.get_running_loop().time())
    elif name == "meter" and service.meter is not None:
        service.meter.take(value)


async def _end(process: asyncio.subprocess.Process, ended: asyncio.Future[int]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(asyncio.shield(ended), STOPS_WITHIN_S)
    except TimeoutError:
        log.error("worker_does_not_stop", effect="it is killed; what it held is tried again")
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await ended


def settings_of_worker() -> Settings:
    """The settings of the service that started this worker."""
    return msgspec.json.decode(os.environ[SETTINGS], type=Settings)


def name_of_worker(settings: Settings) -> str:
    """The name of this worker in logs and among the nodes."""
    return f"{settings.node_name}#{os.environ[NUMBER]}"


async def work(settings: Settings) -> int:
    """Be a worker: deliver until told to stop, or until the service is gone."""
    pair = socket.socket(fileno=int(os.environ[SOCKET]))
    pair.setblocking(False)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # a terminal tells both; the service says when
    store = await RemoteStore.connect(pair, _owner_is_gone)
    number = int(os.environ[NUMBER])
    async with running(settings, only=("delivery",), worker=number, through=store, stopping=stopping) as service:
        grip = None if service.courier is None else Grip(store, service.courier, service.node)
        telling = asyncio.ensure_future(_tell(service, store, grip))
        await service.stopping.wait()
        telling.cancel()
        store.tell("meter", service.meter.give())
    return int(service.has_failed)


async def _tell(service: Service, store: RemoteStore, grip: Grip | None) -> None:
    while True:
        if grip is not None:
            grip.tell()
        await asyncio.sleep(TELL_EVERY_S)
        store.tell("meter", service.meter.give())


def _owner_is_gone() -> None:
    """Nothing that is done from here on could be written down: end at once."""
    log.critical("service_gone", effect="this worker ends; what it held is tried again")
    os._exit(OWNER_GONE)
