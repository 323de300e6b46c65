"""Own the pages for those who run the service: whether it is in order, who changed what, what was not taken in."""

from __future__ import annotations

from typing import Any

from aftersend.store import nodes, verbs
from aftersend.store.connection import Connection
from aftersend.web import administration, health
from aftersend.web.calls import Answer
from aftersend.web.console.suppressed import onward
from aftersend.web.console.visits import Visit

NAMES = {"store": "Database", "disk": "Disk", "lease": "This node", "clock": "Clock"}


async def show(visit: Visit) -> Answer:
    """Show whether the service is in order."""
    told = (await health.ready(visit)).content
    nodes_there, waiting = await visit.desk.store.ask(_gathered, visit.account_id)
    return visit.show(
        "health.html",
        told=told,
        names=NAMES,
        nodes=nodes_there,
        own=visit.desk.node,
        waiting=waiting,
        started_us=visit.desk.started_us,
        now=visit.desk.clock(),
    )


def _gathered(connection: Connection, account_id: int) -> tuple[list[Any], list[dict[str, Any]]]:
    return nodes.listed(connection), verbs.summary(connection, account_id)


async def audit(visit: Visit) -> Answer:
    """List the latest changes."""
    rows = (await administration.audit(visit.to_api(query=[("limit", "100")]))).content["data"]
    return visit.show("audit.html", rows=rows)


async def refusals(visit: Visit) -> Answer:
    """List what was not taken in."""
    asked = {name: value for name, value in visit.query() if name == "after"}
    found = (await administration.refusals(visit.to_api(query=list(asked.items())))).content
    return visit.show("refusals.html", rows=found["data"], onward=onward("/refusals", found, asked))
