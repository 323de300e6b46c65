"""Own what nodes tell each other about providers that suddenly deny everybody: until when they are not to be believed."""

from __future__ import annotations

from sqlalchemy import Connection, case, delete, select

from aftersend.clock import DAY, Instant
from aftersend.store.engine import name_of, upsert
from aftersend.store.schema import doubts


def note(connection: Connection, name: str, *, until: Instant, now: Instant) -> None:
    """Write down until when a provider is not believed, if that is later than what stands; forget the doubts of former days."""
    new = upsert(doubts, name_of(connection)).values(name=name, until_us=until)
    standing, offered = doubts.c.until_us, new.excluded.until_us
    later = case((offered > standing, offered), else_=standing)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"until_us": later}))
    connection.execute(delete(doubts).where(doubts.c.until_us < now - DAY))


def standing(connection: Connection, *, now: Instant) -> dict[str, Instant]:
    """Return the providers that are not believed just now, and until when."""
    found = connection.execute(select(doubts.c.name, doubts.c.until_us).where(doubts.c.until_us > now))
    return {row.name: row.until_us for row in found}
