"""Answer about consents, write them down, and ask people to confirm their addresses (double opt-in)."""

from __future__ import annotations

from typing import Any

from aftersend import ids
from aftersend.clock import HOUR, Instant
from aftersend.errors import BadField, Conflict
from aftersend.mail import address, dates
from aftersend.reports.telling import moment, parsed
from aftersend.store import consents, contacts, mailing_lists
from aftersend.store.consents import OptIn
from aftersend.web import messages, reading, templates
from aftersend.web.administration import change
from aftersend.web.calls import Answer, Call
from aftersend.web.contacts_shapes import ConsentIn, OptInIn
from aftersend.web.shapes import RecipientIn

CONFIRM = "confirm_url"
SECRET_BITS = 160


async def of_contact(call: Call) -> Answer:
    """Return all that somebody said, and what he was asked to confirm."""
    return await _told(call)


async def note(call: Call) -> Answer:
    """Write down what somebody said."""
    contact_id = _id(call)
    asked = reading.convert(reading.json(call.body), ConsentIn)
    for name in ("source", "wording", "type"):
        if "\0" in getattr(asked, name):
            raise BadField(f"#/{name}", "There is a NUL in it.")
    if not asked.source.strip():
        raise BadField("#/source", "Say where he said it.", code="missing-field")
    occurred = _moment(asked.occurred_at, call.desk.clock())
    await change(
        call, f"noted a consent as {asked.state}", call.path["id"], consents.note, call.desk.ids(), contact_id,
        kind=asked.type, state=asked.state, source=asked.source, wording=asked.wording, evidence=asked.evidence,
        occurred_us=occurred,
    )  # fmt: skip
    return await _told(call, 201)


async def ask(call: Call) -> Answer:
    """Ask somebody to confirm an address by mail; he agrees, and joins the list, once he has."""
    desk, contact_id = call.desk, _id(call)
    asked = reading.convert(reading.json(call.body), OptInIn)
    person = await desk.store.ask(contacts.one, call.account_id, contact_id)
    url = desk.intake.tracking.url
    if not url:
        why = "Nobody could follow the link: set tracking.url and tracking.listen, then ask again."
        raise Conflict(why, code="no-public-address")
    chosen = _address(person, asked.address)
    list_id = None
    if asked.list is not None:
        (list_id,) = await desk.store.ask(mailing_lists.numbers, call.account_id, [asked.list], "#/list")
    message = await templates.filled_in(call, dict(asked.message))
    if not any(CONFIRM in str(message.get(part) or "") for part in ("text", "html")):
        raise BadField("#/message/text", "The link is missing: put {{ confirm_url }} into it.", code="missing-field")
    secret, now = ids.token(SECRET_BITS), desk.clock()
    data = {**person["attributes"], "name": person["name"], CONFIRM: f"{url.rstrip('/')}/k/{secret}"}
    data = {name: value for name, value in data.items() if value not in (None, "")}
    message.setdefault("track", {"opens": False, "clicks": False})
    receipt = await messages.accept(call, message, None, [RecipientIn(chosen, data)])
    wanted = OptIn(
        call.account_id, contact_id, list_id, address.parse(chosen).folded, asked.type, asked.wording,
        receipt.message_id, now, now + asked.hours * HOUR,
    )  # fmt: skip
    await desk.store.run(consents.ask, secret, wanted)
    return Answer(_opt_in({name: getattr(wanted, name) for name in wanted.__slots__}), 202)


def _address(person: dict[str, Any], wanted: str | None) -> str:
    spots = [str(spot["address"]) for spot in person["addresses"]]
    if wanted is None:
        return spots[0]
    folded = address.parse(wanted.strip(), pointer="#/address").folded
    for spot in spots:
        if address.parse(spot).folded == folded:
            return spot
    raise BadField("#/address", f"{wanted[:320]} is no address of this contact.")


def _moment(text: str | None, now: Instant) -> Instant:
    if text is None:
        return now
    try:
        return min(dates.read(text), now)
    except (ValueError, OverflowError):
        why = f"{text[:40]!r} is not a time; write 2026-12-01T09:00:00Z."
        raise BadField("#/occurred_at", why, code="invalid-time") from None


def _id(call: Call) -> int:
    return ids.read("con", call.path["id"])


async def _told(call: Call, status: int = 200) -> Answer:
    said = await call.desk.store.ask(consents.of_contact, call.account_id, _id(call))
    asked = await call.desk.store.ask(consents.open_requests, call.account_id, _id(call))
    data = [
        {
            "id": ids.show("cst", row["id"]),
            **{name: row[name] for name in ("type", "state", "source", "wording")},
            "evidence": parsed(row["evidence"]),
            "occurred_at": moment(row["occurred_us"]),
        }
        for row in said
    ]
    return Answer({"object": "list", "data": data, "opt_ins": [_opt_in(row) for row in asked]}, status)


def _opt_in(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "message_id": ids.show("msg", row["message_id"]),
        "type": row["type"],
        "wording": row["wording"],
        "asked_at": moment(row["asked_us"]),
        "expires_at": moment(row["expires_us"]),
        "answered_at": moment(row["answered_us"]),
    }
