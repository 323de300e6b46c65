"""Own what becomes of times in the queue and of rates when the clock of the machine was put back.

Without it, what was due would wait for as long as the clock was put back: a correction of two hours, two hours.
"""

from __future__ import annotations

from sqlalchemy import Connection, case, or_, update

from aftersend.clock import Instant
from aftersend.store.queue import Stage
from aftersend.store.schema import queue
from aftersend.store.schema.treatment import paces


def due_as_before(connection: Connection, *, was: Instant, now: Instant) -> int:
    """Let what was due at `was` be due at `now`, and further tries come as long after `now` as after `was`; return how many.

    Rates are used up, and their lines reach, as long after `now` as after `was`. Times that a person or a moment of the
    calendar set (holds, schedules) stay as they are.
    """
    rates = (paces.c.taken_us, paces.c.ends_us)
    moved = {each.name: case((each > now, each - (was - now)), else_=each) for each in rates}
    connection.execute(update(paces).where(or_(*(each > now for each in rates))).values(moved))
    waits = queue.c.stage.in_((int(Stage.TREATMENT), int(Stage.DELIVERY)))
    due = update(queue).where(waits, queue.c.due_us > now, queue.c.due_us <= was).values(due_us=now)
    later = (
        update(queue)
        .where(queue.c.stage == int(Stage.DELIVERY), queue.c.due_us > was)
        .values(due_us=queue.c.due_us - (was - now))
    )
    return sum(connection.execute(each).rowcount for each in (due, later))
