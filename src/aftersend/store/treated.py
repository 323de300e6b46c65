"""Own the moment in which a delivery is let go: what it costs is settled with it, exactly.

Gates decide on what was known a moment before. Here, in the transaction that writes the answer down, another node may have
been quicker: then what was prepared for that case is written instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from aftersend.store import credits, record
from aftersend.store.record import Step


@dataclass(slots=True)
class Passing:
    """A delivery that every gate has passed, and that costs a credit."""

    step: Step
    without_credit: Callable[[], Step]
    """Says what is written if there is no credit left."""


def passed(connection: Connection, items: Sequence[Passing]) -> list[bool]:
    """Write down what happened to each; whether each delivery was known."""
    places = [(item.step.account_id, item.step.delivery_id) for item in items]
    granted = credits.reserve(connection, places, now=items[-1].step.now)
    chosen = [
        item.step if place in granted else item.without_credit() for item, place in zip(items, places, strict=True)
    ]
    return record.steps(connection, chosen)
