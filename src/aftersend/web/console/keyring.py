"""Own the pages of keys and of streams."""

from __future__ import annotations

from aftersend.control.keys import SCOPES
from aftersend.errors import AftersendError, NotAllowed
from aftersend.policy.throttles import SENDERS
from aftersend.web import administration, throttles
from aftersend.web.calls import Answer
from aftersend.web.console.rendering import said_of
from aftersend.web.console.visits import ROOT, Visit

SAYS = {
    "send": "Hand in mail, over HTTP and SMTP.",
    "read": "See the log, the events and the reports.",
    "admin": "Change keys, domains, streams, suppressions and the queue.",
    "operate": "Do what concerns the whole installation, such as credits.",
}

LIMITED = {
    "account": "All mail of the account",
    "domain": "Mail to a domain",
    "site": "Mail to a site: all domains on one company’s servers",
    "node": "Mail that leaves from a node",
    "address": "Mail that leaves from an address",
}
"""What a rate beside those of streams can be about."""
_OWN = ("account", "domain", "site")


async def show(visit: Visit, wrong: str = "", made: dict[str, str] | None = None) -> Answer:
    """List the keys; a new one is shown this once."""
    rows = (await administration.list_keys(visit)).content["data"]
    return visit.show(
        "keys.html",
        422 if wrong else 200,
        rows=sorted(rows, key=lambda row: (row["revoked_at"] is not None, row["name"])),
        scopes=[(scope, SAYS.get(scope, "")) for scope in SCOPES if scope in visit.key.scopes],
        wrong=wrong,
        made=made,
        typed=visit.form() if wrong else {},
    )


async def make(visit: Visit) -> Answer:
    """Make a key and show it."""
    fields = visit.fields()
    form = dict(fields)
    content = {
        "name": form.get("name", "").strip(),
        "scopes": [value for name, value in fields if name == "scope"],
        "networks": form.get("networks", "").replace(",", " ").split(),
    }
    try:
        made = await administration.make_key(visit.to_api(content))
    except AftersendError as error:
        return await show(visit, error.detail)
    return await show(visit, made=made.content)


async def revoke(visit: Visit) -> Answer:
    """Make a key useless."""
    await administration.revoke_key(visit)
    return visit.go(f"{ROOT}/keys", "The key is revoked; within seconds it works nowhere.")


async def streams(visit: Visit, wrong: str = "") -> Answer:
    """List the streams."""
    rows = (await administration.list_streams(visit)).content["data"]
    rates = (await throttles.list_throttles(visit.to_api())).content["data"]
    return visit.show(
        "streams.html", 422 if wrong else 200, rows=rows, wrong=wrong, typed=visit.form() if wrong else {}, rates=rates,
        scopes=LIMITED if _may_limit_all(visit) else {name: LIMITED[name] for name in _OWN}, may_all=_may_limit_all(visit), limited=LIMITED,
    )  # fmt: skip


async def set_stream(visit: Visit) -> Answer:
    """Make a stream, or change one."""
    form = visit.form()
    try:
        content = {
            "name": form.get("name", "").strip(),
            "kind": form.get("kind", ""),
            "lifetime_hours": _hours(form.get("lifetime_hours", "")),
            "hours": form.get("hours", "").strip(),
            "rate": form.get("rate", "").strip(),
        }
        await administration.add_stream(visit.to_api(content))
    except AftersendError as error:
        return await streams(visit, error.detail)
    return visit.go(f"{ROOT}/streams", f"The stream {content['name']} is set.")


def _may_limit_all(visit: Visit) -> bool:
    """What concerns all accounts is for those who run the installation."""
    return visit.is_operator and visit.may("admin")


async def set_rate(visit: Visit) -> Answer:
    """Hold mail to a rate beside those of streams, or take one away."""
    form = visit.form()
    everywhere = form.get("everywhere") == "1"
    if (everywhere or form.get("scope") in SENDERS) and not _may_limit_all(visit):
        raise NotAllowed("Only those who run this installation set rates for all accounts.")
    scope, name = form.get("scope", ""), form.get("name", "").strip()
    try:
        if form.get("remove") == "1":
            query = [("scope", scope), *([("name", name)] if name else [])]
            query += [("everywhere", "true")] if everywhere else []
            await throttles.remove_throttle(visit.to_api(query=query))
            return visit.go(f"{ROOT}/streams", "The rate is gone.")
        asked = {"scope": scope, "name": name, "rate": form.get("rate", ""), "everywhere": everywhere}
        await throttles.set_throttle(visit.to_api(asked))
    except AftersendError as error:
        return await streams(visit, said_of(error))
    return visit.go(f"{ROOT}/streams", "The rate is set.")


def _hours(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
