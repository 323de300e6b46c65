"""Own the pages of moderation: what awaits a person, what speaks against it, and the decision, for one message or for many."""

from __future__ import annotations

from typing import Any

from aftersend.control.moderation import checked_reason
from aftersend.errors import AftersendError, NotAllowed
from aftersend.web import moderation as api
from aftersend.web.calls import Answer
from aftersend.web.console import previews
from aftersend.web.console.rendering import address, said_of
from aftersend.web.console.tones import Look
from aftersend.web.console.visits import ROOT, Visit

STATES = {
    "pending": Look("wait", "moderate"),
    "accepted": Look("good", "check"),
    "quarantined": Look("bad", "ban"),
    "passed": Look("quiet", "check"),
}
"""How each state looks."""
MODES = {
    "off": "Nothing",
    "watch": "What the rules or an engine find",
    "new": "That, and the first messages of a new sender",
    "all": "Everything",
}
_PAGE = 50


async def show(visit: Visit) -> Answer:
    """Show the messages that were judged; those that await a decision unless others are asked for."""
    return await _listed(visit)


async def _listed(visit: Visit, wrong: str = "", about: dict[str, Any] | None = None) -> Answer:
    asked = dict(visit.query()) if visit.method == "GET" else visit.form()
    state = asked.get("state", "pending")
    given = {
        "state": state,
        "rule": asked.get("rule", ""),
        "q": asked.get("q", "").strip(),
        "after": asked.get("after", ""),
    }
    query = [(name, value) for name, value in given.items() if value and not (name == "state" and value == "all")]
    everybody = [("account", api.EVERY)] if _may_decide(visit) else []
    found = (await api.list_judged(visit.to_api(query=[*query, *everybody, ("limit", str(_PAGE))]))).content
    rows = found["data"]
    kept = {name: value for name, value in given.items() if name != "after"}
    older = address("/moderation", **kept, after=rows[-1]["id"]) if found["has_more"] else None
    policy = (await api.rule(visit.to_api())).content
    return visit.show(
        "moderation.html", 422 if wrong else 200, rows=rows, older=older, given=given, looks=STATES, policy=policy,
        modes=MODES, wrong=wrong, may_decide=_may_decide(visit), about=about, typed=asked if about or wrong else {},
    )  # fmt: skip


def _may_decide(visit: Visit) -> bool:
    """An account does not let its own mail through: those who run the installation do."""
    return visit.is_operator and visit.may("moderate")


async def one(visit: Visit) -> Answer:
    """Show a message with what speaks against it and what it says."""
    return await _whole(visit)


async def _whole(visit: Visit, wrong: str = "") -> Answer:
    told = (await api.one_judged(visit.to_api())).content
    parts = previews.read(told["content"].encode("utf-8", "replace"))
    return visit.show(
        "moderation_one.html", 422 if wrong else 200, told=told, parts=parts, look=STATES[told["state"]], wrong=wrong,
        may_decide=_may_decide(visit),
    )  # fmt: skip


async def preview(visit: Visit) -> Answer:
    """Show the HTML of a message, for a frame in which nothing can run, load or leave."""
    told = (await api.one_judged(visit.to_api())).content
    html = previews.read(told["content"].encode("utf-8", "replace")).html or ""
    return Answer(html.encode("utf-8", "replace"), 200, previews.HEADERS, "text/html; charset=utf-8")


async def decide(visit: Visit) -> Answer:
    """Decide about the messages that were ticked, or about one."""
    if not _may_decide(visit):
        raise NotAllowed("Only those who run this installation decide about mail before the moderator.")
    fields = visit.fields()
    form = dict(fields)
    if form.get("action", "") in _ALL:
        return await _decide_all(visit, form)
    wanted = [value for name, value in fields if name == "id"]
    asked: dict[str, Any] = {
        "action": form.get("action", ""),
        "ids": wanted,
        "reason": form.get("reason", "").strip(),
        "teach": form.get("teach") == "1",
        "account": api.EVERY,
    }
    try:
        told = (await api.decide(visit.to_api(asked))).content
    except AftersendError as error:
        if form.get("alone") and len(wanted) == 1:
            visit.path = {"id": wanted[0]}
            return await _whole(visit, said_of(error))
        return await _listed(visit, said_of(error))
    skipped = "; ".join(f"{number} left alone: {why}" for why, number in told["skipped"].items())
    said = f"{told['done']} decided." + (f" {skipped}." if skipped else "")
    return visit.go(f"{ROOT}/moderation", said)


_ALL = {"accept-all": "accept", "quarantine-all": "quarantine"}
"""Buttons that are about all that the search finds."""


async def _decide_all(visit: Visit, form: dict[str, str]) -> Answer:
    """Count what the search finds, or, once that was seen, decide about all of it, page by page."""
    asked: dict[str, Any] = {
        "action": _ALL[form["action"]],
        "state": form.get("state") or "pending",
        "reason": form.get("reason", "").strip(),
        "teach": form.get("teach") == "1",
        "account": api.EVERY,
    }
    asked |= {name: value for name in ("rule", "q") if (value := form.get(name, "").strip())}
    try:
        if form.get("sure") != "yes":
            checked_reason(asked["reason"], is_needed=asked["action"] == "quarantine")
            told = (await api.decide(visit.to_api(asked | {"preview": True}))).content
            return await _listed(visit, about={"action": form["action"], "matched": told["matched"]})
        done, skipped = 0, 0
        while True:
            told = (await api.decide(visit.to_api(asked))).content
            done, skipped = done + told["done"], skipped + sum(told["skipped"].values())
            if told["next"] is None:
                break
            asked["after"] = told["next"]
    except AftersendError as error:
        return await _listed(visit, said_of(error))
    return visit.go(f"{ROOT}/moderation", f"{done} decided." + (f" {skipped} left alone." if skipped else ""))


async def set_policy(visit: Visit) -> Answer:
    """Say how the mail of all accounts is moderated that have no rule of their own."""
    if not _may_decide(visit):
        raise NotAllowed("Only those who run this installation decide how mail is moderated.")
    form = visit.form()
    first = form.get("first", "3").strip()
    asked = {"mode": form.get("mode", ""), "first": int(first) if first.isdecimal() else -1, "account": api.EVERY}
    try:
        await api.set_rule(visit.to_api(asked))
    except AftersendError as error:
        return await _listed(visit, said_of(error))
    return visit.go(f"{ROOT}/moderation", "It is kept, and holds for what comes in from now on.")
