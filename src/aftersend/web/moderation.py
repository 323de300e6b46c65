"""Answer about mail before the moderator, and take decisions. An account sees its own; whoever runs the installation, all."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aftersend import ids
from aftersend.control import keys
from aftersend.control import moderation as moderating
from aftersend.errors import BadField, NotAllowed
from aftersend.store import accounts, content
from aftersend.store.moderation import PLATFORM
from aftersend.web import lists, reading
from aftersend.web.administration import note_change
from aftersend.web.calls import Answer, Call
from aftersend.web.moderation_shapes import DecisionIn, OversightIn

SHOWN_MOST = 64 * 1024
EVERY = "*"
_ALL = {"more": False, "next": None}


async def list_judged(call: Call) -> Answer:
    """Answer with a page of messages that were judged, newest first."""
    found = lists.taken(call, "state", "rule", "q", "account")
    limit = lists.limit_of(found)
    account_id = await _account(call, found.get("account"))
    rows = await call.desk.store.ask(
        moderating.listed, account_id=account_id, state=found.get("state"), rule=found.get("rule"),
        text=found.get("q"), limit=limit + 1, before=ids.read("msg", found["after"]) if "after" in found else None,
    )  # fmt: skip
    shown = rows[:limit]
    has_more = len(rows) > limit
    return lists.page(call, shown, has_more=has_more, after=shown[-1]["id"] if has_more else None)


async def one_judged(call: Call) -> Answer:
    """Answer with one message, its findings, its first recipients, and what it says."""
    message_id = ids.read("msg", call.path["id"])
    account_id = None if keys.may(call.key, "operate") else call.account_id
    found: dict[str, Any] = await call.desk.store.ask(moderating.whole, account_id, message_id)
    raw = await call.desk.store.ask(content.raw, found.pop("account_id"), message_id)
    return Answer({**found, "content": raw[:SHOWN_MOST].decode("utf-8", "backslashreplace")})


async def decide(call: Call) -> Answer:
    """Say yes or no to messages, named by their ids or found by a filter."""
    asked = reading.convert(reading.json(call.body), DecisionIn)
    account_id = await _account(call, asked.account)
    store = call.desk.store
    has_filter = bool(asked.state or asked.rule or asked.q)
    if bool(asked.ids) == has_filter:
        raise BadField("#/ids", "Say which messages: ids, or a filter (state, rule, q), not both.")
    found = {"account_id": account_id, "state": asked.state, "rule": asked.rule, "text": asked.q}
    if asked.preview:
        number = await store.ask(moderating.how_many, **found) if has_filter else len(asked.ids)
        return Answer({"done": number, "skipped": {}, "matched": number, **_ALL})
    if not has_filter:
        wanted = [ids.read("msg", shown) for shown in asked.ids]
        return Answer({"matched": len(wanted), **await _decided(call, asked, wanted, account_id), **_ALL})
    done, skipped, matched, more = 0, Counter[str](), 0, True
    before = None if asked.after is None else ids.read("msg", asked.after)
    while more and matched < asked.limit:
        wish = min(moderating.AT_ONCE, asked.limit - matched)
        wanted = await store.ask(moderating.found_by, limit=wish, before=before, **found)
        more = len(wanted) == wish
        if wanted:
            told = await _decided(call, asked, wanted, account_id)
            done += told["done"]
            skipped.update(told["skipped"])
            matched, before = matched + len(wanted), wanted[-1]
    onward = ids.show("msg", before) if more and before is not None else None
    return Answer({"done": done, "skipped": dict(skipped), "matched": matched, "more": more, "next": onward})


async def _decided(call: Call, asked: DecisionIn, wanted: list[int], account_id: int | None) -> dict[str, Any]:
    """Decide about some messages, in one transaction."""
    told: dict[str, Any] = await call.desk.store.run(
        moderating.decide, asked.action, wanted, account_id=account_id, reason=asked.reason, teach=asked.teach,
        who=call.who, ids=call.desk.ids, now=call.desk.clock(),
    )  # fmt: skip
    return told


async def rule(call: Call) -> Answer:
    """Answer how the account's mail is moderated."""
    return Answer(await call.desk.store.ask(moderating.rule_of, call.account_id))


async def set_rule(call: Call) -> Answer:
    """Say how an account's mail is moderated."""
    asked = reading.convert(reading.json(call.body), OversightIn)
    account_id = await _account(call, asked.account)
    place = PLATFORM if account_id is None else account_id
    told = await note_change(
        call, place or call.account_id, "set the moderation of mail", f"{asked.mode} {asked.account or ''}".strip(),
        _oversee, place, mode=asked.mode, first=asked.first, now=call.desk.clock(),
    )  # fmt: skip
    await call.desk.changed()
    return Answer(told)


def _oversee(connection: Any, _noted: int, place: int, **said: Any) -> dict[str, Any]:
    return moderating.oversee(connection, place, **said)


async def _account(call: Call, named: str | None) -> int | None:
    """The account that is meant; None for all. Raise NotAllowed if the key may see its own only."""
    if named is None:
        return call.account_id
    if not keys.may(call.key, "operate"):
        raise NotAllowed(
            f"The key “{call.key.name}” sees its own account only; others need the scope “operate”.",
            code="scope-missing",
        )
    return None if named == EVERY else int(await call.desk.store.ask(accounts.named, named))
