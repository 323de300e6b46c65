"""Answer with the event stream: a page of JSON, lines (NDJSON), or server-sent events for as long as the client stays."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from aftersend.errors import TryLater
from aftersend.logs import Logger
from aftersend.reports import stream
from aftersend.store import feed
from aftersend.web import lists
from aftersend.web.calls import Answer, Call, Parameter

log = Logger("web")

LIMIT, MOST = 100, stream.MOST
LOOK_EVERY_S = 1.0
"""Other nodes and other processes may write without ringing for us."""
SIGN_OF_LIFE_S = 15.0
FOLLOWERS_MOST = 50
"""So many connections of one account may follow at once on one node."""
LINES, PUSHED = "application/x-ndjson", "text/event-stream"
_encode = msgspec.json.encode

PARAMETERS = (
    Parameter("after", "Events behind this one: its `sequence`, or the `cursor` of a page before."),
    Parameter("since", "Events that were written down at this time or later: RFC 3339, or how long ago, such as 24h."),
    Parameter("type", "Only events of this type, such as delivery.bounced.", is_list=True),
    Parameter("stream", "Only events of mail in this stream.", is_list=True),
    Parameter("tag", "Only events of mail with this tag.", is_list=True),
    Parameter(
        "limit",
        f"How many events: 1 to {MOST}. Of lines there is no limit unless one is given.",
        schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
    ),
    Parameter("Last-Event-ID", "The sequence to go on behind, as browsers send it.", where="header"),
)


async def events(call: Call) -> Answer:
    """Answer with events, in the form that the Accept header asks for."""
    form = _form(call.headers.get("accept", ""))
    asked = stream.asked(call.query(), now=call.desk.clock())
    after = await _begin(call, asked, is_pushed=form == PUSHED)
    if form == PUSHED:
        if call.desk.followers[call.account_id] >= FOLLOWERS_MOST:
            raise TryLater(f"{FOLLOWERS_MOST} connections of this account follow the events already; close some.")
        headers = {"x-accel-buffering": "no"}
        return Answer(_follow(call, asked, after), headers=headers, media_type=PUSHED)
    if form == LINES:
        return Answer(_lines(call, asked, after), media_type=LINES)
    part = await _part(call, asked, asked.limit or LIMIT, after)
    cursor = str(part.read_to)
    return lists.page(
        call,
        [each.as_dict for each in part.events],
        has_more=part.has_more,
        after=cursor if part.has_more else None,
        cursor=cursor,
    )


def _form(accept: str) -> str:
    """The form that is asked for; JSON unless one of the others is named."""
    named = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return next((each for each in named if each in (LINES, PUSHED)), "application/json")


async def _begin(call: Call, asked: stream.Asked, *, is_pushed: bool) -> int:
    """The sequence behind which to read: where a client was, else from a time, else from the oldest (or from now on)."""
    resumed = call.headers.get("last-event-id", "").strip()
    if resumed:
        return stream.sequence(resumed, "#/Last-Event-ID")
    if asked.after is not None:
        return asked.after
    return await call.desk.store.ask(stream.begin, call.account_id, since=asked.since, is_from_now=is_pushed)


async def _part(call: Call, asked: stream.Asked, limit: int, after: int) -> stream.Part:
    return await call.desk.store.ask(stream.search, call.account_id, after, limit=limit, wants=asked.wants)


async def _lines(call: Call, asked: stream.Asked, after: int) -> AsyncGenerator[bytes, None]:
    """Give one event a line, up to the newest of now, or up to the limit."""
    end = await call.desk.store.ask(feed.last, call.account_id)
    left = asked.limit
    while not call.desk.stopping.is_set():
        part = await _part(call, asked, MOST if left is None else min(left, MOST), after)
        lines = [_encode(each.as_dict) for each in part.events]
        if lines:
            yield b"\n".join(lines) + b"\n"
        after = part.read_to
        left = None if left is None else left - len(lines)
        if not part.has_more or after >= end or left == 0:
            return


async def _follow(call: Call, asked: stream.Asked, after: int) -> AsyncGenerator[bytes, None]:
    """Push events as they come, until the client goes or the service stops."""
    desk, account = call.desk, call.account_id
    bell = desk.store.bell(feed.bell_of(account))
    desk.followers[account] += 1
    feed.readers.there = True
    try:
        yield b"retry: 2000\n\n"
        silent_since = asyncio.get_running_loop().time()
        while not desk.stopping.is_set():
            bell.clear()
            part = await _part_or_none(call, asked, after)
            now = asyncio.get_running_loop().time()
            if part is not None and part.events:
                yield b"".join(map(_pushed, part.events))
                silent_since = now
            elif now - silent_since > SIGN_OF_LIFE_S:
                # An id without data moves the client on: what was not wanted is not looked through again.
                yield b": still here\nid: %d\n\n" % after
                silent_since = now
            else:
                yield b""  # nothing is sent, but it is seen whether the client is still there
            if part is not None:
                after = part.read_to
                if part.has_more:
                    continue
            await _wait(desk.stopping, bell)
    finally:
        desk.followers[account] -= 1
        desk.store.unhook(feed.bell_of(account), bell)


async def _part_or_none(call: Call, asked: stream.Asked, after: int) -> stream.Part | None:
    try:
        return await _part(call, asked, asked.limit or MOST, after)
    except TryLater as error:
        log.warning("store_unavailable", error=str(error))
        return None


async def _wait(stopping: asyncio.Event, bell: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(stopping.wait()), asyncio.ensure_future(bell.wait())]
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait(waits, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()


def _pushed(each: Any) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (each.sequence, each.as_dict["type"].encode(), _encode(each.as_dict))
