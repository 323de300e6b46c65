"""Answer how mail was read, with the visits behind it; set how much is tracked."""

from __future__ import annotations

from typing import Any

from aftersend import ids
from aftersend.errors import BadField, NotFound
from aftersend.mail import address
from aftersend.reports import reading, search
from aftersend.reports.telling import moment
from aftersend.store import hits, tracking_modes
from aftersend.store import reading as questions
from aftersend.store.reading import BY, Scope
from aftersend.store.tracking_modes import ACCOUNT, RECIPIENT, STREAM
from aftersend.web import lists
from aftersend.web import reading as bodies
from aftersend.web.administration import change
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.tracking_shapes import ModeIn

SCOPE = (
    Parameter("since", "Taken in at this time or later: RFC 3339, or how long ago, such as 7d; without it, 30d."),
    Parameter("until", "Taken in before this time."),
    Parameter("stream", "Of one stream only."),
    Parameter("message", "Of one message, by its id."),
    Parameter("broadcast", "Of one broadcast, by its id."),
)
DEFAULT_SINCE = "30d"


async def report(call: Call) -> Answer:
    """Answer how the mail of a scope was read."""
    return Answer(await call.desk.store.ask(reading.report, call.account_id, await _scope(call)))


async def grouped(call: Call) -> Answer:
    """Answer for each stream, domain, message or hour."""
    by = call.path["by"]
    if by not in BY:
        raise NotFound(f"Reading is not counted by {by[:40]!r}; there are {', '.join(BY)}.")
    return Answer(await call.desk.store.ask(reading.grouped, call.account_id, await _scope(call), by))


async def _scope(call: Call) -> Scope:
    found = lists.taken(call, "since", "until", "stream", "message", "broadcast", cursors=())
    if "message" in found and "broadcast" in found:
        raise BadField("#/broadcast", "Give a message or a broadcast, not both.")
    now, message_id = call.desk.clock(), None
    if "message" in found:
        message_id = ids.read("msg", found["message"])
        await _must_know(call, message_id)
    elif "broadcast" in found:
        broadcast_id = ids.read("brd", found["broadcast"])
        message_id = await call.desk.store.ask(questions.message_of_broadcast, call.account_id, broadcast_id)
    since = found.get("since", DEFAULT_SINCE if message_id is None else None)
    begins = None if since is None else search.instant(since, "since", now=now)
    ends = search.instant(found["until"], "until", now=now) if "until" in found else None
    search.check_order(begins, ends)
    return Scope(begins, ends, found.get("stream"), message_id)


async def _must_know(call: Call, message_id: int) -> None:
    if not await call.desk.store.ask(questions.is_known, call.account_id, message_id):
        raise NotFound("There is no such message.")


async def links_of(call: Call) -> Answer:
    """Answer with the tracked links of a message."""
    message_id = ids.read("msg", call.path["id"])
    await _must_know(call, message_id)
    return lists.whole(await call.desk.store.ask(reading.links, call.account_id, message_id))


async def hits_of(call: Call) -> Answer:
    """Answer with the visits to a delivery."""
    delivery_id = ids.read("dlv", call.path["id"])
    if await call.desk.store.ask(hits.reader, call.account_id, delivery_id) is None:
        raise NotFound("There is no such delivery.")
    rows = await call.desk.store.ask(hits.of_delivery, call.account_id, delivery_id)
    return lists.whole([reading.hit(row) for row in rows])


async def modes(call: Call) -> Answer:
    """List what was chosen, by account, stream and recipient."""
    found = lists.taken(call)
    limit = lists.limit_of(found)
    scope, _, name = found.get("after", "").partition(" ")
    rows = await call.desk.store.ask(
        tracking_modes.listed, call.account_id, limit=limit + 1, after=(scope, name) if scope else None
    )
    has_more, rows = len(rows) > limit, rows[:limit]
    after = f"{rows[-1]['scope']} {rows[-1]['name']}" if has_more else None
    return lists.page(call, [_told(row) for row in rows], has_more=has_more, after=after)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "scope": row["scope"], "name": row["name"], "mode": row["mode"], "source": row["source"],
        "changed_at": moment(row["changed_us"]),
    }  # fmt: skip


async def choose(call: Call) -> Answer:
    """Choose how much is tracked, or take a choice back."""
    asked = bodies.convert(bodies.json(call.body), ModeIn)
    if asked.stream and asked.recipient:
        raise BadField("#/recipient", "Give a stream or a recipient, not both.")
    scope, name = ACCOUNT, ""
    if asked.stream:
        if (call.account_id, asked.stream) not in call.desk.intake.streams:
            raise BadField("#/stream", f"There is no stream {asked.stream[:60]!r}.", code="unknown-stream")
        scope, name = STREAM, asked.stream
    elif asked.recipient:
        scope, name = RECIPIENT, address.parse(asked.recipient.strip(), pointer="#/recipient").folded
    now = call.desk.clock()
    what = f"{scope} {name}: {asked.mode}".replace(" :", ":")
    source = asked.source or call.who
    if asked.mode is None:
        await change(call, "took a choice of tracking back", what, tracking_modes.forget, scope, name)
    else:
        await change(
            call, "chose what is tracked", what, tracking_modes.put, scope, name, asked.mode, source=source, now=now
        )
    await call.desk.changed()
    return Answer({"scope": scope, "name": name, "mode": asked.mode, "source": source, "changed_at": moment(now)})
