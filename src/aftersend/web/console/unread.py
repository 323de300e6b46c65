"""Own the pages of returned mail that no rule understands: the list, one with its original, and what a person says of it."""

from __future__ import annotations

from typing import Any

from aftersend.errors import AftersendError
from aftersend.ledger.reasons import DETAILS, MEANINGS, Reason
from aftersend.web import returns
from aftersend.web.calls import Answer
from aftersend.web.console import previews
from aftersend.web.console.rendering import said_of
from aftersend.web.console.suppressed import onward
from aftersend.web.console.visits import ROOT, Visit

_BESIDE = "/"
"""Stands between a reason and its finer word in the value of a choice."""


async def show(visit: Visit) -> Answer:
    """Show a page of the list, the newest first."""
    asked = {name: value for name, value in visit.query() if name == "after" and value}
    found = (await returns.list_unread(visit.to_api(query=[("limit", "50"), *asked.items()]))).content
    return visit.show("returns.html", rows=found["data"], onward=onward("/returns", found, asked))


async def one(visit: Visit) -> Answer:
    """Show one with its original, what the rules make of it, and what a person may say of it."""
    return await _whole(visit)


async def _whole(visit: Visit, wrong: str = "") -> Answer:
    told = (await returns.one_unread(visit.to_api())).content
    raw: bytes = (await returns.original(visit.to_api())).content
    return visit.show(
        "returns_one.html", 422 if wrong else 200, told=told, report=told["report"], parts=previews.read(raw),
        choices=choices(), typed=visit.form() if wrong else {}, wrong=wrong,
    )  # fmt: skip


def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what a returned mail can mean: each reason with itself and its finer words, as values and labels."""
    return [
        (
            MEANINGS[reason].short.capitalize(),
            [(reason.value, MEANINGS[reason].short)]
            + [(f"{of.value}{_BESIDE}{word}", means.short) for (of, word), means in DETAILS.items() if of is reason],
        )
        for reason in Reason
        if reason is not Reason.NOT_A_BOUNCE
    ]


async def original(visit: Visit) -> Answer:
    """Hand out the mail as it came, as a file that no browser shows."""
    return await returns.original(visit.to_api())


async def teach(visit: Visit) -> Answer:
    """Write down what one means."""
    form = visit.form()
    reason, _, detail = form.get("meaning", "").partition(_BESIDE)
    said: dict[str, Any] = {"reason": reason, "is_delayed": "delayed" in form}
    said |= {"detail": detail} if detail else {}
    delivery_id = form.get("delivery_id", "").strip()
    said |= {"delivery_id": delivery_id} if delivery_id else {}
    if not reason:
        return await _whole(visit, "Choose what it means.")
    # One that is gone is not found, whatever is said of it.
    await returns.one_unread(visit.to_api())
    try:
        taught = (await returns.teach(visit.to_api(said))).content
    except AftersendError as error:
        return await _whole(visit, said_of(error))
    return visit.go(f"{ROOT}/deliveries/{taught['delivery_id']}", "It is written down, with all that follows from it.")


async def dismiss(visit: Visit) -> Answer:
    """Throw one away."""
    await returns.dismiss(visit.to_api())
    return visit.go(f"{ROOT}/returns", "It was thrown away.")
