"""Answer with the email log and its deliveries, and do the queue's verbs."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec

from aftersend import ids
from aftersend.control import queue_verbs, resending
from aftersend.control.queue_verbs import Actor, Done
from aftersend.errors import BadField, BadFields
from aftersend.intake import Intake, Recipient
from aftersend.reports import history, search
from aftersend.reports import log as email_log
from aftersend.store import accounts, deliveries, turns
from aftersend.store.connection import Connection
from aftersend.store.filters import Filter
from aftersend.store.record import Entry
from aftersend.web import lists, patience, reading
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.shapes import ActionIn

SEARCH = lists.words(*search.WORDS)
COUNT = Parameter(
    "count", "Also say how many rows there are in all, up to 100,000.", schema={"enum": ["exact", "estimate"]}
)
NDJSON = "application/x-ndjson"
COUNTED_MOST = 100_000


async def rows(call: Call) -> Answer:
    """Answer with a page of the log."""
    words, cursors = lists.searched(call, "count")
    wanted = search.read(words, now=call.desk.clock())
    if call.prefers(NDJSON):
        return await _export(call, wanted, cursors)
    after, before = cursors.get("after"), cursors.get("before")
    found = await call.desk.store.ask(
        email_log.page, call.account_id, wanted, limit=lists.limit_of(cursors), after=after, before=before
    )
    beside: dict[str, Any] = {}
    if "count" in cursors:
        if cursors["count"] not in ("exact", "estimate"):
            raise BadField("#/count", "count is exact or estimate.")
        number = await call.desk.store.ask(deliveries.how_many, call.account_id, wanted, at_most=COUNTED_MOST)
        beside = {"count": number, "count_is_exact": number < COUNTED_MOST}
    return lists.both_ways(call, found, cursors, **beside)


async def _export(call: Call, wanted: Filter, cursors: dict[str, str]) -> Answer:
    """Answer with all that a search finds, a line of JSON for each row, as it is read."""
    for name in cursors:
        if name != "after":
            raise BadField(f"#/{name}", f"{name} is for pages; an export has all rows. Leave it out.")
    after = ids.read("dlv", cursors["after"]) if "after" in cursors else None
    first = await call.desk.store.ask(email_log.part, call.account_id, wanted, after=after)
    return Answer(_lines(call, wanted, first), media_type=NDJSON)


async def _lines(call: Call, wanted: Filter, rows: list[dict[str, Any]]) -> AsyncGenerator[bytes, None]:
    while rows:
        yield msgspec.json.Encoder().encode_lines(rows)
        if len(rows) < email_log.PART:
            return
        after = ids.read("dlv", rows[-1]["id"])
        rows = await call.desk.store.ask(email_log.part, call.account_id, wanted, after=after)


async def one(call: Call) -> Answer:
    """Answer with a delivery whole."""
    return Answer(await call.desk.store.ask(history.delivery, call.account_id, _delivery_id(call)))


async def events_of(call: Call) -> Answer:
    """Answer with everything that happened to a delivery."""
    return lists.whole(await call.desk.store.ask(history.events, call.account_id, _delivery_id(call)))


async def retry(call: Call) -> Answer:
    """Try a delivery now."""
    return await _act_on_one(call, "retry")


async def cancel(call: Call) -> Answer:
    """Stop a delivery."""
    return await _act_on_one(call, "cancel")


async def hold(call: Call) -> Answer:
    """Put a delivery on hold."""
    return await _act_on_one(call, "hold")


async def release(call: Call) -> Answer:
    """Let a delivery that was held go on."""
    return await _act_on_one(call, "release")


async def _act_on_one(call: Call, verb: str) -> Answer:
    delivery_id = _delivery_id(call)
    desk = call.desk
    by = Actor(call.who)

    async def act() -> None:
        await desk.store.run(
            queue_verbs.act_on_one, call.account_id, verb, delivery_id, by=by, ids=desk.ids, now=desk.clock()
        )

    await patience.one(act)
    return Answer(await desk.store.ask(history.delivery, call.account_id, delivery_id))


async def act(call: Call) -> Answer:
    """Do a verb to all deliveries that a filter finds, or count them."""
    asked = reading.convert(reading.json(call.body), ActionIn)
    words = [
        (name, value)
        for name, values in asked.filter.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    if not words:
        raise BadField(
            "#/filter", "Give at least one word of the search, so that not everything is changed by mistake."
        )
    desk = call.desk
    try:
        live = "false" if asked.action == resending.RESEND else "true"
        wanted = search.read([*words, ("live", live)] if "live" not in asked.filter else words, now=desk.clock())
    except BadFields as error:
        raise BadFields([_inside(field) for field in error.fields]) from None
    if asked.preview and asked.action != resending.RESEND:
        matched = await desk.store.ask(deliveries.how_many, call.account_id, wanted, at_most=COUNTED_MOST)
        return Answer(_told(asked, Done(), matched, more=matched >= COUNTED_MOST))
    done, matched = Done(), 0
    before = None if asked.after is None else ids.read("dlv", asked.after)
    by, more = Actor(call.who, asked.why), True
    while more and matched < asked.limit:
        wish = min(queue_verbs.SLICE, asked.limit - matched)
        found = await desk.store.ask(deliveries.ids, call.account_id, wanted, limit=wish, before=before)
        more = len(found) == wish
        if found:
            matched += len(found)
            before = found[-1]
            done.add(await _act_on(call, asked, found, by))
    if asked.preview:
        return Answer(_told(asked, done, matched, more=more) | {"next": _onward(before, more=more)})
    await patience.many(done, lambda busy: _act_on(call, asked, busy, by))
    what = f"{asked.filter}: {len(done.done)} deliveries"
    await desk.store.run(_note, call.account_id, desk.ids(), call.who, asked.action, what[:1000], desk.clock())
    return Answer(_told(asked, done, matched, more=more) | {"next": _onward(before, more=more)})


def _onward(before: int | None, *, more: bool) -> str | None:
    return ids.show("dlv", before) if more and before is not None else None


async def _act_on(call: Call, asked: ActionIn, found: Sequence[int], by: Actor) -> Done:
    """Do the verb to a page of deliveries, in one transaction."""
    desk = call.desk
    if asked.action != resending.RESEND:
        return await desk.store.run(
            queue_verbs.act, call.account_id, asked.action, found, by=by, ids=desk.ids, now=desk.clock()
        )
    return await desk.store.run(
        resending.resend, call.account_id, found, by=by, enter=_enterer(desk.intake), ids=desk.ids, now=desk.clock(),
        preview=asked.preview,
    )  # fmt: skip


def _enterer(intake: Intake) -> resending.Enter:
    def enter(
        account_id: int, stream: str, given: Sequence[tuple[str, str, str, str | None, str | None]]
    ) -> tuple[list[Entry], int, int]:
        entries, lifetime = intake.entries(account_id, stream, [Recipient(*each) for each in given])
        is_urgent = intake.is_urgent(account_id, stream)
        return entries, lifetime, turns.TRANSACTIONAL if is_urgent else turns.BULK

    return enter


def _note(connection: Connection, account_id: int, audit_id: int, who: str, did: str, what: str, now: int) -> None:
    accounts.note(connection, account_id, audit_id, who=who, did=did, what=what, now=now)


def _inside(field: BadField) -> BadField:
    """The same fault, placed inside `filter`."""
    return BadField(f"#/filter/{field.pointer.removeprefix('#/')}", field.detail, code=field.code)


def _told(asked: ActionIn, done: Done, matched: int, *, more: bool) -> dict[str, Any]:
    return {"action": asked.action, "preview": asked.preview, "matched": matched, **done.as_dict(), "more": more}


def _delivery_id(call: Call) -> int:
    return ids.read("dlv", call.path["id"])
