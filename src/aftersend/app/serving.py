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
from aftersend.app.rendering import PAGE_SECONDS_MOST, RenderingProcess
from aftersend.app.workers import Worker, most_of, name_of_worker, settings_of_worker, work
from aftersend.config import Settings
from aftersend.logs import Logger
from aftersend.mail import tags, templates

log = Logger("app")

SWITCH_S = 0.001
"""How long a thread may keep the event loop waiting for the interpreter."""


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


def serve(settings: Settings, *, practice: bool = False, only: Sequence[str] = (), workers: int | None = None) -> int:
    """Run a node until SIGTERM or SIGINT; return the exit status.

    So many `workers` deliver beside this process; 0: it delivers itself; None: as many as the machine has use for.
    """
    set_up_logs(settings, settings.node_name)
    return int(run(_serve(settings, practice=practice, only=only, workers=workers)))


async def _serve(settings: Settings, *, practice: bool, only: Sequence[str], workers: int | None) -> int:
    if settings.delivery.hold or (only and "delivery" not in only):
        workers = 0
    elif workers is None:
        workers = most_of(len(os.sched_getaffinity(0)))
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(_render_apart().stop)
        stack.callback(_make_pages_apart().stop)
        if practice:
            settings = await stack.enter_async_context(practised(settings))
        beside = [Worker(settings, n + 1) for n in range(workers)]
        for worker in beside:
            await worker.start()
            stack.push_async_callback(worker.give_up)
        _tidy()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        service = await stack.enter_async_context(running(settings, only=only, workers=workers, stopping=stopping))
        _spare_the_collector()
        kept = [asyncio.ensure_future(worker.keep(service)) for worker in beside]
        log.info("started", addresses={name: f"{a[0]}:{a[1]}" for name, a in service.addresses.items()})
        if practice:
            await welcome(service)
        elif "web" in service.addresses:
            await first_link(service)
        await service.stopping.wait()
        await asyncio.gather(*kept)
    return int(service.has_failed)


def _render_apart() -> RenderingProcess:
    """Let templates be rendered where they harm nobody."""
    rendering = RenderingProcess()
    tags.render_elsewhere(rendering.render)
    return rendering


def _make_pages_apart() -> RenderingProcess:
    """Let pages be made where they harm nobody, and mail that is being rendered need not wait for them."""
    making = RenderingProcess(seconds=PAGE_SECONDS_MOST)
    templates.make_elsewhere(making.make)
    return making


def _tidy() -> None:
    """Throw away what the imports have left behind, before the ports are open, and let the threads that go on importing
    make way for the event loop at once."""
    gc.collect()
    sys.setswitchinterval(SWITCH_S)


def _spare_the_collector() -> None:
    """Leave what was made at the start out of every later search for garbage, and search less often: messages leave
    hardly any cycles behind."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 50)


def work_beside() -> int:
    """Be the process that `serve --workers` started: deliver until told to stop."""
    settings = settings_of_worker()
    set_up_logs(settings, name_of_worker(settings))

    async def work_here() -> int:
        _tidy()
        _spare_the_collector()
        rendering = _render_apart()
        try:
            return await work(settings)
        finally:
            rendering.stop()

    return int(run(work_here()))
