"""Own the pages of webhooks: who is told of what happens, how that goes, what was not taken; try, pause, resume, send again."""

from __future__ import annotations

from typing import Any

from aftersend.errors import AftersendError, BadField, NotFound
from aftersend.ledger.wanted import TYPES
from aftersend.store import accounts
from aftersend.web import webhooks
from aftersend.web.calls import Answer
from aftersend.web.console.rendering import said_of
from aftersend.web.console.visits import ROOT, Visit

PLACE = f"{ROOT}/webhooks"
ATTEMPTS = 30
COMMON = (
    "delivery.delivered", "delivery.deferred", "delivery.bounced", "delivery.bounced_invalid", "delivery.rejected_as_spam",
    "delivery.gave_up", "delivery.suppressed", "delivery.opened", "delivery.clicked", "delivery.unsubscribed", "delivery.complained",
)  # fmt: skip
"""What most people want to be told."""


async def show(visit: Visit, wrong: str = "", made: dict[str, Any] | None = None) -> Answer:
    """List the webhooks; the secret of a new one is shown this once."""
    rows = (await webhooks.list_all(visit.to_api())).content["data"]
    typed = visit.fields() if wrong else []
    return visit.show(
        "webhooks.html",
        422 if wrong else 200,
        rows=rows,
        made=made,
        wrong=wrong,
        typed=dict(typed),
        chosen={value for name, value in typed if name == "event"},
        at={value for name, value in typed if name == "stream"},
        common=[kind for kind in COMMON if kind in TYPES],
        streams=await visit.desk.store.ask(accounts.stream_names, visit.account_id),
    )


def _wanted(visit: Visit) -> dict[str, Any]:
    """Return what a form says about a webhook, as the API takes it. Raise BadField."""
    fields = visit.fields()
    form = dict(fields)
    batch = form.get("batch", "").strip() or "1"
    if not batch.isascii() or not batch.isdigit():
        raise BadField("#/batch", "Give a whole number.")
    return {
        "url": form.get("url", "").strip(),
        "name": form.get("name", "").strip(),
        "events": [value for name, value in fields if name == "event"],
        "streams": [value for name, value in fields if name == "stream" and value],
        "tags": [tag.strip() for tag in form.get("tags", "").split(",") if tag.strip()],
        "batch": int(batch[:9]),
        "owner": form.get("owner", "").strip(),
    }


async def make(visit: Visit) -> Answer:
    """Make a webhook."""
    try:
        wanted = _wanted(visit)
        made = await webhooks.create(visit.to_api(wanted | {"owner": wanted["owner"] or None}))
    except AftersendError as error:
        return await show(visit, said_of(error))
    return await show(visit, made=made.content)


async def one(visit: Visit, secret: str = "", wrong: str = "") -> Answer:
    """Show a webhook, the latest requests to it, what it did not take, and what can be changed of it."""
    hook = (await webhooks.one(visit.to_api())).content
    limited = visit.to_api(query=[("limit", str(ATTEMPTS))])
    fields = visit.fields() if wrong else []
    typed = dict(fields) if wrong else {**hook, "owner": hook["owner"] or "", "tags": ", ".join(hook["tags"])}
    chosen = {value for name, value in fields if name == "event"} if wrong else set(hook["events"])
    return visit.show(
        "webhook.html",
        422 if wrong else 200,
        hook=hook,
        secret=secret,
        wrong=wrong,
        typed=typed,
        chosen=chosen,
        at={value for name, value in fields if name == "stream"} if wrong else set(hook["streams"]),
        kinds=[kind for kind in COMMON if kind in TYPES] + sorted(set(hook["events"]) - set(COMMON)),
        streams=await visit.desk.store.ask(accounts.stream_names, visit.account_id),
        attempts=(await webhooks.attempts(limited)).content["data"],
        given_up=(await webhooks.not_taken(limited)).content["data"],
        waiting=(await webhooks.not_taken(visit.to_api(query=[("state", "waiting"), ("limit", "20")]))).content["data"],
    )


async def act(visit: Visit) -> Answer:
    """Change, try, pause, resume, send again, change the secret, remove."""
    place, verb = f"{PLACE}/{visit.path['id']}", visit.path["verb"]
    if verb == "change":
        try:
            await webhooks.alter(visit.to_api(_wanted(visit)))
        except AftersendError as error:
            return await one(visit, wrong=said_of(error))
        return visit.go(place, "It is changed.")
    if verb == "test":
        told = (await webhooks.test(visit.to_api())).content
        return visit.go(place, f"The test was {'taken' if told['taken'] else 'not taken'}: {told['said']}")
    if verb == "pause":
        await webhooks.pause(visit.to_api())
        return visit.go(place, "It is paused; what happens meanwhile is kept for it.")
    if verb == "resume":
        await webhooks.resume(visit.to_api({"skip": visit.form().get("skip") == "yes"}))
        return visit.go(place, "It goes on.")
    if verb == "replay":
        number = (await webhooks.replay(visit.to_api({"failed": True}))).content["events"]
        return visit.go(place, f"Sent again: {number}.")
    if verb == "rotate":
        made = (await webhooks.rotate(visit.to_api({}))).content
        return await one(visit, made["secret"])
    if verb == "remove":
        await webhooks.remove(visit.to_api())
        return visit.go(PLACE, "It is removed; nothing is sent there any more.")
    raise NotFound("There is no such action.")
