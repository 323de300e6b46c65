"""Answer about the contacts and lists of an account, and change them; with a note of every change."""

from __future__ import annotations

import asyncio

from aftersend import ids
from aftersend.broadcasts import choosing, importing
from aftersend.broadcasts import contacts as contents
from aftersend.control import erasing
from aftersend.errors import BadField
from aftersend.store import contacts, imports, mailing_lists
from aftersend.store.contacts import Person
from aftersend.web import lists, reading
from aftersend.web.administration import change
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.contacts_shapes import ContactIn, ErasureIn, ListIn
from aftersend.web.problems import BadRequest

CSV = "text/csv"
FILTER = (
    Parameter("list", "Those on this list."),
    Parameter("q", "Those with an address that contains this."),
    Parameter("where", "Those of whom this is true.", example="city = Vienna and opened since 90d"),
)
BY_LINE = (lists.PAGE[0], Parameter("after", "Rows behind this line."))
COUNT = (FILTER[0], FILTER[2])
IMPORT = (
    Parameter("list", "Put everybody on this list too."),
    Parameter(
        "column",
        "How a column is to be taken: HEADER=FIELD, where FIELD is email, name, - to leave it out, or an attribute. "
        "Without it, email and name are found by their names, and the others become attributes.",
        is_list=True,
        example=["Kundenname=name"],
    ),
    Parameter(
        "strict", "true: if any row is wrong, nothing is written down.", schema={"type": "boolean", "default": False}
    ),
    Parameter("preview", "true: only look what would come of it.", schema={"type": "boolean", "default": False}),
)


async def page(call: Call) -> Answer:
    """List contacts, the oldest first."""
    found = lists.taken(call, "list", "q", "where")
    limit = lists.limit_of(found)
    after = ids.read("con", found["after"]) if "after" in found else None
    part = found["q"].casefold() if "q" in found else None
    rows = await call.desk.store.ask(
        choosing.search, call.account_id, limit=limit + 1, after=after, list_name=found.get("list"), part=part,
        where=found.get("where"), now=call.desk.clock(),
    )  # fmt: skip
    has_more, rows = len(rows) > limit, rows[:limit]
    last = ids.show("con", rows[-1]["id"]) if has_more else None
    return lists.page(call, [contents.told(row) for row in rows], has_more=has_more, after=last)


async def count(call: Call) -> Answer:
    """Count the contacts of whom something is true."""
    found = lists.taken(call, "list", "where", cursors=())
    store, where = call.desk.store, found.get("where", choosing.ALL)
    wanted = await store.ask(choosing.checked, call.account_id, where)
    names = [found["list"]] if "list" in found else []
    number = await store.ask(choosing.count, call.account_id, wanted, lists=names, now=call.desk.clock())
    return Answer({"people": number})


async def one(call: Call) -> Answer:
    """Return a contact."""
    return await _told(call, _id(call))


async def create(call: Call) -> Answer:
    """Write a contact down."""
    person, contact_id = _person(call), call.desk.ids()
    shown = ids.show("con", contact_id)
    await change(
        call, "made a contact", shown, contacts.create, contact_id, person, now=call.desk.clock()
    )  # fmt: skip
    return await _told(call, contact_id, 201)


async def replace(call: Call) -> Answer:
    """Replace what is known of a contact."""
    contact_id, person = _id(call), _person(call)
    await change(
        call, "changed a contact", call.path["id"], contacts.replace, contact_id, person, now=call.desk.clock()
    )
    return await _told(call, contact_id)


async def remove(call: Call) -> Answer:
    """Forget a contact."""
    await change(call, "removed a contact", call.path["id"], contacts.remove, _id(call))
    return Answer(None, 204)


async def erase(call: Call) -> Answer:
    """Erase a person everywhere: contact, addresses in the log, what was said, every evidence."""
    asked = reading.convert(reading.json(call.body), ErasureIn)
    if (asked.address is None) == (asked.contact_id is None):
        raise BadField("#/address", "Give address or contact_id, one of them.", code="missing-field")
    number = None if asked.contact_id is None else ids.read("con", asked.contact_id)
    done = await erasing.erase(
        call.desk.store, call.desk.clock, call.desk.ids, call.account_id, by=call.who, text=asked.address or "",
        contact_id=number,
    )  # fmt: skip
    return Answer(done.as_dict())


async def take_in(call: Call) -> Answer:
    """Take contacts from a CSV file, all that can be used in one transaction."""
    single, pairs = _import_words(call)
    if not call.body.strip():
        raise BadRequest("The body is empty; send the file.")
    found = await asyncio.to_thread(importing.read, call.body, importing.columns(pairs), call.desk.ids)
    strict, preview = (reading.truth(single.get(name, "false"), name) for name in ("strict", "preview"))
    wanted = [single["list"]] if "list" in single else []
    is_kept = found.may_be_kept(strict=strict, preview=preview)
    if is_kept:
        created, changed = await change(
            call, "imported contacts", f"{len(found.people)} rows", contacts.take_in, found.people,
            lists=wanted, now=call.desk.clock(),
        )  # fmt: skip
    else:
        created, changed = await call.desk.store.ask(contacts.would_take_in, call.account_id, found.people, wanted)
    return Answer(found.told(created, changed, is_kept=is_kept))


# ---- long files ------------------------------------------------------------------------------------------------------


async def take_file(call: Call) -> Answer:
    """Keep a file that is taken in beside everything else."""
    single, pairs = _import_words(call)
    if not call.body.strip():
        raise BadRequest("The body is empty; send the file.")
    columns = importing.columns(pairs)
    head = importing.text_of(call.body).lstrip("\r\n").partition("\n")[0]
    importing.fields(next(importing.rows(head), (1, [head]))[1], columns)
    wanted = imports.Wanted(
        [single["list"]] if "list" in single else [],
        columns,
        *(reading.truth(single.get(name, "false"), name) for name in ("strict", "preview")),
    )
    import_id = call.desk.ids()
    shown = ids.show("imp", import_id)
    await change(
        call, "began to import contacts", shown, imports.add, import_id, call.body, wanted, who=call.who,
        now=call.desk.clock(),
    )  # fmt: skip
    answer = await _told_import(call, import_id, 202)
    return Answer(answer.content, 202, {"location": f"/v1/imports/{shown}"})


async def import_page(call: Call) -> Answer:
    """List imports, the newest first."""
    found = lists.taken(call)
    limit = lists.limit_of(found)
    after = ids.read("imp", found["after"]) if "after" in found else None
    rows = await call.desk.store.ask(imports.page, call.account_id, limit=limit + 1, after=after)
    has_more, rows = len(rows) > limit, rows[:limit]
    last = ids.show("imp", rows[-1].id) if has_more else None
    return lists.page(call, [contents.told_import(row) for row in rows], has_more=has_more, after=last)


async def one_import(call: Call) -> Answer:
    """Return an import and how far it has come."""
    return await _told_import(call, ids.read("imp", call.path["id"]))


async def faults_of_import(call: Call) -> Answer:
    """List the rows that were left out, in the order of the file."""
    found = lists.taken(call)
    limit = lists.limit_of(found)
    after = reading.whole_number(found["after"], "after", least=0, most=1 << 62) if "after" in found else 0
    import_id = ids.read("imp", call.path["id"])
    rows = await call.desk.store.ask(imports.faults, call.account_id, import_id, limit=limit + 1, after=after)
    has_more, rows = len(rows) > limit, rows[:limit]
    return lists.page(call, rows, has_more=has_more, after=str(rows[-1]["line"]) if has_more else None)


async def keep_import(call: Call) -> Answer:
    """Let what was looked at be kept."""
    import_id = ids.read("imp", call.path["id"])
    await change(call, "kept an import", call.path["id"], imports.go_on, import_id, now=call.desk.clock())
    return await _told_import(call, import_id, 202)


async def remove_import(call: Call) -> Answer:
    """Forget an import; what was kept stays."""
    await change(call, "removed an import", call.path["id"], imports.remove, ids.read("imp", call.path["id"]))
    return Answer(None, 204)


async def _told_import(call: Call, import_id: int, status: int = 200) -> Answer:
    found = await call.desk.store.ask(imports.one, call.account_id, import_id)
    return Answer(contents.told_import(found), status)


async def every_list(call: Call) -> Answer:
    """List the lists."""
    rows = await call.desk.store.ask(mailing_lists.every, call.account_id)
    return lists.whole([contents.told_list(row) for row in rows])


async def create_list(call: Call) -> Answer:
    """Make a list."""
    asked, now = reading.convert(reading.json(call.body), ListIn), call.desk.clock()
    name = contents.list_name(asked.name)
    if "\0" in asked.about:
        raise BadField("#/about", "There is a NUL in it.")
    row = {"name": name, "about": asked.about, "members": 0, "created_us": now}
    await change(
        call, "made a list", name, mailing_lists.create, call.desk.ids(), name=name, about=asked.about, now=now
    )
    return Answer(contents.told_list(row), 201)


async def remove_list(call: Call) -> Answer:
    """Take a list away."""
    await change(call, "removed a list", call.path["name"], mailing_lists.remove, call.path["name"])
    return Answer(None, 204)


def _import_words(call: Call) -> tuple[dict[str, str], list[str]]:
    single: dict[str, str] = {}
    pairs = []
    for name, value in call.query():
        if name == "column":
            pairs.append(value)
        elif name not in ("list", "strict", "preview"):
            known = "list, column, strict, preview"
            raise BadField(
                f"#/{reading.escaped(name)}",
                f"{name[:60]!r} is not known here; there are {known}.",
                code="unknown-field",
            )
        elif name in single:
            raise BadField(f"#/{name}", f"Give {name} once.")
        else:
            single[name] = value
    return single, pairs


def _id(call: Call) -> int:
    return ids.read("con", call.path["id"])


def _person(call: Call) -> Person:
    asked = reading.convert(reading.json(call.body), ContactIn)
    spots = [(spot.address, spot.types) for spot in asked.addresses]
    return contents.checked(asked.name, spots, asked.attributes, asked.lists)


async def _told(call: Call, contact_id: int, status: int = 200) -> Answer:
    return Answer(contents.told(await call.desk.store.ask(contacts.one, call.account_id, contact_id)), status)
