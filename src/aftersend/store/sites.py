"""Own what nodes tell each other about receiving sites: who wants fewer connections, and who wants to be left alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from aftersend.clock import DAY, Instant
from aftersend.store.engine import name_of, upsert
from aftersend.store.schema import sites


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one node has learnt of one site."""

    name: str
    connections: int
    closed_until_us: Instant
    why: str


def tell(connection: Connection, lessons: Sequence[Lesson], *, node: int, now: Instant) -> None:
    """Let the other nodes know; a newer lesson about a site replaces the older one."""
    for lesson in lessons:
        values = {
            "name": lesson.name,
            "node": node,
            "connections": lesson.connections,
            "closed_until_us": lesson.closed_until_us,
            "why": lesson.why,
            "changed_us": now,
        }
        new = upsert(sites, name_of(connection)).values(**values)
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["name"], set_={name: new.excluded[name] for name in values if name != "name"}
            )
        )
    connection.execute(delete(sites).where(sites.c.changed_us < now - DAY))


def told(connection: Connection, *, node: int, since: Instant) -> list[Lesson]:
    """Return what other nodes have learnt since a moment."""
    columns = (sites.c.name, sites.c.connections, sites.c.closed_until_us, sites.c.why)
    found = connection.execute(select(*columns).where(sites.c.node != node, sites.c.changed_us >= since))
    return [Lesson(*row) for row in found]
