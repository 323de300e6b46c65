"""Own the page of one delivery, and of a message with all its recipients: what happened, why, who must act, what happens next,
how we know; what can be done about it; what it looks like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aftersend import ids
from aftersend.control import queue_verbs
from aftersend.control.queue_verbs import Actor
from aftersend.errors import NotAllowed, NotFound
from aftersend.ledger.facts import BY_WORD, Fact, Phase, Step
from aftersend.reports import history
from aftersend.reports import messages as told_messages
from aftersend.reports import suppressed as told_suppressed
from aftersend.store import content as contents
from aftersend.store.connection import Connection
from aftersend.web import administration, messages, patience
from aftersend.web.calls import Answer
from aftersend.web.console import previews, suppressed
from aftersend.web.console.rendering import look_of_fact
from aftersend.web.console.visits import ROOT, Visit

_GROUND = (Fact.DELIVERED,)
_MACHINES = (Fact.OPENED_BY_MACHINE, Fact.CLICKED_BY_MACHINE)


@dataclass(frozen=True, slots=True)
class Station:
    """One of the four steps, as the picture shows it."""

    step: str
    state: str
    """good, wait, bad, note, quiet or none (not reached)."""
    icon: str
    word: str
    at: str | None
    beside: tuple[str, ...] = ()
    """Later news of the same step, as it stands behind the headline."""
    tries: int = 0
    """How many, where it took several."""


def journey(told: dict[str, Any]) -> list[Station]:
    """Return the four steps of a delivery, as far as it has come."""
    facts = [BY_WORD[word] for word in told["facts"] if word in BY_WORD]
    first: dict[str, str] = {}
    for event in told["events"]:
        if event["fact"]:
            first.setdefault(event["fact"], event["occurred_at"])
    stations = []
    for step in Step:
        here = [fact for fact in facts if fact.step is step]
        stations.append(_station(step, here, first, told, is_last=step is max((f.step for f in facts), default=step)))
    return stations


_NAMES = {Step.RECEIVED: "Received", Step.TREATED: "Treated", Step.DELIVERED: "Delivered", Step.READ: "Read"}


def _station(step: Step, here: list[Fact], first: dict[str, str], told: dict[str, Any], *, is_last: bool) -> Station:
    name = _NAMES[step]
    if not here:
        return Station(name, "none", "circle", _unreached(step, told), None)
    is_held = Fact.HELD_AT_SENDING in here and is_last and not told["ended"]
    fact = Fact.HELD_AT_SENDING if is_held else _leading(here)
    looks = look_of_fact(fact.word)
    state = "good" if fact in (Fact.RECEIVED, Fact.TREATED) else looks.tone
    icon = "check" if state == "good" and step is not Step.READ else looks.icon
    beside, tries = (), 0
    if step is Step.DELIVERED:
        beside = tuple(item["words"] for item in told["later"] if BY_WORD[item["fact"]].step is step)
        tries = told["tries"] if told["tries"] > 1 else 0
    return Station(name, state, icon, fact.word.replace("_", " ").capitalize(), first.get(fact.word), beside, tries)


def _leading(here: list[Fact]) -> Fact:
    """Of the facts of one step, the one that stands for it."""
    for fact in _GROUND:
        if fact in here:
            return fact
    ended = [fact for fact in here if fact.phase in (Phase.NOT_SENT, Phase.FINISHED) or fact is Fact.TREATED]
    people = [fact for fact in here if fact not in _MACHINES]
    return max(ended or people or here)


def _unreached(step: Step, told: dict[str, Any]) -> str:
    if not told["ended"]:
        return "Not yet"
    return "Nothing seen" if step is Step.READ and "delivered" in told["facts"] else "Not reached"


# ---- pages -----------------------------------------------------------------------------------------------------------


async def show(visit: Visit) -> Answer:
    """Show one delivery whole."""
    delivery_id = ids.read("dlv", visit.path["id"])
    told, around = await visit.desk.store.ask(_whole, visit.account_id, delivery_id)
    return visit.show(
        "delivery.html",
        is_part=False,
        told=told,
        stations=journey(told),
        actions=_actions(visit, told, around),
        **around,
        words=_words(told),
        parts=await _parts(visit, told["message_id"]),
    )


async def journey_alone(visit: Visit) -> Answer:
    """Show only what moves, for a page that is open while it happens."""
    told, around = await visit.desk.store.ask(_whole, visit.account_id, ids.read("dlv", visit.path["id"]))
    return visit.show(
        "delivery_moving.html",
        is_part=True,
        told=told,
        stations=journey(told),
        words=_words(told),
        explanation=around["explanation"],
        actions=_actions(visit, told, around),
    )


def _whole(connection: Connection, account_id: int, delivery_id: int) -> tuple[dict[str, Any], dict[str, Any]]:
    told, explanation = history.explained_delivery(connection, account_id, delivery_id)
    message_id = ids.read("msg", told["message_id"])
    around = {
        "explanation": explanation,
        "suppressed": told_suppressed.of_recipient(connection, account_id, told["recipient"]),
        "message": told_messages.one(connection, account_id, message_id),
        "others": [
            row for row in history.deliveries_of(connection, account_id, message_id)[:20] if row["id"] != told["id"]
        ],
    }
    return told, around


def _words(told: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the words of each vocabulary for this delivery."""
    status = told["status"]
    lifecycle = status["lifecycle"].rpartition("(")[2].rstrip(")")  # "Bounce (Hardbounce)"
    bounce = [f"{status['category']}/{status['reason']}"] if status["category"] else []
    return [
        ("delivery_results", [status["result"]]),
        ("life_cycle", [lifecycle]),
        ("email_activity", status["activity"]),
        ("bounces", bounce),
        ("icons", [status["icon"]]),
    ]


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be done about a delivery, with the same on the command line and over HTTP."""

    verb: str
    label: str
    icon: str
    says: str
    command: str
    request: str
    is_grave: bool = False


def _actions(visit: Visit, told: dict[str, Any], around: dict[str, Any]) -> list[Action]:
    """Return what this person can do now."""
    number, found = told["id"], []
    if not told["ended"] and visit.may("send"):
        found.append(Action("retry", "Try now", "retry", "Do not wait for the next try.",
            f"aftersend queue retry {number}", f"POST /v1/deliveries/{number}/retry"))  # fmt: skip
    if not told["ended"] and visit.may("moderate"):
        found.append(Action("hold", "Hold", "pause", "Stop trying until somebody lets it go on.",
            f"aftersend queue hold {number}", f"POST /v1/deliveries/{number}/hold"))  # fmt: skip
        found.append(Action("release", "Let go on", "arrow", "Let it go on, if it was on hold.",
            f"aftersend queue release {number}", f"POST /v1/deliveries/{number}/release"))  # fmt: skip
    if not told["ended"] and visit.may("send"):
        found.append(Action("cancel", "Cancel", "cross", "Stop it for good. What has left cannot be called back.",
            f"aftersend queue cancel {number}", f"POST /v1/deliveries/{number}/cancel", True))  # fmt: skip
    if visit.may("send"):
        found.append(Action("resend", "Send again", "sent", "Send the same message to this recipient once more.",
            f"aftersend send --to {told['recipient']} …", "POST /v1/messages/raw"))  # fmt: skip
    if visit.may("admin") and around["suppressed"]:
        found.append(Action("unsuppress", "Write to this address again", "check",
            "Take the address off the list of those that are not mailed.",
            f"aftersend suppress remove {told['recipient']}",
            f"DELETE /v1/suppressions/{told['recipient']}"))  # fmt: skip
    elif visit.may("admin"):
        found.append(Action("suppress", "Stop writing to this address", "ban",
            "Put the address on your list of those that are not mailed.",
            f"aftersend suppress add {told['recipient']}",
            f"PUT /v1/suppressions/{told['recipient']}", True))  # fmt: skip
    return found


# ---- doing something about it ----------------------------------------------------------------------------------------

_NEEDS = {"retry": "send", "cancel": "send", "hold": "moderate", "release": "moderate", "resend": "send",
          "suppress": "admin", "unsuppress": "admin"}  # fmt: skip
_SAID = {"retry": "It is tried now.", "cancel": "It is stopped.", "hold": "It is on hold.", "release": "It goes on."}


async def act(visit: Visit) -> Answer:
    """Do one of the actions."""
    verb = visit.path["verb"]
    if verb not in _NEEDS:
        raise NotFound("There is no such action.")
    if not visit.may(_NEEDS[verb]):
        raise NotAllowed(f"Your role here, {visit.someone.role}, does not allow this.")
    delivery_id = ids.read("dlv", visit.path["id"])
    place = f"{ROOT}/deliveries/{visit.path['id']}"
    told = await visit.desk.store.ask(history.delivery, visit.account_id, delivery_id)
    if verb == "resend":
        return await _resend(visit, told)
    if verb in ("suppress", "unsuppress"):
        return await _list(visit, told["recipient"], verb, place)
    desk = visit.desk
    by = Actor(visit.who)
    await patience.one(
        lambda: desk.store.run(
            queue_verbs.act_on_one, visit.account_id, verb, delivery_id, by=by, ids=desk.ids, now=desk.clock()
        )
    )
    return visit.go(place, _SAID[verb])


async def _resend(visit: Visit, told: dict[str, Any]) -> Answer:
    raw = await visit.desk.store.ask(contents.raw, visit.account_id, ids.read("msg", told["message_id"]))
    again = visit.to_api(query=[("from", told["sender"] or ""), ("to", told["recipient"])])
    again.body = raw
    answer = await messages.send_raw(again)
    return visit.go(
        f"{ROOT}/deliveries/{answer.content['deliveries'][0]['id']}", "It is sent once more; this is the new one."
    )


async def _list(visit: Visit, recipient: str, verb: str, place: str) -> Answer:
    path = {"address": recipient}
    if verb == "suppress":
        made = (await administration.suppress(visit.to_api({"why": "by hand, from the log"}, path=path))).content
        return visit.go(place, suppressed.said_of(made))
    return visit.go(place, await suppressed.taken_off(visit, recipient, stream=None))


# ---- messages ----------------------------------------------------------------------------------------------------------


async def message(visit: Visit) -> Answer:
    """Show a message and what has become of it for each recipient."""
    message_id = ids.read("msg", visit.path["id"])
    found = await visit.desk.store.ask(told_messages.one, visit.account_id, message_id)
    rows = await visit.desk.store.ask(history.deliveries_of, visit.account_id, message_id)
    if len(rows) == 1:
        return visit.go(f"{ROOT}/deliveries/{rows[0]['id']}")
    return visit.show("message.html", message=found, rows=rows[:200], parts=await _parts(visit, visit.path["id"]))


async def _parts(visit: Visit, shown: str) -> previews.Preview | None:
    """Return what a message consists of, or None when its content is no longer kept."""
    try:
        raw = await visit.desk.store.ask(contents.raw, visit.account_id, ids.read("msg", shown))
    except NotFound:
        return None
    return previews.read(raw)


async def content(visit: Visit) -> Answer:
    """Give the message as it was taken in, as a file."""
    return await messages.content_of(visit)


async def preview(visit: Visit) -> Answer:
    """Show the HTML of a message, for a frame in which nothing can run, load or leave."""
    raw = await visit.desk.store.ask(contents.raw, visit.account_id, ids.read("msg", visit.path["id"]))
    html = previews.read(raw).html
    if html is None:
        raise NotFound("This message has no HTML.")
    return Answer(html.encode("utf-8", "replace"), 200, previews.HEADERS, "text/html; charset=utf-8")
