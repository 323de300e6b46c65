"""Own the page of addresses that are not mailed: find them, see why, add one, take one off."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from aftersend.errors import AftersendError
from aftersend.mail.address import list_key
from aftersend.store import accounts, suppressions
from aftersend.web import administration
from aftersend.web.calls import Answer
from aftersend.web.console.rendering import address
from aftersend.web.console.visits import ROOT, Visit

CAUSES = ("bounced", "complained", "unsubscribed", "soft_bounces", "manual")
_WORDS = ("q", "cause", "origin", "stream")


async def show(visit: Visit, wrong: str = "") -> Answer:
    """Show a page of the list."""
    asked = {name: value for name, value in visit.query() if name in (*_WORDS, "after") and value}
    if visit.method == "POST":
        asked = {}
    found = (await administration.list_suppressions(visit.to_api(query=list(asked.items())))).content
    streams = await visit.desk.store.ask(accounts.stream_names, visit.account_id)
    return visit.show(
        "suppressions.html",
        422 if wrong else 200,
        rows=found["data"],
        onward=onward("/suppressions", found, asked),
        asked={name: asked.get(name, "") for name in _WORDS},
        causes=CAUSES,
        streams=streams,
        wrong=wrong,
        typed=visit.form() if wrong else {},
    )


def onward(page: str, found: dict[str, Any], asked: dict[str, str]) -> str | None:
    """Return the address of the page that follows, as the API's answer names its cursor."""
    if not found["next"]:
        return None
    after = parse_qs(urlsplit(found["next"]).query)["after"][-1]
    return address(page, *((name, value) for name, value in asked.items() if name != "after"), ("after", after))


async def add(visit: Visit) -> Answer:
    """Put an address on the account's own list."""
    form = visit.form()
    content = {"why": form.get("why", "").strip(), "stream": form.get("stream", "")}
    try:
        path = {"address": form.get("address", "").strip()}
        made = (await administration.suppress(visit.to_api(content, path=path))).content
    except AftersendError as error:
        return await show(visit, error.detail)
    return visit.go(f"{ROOT}/suppressions", said_of(made))


def said_of(made: dict[str, Any]) -> str:
    """Return what is so after an address was put on the list."""
    return str(made["says"]) if made["kept"] else "Nothing is written to this address from now on."


async def remove(visit: Visit) -> Answer:
    """Take an address off one list: a stream's, or that for all streams."""
    form = visit.form()
    recipient = form.get("address", "")
    return visit.go(f"{ROOT}/suppressions", await taken_off(visit, recipient, stream=form.get("stream", "")))


async def taken_off(visit: Visit, recipient: str, *, stream: str | None) -> str:
    """Take an address off a stream's list ("" for the one of all streams, None for every one); say what is so now."""
    folded = list_key(recipient)
    await administration.take_off(visit.to_api(), visit.account_id, folded, stream=stream)
    rest = await visit.desk.store.ask(suppressions.why, visit.account_id, folded)
    return "Taken off; another entry still stops mail to this address." if rest else "This address is written to again."
