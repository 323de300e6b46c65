"""Score messages before they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from aftersend.control import forecasting, scoring
from aftersend.control.domains import Place
from aftersend.control.forecasting import ADDRESSES_MOST, Forecaster
from aftersend.errors import BadField, TryLater
from aftersend.mail import headers
from aftersend.policy.score.forecast import Forecast
from aftersend.policy.score.sample import read
from aftersend.store import histories, scores
from aftersend.web import composing, link_check, reading, templates
from aftersend.web.administration import change
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.messages import MIME
from aftersend.web.score_shapes import RecipientsIn
from aftersend.webhooks.guard import Allowance

KINDS = ("broadcast", "transactional")
PARAMETERS = (
    Parameter(
        "kind",
        "What the message is to be: the duties of bulk mail hold for a broadcast only. Else broadcast.",
        schema={"type": "string", "enum": list(KINDS)},
        example="broadcast",
    ),
    Parameter("dns", "Whether the DNS is asked; else true.", schema={"type": "boolean"}, example=True),
    Parameter("engines", "Whether spam filters are asked; else true.", schema={"type": "boolean"}, example=True),
    Parameter(
        "links",
        "Whether the links are followed to see that they lead somewhere, 20 at the most; else false.",
        schema={"type": "boolean"},
        example=False,
    ),
    Parameter("to", "A recipient, for the filters to see a true envelope.", is_list=True, example=["ann@example.net"]),
)


async def score(call: Call) -> Answer:
    """Answer with the score of a message: whole, or JSON as it would be sent."""
    desk = call.desk
    if desk.scorer is None:
        raise TryLater("This node scores nothing.")
    wanted = _wanted(call)
    sender = ""
    if call.media_type == MIME:
        if not call.body.strip():
            raise BadField("#", "The body is empty; it should be the message.", code="no-content")
        raw = call.body
    else:
        found = await templates.filled_in(call, _for_one(reading.json(call.body)))
        request = await composing.from_json(call, found, idempotency_key=None)
        # What it gets when it is sent is no fault of it now.
        raw = desk.intake.opt_out_of(request) + headers.with_crlf(request.content)
        sender = request.sender
        wanted["recipients"] = [recipient.address for recipient in request.recipients]
    place = Place(desk.rules.hostname, desk.rules.return_domain)
    asked = await desk.store.ask(
        scoring.of_account, call.account_id, raw, place, is_broadcast=wanted.pop("is_broadcast")
    )
    if wanted.pop("with_links"):
        asked = await _with_links(call, raw, asked)
    told = await desk.scorer.score(raw, replace(asked, sender=sender, **wanted))
    return Answer(told.as_dict())


async def _with_links(call: Call, raw: bytes, asked: scoring.Asked) -> scoring.Asked:
    """Follow the links of a message, as far as that does no harm."""
    desk = call.desk
    sample = await asyncio.to_thread(read, raw)
    ours = {desk.rules.hostname.lower(), urlsplit(desk.intake.tracking.url).hostname or ""}
    allowance = Allowance() if desk.guard is None else desk.guard.allowance
    found, unknown = await link_check.check(
        link_check.worth_checking(sample, ours), desk.resolver, allowance, agent=f"Aftersend/{desk.version}"
    )
    return replace(asked, more=found, unknown=unknown)


async def recipients(call: Call) -> Answer:
    """Answer with what is to be expected of addresses."""
    asked = reading.convert(reading.json(call.body), RecipientsIn)
    if bool(asked.addresses) == (asked.list_ is not None):
        raise BadField("#/addresses", "Give addresses, or the name of a list.", code="missing-field")
    if asked.list_ is not None:
        found, _ = await _of_list(call, asked.list_)
    else:
        found = await _forecast(call, asked.addresses)
    return Answer(found.as_dict(asked.most))


async def clean_list(call: Call) -> Answer:
    """Take those off a list to whom mail would bounce, and answer with what was to be expected of it."""
    name = call.path["name"]
    found, people = await _of_list(call, name)
    doubtful = {each.address for each in found.doubtful}
    gone = [contact_id for contact_id, written in people if forecasting.plain_address(written) in doubtful]
    removed = await change(call, "cleaned a list", name, histories.leave, name, gone) if gone else 0
    return Answer({"name": name, "removed": removed, "forecast": found.as_dict(1000)})


async def _of_list(call: Call, name: str) -> tuple[Forecast, list[tuple[int, str]]]:
    people = await call.desk.store.ask(histories.members, call.account_id, name, limit=ADDRESSES_MOST + 1)
    return await _forecast(call, [written for _, written in people]), people


async def _forecast(call: Call, addresses: Sequence[str]) -> Forecast:
    desk = call.desk
    known = await desk.store.ask(forecasting.known_of, call.account_id, addresses, desk.clock())
    outcomes = await desk.store.ask(scores.outcomes, call.account_id)
    usual = await desk.store.ask(forecasting.usual_day_of, call.account_id, desk.clock())
    forecaster = Forecaster(desk.resolver, desk.clock)
    return await forecaster.forecast(addresses, known, outcomes=outcomes, usual_day=usual)


def _wanted(call: Call) -> dict[str, Any]:
    wanted: dict[str, Any] = {"is_broadcast": True, "recipients": [], "with_links": False}
    for name, value in call.query():
        if name == "kind":
            if value not in KINDS:
                raise BadField("#/kind", f"kind is {' or '.join(KINDS)}, not {value[:40]!r}.")
            wanted["is_broadcast"] = value == "broadcast"
        elif name in ("dns", "engines", "links"):
            wanted[f"with_{name}"] = reading.truth(value, name)
        elif name == "to":
            wanted["recipients"].append(value)
        else:
            raise BadField(
                f"#/{reading.escaped(name)}",
                f"{name[:60]!r} is not known here; there are kind, dns, engines, links and to.",
                code="unknown-field",
            )
    return wanted


def _for_one(found: Any) -> Any:
    """Of a message with words of its own for each recipient, take the first recipient's."""
    recipients = found.get("recipients") if isinstance(found, dict) else None
    if not isinstance(recipients, list) or not recipients or not isinstance(recipients[0], dict):
        return found
    first, shared = recipients[0], found.get("data")
    own = first.get("data") or {}
    if not isinstance(own, dict):
        return found  # whoever checks the message says what is wrong with it
    data = {**(shared if isinstance(shared, dict) else {}), **own}
    rest = {name: value for name, value in found.items() if name not in ("recipients", "to", "cc", "bcc", "data")}
    return {**rest, "to": first.get("to"), "data": data}
