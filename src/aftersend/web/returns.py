"""Answer about returned mail that nobody understood, with its original; teach what it means, and throw it away."""

from __future__ import annotations

from typing import Any

from aftersend import ids
from aftersend.policy.diagnosis import diagnose_mail
from aftersend.reports.telling import told_return
from aftersend.returns.teaching import teach as taught
from aftersend.store import returned
from aftersend.web import lists, reading
from aftersend.web.administration import change
from aftersend.web.calls import Answer, Call
from aftersend.web.returns_shapes import TeachIn


async def list_unread(call: Call) -> Answer:
    """Answer with a page of returned mail that no rule understood, newest first."""
    found = lists.taken(call)
    limit = lists.limit_of(found)
    before = None if "after" not in found else ids.read("ret", found["after"])
    rows = await call.desk.store.ask(returned.unread, call.account_id, limit=limit + 1, before=before)
    shown = [told_return(row) for row in rows[:limit]]
    has_more = len(rows) > limit
    return lists.page(call, shown, has_more=has_more, after=shown[-1]["id"] if has_more else None)


async def one_unread(call: Call) -> Answer:
    """Answer with one, its original, and what the rules make of it."""
    row = await _one(call)
    return Answer(
        {
            **told_return(row),
            "report": diagnose_mail(row["raw"]).to_json(),
            "original": row["raw"].decode("utf-8", "backslashreplace"),
        }
    )


async def original(call: Call) -> Answer:
    """Answer with the mail itself, byte for byte as it was kept; a download, never shown."""
    row = await _one(call)
    name = f'attachment; filename="{call.path["id"]}.eml"'
    return Answer(row["raw"], headers={"content-disposition": name}, media_type="message/rfc822")


async def teach(call: Call) -> Answer:
    """Write down what one means, with all that follows from it."""
    asked = reading.convert(reading.json(call.body), TeachIn)
    desk = call.desk
    unread_id = ids.read("ret", call.path["id"])
    row = await _one(call)
    delivery_id = None if asked.delivery_id is None else ids.read("dlv", asked.delivery_id)
    await change(
        call, "taught a reason", f"{call.path['id']} {asked.reason}", taught, unread_id, asked.reason,
        by=call.who, now=desk.clock(), rules=desk.suppression,
        detail=asked.detail, is_delayed=asked.is_delayed, delivery_id=delivery_id,
    )  # fmt: skip
    about = asked.delivery_id if row["delivery_id"] is None else ids.show("dlv", row["delivery_id"])
    return Answer({"id": call.path["id"], "reason": asked.reason, "detail": asked.detail, "delivery_id": about})


async def dismiss(call: Call) -> Answer:
    """Throw one away."""
    unread_id = ids.read("ret", call.path["id"])
    await change(call, "threw a returned mail away", call.path["id"], returned.forget, unread_id)
    return Answer(None, 204)


async def _one(call: Call) -> dict[str, Any]:
    row: dict[str, Any] = await call.desk.store.ask(
        returned.unread_one, call.account_id, ids.read("ret", call.path["id"])
    )
    return row
