"""Own the pages for those who run the service: whether it is in order, how it is set, who changed what, what was not taken in."""

from __future__ import annotations

import asyncio
from typing import Any

from aftersend.errors import NotAllowed
from aftersend.store import condition, nodes, retention, verbs
from aftersend.store.connection import Connection
from aftersend.web import administration, health
from aftersend.web.calls import Answer
from aftersend.web.console.suppressed import onward
from aftersend.web.console.visits import Visit

NAMES = {"store": "Database", "disk": "Disk", "lease": "This node", "clock": "Clock"}
ORIGINS = {
    "default": ("quiet", "circle", "default"),
    "file": ("good", "audit", "settings file"),
    "variable": ("note", "key", "environment"),
    "practice": ("wait", "shield", "practice world"),
}
"""Where a setting comes from: tone, icon, word."""


async def show(visit: Visit) -> Answer:
    """Show whether the service is in order, what waits and for how long, and for how long things are kept."""
    desk = visit.desk
    told = (await health.ready(visit)).content
    there, waiting, (aside, due_us), pruned_us = await desk.store.ask(_gathered, visit.account_id)
    return visit.show(
        "health.html",
        told=told,
        names=NAMES,
        nodes=there,
        own=desk.node,
        waiting=waiting,
        aside=aside,
        late_us=max(0, desk.clock() - due_us) if due_us is not None else 0,
        size=await asyncio.to_thread(desk.engine.size_bytes),
        free=desk.engine.free_bytes(),
        kept=[setting for setting in desk.settings if setting.name.startswith("retention.")],
        pruned_us=pruned_us,
        started_us=desk.started_us,
        now=desk.clock(),
    )


def _gathered(
    connection: Connection, account_id: int
) -> tuple[list[Any], list[dict[str, Any]], tuple[int, int | None], int]:
    return (
        nodes.listed(connection),
        verbs.summary(connection, account_id),
        condition.overdue(connection),
        retention.pruned_before(connection),
    )


async def settings(visit: Visit) -> Answer:
    """Show every setting: what counts now, from where, what it means. They belong to those who run the installation."""
    if not visit.is_operator:
        raise NotAllowed("Settings are seen from the first account, which belongs to those who run this installation.")
    sections: dict[str, list[Any]] = {}
    is_set_only = visit.asked("only") == "set"
    for setting in visit.desk.settings:
        if is_set_only and setting.origin == "default":
            continue
        sections.setdefault(setting.name.rpartition(".")[0], []).append(setting)
    return visit.show("settings.html", sections=list(sections.items()), origins=ORIGINS, is_set_only=is_set_only)


async def audit(visit: Visit) -> Answer:
    """List the changes, the latest first."""
    asked = {name: value for name, value in visit.query() if name in ("q", "after") and value}
    found = (await administration.audit(visit.to_api(query=[("limit", "50"), *asked.items()]))).content
    return visit.show("audit.html", rows=found["data"], part=asked.get("q", ""), onward=onward("/audit", found, asked))


async def refusals(visit: Visit) -> Answer:
    """List what was not taken in."""
    asked = {name: value for name, value in visit.query() if name == "after"}
    found = (await administration.refusals(visit.to_api(query=list(asked.items())))).content
    return visit.show("refusals.html", rows=found["data"], onward=onward("/refusals", found, asked))
