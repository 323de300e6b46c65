"""Answer whether this process lives, and whether it can do its work; what is wrong is named."""

from __future__ import annotations

import asyncio

from aftersend.clock import DAY, MINUTE, SECOND
from aftersend.store import nodes
from aftersend.web.calls import Answer, Call

FREE_LEAST = 64 * 1024 * 1024
"""Bytes that must be free where the database lives."""
ANSWER_WITHIN_S = 5.0
CLOCK_EARLIEST = 20_000 * DAY
"""Late 2024: an earlier time means that the clock was never set."""

Found = tuple[str, bool, str]


async def alive(call: Call) -> Answer:
    """Say that this process answers."""
    return Answer({"status": "ok", "version": call.desk.version})


async def ready(call: Call) -> Answer:
    """Say whether mail can be taken and worked on, with what fails by name."""
    store, lease = await _store_and_lease(call)
    checks = [store, _disk(call), lease, _clock(call)]
    is_ready = all(ok for _, ok, _ in checks)
    told = {
        "status": "ready" if is_ready else "not ready",
        "version": call.desk.version,
        "checks": [{"name": name, "ok": ok, "detail": detail} for name, ok, detail in checks],
    }
    return Answer(told, 200 if is_ready else 503, {} if is_ready else {"retry-after": "5"})


async def _store_and_lease(call: Call) -> tuple[Found, Found]:
    desk = call.desk
    if desk.store.is_closed:
        return ("store", False, "The service is stopping."), ("lease", False, "The service is stopping.")
    try:
        working = await asyncio.wait_for(desk.store.ask(nodes.listed), ANSWER_WITHIN_S)
    except TimeoutError:
        return ("store", False, f"No answer within {ANSWER_WITHIN_S:.0f} seconds."), ("lease", False, "Not known.")
    except Exception as error:
        return ("store", False, f"It does not answer ({type(error).__name__})."), ("lease", False, "Not known.")
    ends = next((ends for number, _, _, ends in working if number == desk.node), None)
    if desk.node == 0:
        return ("store", True, "It answers."), ("lease", True, "This process works under none.")
    if ends is None:
        return ("store", True, "It answers."), ("lease", False, "Another node has taken this one for dead.")
    left = (ends - desk.clock()) // SECOND
    return ("store", True, "It answers."), (
        "lease",
        left > 0,
        f"Its lease ends in {left} seconds." if left > 0 else "Its lease has ended.",
    )


def _disk(call: Call) -> Found:
    try:
        free = call.desk.engine.free_bytes()
    except OSError:
        return "disk", False, "The data directory cannot be looked at."
    if free is None:
        return "disk", True, "The database lives on another machine."
    return "disk", free >= FREE_LEAST, f"{free // (1024 * 1024)} MiB are free."


def _clock(call: Call) -> Found:
    now, started = call.desk.clock(), call.desk.started_us
    if now < CLOCK_EARLIEST:
        return "clock", False, "The clock was never set."
    if now < started - MINUTE:
        return "clock", False, "The clock was set back by more than a minute since the start."
    return "clock", True, "It goes forward."
