"""Own the pages of templates: write one in HTML or MJML, see what a recipient would get, look at earlier versions."""

from __future__ import annotations

from typing import Any

import msgspec
from markupsafe import Markup

from aftersend.errors import AftersendError, BadField, NotFound
from aftersend.mail import tags
from aftersend.mail.tracked import URL_TAGS
from aftersend.store import templates as kept
from aftersend.web import templates as api
from aftersend.web.calls import Answer
from aftersend.web.console import previews
from aftersend.web.console.rendering import said_of
from aftersend.web.console.visits import ROOT, Visit
from aftersend.web.filling import filled

KINDS = ("html", "mjml", "text")
_EXAMPLES = dict.fromkeys(URL_TAGS, "https://example.invalid/")


async def every(visit: Visit) -> Answer:
    """List the templates."""
    rows = await visit.desk.store.ask(kept.every, visit.account_id)
    return visit.show("templates.html", rows=rows)


async def ask_new(visit: Visit) -> Answer:
    """Show an empty form."""
    return _form(visit, {"name": "", "kind": "html", "subject": "", "source": "", "text": ""}, None)


async def one(visit: Visit) -> Answer:
    """Show a template in a form, with what somebody would get."""
    told = (await api.one(visit)).content
    return _form(visit, {**told, "text": told["text"] or ""}, told, data=_example(told["tags"]))


def _example(names: list[str]) -> str:
    """Return values for the tags, so that there is something to look at."""
    return "\n".join(f"{name}: {_EXAMPLES.get(name, name.replace('_', ' ').capitalize())}" for name in names)


def _form(
    visit: Visit, values: dict[str, Any], told: dict[str, Any] | None, *, data: str = "", wrong: str = ""
) -> Answer:
    return visit.show(
        "template.html", 422 if wrong else 200, values=values, told=told, data=data, wrong=wrong, kinds=KINDS
    )


async def save(visit: Visit) -> Answer:
    """Keep a template; a name that is known gets another version."""
    form = visit.form()
    values = {name: form.get(name, "") for name in ("name", "kind", "subject", "source", "text")}
    name = values["name"].strip()
    asked: dict[str, Any] = {part: values[part] for part in ("kind", "subject", "source")}
    if values["text"].strip() and form.get("own_text"):
        asked["text"] = values["text"]
    try:
        if not name:
            raise BadField("#/name", "Give the template a name.")
        await api.save(visit.to_api(asked, path={"name": name}))
    except AftersendError as error:
        return _form(visit, values, None, wrong=said_of(error))
    return visit.go(f"{ROOT}/templates/{name}", f"“{name}” is kept.")


async def preview(visit: Visit) -> Answer:
    """Show the HTML with the values that the page asks with, in a frame in which nothing runs or loads."""
    row = await visit.desk.store.ask(kept.one, visit.account_id, visit.path["name"])
    if not row["html"]:
        raise NotFound("This template has no HTML.")
    data = read_data(visit.asked("data")) or read_data(_example(_names(row)))
    try:
        html = await filled(row["html"], data, is_html=True)
    except (tags.Undefined, tags.CannotRender) as error:
        html = str(Markup("<p>{}</p>").format(error.detail))
    return Answer(html.encode("utf-8", "replace"), 200, previews.HEADERS, "text/html; charset=utf-8")


def _names(row: dict[str, Any]) -> list[str]:
    return sorted({name for part in ("subject", "html", "text") for name in tags.names(row[part] or "")})


def read_data(text: str) -> dict[str, Any]:
    """Read values of merge tags: JSON, or one on each line with its name before a colon."""
    if text.lstrip().startswith("{"):
        try:
            found = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}
    pairs = (line.partition(":") for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, _, value in pairs}


async def remove(visit: Visit) -> Answer:
    """Take a template away."""
    await api.remove(visit)
    return visit.go(f"{ROOT}/templates", "The template is gone.")
