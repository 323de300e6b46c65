"""Answer about the quality of broadcasts, before and after, and of sending domains."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec

from aftersend import ids
from aftersend.broadcasts import audience
from aftersend.control import domains, forecasting, quality, scoring
from aftersend.control.domains import Place
from aftersend.control.forecasting import ADDRESSES_MOST, Forecaster
from aftersend.errors import BadField, Conflict, TryLater
from aftersend.mail import headers, tracked
from aftersend.mail.compiled import decode
from aftersend.policy.score.finding import band_of
from aftersend.policy.score.forecast import together
from aftersend.store import broadcasts, scores
from aftersend.store.broadcasts import DONE, Broadcast
from aftersend.store.connection import Connection
from aftersend.web.broadcasts import request_of
from aftersend.web.calls import Answer, Call

PAGE = 2_000
TOKEN = "x" * 48
"""As long as a token in a link."""


async def foresee(call: Call) -> Answer:
    """Score a draft: its message as its first recipient gets it, and its audience; keep the forecast."""
    desk = call.desk
    if desk.scorer is None:
        raise TryLater("This node scores nothing.")
    broadcast_id = ids.read("brd", call.path["id"])
    found = await desk.store.ask(broadcasts.one, call.account_id, broadcast_id)
    if found.started_us is not None:
        why = "It has begun, so nothing can be forecast any more; GET shows the forecast beside what became of it."
        raise Conflict(why, code="broadcast-state")
    first = await desk.store.ask(audience.first, found, desk.clock())
    if first is None:
        raise BadField("#/lists", "It has no audience: name lists, or hand recipients over.", code="missing-field")
    raw, sender = await _sample(call, found, first)
    place = Place(desk.rules.hostname, desk.rules.return_domain)
    asked = await desk.store.ask(scoring.of_account, call.account_id, raw, place, is_broadcast=True)
    message = await desk.scorer.score(raw, replace(asked, sender=sender, recipients=[first.address]))
    addresses = await desk.store.ask(_addresses, found, desk.clock())
    known = await desk.store.ask(forecasting.known_of, call.account_id, addresses, desk.clock())
    outcomes = await desk.store.ask(scores.outcomes, call.account_id)
    usual = await desk.store.ask(forecasting.usual_day_of, call.account_id, desk.clock())
    forecaster = Forecaster(desk.resolver, desk.clock)
    foreseen = await forecaster.forecast(addresses, known, outcomes=outcomes, usual_day=usual)
    past = await _past(call, _domain_of(raw)) if asked.records else None
    score = together(message.value, foreseen.value, past, is_blocked=message.is_blocked) or 0
    told = {"message": message.as_dict(), "recipients": foreseen.as_dict(0)}
    await desk.store.run(
        scores.keep, call.account_id, broadcast_id, score=score, message_score=message.value,
        list_score=foreseen.value, mailed=foreseen.mailed, expected=foreseen.expected, told=told, now=desk.clock(),
    )  # fmt: skip
    return Answer(
        {
            "id": ids.show("brd", broadcast_id),
            "score": score,
            "band": band_of(score),
            "domain_score": past,
            "message": told["message"],
            "recipients": foreseen.as_dict(1000),
        }
    )


def _domain_of(raw: bytes) -> str:
    """Return the From domain of a message."""
    block, _ = headers.split(raw)
    return headers.from_domain({"from": [headers.get(block, "From") or b""]})


async def _past(call: Call, domain: str) -> int | None:
    """The score of what became of the domain's mail; None where there was too little."""
    desk, now = call.desk, call.desk.clock()
    told, fresh = await desk.store.ask(quality.of_domain, call.account_id, domain, now=now)
    if fresh:
        await desk.store.run(scores.keep_days, call.account_id, domain, fresh, now=now)
    found: int | None = told["score"]
    return found


async def of_broadcast(call: Call) -> Answer:
    """Answer with what was forecast of a broadcast beside what became of it; learn from one that is ripe."""
    desk, broadcast_id = call.desk, ids.read("brd", call.path["id"])
    now = desk.clock()
    told = await desk.store.ask(quality.of_broadcast, call.account_id, broadcast_id, now=now)
    if told["is_ripe"] and told["forecast"] is not None and not told["forecast"]["is_learned"]:
        counted = await desk.store.ask(quality.signals_of, call.account_id, broadcast_id)
        await desk.store.run(scores.learn, call.account_id, broadcast_id, counted, now=now)
        told["forecast"]["is_learned"] = True
    return Answer(told)


async def of_domain(call: Call) -> Answer:
    """Answer with the score of a sending domain over thirty days."""
    desk = call.desk
    name = (await desk.store.ask(domains.one, call.account_id, call.path["name"]))["name"]
    now = desk.clock()
    told, fresh = await desk.store.ask(quality.of_domain, call.account_id, name, now=now)
    if fresh:
        await desk.store.run(scores.keep_days, call.account_id, name, fresh, now=now)
    return Answer(told)


async def calibration(call: Call) -> Answer:
    """Answer with how well forecasts were met."""
    return Answer(await call.desk.store.ask(quality.calibration, call.account_id, now=call.desk.clock()))


async def _sample(call: Call, found: Broadcast, first: audience.Member) -> tuple[bytes, str]:
    """The message as somebody of the audience would get it, with links as long as tracked ones are."""
    request = await request_of(call, found)
    submission = call.desk.intake.submission(request)
    base = f"https://{call.desk.rules.hostname}"
    common = msgspec.json.decode(found.content).get("data") or {}
    compiled = decode(submission.body[2])
    slots = {
        tracked.OPT_OUT: f"{base}/u/{TOKEN}",
        tracked.LIST_FIELD: f"<{base}/u/{TOKEN}>",
        tracked.PREFERENCES: f"{base}/p/{TOKEN}",
    }
    header, body = await asyncio.to_thread(compiled.render, {**common, **first.data}, slots)
    return header + b"\r\n" + body, request.sender


def _addresses(connection: Connection, found: Broadcast, now: int) -> list[str]:
    """The addresses of an audience, in its order; who has none for this type gets nothing and is left out."""
    from aftersend.store import mailing_lists

    list_ids = found.list_ids or mailing_lists.numbers(connection, found.account_id, found.lists, "#/lists")
    content = msgspec.json.encode({**msgspec.json.decode(found.audience), "list_ids": list_ids}).decode()
    at = replace(found, part=0, place=0, audience=content, started_us=now)
    addresses: list[str] = []
    while at.part != DONE and len(addresses) <= ADDRESSES_MOST:
        page = audience.page(connection, at, PAGE)
        addresses += [member.address for member in page.members if member.is_selected]
        at = replace(at, part=page.part, place=page.place)
    return addresses
