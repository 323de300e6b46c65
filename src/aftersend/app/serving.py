"""Run a node as a process: signals, workers beside it, the exit status."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from aftersend import logs
from aftersend.app.node import running
from aftersend.app.practice import first_link, practised, welcome
from aftersend.config import Settings
from aftersend.logs import Logger

log = Logger("app")


def loop_factory() -> asyncio.AbstractEventLoop:
    """The event loop: uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:  # pragma: no cover - uvloop has wheels wherever we run
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on our event loop."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(work)


def set_up_logs(settings: Settings, node: str) -> None:
    """Log as the settings say."""
    log = settings.log
    logs.set_up(form=log.format, level=log.level, addresses=log.addresses, node=node)


def serve(settings: Settings, *, practice: bool = False, only: Sequence[str] = (), workers: int = 1) -> int:
    """Run a node until SIGTERM or SIGINT; return the exit status."""
    set_up_logs(settings, settings.node_name)
    return int(run(_serve(settings, practice=practice, only=only, workers=workers)))


async def _serve(settings: Settings, *, practice: bool, only: Sequence[str], workers: int) -> int:
    async with contextlib.AsyncExitStack() as stack:
        if practice:
            settings = await stack.enter_async_context(practised(settings))
        service = await stack.enter_async_context(running(settings, only=only, workers=workers))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stopping.set)
        _spare_the_collector()
        others = [await _worker(settings, n) for n in range(1, workers)]
        log.info("started", addresses={name: f"{a[0]}:{a[1]}" for name, a in service.addresses.items()})
        if practice:
            await welcome(service)
        elif "web" in service.addresses:
            await first_link(service)
        await service.stopping.wait()
        for other in others:
            other.terminate()
            await other.wait()
    return int(service.has_failed)


def _spare_the_collector() -> None:
    """Leave what was made at the start out of every later search for garbage, and search less often: messages leave
    hardly any cycles behind."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _worker(settings: Settings, number: int) -> asyncio.subprocess.Process:
    """Start a second process of this machine that delivers from the same store."""
    import msgspec

    variables = {**os.environ, "AFTERSEND_WORKER": str(number), "AFTERSEND_WORKER_SETTINGS": msgspec.json.encode(settings).decode()}  # fmt: skip
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "aftersend.app.worker", env=variables)


def work_beside() -> int:
    """Be the process that `serve --workers` started: deliver until told to stop."""
    import msgspec

    settings = msgspec.json.decode(os.environ["AFTERSEND_WORKER_SETTINGS"], type=Settings)
    number = int(os.environ["AFTERSEND_WORKER"])
    set_up_logs(settings, f"{settings.node_name}#{number}")

    async def work() -> None:
        async with running(settings, only=("delivery",), worker=number) as service:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, service.stopping.set)
            await service.stopping.wait()

    run(work())
    return 0
