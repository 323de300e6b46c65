"""Take messages in, and answer about them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aftersend import ids
from aftersend.control import planning, queue_verbs
from aftersend.control.queue_verbs import Actor
from aftersend.errors import AftersendError, BadField, TryLater
from aftersend.intake import Request
from aftersend.ledger.facts import Fact, Facts
from aftersend.logs import Logger
from aftersend.mail import dates
from aftersend.reports import history, search
from aftersend.reports import messages as told_messages
from aftersend.store import content, record
from aftersend.web import composing, lists, patience, problems, reading, templates
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.shapes import PlanIn, RecipientIn

log = Logger("web")

MIME = "message/rfc822"
IDEMPOTENCY = Parameter(
    "Idempotency-Key",
    "Your own name for this request: repeated within 24 hours with the same content, it sends nothing twice.",
    where="header",
    schema={"type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[!-~]+$"},
    example="order-4711/receipt",
)
KEY_MOST = 240
"""Characters of an idempotency key of a batch; each message has it with its number behind it."""


async def send(call: Call) -> Answer:
    """Take one message: JSON, or whole with the envelope in the query."""
    if call.media_type == MIME:
        return await _taken(call, call.body)
    lists.taken(call, cursors=())
    return await _taken(call, reading.json(call.body))


async def send_raw(call: Call) -> Answer:
    """Take one whole message, with the envelope in the query."""
    return await _taken(call, call.body)


async def send_batch(call: Call) -> Answer:
    """Take many messages; each is taken or refused by itself."""
    found = reading.json(call.body)
    if not isinstance(found, list) or not 1 <= len(found) <= composing.BATCH_MOST:
        raise BadField("#", f"A batch is a list of 1 to {composing.BATCH_MOST} messages.")
    key = idempotency_key(call)
    if key is not None and len(key) > KEY_MOST:
        raise BadField(
            "#/idempotency_key",
            f"The key of a batch has {KEY_MOST} characters at most.",
            code="invalid-idempotency-key",
        )
    results = await asyncio.gather(
        *(_batch_result(call, one, None if key is None else f"{key}/{i}") for i, one in enumerate(found))
    )
    accepted = sum(result["problem"] is None for result in results)
    told = {"object": "list", "data": results, "accepted": accepted, "refused": len(results) - accepted}
    return Answer(told, 202 if accepted == len(results) else 207)


async def _batch_result(call: Call, found: Any, key: str | None) -> dict[str, Any]:
    result: dict[str, Any] = {"status": 202, "message": None, "replayed": False, "problem": None}
    try:
        receipt = await accept(call, found, key)
    except Exception as error:
        shown = problems.public(error)
        if shown is not error:
            log.error("request_failed", request_id=call.request_id, exc_info=error)
        result["status"] = shown.status
        result["problem"] = problems.told(shown, url=call.origin, instance=call.address, request_id=call.request_id)
    else:
        result["message"], result["replayed"] = told(receipt), receipt.replayed
    return result


async def _taken(call: Call, found: Any) -> Answer:
    receipt = await accept(call, found, idempotency_key(call))
    headers = {"location": f"/v1/messages/{ids.show('msg', receipt.message_id)}"}
    if receipt.replayed:
        headers["idempotent-replayed"] = "true"
    return Answer(told(receipt), 202, headers)


async def accept(call: Call, found: Any, key: str | None, recipients: Sequence[RecipientIn] = ()) -> record.Receipt:
    """Hand a message to the intake and wait until it is durable; a refusal is written down (004: Error).

    `recipients` who each get a copy of their own can be given beside the JSON.
    """
    request: Request | None = None
    try:
        if isinstance(found, bytes):
            request = composing.from_mime(call, idempotency_key=key)
        else:
            found = await templates.filled_in(call, found)
            request = await composing.from_json(call, found, idempotency_key=key, recipients=recipients)
        return await call.desk.intake.accept(request)
    except TryLater:
        raise
    except AftersendError as error:
        note_refusal(call, found, request, error)
        raise


def idempotency_key(call: Call) -> str | None:
    key = call.headers.get("idempotency-key")
    if key is None:
        return None
    if not key.strip():
        raise BadField(
            "#/idempotency_key",
            "The header Idempotency-Key is empty; give it a value, or leave it out.",
            code="invalid-idempotency-key",
        )
    return key.strip()


_DECIDED_AT_ONCE = (
    Fact.SUPPRESSED, Fact.BLOCKLISTED, Fact.INVALID_ADDRESS, Fact.MALFORMED, Fact.MODERATION_PENDING, Fact.DEPLETED, Fact.SCHEDULED,
)  # fmt: skip
"""What can have become of a delivery by the time of the answer. It stays true, so a replay gives the first answer again."""


def told(receipt: record.Receipt) -> dict[str, Any]:
    """Write the receipt: acceptance hides no outcome that is known already."""
    return {
        "id": ids.show("msg", receipt.message_id),
        "status": "received",
        "deliveries": [
            {"id": ids.show("dlv", delivery_id), "recipient": recipient, "status": _status(Facts(facts))}
            for delivery_id, recipient, facts in receipt.deliveries
        ],
    }


def _status(facts: Facts) -> str:
    return next((fact.word for fact in _DECIDED_AT_ONCE if fact in facts), Fact.RECEIVED.word)


def note_refusal(call: Call, found: Any, request: Request | None, error: AftersendError, *, via: str = "http") -> None:
    """Write a refused submission down beside everything else; nobody waits for it."""
    sender, recipient = _named(found, request)
    desk = call.desk
    row = (
        call.account_id, desk.ids(), via, call.peer, sender, recipient, error.code,
        _storable(f"{error.status} {error.detail}", 1000), None, desk.clock(),
    )  # fmt: skip
    desk.store.leave(record.refused, row)


def _named(found: Any, request: Request | None) -> tuple[str | None, str | None]:
    """Who it was from and whom it was to, as far as that can be told of something refused."""
    if request is not None:
        return request.sender[:320], request.recipients[0].address[:320] if request.recipients else None
    if not isinstance(found, dict):
        return None, None
    to = found.get("to")
    first = to[0] if isinstance(to, list) and to else to
    sender = found.get("from")
    return tuple(_storable(each) if isinstance(each, str) else None for each in (sender, first))  # type: ignore[return-value]


def _storable(text: str, most: int = 320) -> str:
    return text[:most].replace("\0", " ").encode("utf-8", "replace").decode()


# ---- answering -----------------------------------------------------------------------------------------------------


async def listed(call: Call) -> Answer:
    """Answer with a page of messages."""
    words, cursors = lists.searched(call)
    wanted = search.read(words, now=call.desk.clock(), known=told_messages.WORDS)
    found = await call.desk.store.ask(
        told_messages.page,
        call.account_id,
        wanted,
        limit=lists.limit_of(cursors),
        after=cursors.get("after"),
        before=cursors.get("before"),
    )
    return lists.both_ways(call, found, cursors)


async def one(call: Call) -> Answer:
    """Answer with a message and what has become of it in numbers."""
    return Answer(await call.desk.store.ask(told_messages.one, call.account_id, _message_id(call)))


async def reschedule(call: Call) -> Answer:
    """Let a planned message go at another time, and answer with it."""
    desk, message_id = call.desk, _message_id(call)
    asked = reading.convert(reading.json(call.body), PlanIn)
    try:
        at = dates.read(asked.scheduled_at)
    except (ValueError, OverflowError):
        raise BadField(
            "#/scheduled_at",
            f"{asked.scheduled_at[:40]!r} is not a time; write 2026-12-01T09:00:00Z.",
            code="invalid-time",
        ) from None
    by = Actor(call.who, asked.why)
    await patience.one(
        lambda: desk.store.run(planning.replan, call.account_id, message_id, at, by=by, ids=desk.ids, now=desk.clock())
    )
    return Answer(await desk.store.ask(told_messages.one, call.account_id, message_id))


async def deliveries_of(call: Call) -> Answer:
    """Answer with the rows of the log of one message."""
    return lists.whole(await call.desk.store.ask(history.deliveries_of, call.account_id, _message_id(call)))


async def content_of(call: Call) -> Answer:
    """Answer with the message as it was taken in; as a file, so that no browser shows it."""
    raw = await call.desk.store.ask(content.raw, call.account_id, _message_id(call))
    disposition = f'attachment; filename="{call.path["id"]}.eml"'
    return Answer(raw, headers={"content-disposition": disposition}, media_type=MIME)


async def cancel(call: Call) -> Answer:
    """Stop whatever of a message has not ended."""
    desk, message_id = call.desk, _message_id(call)
    by = Actor(call.who)
    done = await desk.store.run(
        queue_verbs.act_on_message, call.account_id, "cancel", message_id, by=by, ids=desk.ids, now=desk.clock()
    )

    async def again(busy: Sequence[int]) -> queue_verbs.Done:
        return await desk.store.run(
            queue_verbs.act, call.account_id, "cancel", busy, by=by, ids=desk.ids, now=desk.clock()
        )

    await patience.many(done, again)
    told = done.as_dict()
    return Answer(
        {
            "action": "cancel",
            "preview": False,
            "matched": told["done"] + sum(told["skipped"].values()),
            **told,
            "more": False,
        }
    )


def _message_id(call: Call) -> int:
    return ids.read("msg", call.path["id"])
