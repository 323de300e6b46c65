"""Own the pages of broadcasts: write one, choose who gets it, look at it as a recipient does, send it, watch it go out, and see
what became of everybody. Every change goes through the same functions as the API."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import msgspec
from markupsafe import Markup

from aftersend import ids
from aftersend.broadcasts import audience
from aftersend.errors import AftersendError, BadField, NotFound
from aftersend.mail import tags
from aftersend.mail.tracked import URL_TAGS
from aftersend.reports import broadcasts as reports
from aftersend.store import broadcasts as kept
from aftersend.store import mailing_lists, templates
from aftersend.store.connection import Connection
from aftersend.web import broadcasts as api
from aftersend.web import contacts as contacts_api
from aftersend.web import quality as quality_api
from aftersend.web import score as score_api
from aftersend.web import templates as templates_api
from aftersend.web.calls import Answer
from aftersend.web.console import opened, previews, rendering
from aftersend.web.console.rendering import address, said_of
from aftersend.web.console.tones import Look, look
from aftersend.web.console.visits import ROOT, Visit
from aftersend.web.filling import filled

STATES = {
    "draft": Look("quiet", "template"),
    "scheduled": Look("note", "clock"),
    "sending": Look("note", "sent"),
    "paused": Look("wait", "pause"),
    "cancelled": Look("bad", "cross"),
    "ended": Look("good", "check"),
}
"""How each state looks."""
_PAGE = 30
_ADDRESSES = 50
_FIELDS = ("name", "type", "where", "from", "reply_to", "subject", "html", "text", "template")


@dataclass(frozen=True, slots=True)
class Part:
    """One word of the results as a part of the bar."""

    word: str
    number: int
    tone: str
    width: float
    """In per cent of the whole."""
    left: float
    list: str
    """The page with exactly these rows."""


# ---- looking -----------------------------------------------------------------------------------------------------------


async def every(visit: Visit) -> Answer:
    """List the broadcasts, the newest first, each with how far it has come."""
    after = visit.asked("after")
    last = ids.read("brd", after) if after else None
    rows, more = await visit.desk.store.ask(_listed, visit.account_id, last)
    older = address("/broadcasts", after=rows[-1]["id"]) if more else None
    return visit.show("broadcasts.html", rows=rows, older=older, looks=STATES)


def _listed(connection: Connection, account_id: int, after: int | None) -> tuple[list[dict[str, Any]], bool]:
    found = kept.page(connection, account_id, limit=_PAGE + 1, after=after)
    return [reports.whole(connection, account_id, row.id) for row in found[:_PAGE]], len(found) > _PAGE


async def one(visit: Visit) -> Answer:
    """Show a broadcast: a draft with what is left to do, or how far it has come."""
    told = await visit.desk.store.ask(reports.whole, visit.account_id, _id(visit))
    if told["state"] == "draft":
        return await _draft(visit, told)
    return await _moving(visit, "broadcast.html")


async def moving(visit: Visit) -> Answer:
    """Show only what moves, for a page that is open while a broadcast goes out."""
    return await _moving(visit, "broadcast_moving.html")


async def _moving(visit: Visit, template: str) -> Answer:
    told, results = await visit.desk.store.ask(_whole, visit.account_id, _id(visit))
    rows = await visit.desk.store.ask(reports.to_update, visit.account_id, _id(visit), limit=_ADDRESSES)
    reading = None if told["message_id"] is None else await opened.of_message(visit, told["message_id"])
    return visit.show(
        template, reading=reading, who=opened.WHO, told=told, results=results, parts=parts(told["id"], results),
        look=STATES[told["state"]], to_update=rows,
    )  # fmt: skip


def _whole(connection: Connection, account_id: int, broadcast_id: int) -> tuple[dict[str, Any], dict[str, Any]]:
    results = reports.results(connection, account_id, broadcast_id)
    return reports.whole(connection, account_id, broadcast_id), results


def parts(broadcast_id: str, results: dict[str, Any]) -> list[Part]:
    """Return the delivery results that are true of somebody; together they are the audience."""
    found: list[Part] = []
    left = 0.0
    for counted in results["vocabularies"]["delivery_results"]["counts"]:
        if not counted["count"]:
            continue
        width = 100 * counted["count"] / max(1, results["audience"])
        place = address("/log", broadcast=broadcast_id, status=f"results:{counted['word']}")
        found.append(
            Part(counted["word"], counted["count"], look("delivery_results", counted["word"]).tone, width, left, place)
        )
        left += width
    return found


async def addresses(visit: Visit) -> Answer:
    """Give the addresses that failed, each with what was probably meant, as a CSV file."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["address", "suggestion", "reason", "said", "delivery"])
    after: int | None = None
    while True:
        rows = await visit.desk.store.ask(reports.to_update, visit.account_id, _id(visit), limit=500, after=after)
        for row in rows:
            cells = (
                row["address"],
                row["suggestion"] or "",
                row["reason"] or "",
                row["said"] or "",
                row["delivery_id"],
            )
            writer.writerow([_safe(cell) for cell in cells])
        if len(rows) < 500:
            break
        after = ids.read("dlv", rows[-1]["delivery_id"])
    head = {"content-disposition": f'attachment; filename="addresses-{visit.path["id"]}.csv"'}
    return Answer(out.getvalue().encode("utf-8", "replace"), 200, head, "text/csv; charset=utf-8")


def _safe(cell: str) -> str:
    """Keep a spreadsheet from taking foreign text for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


async def preview(visit: Visit) -> Answer:
    """Show the HTML as the first person of the audience gets it, in a frame in which nothing runs or loads."""
    content, data = await _for_somebody(visit)
    if not content.get("html"):
        raise NotFound("This broadcast has no HTML.")
    try:
        html = await filled(content["html"], data, is_html=True)
    except (tags.Undefined, tags.CannotRender) as error:
        html = str(Markup("<p>{}</p>").format(error.detail))
    return Answer(html.encode("utf-8", "replace"), 200, previews.HEADERS, "text/html; charset=utf-8")


async def _for_somebody(visit: Visit) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a broadcast says, and the values of the merge tags for the first person of its audience."""
    found = await visit.desk.store.ask(kept.one, visit.account_id, _id(visit))
    content = await templates_api.filled_in(visit, msgspec.json.decode(found.content))
    try:
        first = await visit.desk.store.ask(audience.first, found, visit.desk.clock())
    except BadField:
        first = None
    shared = content.get("data") or {}
    own = dict.fromkeys(URL_TAGS, "https://example.invalid/") if visit.desk.intake.tracking.url else {}
    return content, {**own, **shared, **({} if first is None else first.data)}


# ---- a draft -------------------------------------------------------------------------------------------------------------


async def _draft(visit: Visit, told: dict[str, Any], wrong: str = "", score: Any = None) -> Answer:
    content, data = await _for_somebody(visit)
    shown: dict[str, str | None] = {}
    faults: list[str] = []
    for name in ("subject", "text"):
        source = content.get(name)
        try:
            shown[name] = None if not source else await filled(source, data)
        except (tags.Undefined, tags.CannotRender) as error:
            shown[name] = source
            faults.append(error.detail)
    return visit.show(
        "broadcast_draft.html", 200 if not wrong else 422, told=told, look=STATES["draft"], wrong=wrong, score=score,
        subject=shown["subject"], text=shown["text"], has_html=bool(content.get("html")), faults=faults,
        person=data.get("name") or data.get("email") or "",
        email=visit.someone.user.email,
    )  # fmt: skip


async def ask_new(visit: Visit) -> Answer:
    """Show an empty form."""
    values = dict.fromkeys((*_FIELDS, "agreed"), "") | {"from": visit.someone.user.email}
    return await _form(visit, values, [], "/broadcasts/new")


async def ask_change(visit: Visit) -> Answer:
    """Show the form with what a draft says now."""
    told = await visit.desk.store.ask(reports.whole, visit.account_id, _id(visit))
    message = told["message"]
    own = {name: told[name] for name in ("name", "type", "where")} | {"agreed": "yes" if told["needs_consent"] else ""}
    values = {name: str(message.get(name) or "") for name in _FIELDS} | own
    return await _form(visit, values, told["lists"], f"/broadcasts/{told['id']}/change")


async def _form(
    visit: Visit, values: dict[str, str], chosen: list[str], place: str, wrong: str = "", counted: int | None = None
) -> Answer:
    lists, made = await visit.desk.store.ask(_choices, visit.account_id)
    return visit.show(
        "broadcast_form.html", 422 if wrong else 200, values=values, chosen=chosen, place=place, wrong=wrong, lists=lists,
        templates=made, counted=counted,
    )  # fmt: skip


def _choices(connection: Connection, account_id: int) -> tuple[list[dict[str, Any]], list[str]]:
    names = [row["name"] for row in templates.every(connection, account_id)]
    return mailing_lists.every(connection, account_id), names


async def make(visit: Visit) -> Answer:
    """Keep a new draft."""
    return await _keep(visit, "/broadcasts/new")


async def change(visit: Visit) -> Answer:
    """Keep what a draft says from now on."""
    return await _keep(visit, f"/broadcasts/{visit.path['id']}/change", visit.path["id"])


async def _keep(visit: Visit, place: str, known: str | None = None) -> Answer:
    form = visit.form()
    values = {name: form.get(name, "") for name in (*_FIELDS, "agreed")}
    chosen = [value for name, value in visit.fields() if name == "lists"]
    if form.get("do") == "count":
        return await _count(visit, values, chosen, place)
    message: dict[str, Any] = {
        name: values[name]
        for name in ("from", "reply_to", "subject", "html", "text", "template")
        if values[name].strip()
    }
    if known is not None:
        before = await visit.desk.store.ask(kept.one, visit.account_id, ids.read("brd", known))
        message = {**_beside(msgspec.json.decode(before.content)), **message}
    asked = {
        "name": values["name"], "type": values["type"].strip(), "lists": chosen, "message": message,
        "where": values["where"].strip(), "needs_consent": bool(values["agreed"]),
    }  # fmt: skip
    try:
        answer = await (api.create if known is None else api.replace)(visit.to_api(asked))
    except AftersendError as error:
        return await _form(visit, values, chosen, place, said_of(error))
    return visit.go(
        f"{ROOT}/broadcasts/{answer.content['id']}", "The draft is kept. Nothing is sent before you start it."
    )


async def _count(visit: Visit, values: dict[str, str], chosen: list[str], place: str) -> Answer:
    """Show the form again as it was filled, with the number of people whom it would reach."""
    try:
        number = await api.reached(visit, values["where"], chosen)
    except AftersendError as error:
        return await _form(visit, values, chosen, place, said_of(error))
    return await _form(visit, values, chosen, place, counted=number)


def _beside(message: dict[str, Any]) -> dict[str, Any]:
    """What a draft says that the form does not show, such as attachments; a change leaves it alone."""
    shown = {"from", "reply_to", "subject", "html", "text", "template"}
    return {name: value for name, value in message.items() if name not in shown}


# ---- doing ---------------------------------------------------------------------------------------------------------------

_SAID = {
    "start": "It begins.",
    "pause": "It is paused. What was on the wire is finished; nobody else is written to.",
    "resume": "It goes on.",
    "cancel": "It is stopped for good.",
    "test": "A copy is on its way to you.",
    "recipients": "The recipients are added.",
    "clear": "The recipients that were handed over are forgotten.",
    "remove": "The draft is gone.",
}


async def act(visit: Visit) -> Answer:
    """Do something to a broadcast."""
    verb = visit.path["verb"]
    if verb == "score":
        return await _score(visit)
    if verb not in _SAID:
        raise NotFound("There is no such action.")
    form = visit.form()
    place = f"{ROOT}/broadcasts/{visit.path['id']}"
    try:
        said = await _do(visit, verb, form)
    except AftersendError as error:
        told = await visit.desk.store.ask(reports.whole, visit.account_id, _id(visit))
        if told["state"] == "draft":
            return await _draft(visit, told, said_of(error))
        raise
    return visit.go(f"{ROOT}/broadcasts" if verb == "remove" else place, said)


async def _do(visit: Visit, verb: str, form: dict[str, str]) -> str:
    if verb == "start":
        at = form.get("at", "").strip()
        await api.start(visit.to_api({"scheduled_at": rendering.moment_of(at, visit.zone)} if at else {}))
        return "It begins at its time." if at else _SAID[verb]
    if verb == "test":
        await api.test(visit.to_api({"to": [each for each in form.get("to", "").replace(",", " ").split() if each]}))
        return _SAID[verb]
    if verb == "recipients":
        given = visit.to_api()
        given.body = form.get("csv", "").encode("utf-8", "surrogatepass")
        given.headers = {**given.headers, "content-type": contacts_api.CSV}
        answer = await api.add_recipients(given)
        return f"{answer.content['recipients']} recipients are handed over beside the lists."
    does = {
        "pause": api.pause,
        "resume": api.resume,
        "cancel": api.cancel,
        "clear": api.clear_recipients,
        "remove": api.remove,
    }
    await does[verb](visit.to_api())
    return _SAID[verb]


async def _score(visit: Visit) -> Answer:
    """Score a draft as it stands, with its audience if it has one, and show what to mend."""
    told = await visit.desk.store.ask(reports.whole, visit.account_id, _id(visit))
    if told["progress"]["expected"]:
        try:
            foreseen = (await quality_api.foresee(visit)).content
        except AftersendError as error:
            return await _draft(visit, told, said_of(error))
        score = foreseen["message"] | {"score": foreseen["score"], "band": foreseen["band"], "foreseen": foreseen}
        return await _draft(visit, told, score=score)
    content, data = await _for_somebody(visit)
    somebody = {"to": visit.someone.user.email, "data": data}
    try:
        asked = visit.to_api({**content, "recipients": [somebody]}, query=[("kind", "broadcast")])
        found = (await score_api.score(asked)).content
    except AftersendError as error:
        return await _draft(visit, told, said_of(error))
    return await _draft(visit, told, score=found)


def _id(visit: Visit) -> int:
    return ids.read("brd", visit.path["id"])
