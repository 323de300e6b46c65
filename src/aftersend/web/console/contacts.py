"""Own the pages of people: contacts and the lists that they stand on, taking them in from a file with every wrong row named,
and forgetting one."""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from urllib.parse import quote

from aftersend import ids
from aftersend.broadcasts import choosing, importing
from aftersend.broadcasts import contacts as contents
from aftersend.clock import Instant
from aftersend.errors import AftersendError, BadField, NotFound
from aftersend.store import imports, mailing_lists
from aftersend.store.connection import Connection
from aftersend.web import contacts as api
from aftersend.web.calls import Answer
from aftersend.web.console.rendering import address, said_of
from aftersend.web.console.visits import ROOT, Visit

_PAGE = 50
_SHOWN_FAULTS = 100
_ADDRESSES = 5
"""So many lines for addresses the form of a contact has beyond those that are filled."""


async def show(visit: Visit) -> Answer:
    """Show the lists, and the contacts that are on one of them or that a search finds."""
    name, part, after = visit.asked("list"), visit.asked("q").strip(), visit.asked("after")
    last = ids.read("con", after) if after else None
    ask, now = visit.desk.store.ask, visit.desk.clock()
    wrong = ""
    try:
        rows, lists = await ask(_found, visit.account_id, name or None, part, last, now)
    except BadField as error:
        rows, (_, lists), wrong = [], await ask(_found, visit.account_id, None, "", last, now), error.detail
    more, rows = len(rows) > _PAGE, rows[:_PAGE]
    older = address("/contacts", list=name, q=part, after=rows[-1]["id"]) if more else None
    return visit.show(
        "contacts.html", 422 if wrong else 200, rows=rows, lists=lists, chosen=name, part=part, older=older, wrong=wrong
    )


_CONDITION = re.compile(r"[=<>~]|^\W*(has|not|everybody)\b|\s(since|before)\s", re.IGNORECASE)
"""What is typed into the field is a condition, not a part of an address."""


def _found(
    connection: Connection, account_id: int, name: str | None, text: str, after: int | None, now: Instant
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    part, where = (None, text) if _CONDITION.search(text) else (text.casefold() or None, None)
    lists = [contents.told_list(row) for row in mailing_lists.every(connection, account_id)]
    if name is not None and name not in {row["name"] for row in lists}:
        raise NotFound(f"There is no list named “{name[:60]}”.")
    rows = choosing.search(
        connection, account_id, limit=_PAGE + 1, after=after, list_name=name, part=part, where=where, now=now
    )
    return [contents.told(row) for row in rows], lists


async def make_list(visit: Visit) -> Answer:
    """Make a list."""
    form = visit.form()
    name = form.get("name", "").strip()
    await api.create_list(visit.to_api({"name": name, "about": form.get("about", "").strip()}))
    return visit.go(f"{ROOT}/contacts?list={quote(name)}", f"The list “{name}” is made.")


async def remove_list(visit: Visit) -> Answer:
    """Take a list away; those who stood on it stay."""
    name = visit.form().get("name", "")
    await api.remove_list(visit.to_api(path={"name": name}))
    return visit.go(f"{ROOT}/contacts", f"The list “{name}” is gone; the people on it stay.")


# ---- one person ----------------------------------------------------------------------------------------------------------


async def one(visit: Visit) -> Answer:
    """Show a contact, in a form for those who may change it."""
    told = (await api.one(visit)).content
    return await _form(visit, told, "")


async def ask_new(visit: Visit) -> Answer:
    """Show an empty form."""
    chosen = visit.asked("list")
    empty: dict[str, Any] = {
        "name": "",
        "addresses": [],
        "attributes": {},
        "lists": [chosen] if chosen else [],
        "id": None,
    }
    return await _form(visit, empty, "")


async def _form(visit: Visit, told: dict[str, Any], wrong: str) -> Answer:
    lists = await visit.desk.store.ask(mailing_lists.every, visit.account_id)
    attributes = "\n".join(f"{name}: {'' if value is None else value}" for name, value in told["attributes"].items())
    spare = max(1, _ADDRESSES - len(told["addresses"])) if visit.may("send") else 0
    return visit.show(
        "contact.html", 422 if wrong else 200, told=told, lists=lists, attributes=attributes, wrong=wrong, spare=spare
    )


async def make(visit: Visit) -> Answer:
    """Write a contact down."""
    return await _keep(visit, None)


async def change(visit: Visit) -> Answer:
    """Change what is known of a contact."""
    await api.one(visit)
    return await _keep(visit, visit.path["id"])


async def _keep(visit: Visit, shown: str | None) -> Answer:
    fields = visit.fields()
    form = dict(fields)
    spots = [value.strip() for name, value in fields if name == "address"]
    kinds = [value for name, value in fields if name == "types"]
    asked = {
        "name": form.get("name", "").strip(),
        "addresses": [
            {"address": spot, "types": [kind.strip() for kind in types.split(",") if kind.strip()]}
            for spot, types in zip(spots, kinds, strict=False)
            if spot
        ],
        "attributes": _attributes(form.get("attributes", "")),
        "lists": [value for name, value in fields if name == "lists"],
    }
    try:
        answer = await (api.create if shown is None else api.replace)(visit.to_api(asked))
    except AftersendError as error:
        return await _form(visit, {**asked, "id": shown}, said_of(error))
    return visit.go(f"{ROOT}/contacts/{answer.content['id']}", "It is kept.")


def _attributes(text: str) -> dict[str, str]:
    """Read what stands in the field for attributes: one on each line, its name before a colon."""
    pairs = (line.partition(":") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


async def remove(visit: Visit) -> Answer:
    """Forget a contact."""
    await api.remove(visit)
    return visit.go(f"{ROOT}/contacts", "The contact is forgotten.")


# ---- from a file ---------------------------------------------------------------------------------------------------------


async def ask_import(visit: Visit) -> Answer:
    """Show the form for a file."""
    return await _import(visit, {"csv": "", "list": visit.asked("list")}, None)


async def take_in(visit: Visit) -> Answer:
    """Look at a file, or take it in; every wrong row is named either way."""
    form = visit.form()
    values = {"csv": form.get("csv", ""), "list": form.get("list", "")}
    is_sure = form.get("do") == "keep"
    if values["csv"].count("\n") > importing.AT_ONCE_MOST:
        return await _take_long(visit, values)
    query = [("preview", "false" if is_sure else "true"), *([("list", values["list"])] if values["list"] else [])]
    asked = visit.to_api(query=query)
    asked.body = values["csv"].encode("utf-8", "replace")
    asked.headers = {**asked.headers, "content-type": api.CSV}
    try:
        came = (await api.take_in(asked)).content
    except AftersendError as error:
        return await _import(visit, values, None, said_of(error))
    if is_sure and not came["wrong"]:
        place = f"{ROOT}/contacts" + (f"?list={quote(values['list'])}" if values["list"] else "")
        return visit.go(place, f"{came['created']} new, {came['changed']} changed.")
    return await _import(visit, values, came)


async def _import(visit: Visit, values: dict[str, str], came: dict[str, Any] | None, wrong: str = "") -> Answer:
    lists = await visit.desk.store.ask(mailing_lists.every, visit.account_id)
    return visit.show(
        "contacts_import.html", 422 if wrong else 200, values=values, came=came, wrong=wrong, lists=lists,
        faults=came["faults"][:_SHOWN_FAULTS] if came else [],
        faults_as_csv=_faults(came["faults"]) if came else "",
    )  # fmt: skip


async def _take_long(visit: Visit, values: dict[str, str]) -> Answer:
    """Let a long file be read beside everything else; a page of its own shows how far it has come."""
    asked = visit.to_api(query=[("preview", "true"), *([("list", values["list"])] if values["list"] else [])])
    asked.body = values["csv"].encode("utf-8", "replace")
    asked.headers = {**asked.headers, "content-type": api.CSV}
    try:
        found = (await api.take_file(asked)).content
    except AftersendError as error:
        return await _import(visit, values, None, said_of(error))
    return visit.go(f"{ROOT}/contacts/imports/{found['id']}")


async def long_import(visit: Visit) -> Answer:
    """Show how far a long file has come, and what would come of it."""
    return await _show_import(visit, "import.html")


async def long_import_moving(visit: Visit) -> Answer:
    """Show only what moves, for a page that is open while a file is read."""
    return await _show_import(visit, "import_moving.html")


async def _show_import(visit: Visit, template: str) -> Answer:
    told = (await api.one_import(visit.to_api())).content
    number = ids.read("imp", visit.path["id"])
    wrong = await visit.desk.store.ask(imports.faults, visit.account_id, number, limit=_SHOWN_FAULTS)
    return visit.show(template, told=told, faults=wrong)


async def long_import_act(visit: Visit) -> Answer:
    """Keep a long file that was looked at, or forget it."""
    if visit.path["verb"] == "keep":
        await api.keep_import(visit.to_api())
        return visit.go(f"{ROOT}/contacts/imports/{visit.path['id']}")
    if visit.path["verb"] != "forget":
        raise NotFound("There is no such action.")
    await api.remove_import(visit.to_api())
    return visit.go(f"{ROOT}/contacts/import", "The file is forgotten.")


async def wrong_rows(visit: Visit) -> Answer:
    """Give the rows of a long file that were left out, as a file that can be mended and taken in again."""
    number, after = ids.read("imp", visit.path["id"]), 0
    faults: list[dict[str, Any]] = []
    while some := await visit.desk.store.ask(imports.faults, visit.account_id, number, limit=1000, after=after):
        faults += some
        after = some[-1]["line"]
    head = {"content-disposition": f'attachment; filename="wrong-rows-{visit.path["id"]}.csv"'}
    return Answer(_faults(faults).encode("utf-8", "replace"), 200, head, "text/csv; charset=utf-8")


def _faults(faults: list[dict[str, Any]]) -> str:
    """Return the wrong rows as a file that can be mended and taken in again."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["line", "why", "row"])
    for fault in faults:
        writer.writerow([fault["line"], fault["why"], fault["row"]])
    return out.getvalue()
