"""Answer about saved templates, save them, show what they give, and fill messages in from them."""

from __future__ import annotations

import asyncio
from typing import Any

from aftersend.errors import BadField, BadFields, NotFound
from aftersend.mail import tags
from aftersend.mail import templates as making
from aftersend.mail.tracked import URL_TAGS
from aftersend.reports.telling import moment
from aftersend.store import templates
from aftersend.web import lists, reading
from aftersend.web.administration import change
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.filling import filled
from aftersend.web.templates_shapes import PreviewIn, TemplateIn

VERSION = Parameter("version", "An older version.", schema={"type": "integer", "minimum": 1})
NAME_MOST = 100


async def every(call: Call) -> Answer:
    """List the templates, each in its latest version."""
    return lists.whole([_told(row) for row in await call.desk.store.ask(templates.every, call.account_id)])


async def one(call: Call) -> Answer:
    """Return a template, or an older version of it."""
    return Answer(_told(await _version(call)))


async def save(call: Call) -> Answer:
    """Save a template as its next version."""
    asked, name = reading.convert(reading.json(call.body), TemplateIn), call.path["name"]
    if len(name) > NAME_MOST or not name.isprintable():
        raise BadField("#/name", f"A template's name is one line of {NAME_MOST} printable characters at most.")
    for pointer, source in (("#/source", asked.source), ("#/subject", asked.subject), ("#/text", asked.text or "")):
        if "\0" in source or (not source.isascii() and source != source.encode("utf-8", "replace").decode()):
            raise BadField(pointer, "There is a NUL or half a character in it.", code="invalid-text")
        tags.check(source, pointer)
    html, text = None, asked.source
    if asked.kind != "text":
        html, text = await asyncio.to_thread(making.made, asked.source, asked.kind)
    text = text if asked.text is None else asked.text
    await change(
        call, "saved a template", name, templates.save, name, kind=asked.kind, subject=asked.subject,
        source=asked.source, html=html, text=text, who=call.who, now=call.desk.clock(),
    )  # fmt: skip
    return Answer(_told(await call.desk.store.ask(templates.one, call.account_id, name)))


async def preview(call: Call) -> Answer:
    """Show what somebody with this data would get; nothing is sent."""
    row = await _version(call)
    asked = reading.convert(reading.json(call.body), PreviewIn)
    made: dict[str, str | None] = {}
    wrong = []
    # What only we can fill when it is sent has an example here.
    ours = dict.fromkeys(URL_TAGS, "https://example.invalid/") if call.desk.intake.tracking.url else {}
    data = {**ours, **asked.data}
    for name in ("subject", "html", "text"):
        source = row[name]
        try:
            made[name] = None if source is None else await filled(source, data, is_html=name == "html")
        except (tags.Undefined, tags.CannotRender) as error:
            wrong.append(BadField("#/data", f"{name}: {error.detail}", code=error.code))
    if wrong:
        raise BadFields(wrong)
    return Answer(made)


async def remove(call: Call) -> Answer:
    """Take a template away."""
    await change(call, "removed a template", call.path["name"], templates.remove, call.path["name"])
    return Answer(None, 204)


async def filled_in(call: Call, found: Any) -> Any:
    """Return a message with subject, text and HTML from the template that it names, where it has none itself."""
    name = found.get("template") if isinstance(found, dict) else None
    if not isinstance(name, str) or "\0" in name:
        return found
    try:
        row = await call.desk.store.ask(templates.one, call.account_id, name)
    except NotFound as error:
        raise BadFields([BadField("#/template", error.detail, code="unknown-template")]) from None
    given = {part: row[part] for part in ("subject", "text", "html") if row[part] and not found.get(part)}
    # With merge tags and no data, a tag without a value has to be an error, not a text.
    return {**found, **given, **({} if found.get("data") is not None else {"data": {}})}


async def _version(call: Call) -> dict[str, Any]:
    found = lists.taken(call, "version", cursors=())
    version = (
        reading.whole_number(found["version"], "version", least=1, most=999_999_999) if "version" in found else None
    )
    return await call.desk.store.ask(templates.one, call.account_id, call.path["name"], version)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    taken = {name for part in ("subject", "html", "text") for name in tags.names(row[part] or "")}
    shown = {name: row[name] for name in ("name", "version", "kind", "subject", "source", "html", "text", "who")}
    return {**shown, "tags": sorted(taken), "created_at": moment(row["created_us"])}
