"""Let people confirm that an address is theirs (double opt-in): whoever only looks changes nothing, the button does."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from aftersend.clock import Clock
from aftersend.ids import IdSource
from aftersend.store import Store, consents
from aftersend.tracking import pages
from aftersend.tracking.http import Reply

SECRET_MOST = 100


async def answer(
    store: Store, clock: Clock, ids: IdSource, secret: str, form: Mapping[str, str] | None, visitor: Mapping[str, str]
) -> Reply:
    """Answer a visit to the link of a request; `form` is what was posted, None for somebody who only looks."""
    if not 1 <= len(secret) <= SECRET_MOST or not secret.isalnum():
        return pages.nothing_here()
    found = await store.ask(consents.asked, secret, now=clock())
    if found is None:
        return _over()
    address = escape(pages.masked(found.folded))
    if found.answered_us is None:
        if form is None or form.get("confirm") != "yes":
            return pages.page("Confirm your address", _question(address), 200 if form is None else 400)
        evidence = {**visitor, "asked_us": found.asked_us, "message_id": found.message_id}
        if await store.run(consents.confirm, secret, ids(), evidence=evidence, now=clock()) is None:
            return _over()
    return pages.page("Thank you", f"<p>{address} is confirmed.</p>")


def _question(address: str) -> str:
    return (
        f"<p>Is <strong>{address}</strong> yours, and may we write to it?</p>"
        '<form method="post"><input type="hidden" name="confirm" value="yes"><button>Yes, confirm</button></form>'
        "<p>If you did not ask for this, do nothing: then nothing is sent.</p>"
    )


def _over() -> Reply:
    return pages.page(
        "This link is no longer valid", "<p>Please ask for a new one where you entered your address.</p>", 404
    )
