"""Own the page of the queue: what waits, in which stage, until when; hold, release, retry or cancel many at once, after having
seen how many."""

from __future__ import annotations

from typing import Any

from aftersend.control import queue_verbs, resending
from aftersend.errors import AftersendError, BadField
from aftersend.reports import log as email_log
from aftersend.reports import search
from aftersend.store import verbs
from aftersend.store.connection import Connection
from aftersend.web import log
from aftersend.web.calls import Answer
from aftersend.web.console import maillog
from aftersend.web.console.visits import ROOT, Visit

STAGES = {
    "treatment": "Waits for our checks, or for the time that was planned.",
    "delivery": "Is being delivered, or waits for its next try.",
    "held": "A person holds it back.",
    "moderation": "Waits for a person who checks it against the anti-spam rules.",
    "depleted": "There are no credits left; it is kept for a day, for a top-up.",
    "relayed": "A relay has it; we wait for the final answer.",
    "set_aside": "A fault of ours met it; it is kept until the fault is mended.",
}
VERBS = {
    "retry": "Try now",
    "hold": "Hold",
    "release": "Let go on",
    "cancel": "Cancel",
}
RESEND = "resend"
_LABELS = VERBS | {RESEND: "Send again"}
_NEEDS = {"retry": "send", "cancel": "send", "hold": "moderate", "release": "moderate", RESEND: "send"}
SHOWN = 20


async def show(visit: Visit, wrong: str = "", asked: dict[str, Any] | None = None) -> Answer:
    """Show what waits."""
    stages, rows = await visit.desk.store.ask(_gathered, visit.account_id, visit.desk.clock())
    return visit.show(
        "queue.html",
        422 if wrong else 200,
        stages=stages,
        says=STAGES,
        rows=rows,
        total=sum(row["deliveries"] for row in stages),
        verbs={verb: label for verb, label in VERBS.items() if visit.may(_NEEDS[verb])},
        may_resend=visit.may(_NEEDS[RESEND]),
        labels=_LABELS,
        reasons=resending.SKIPPED_BECAUSE,
        wrong=wrong,
        asked=asked,
        typed=visit.form() if visit.method == "POST" else {},
    )


def _gathered(connection: Connection, account_id: int, now: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    wanted = search.read([("live", "true")], now=now)
    return verbs.summary(connection, account_id), email_log.page(connection, account_id, wanted, limit=SHOWN).rows


async def act(visit: Visit) -> Answer:
    """Count what a search finds, or, once that was seen, do it."""
    form = visit.form()
    verb, find = form.get("action", ""), form.get("find", "").strip()
    try:
        if verb != RESEND:
            queue_verbs.checked_verb(verb)
        if not visit.may(_NEEDS[verb]):
            raise BadField("#/action", f"Your role here, {visit.someone.role}, does not allow this.")
        words: dict[str, list[str]] = {}
        for name, value in maillog.read(find) or [("live", "false" if verb == RESEND else "true")]:
            words.setdefault(name, []).append(value)
        is_sure = form.get("sure") == "yes"
        content = {"action": verb, "filter": words, "preview": not is_sure, "why": form.get("why", "")[:300]}
        told = await _acted(visit, content)
    except AftersendError as error:
        return await show(visit, error.detail)
    if not is_sure:
        return await show(visit, asked=told | {"find": find})
    skipped = sum(told["skipped"].values())
    beside = f", {skipped} could not be" if skipped else ""
    return visit.go(f"{ROOT}/queue", f"{_LABELS[verb]}: {told['done']} done{beside}.")


async def _acted(visit: Visit, content: dict[str, Any]) -> dict[str, Any]:
    """Do it to all that is found, or look at all of it, however many requests of the API that is."""
    told: dict[str, Any] = (await log.act(visit.to_api(content))).content
    while content["action"] == RESEND and told["more"] and told["next"]:
        more = (await log.act(visit.to_api(content | {"after": told["next"]}))).content
        skipped = {name: told["skipped"].get(name, 0) + number for name, number in more["skipped"].items()}
        told = more | {
            "matched": told["matched"] + more["matched"], "done": told["done"] + more["done"],
            "skipped": told["skipped"] | skipped,
        }  # fmt: skip
    return told
