"""Own what becomes of times in the queue when the clock of the machine was put back.

Without it, what was due would wait for as long as the clock was put back: a correction of two hours, two hours.
"""

from __future__ import annotations

from sqlalchemy import Connection, update

from aftersend.clock import Instant
from aftersend.store.queue import Stage
from aftersend.store.schema import queue


def due_as_before(connection: Connection, *, was: Instant, now: Instant) -> int:
    """Let what was due at `was` be due at `now`, and further tries come as long after `now` as after `was`; return how many.

    Times that a person or a moment of the calendar set (holds, schedules) stay as they are.
    """
    waits = queue.c.stage.in_((int(Stage.TREATMENT), int(Stage.DELIVERY)))
    due = update(queue).where(waits, queue.c.due_us > now, queue.c.due_us <= was).values(due_us=now)
    later = (
        update(queue)
        .where(queue.c.stage == int(Stage.DELIVERY), queue.c.due_us > was)
        .values(due_us=queue.c.due_us - (was - now))
    )
    return sum(connection.execute(each).rowcount for each in (due, later))
