"""Send one message to everybody on a list: each gets a copy made with what is known of him."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aftersend import ids
from aftersend.errors import BadField, BadFields
from aftersend.store import contacts
from aftersend.web import lists, messages, reading
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.shapes import RecipientIn

MEMBERS_MOST = 10_000
"""On a list that one message goes to: all of them are written down in one transaction."""
TYPE = Parameter(
    "type",
    "The type of broadcast that this is. Each member gets it at the first address chosen for this type, or for all types; "
    "without it, at the first address chosen for all.",
)


async def send(call: Call) -> Answer:
    """Take one message for a list. Who has chosen no address for it is counted, and gets nothing."""
    found, name = lists.taken(call, "type", cursors=()), call.path["name"]
    rows = await call.desk.store.ask(contacts.page, call.account_id, limit=MEMBERS_MOST + 1, list_name=name)
    asked = _checked(reading.json(call.body))
    if not rows:
        raise BadField("#/list", f"Nobody is on the list {name!r}.", code="missing-field")
    if len(rows) > MEMBERS_MOST:
        raise BadField(
            "#/list",
            f"More than {MEMBERS_MOST} are on the list; one message goes to so many.",
            code="too-many-recipients",
        )
    chosen = [each for row in rows if (each := _recipient(row, found.get("type"))) is not None]
    if not chosen:
        raise BadField("#/type", "Nobody on the list has an address chosen for this.", code="missing-field")
    try:
        receipt = await messages.accept(call, asked, messages.idempotency_key(call), chosen)
    except BadFields as error:
        raise BadFields([_named(field, chosen) for field in error.fields]) from None
    headers = {"location": f"/v1/messages/{ids.show('msg', receipt.message_id)}"}
    if receipt.replayed:
        headers["idempotent-replayed"] = "true"
    told = messages.told(receipt)
    left_out = len(rows) - len(chosen)
    return Answer({**told, "members": len(rows), "no_email_selected": left_out}, 202, headers)


def _checked(asked: Any) -> Any:
    if not isinstance(asked, dict):
        raise BadField("#", "Expected an object with fields.")
    wrong = [
        BadField(f"#/{name}", "The list says who gets it; leave this out.")
        for name in ("to", "cc", "bcc", "recipients")
        if asked.get(name)
    ]
    if not asked.get("stream"):
        why = "Name the stream: mail to a list does not go with receipts and passwords."
        wrong.append(BadField("#/stream", why, code="missing-field"))
    if wrong:
        raise BadFields(wrong)
    return asked


def _recipient(row: Mapping[str, Any], kind: str | None) -> RecipientIn | None:
    for spot in row["addresses"]:
        if not spot["types"] or kind in spot["types"]:
            data = {name: value for name, value in row["attributes"].items() if value is not None}
            return RecipientIn(spot["address"], data | ({"name": row["name"]} if row["name"] else {}))
    return None


def _named(field: BadField, chosen: list[RecipientIn]) -> BadField:
    """Name the member by his address, since the client did not number him."""
    start, _, rest = field.pointer.removeprefix("#/recipients/").partition("/")
    if not field.pointer.startswith("#/recipients/") or not start.isdigit():
        return field
    return BadField("#/list", f"{chosen[int(start)].to}, {rest}: {field.detail}", code=field.code)
