"""Answer about broadcasts, and do what can be done to them; with a note of every change."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from aftersend import ids
from aftersend.broadcasts import audience, choosing, importing, recipients, steering
from aftersend.errors import AftersendError, BadField, BadFields, Conflict, NotFound, TryLater
from aftersend.intake import Request
from aftersend.reports import broadcasts as reports
from aftersend.store import broadcasts, scores
from aftersend.store.broadcasts import Broadcast
from aftersend.web import composing, lists, messages, personal, reading, templates
from aftersend.web.administration import change
from aftersend.web.broadcasts_shapes import BroadcastIn, ProbeIn, RecipientsIn, StartIn
from aftersend.web.calls import Answer, Call, Parameter
from aftersend.web.contacts import CSV
from aftersend.web.problems import BadJson
from aftersend.web.shapes import RecipientIn

STREAM = "broadcast"
TESTS_MOST = 20
COLUMN = Parameter(
    "column",
    "How a column of a CSV file is to be taken: HEADER=FIELD, where FIELD is email, name, - to leave it out, or the name of a "
    "merge tag.",
    is_list=True,
    example=["Kundenname=name"],
)


async def page(call: Call) -> Answer:
    """List broadcasts, the newest first."""
    found = lists.taken(call)
    limit = lists.limit_of(found)
    rows = await call.desk.store.ask(
        broadcasts.page, call.account_id, limit=limit + 1, after=ids.read("brd", found["after"]) if "after" in found else None
    )  # fmt: skip
    has_more, rows = len(rows) > limit, rows[:limit]
    last = ids.show("brd", rows[-1].id) if has_more else None
    return lists.page(call, [reports.told(row) for row in rows], has_more=has_more, after=last)


async def one(call: Call) -> Answer:
    """Return a broadcast and how far it has come."""
    return await _whole(call, _id(call))


async def create(call: Call) -> Answer:
    """Write a broadcast down as a draft; nothing is sent."""
    broadcast_id = call.desk.ids()
    with _refusal_kept(call):
        values = await _values(call, broadcast_id)
    await change(
        call, "made a broadcast", ids.show("brd", broadcast_id), steering.create, broadcast_id, who=call.who,
        created_us=call.desk.clock(), **values,
    )  # fmt: skip
    return await _whole(call, broadcast_id, 201)


async def replace(call: Call) -> Answer:
    """Replace what a draft says and to whom."""
    broadcast_id = _id(call)
    with _refusal_kept(call):
        values = await _values(call, broadcast_id)
    await change(call, "changed a broadcast", call.path["id"], steering.replace, broadcast_id, **values)
    return await _whole(call, broadcast_id)


async def remove(call: Call) -> Answer:
    """Take a draft away."""
    await change(call, "removed a broadcast", call.path["id"], steering.remove, _id(call))
    return Answer(None, 204)


async def add_recipients(call: Call) -> Answer:
    """Add recipients to a draft: JSON, or a CSV file; all of them or none."""
    pairs = [value for name, value in call.query() if name == "column"]
    others = sorted({name for name, _ in call.query() if name != "column"})
    if others:
        raise BadField(f"#/{reading.escaped(others[0])}", "There is column only here.", code="unknown-field")
    if call.media_type == CSV:
        given = recipients.read(call.body, importing.columns(pairs))
    else:
        asked = reading.convert(reading.json(call.body), RecipientsIn)
        given = [(each.to, each.data) for each in asked.recipients]
        _check_recipients(given)
    number = await change(
        call, "added recipients to a broadcast", call.path["id"], steering.add_recipients, _id(call), given,
        most=recipients.MOST,
    )  # fmt: skip
    return Answer({"recipients": number})


async def clear_recipients(call: Call) -> Answer:
    """Forget the recipients of a draft that were handed over; its lists stay."""
    await change(call, "cleared recipients", call.path["id"], steering.clear_recipients, _id(call))
    return Answer(None, 204)


async def test(call: Call) -> Answer:
    """Send a copy, made for somebody of the audience, to addresses of your own; it counts for no broadcast."""
    asked = reading.convert(reading.json(call.body), ProbeIn)
    addresses = [asked.to] if isinstance(asked.to, str) else asked.to
    if not 1 <= len(addresses) <= TESTS_MOST:
        raise BadField("#/to", f"Name 1 to {TESTS_MOST} addresses.", code="no-recipient")
    found = await call.desk.store.ask(broadcasts.one, call.account_id, _id(call))
    data = asked.data
    if data is None:
        first = await call.desk.store.ask(audience.first, found, call.desk.clock())
        data = {} if first is None else {k: v for k, v in first.data.items() if not k.startswith("_")}
    message = await templates.filled_in(call, msgspec.json.decode(found.content))
    message["subject"] = f"[Test] {message.get('subject', '')}"
    receipt = await messages.accept(call, message, None, [RecipientIn(address, data) for address in addresses])
    told = {"message_id": ids.show("msg", receipt.message_id), "to": [each for _, each, _ in receipt.deliveries]}
    return Answer({**told, "data": data}, 202)


async def start(call: Call) -> Answer:
    """Let a broadcast begin, now or at a time."""
    asked = reading.convert(reading.json(call.body), StartIn) if call.body.strip() else StartIn()
    found = await call.desk.store.ask(broadcasts.one, call.account_id, _id(call))
    message = msgspec.json.decode(found.content) | {"scheduled_at": asked.scheduled_at}
    with _refusal_kept(call, message):
        await _must_be_good(call, found)
        request = await _request(call, message, found)
        submission = call.desk.intake.submission(request)
    now = call.desk.clock()
    at = request.send_at if request.send_at is not None and request.send_at > now else None
    counted = await _counted(call, found.where, found.lists)
    await change(
        call, "started a broadcast", call.path["id"], steering.start, found.id, message=submission, was=found.content,
        now=now, scheduled_us=at, counted=counted,
    )  # fmt: skip
    return await _whole(call, found.id)


@contextlib.contextmanager
def _refusal_kept(call: Call, message: Any = None) -> Iterator[None]:
    """Write down that a broadcast was refused, and why, as it is done for single messages (004: Error)."""
    try:
        yield
    except (TryLater, NotFound):
        raise
    except AftersendError as error:
        messages.note_refusal(call, message or _message_in(call.body), None, error, via="broadcast")
        raise


def _message_in(body: bytes) -> Any:
    """The message of a broadcast as it was handed in, as far as that can be read."""
    try:
        found = reading.json(body)
    except BadJson:
        return None
    return found.get("message") if isinstance(found, dict) else None


async def _must_be_good(call: Call, found: Broadcast) -> None:
    """Raise Conflict for a draft whose score is lower than this installation wants, or is not known."""
    least, shown = call.desk.rules.quality_least, ids.show("brd", found.id)
    if not least or found.state != steering.DRAFT:
        return
    kept = await call.desk.store.ask(scores.forecast_of, call.account_id, found.id)
    if kept is None or kept.made_us < found.changed_us:
        why = f"A broadcast is scored before it is started here: aftersend broadcast score {shown}"
        raise Conflict(why, code="not-good-enough")
    if kept.score < least:
        why = (
            f"The broadcast has a score of {kept.score}; {least} is wanted here. “aftersend broadcast score {shown}” says what "
            "to mend; after that, score it again."
        )
        raise Conflict(why, code="not-good-enough")


async def pause(call: Call) -> Answer:
    """Stop a broadcast for now: nobody else is written to, and what waits is put on hold."""
    return await _steered(call, "paused a broadcast", steering.pause)


async def resume(call: Call) -> Answer:
    """Go on with a broadcast that was paused."""
    return await _steered(call, "resumed a broadcast", steering.resume)


async def cancel(call: Call) -> Answer:
    """Stop a broadcast for good; whoever has no copy yet gets none, and is counted as cancelled."""
    return await _steered(call, "cancelled a broadcast", steering.cancel)


async def results(call: Call) -> Answer:
    """Return what has become of everybody, in the words of all five vocabularies."""
    return Answer(await call.desk.store.ask(reports.results, call.account_id, _id(call)))


async def addresses(call: Call) -> Answer:
    """List the addresses that failed, each with what was probably meant."""
    found = lists.taken(call)
    limit = lists.limit_of(found)
    rows = await call.desk.store.ask(
        reports.to_update, call.account_id, _id(call), limit=limit + 1,
        after=ids.read("dlv", found["after"]) if "after" in found else None,
    )  # fmt: skip
    has_more, rows = len(rows) > limit, rows[:limit]
    return lists.page(call, rows, has_more=has_more, after=rows[-1]["delivery_id"] if has_more else None)


# ---- parts -----------------------------------------------------------------------------------------------------------


async def _steered(call: Call, did: str, verb: Callable[..., None]) -> Answer:
    await change(call, did, call.path["id"], verb, _id(call), now=call.desk.clock())
    return await _whole(call, _id(call))


async def _values(call: Call, broadcast_id: int) -> dict[str, Any]:
    """Return what is kept of a broadcast as it was given, after everything that can be checked now was."""
    asked = reading.convert(reading.json(call.body), BroadcastIn)
    wrong = [
        BadField(f"#/{name}", f"The {name} is one line of printable characters.")
        for name, text in (("name", asked.name), ("type", asked.type))
        if text and not text.isprintable()
    ]
    if not asked.name.strip():
        wrong.append(BadField("#/name", "Give it a name.", code="missing-field"))
    if asked.message.get("scheduled_at") is not None:
        why = "A broadcast gets its time when it is started; leave this out."
        wrong.append(BadField("#/message/scheduled_at", why))
    if wrong:
        raise BadFields(wrong)
    counted = await _counted(call, asked.where, asked.lists)
    message = {"stream": STREAM, **asked.message}
    message["stream"] = message["stream"] or STREAM
    content = msgspec.json.encode(message).decode()
    kept = {
        "name": asked.name, "type": asked.type, "stream": message["stream"], "content": content,
        "audience": msgspec.json.encode(
            {"lists": list(dict.fromkeys(asked.lists)), "needs_consent": asked.needs_consent}
            | ({"where": asked.where.strip(), "counted": counted} if asked.where.strip() else {})
        ).decode(),
        "changed_us": call.desk.clock(),
    }  # fmt: skip
    try:
        await _request(call, message, Draft(broadcast_id, asked.type, asked.lists))
    except BadFields as error:
        raise BadFields([_inside(field) for field in error.fields]) from None
    except BadField as error:
        raise _inside(error) from None
    return kept


async def reached(call: Call, where: str, names: list[str]) -> int:
    """Return how many people stand on lists and meet a condition now, either of which may be empty. Raise BadField."""
    if not where.strip() and not names:
        return 0
    wanted = await call.desk.store.ask(choosing.checked, call.account_id, where.strip() or choosing.ALL)
    return await call.desk.store.ask(choosing.count, call.account_id, wanted, lists=names, now=call.desk.clock())


async def _counted(call: Call, where: str, names: list[str]) -> int:
    return await reached(call, where, names) if where.strip() else 0


class Draft(msgspec.Struct):
    """As much of a broadcast as its header needs."""

    id: int
    type: str
    lists: list[str]


def _inside(field: BadField) -> BadField:
    return BadField(f"#/message{field.pointer.removeprefix('#')}", field.detail, code=field.code)


async def _request(call: Call, message: dict[str, Any], found: Draft | Broadcast) -> Request:
    filled = await templates.filled_in(call, message)
    header = _header(call, found, str(message["stream"]))
    return await composing.from_json(
        call, filled, idempotency_key=None, broadcast=personal.Broadcast(found.id, header)
    )  # fmt: skip


async def request_of(call: Call, found: Broadcast) -> Request:
    """Return the message of a broadcast as it would be handed to the intake. Raise BadFields."""
    return await _request(call, msgspec.json.decode(found.content), found)


def _header(call: Call, found: Draft | Broadcast, stream: str) -> bytes:
    """Return the fields by which receivers tell broadcasts apart: List-Id (RFC 2919) and Feedback-ID.

    A list of ours is one, if the broadcast goes to it alone; else its type or its stream stands for it.
    """
    name = found.lists[0] if len(found.lists) == 1 else found.type or stream
    label = _label(name) or _label(stream) or "broadcast"
    account = ids.encode(call.account_id)
    lines = f"List-Id: <{label}.{account}.{call.desk.rules.hostname}>\r\n"
    lines += f"Feedback-ID: {ids.show('brd', found.id)}:{account}:{_label(found.type) or label}:aftersend\r\n"
    return lines.encode("ascii", "replace")


_NO_LABEL = re.compile(r"[^a-z0-9]+")


def _label(name: str) -> str:
    return _NO_LABEL.sub("-", name.lower()).strip("-")[:40].strip("-")


def _check_recipients(given: list[tuple[str, dict[str, Any]]]) -> None:
    wrong = []
    for i, (address, data) in enumerate(given):
        if any(name.startswith("_") for name in data):
            wrong.append(BadField(f"#/recipients/{i}/data", personal.OURS))
        try:
            size = len(msgspec.json.encode(data))
            address.encode()
        except UnicodeEncodeError:
            wrong.append(BadField(f"#/recipients/{i}", "There is half a character in it; send whole Unicode."))
            continue
        if size > personal.DATA_MOST:
            why = f"The data of a recipient has {personal.DATA_MOST} octets at most."
            wrong.append(BadField(f"#/recipients/{i}/data", why))
        if "\0" in address or len(address) > 1000 or b"\\u0000" in msgspec.json.encode(data):
            wrong.append(BadField(f"#/recipients/{i}", "There is a NUL in it, or the address is too long."))
    if wrong:
        raise BadFields(wrong[: reading.FAULTS_MOST])


def _id(call: Call) -> int:
    return ids.read("brd", call.path["id"])


async def _whole(call: Call, broadcast_id: int, status: int = 200) -> Answer:
    return Answer(await call.desk.store.ask(reports.whole, call.account_id, broadcast_id), status)
