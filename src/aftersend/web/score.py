"""Score messages before they are sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aftersend.control import scoring
from aftersend.control.domains import Place
from aftersend.errors import BadField, TryLater
from aftersend.mail import headers
from aftersend.web import composing, reading, templates
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.messages import MIME

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
        request = composing.from_json(call, found, idempotency_key=None)
        raw, sender = headers.with_crlf(request.content), request.sender
        wanted["recipients"] = [recipient.address for recipient in request.recipients]
    place = Place(desk.rules.hostname, desk.rules.return_domain)
    asked = await desk.store.ask(
        scoring.of_account, call.account_id, raw, place, is_broadcast=wanted.pop("is_broadcast")
    )
    told = await desk.scorer.score(raw, replace(asked, sender=sender, **wanted))
    return Answer(told.as_dict())


def _wanted(call: Call) -> dict[str, Any]:
    wanted: dict[str, Any] = {"is_broadcast": True, "recipients": []}
    for name, value in call.query():
        if name == "kind":
            if value not in KINDS:
                raise BadField("#/kind", f"kind is {' or '.join(KINDS)}, not {value[:40]!r}.")
            wanted["is_broadcast"] = value == "broadcast"
        elif name in ("dns", "engines"):
            wanted[f"with_{name}"] = reading.truth(value, name)
        elif name == "to":
            wanted["recipients"].append(value)
        else:
            raise BadField(
                f"#/{reading.escaped(name)}",
                f"{name[:60]!r} is not known here; there are kind, dns, engines and to.",
                code="unknown-field",
            )
    return wanted


def _for_one(found: Any) -> Any:
    """Of a message with words of its own for each recipient, take the first recipient's."""
    recipients = found.get("recipients") if isinstance(found, dict) else None
    if not isinstance(recipients, list) or not recipients or not isinstance(recipients[0], dict):
        return found
    first = recipients[0]
    shared = found.get("data")
    data = {**(shared if isinstance(shared, dict) else {}), **(first.get("data") or {})}
    rest = {name: value for name, value in found.items() if name not in ("recipients", "to", "cc", "bcc", "data")}
    return {**rest, "to": first.get("to"), "data": data}
