"""Answer about webhooks, and change them; a URL is checked when it is given, and again each time it is asked."""

from __future__ import annotations

from typing import Any

import msgspec

from aftersend import ids
from aftersend.control import hooks as control
from aftersend.control.hooks import Wish
from aftersend.errors import TryLater
from aftersend.reports import search, stream
from aftersend.store import hooks
from aftersend.store.connection import Connection
from aftersend.store.hooks import GIVEN_UP, WAITING, Hook
from aftersend.web import lists, reading
from aftersend.web.administration import change
from aftersend.web.calls import Answer, Call
from aftersend.web.webhooks_shapes import ReplayIn, ResumeIn, RotateIn, WebhookChange, WebhookIn
from aftersend.webhooks import requests
from aftersend.webhooks.client import Client
from aftersend.webhooks.guard import Guard


async def list_all(call: Call) -> Answer:
    """List the webhooks, the oldest first."""
    return lists.whole(await call.desk.store.ask(_all, call.account_id))


async def one(call: Call) -> Answer:
    """Answer with a webhook."""
    return await _told(call, _id(call))


async def create(call: Call) -> Answer:
    """Make a webhook."""
    asked = reading.convert(reading.json(call.body), WebhookIn)
    wish = Wish(**msgspec.structs.asdict(asked))
    await _guard(call).check(asked.url)
    desk, hook_id = call.desk, call.desk.ids()
    hook, secret = await change(
        call, "made a webhook", asked.url[:200], control.create, hook_id, wish, secret=desk.secret, now=desk.clock()
    )
    return Answer({**await desk.store.ask(control.told, hook), "secret": secret}, 201)


async def alter(call: Call) -> Answer:
    """Change a webhook."""
    asked = reading.convert(reading.json(call.body), WebhookChange)
    hook_id = _id(call)
    await _one(call, hook_id)
    if asked.url is not None:
        await _guard(call).check(asked.url)
    wish = Wish(**msgspec.structs.asdict(asked))
    await change(call, "changed a webhook", call.path["id"], control.change, hook_id, wish, now=call.desk.clock())
    return await _told(call, hook_id)


async def remove(call: Call) -> Answer:
    """Forget a webhook."""
    await change(call, "removed a webhook", call.path["id"], hooks.remove, _id(call))
    return Answer(None, 204)


async def pause(call: Call) -> Answer:
    """Stop sending."""
    why = f"{call.who} paused it."
    await change(call, "paused a webhook", call.path["id"], control.pause, _id(call), why=why, now=call.desk.clock())
    return await _told(call, _id(call))


async def resume(call: Call) -> Answer:
    """Go on sending."""
    asked = reading.convert(reading.json(call.body or b"{}"), ResumeIn)
    now = call.desk.clock()
    await change(call, "resumed a webhook", call.path["id"], control.resume, _id(call), now=now, skip=asked.skip)
    return await _told(call, _id(call))


async def rotate(call: Call) -> Answer:
    """Give a webhook a new secret."""
    asked = reading.convert(reading.json(call.body or b"{}"), RotateIn)
    desk, shown = call.desk, call.path["id"]
    hook, secret = await change(
        call, "changed a webhook's secret", shown, control.rotate, _id(call),
        secret=desk.secret, now=desk.clock(), text=asked.secret,
    )  # fmt: skip
    return Answer({**await desk.store.ask(control.told, hook), "secret": secret})


async def replay(call: Call) -> Answer:
    """Send again."""
    asked = reading.convert(reading.json(call.body), ReplayIn)
    now = call.desk.clock()
    since = None if asked.since is None else search.instant(asked.since, "since", now=now)
    until = None if asked.until is None else search.instant(asked.until, "until", now=now)
    search.check_order(since, until)
    number = await change(
        call, "replayed events to a webhook", call.path["id"], control.replay, _id(call),
        now=now, sequence=asked.sequence, since=since, until=until, failed=asked.failed,
    )  # fmt: skip
    return Answer({"events": number}, 202)


async def test(call: Call) -> Answer:
    """Send a test event now, and answer with what came of it."""
    desk = call.desk
    hook = await _one(call, _id(call))
    client = Client(_guard(call), agent=f"Aftersend/{desk.version}")
    try:
        began = desk.clock()
        body = requests.body_of_test(hook, call.path["id"], began)
        message_id = ids.show("evt", desk.ids())
        keys = control.keys_of(desk.secret, hook, began)
        outcome = await requests.ask(client, hook, keys, message_id, body, now=began)
    finally:
        await client.close()
    row = requests.attempt_row(
        hook, desk.ids(), outcome, began, desk.clock(), body, first=0, last=0, number=1, kinds=requests.TEST, tries=1
    )
    attempt = await desk.store.run(hooks.note_attempt, row)
    return Answer({"taken": outcome.is_good, "said": outcome.said, "attempt": control.told_attempt(attempt)})


async def attempts(call: Call) -> Answer:
    """Answer with a page of the requests to a webhook, the newest first."""
    found = lists.taken(call, "outcome")
    limit = lists.limit_of(found)
    hook = await _one(call, _id(call))
    before = None if "after" not in found else ids.read("att", found["after"])
    rows = await call.desk.store.ask(
        hooks.attempts_of, hook.account_id, hook.id, limit=limit + 1, before=before, outcome=found.get("outcome")
    )
    shown = [control.told_attempt(row) for row in rows[:limit]]
    return lists.page(call, shown, has_more=len(rows) > limit, after=shown[-1]["id"] if len(rows) > limit else None)


async def not_taken(call: Call) -> Answer:
    """Answer with a page of the events that a webhook did not take: those given up, or with state=waiting those tried again."""
    found = lists.taken(call, "state")
    limit = lists.limit_of(found)
    hook = await _one(call, _id(call))
    state = WAITING if reading.one_of(found.get("state", "given_up"), "state", ("given_up", "waiting")) == "waiting" else GIVEN_UP  # fmt: skip
    after = stream.sequence(found["after"], "#/after") if "after" in found else 0
    rows = await call.desk.store.ask(
        hooks.waiting_of, hook.account_id, hook.id, state=state, limit=limit + 1, after=after
    )
    shown = [control.told_waiting(row) for row in rows[:limit]]
    after_this = str(shown[-1]["sequence"]) if len(rows) > limit else None
    return lists.page(call, shown, has_more=len(rows) > limit, after=after_this)


def _all(connection: Connection, account_id: int) -> list[dict[str, Any]]:
    return [control.told(connection, hook) for hook in hooks.listed(connection, account_id)]


async def _one(call: Call, hook_id: int) -> Hook:
    return await call.desk.store.ask(hooks.one, call.account_id, hook_id)


async def _told(call: Call, hook_id: int, status: int = 200) -> Answer:
    return Answer(await call.desk.store.ask(_shown, call.account_id, hook_id), status)


def _shown(connection: Connection, account_id: int, hook_id: int) -> dict[str, Any]:
    return control.told(connection, hooks.one(connection, account_id, hook_id))


def _guard(call: Call) -> Guard:
    guard = call.desk.guard
    if not isinstance(guard, Guard):
        raise TryLater("This server cannot look names up just now, so it cannot check a URL. Try again.")
    return guard


def _id(call: Call) -> int:
    return ids.read("whk", call.path["id"])
