"""Own the tables. Every table that grows with mail has `account_id` as the first column of its key, so that the schema
can be spread over machines by tenant. Times are microseconds UTC; free data is JSON text, read whole.

Three kinds of table: what has happened (messages, bodies, deliveries, events; only ever added to, the cached reading of
the facts in `deliveries` may only rise), what to do next (queue; small, rows go when their work is done), and what was
counted (counts; survives retention).
"""

from __future__ import annotations

from aftersend.store.schema import audience, hooks, people, quality, tracking, treatment
from aftersend.store.schema.columns import metadata
from aftersend.store.schema.core import (
    BOUNCE_EVENTS,
    BOUNCED_DELIVERIES,
    COMMON_FACTS,
    RARE_FACTS,
    WITH_REASON,
    accounts,
    audit,
    bodies,
    counts,
    deliveries,
    dkim_keys,
    domains,
    doubts,
    events,
    idempotency,
    keys,
    messages,
    meta,
    nodes,
    queue,
    refusals,
    returned,
    sites,
    streaks,
    streams,
    suppressions,
    unread_returns,
)

__all__ = [
    "BOUNCED_DELIVERIES",
    "BOUNCE_EVENTS",
    "COMMON_FACTS",
    "RARE_FACTS",
    "WITH_REASON",
    "accounts",
    "audience",
    "audit",
    "bodies",
    "counts",
    "deliveries",
    "dkim_keys",
    "domains",
    "doubts",
    "events",
    "hooks",
    "idempotency",
    "keys",
    "messages",
    "meta",
    "metadata",
    "nodes",
    "people",
    "quality",
    "queue",
    "refusals",
    "returned",
    "sites",
    "streaks",
    "streams",
    "suppressions",
    "tracking",
    "treatment",
    "unread_returns",
]
