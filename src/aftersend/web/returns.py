"""Answer about returned mail that nobody understood, with its original; teach what it means, and throw it away."""

from __future__ import annotations

from typing import Any

from aftersend import ids
from aftersend.policy.diagnosis import diagnose_mail
from aftersend.reports.telling import moment
from aftersend.returns.teaching import teach as taught
from aftersend.store import accounts, returned
from aftersend.store.connection import Connection
from aftersend.web import lists, reading
from aftersend.web.calls import Answer, Call
from aftersend.web.returns_shapes import TeachIn


async def list_unread(call: Call) -> Answer:
    """Answer with a page of returned mail that no rule understood, newest first."""
    found = lists.taken(call)
    limit = lists.limit_of(found)
    before = None if "after" not in found else ids.read("ret", found["after"])
    rows = await call.desk.store.ask(returned.unread, call.account_id, limit=limit + 1, before=before)
    shown = [told(row) for row in rows[:limit]]
    has_more = len(rows) > limit
    return lists.page(call, shown, has_more=has_more, after=shown[-1]["id"] if has_more else None)


async def one_unread(call: Call) -> Answer:
    """Answer with one, its original, and what the rules make of it."""
    row = await _one(call)
    return Answer(
        {
            **told(row),
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
    await desk.store.run(
        taught, call.account_id, unread_id, asked.reason, by=call.who, now=desk.clock(), rules=desk.suppression,
        detail=asked.detail, is_delayed=asked.is_delayed, delivery_id=delivery_id,
    )  # fmt: skip
    await _noted(call, "taught a reason", f"{call.path['id']} {asked.reason}")
    about = asked.delivery_id if row["delivery_id"] is None else ids.show("dlv", row["delivery_id"])
    return Answer({"id": call.path["id"], "reason": asked.reason, "detail": asked.detail, "delivery_id": about})


async def dismiss(call: Call) -> Answer:
    """Throw one away."""
    await call.desk.store.run(returned.forget, call.account_id, ids.read("ret", call.path["id"]))
    await _noted(call, "threw a returned mail away", call.path["id"])
    return Answer(None, 204)


async def _one(call: Call) -> dict[str, Any]:
    row: dict[str, Any] = await call.desk.store.ask(
        returned.unread_one, call.account_id, ids.read("ret", call.path["id"])
    )
    return row


async def _noted(call: Call, did: str, what: str) -> None:
    desk = call.desk
    await desk.store.run(_note, call.account_id, desk.ids(), call.who, did, what, desk.clock())


def _note(connection: Connection, account_id: int, audit_id: int, who: str, did: str, what: str, now: int) -> None:
    accounts.note(connection, account_id, audit_id, who=who, did=did, what=what, now=now)


def told(row: dict[str, Any]) -> dict[str, Any]:
    """Write one as the API shows it, without its original."""
    return {
        "id": ids.show("ret", row["id"]),
        "received_at": moment(row["received_us"]),
        "recipient": row["recipient"],
        "sender": row["sender"],
        "peer": row["peer"],
        "subject": row["subject"],
        "why": row["why"],
        "delivery_id": None if row["delivery_id"] is None else ids.show("dlv", row["delivery_id"]),
        "size": row["size"] if "size" in row else len(row["raw"]),
    }
