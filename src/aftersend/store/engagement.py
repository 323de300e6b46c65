"""Say when people last opened or followed a link in anything that was sent to them, whichever address it went to."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, func, literal_column, or_, select

from aftersend.clock import Instant
from aftersend.ledger.facts import Fact
from aftersend.store.engine import Statement, among, packed, query, rows
from aftersend.store.schema import audience, deliveries, events

_addresses = audience.contact_addresses
OPENED = (Fact.OPENED, Fact.READ, Fact.CLICKED)
CLICKED = (Fact.CLICKED,)


def _latest(facts: Sequence[Fact]) -> Statement:
    bits = 0
    for fact in facts:
        bits |= fact.bit
    return query(
        lambda engine_name: select(_addresses.c.contact_id, func.max(events.c.occurred_us))
        .join(
            deliveries,
            (deliveries.c.account_id == _addresses.c.account_id) & (deliveries.c.folded == _addresses.c.folded),
        )
        .join(
            events,
            (events.c.account_id == deliveries.c.account_id) & (events.c.delivery_id == deliveries.c.id),
        )
        .where(
            _addresses.c.account_id == bindparam("account"),
            among(_addresses.c.contact_id, engine_name),
            deliveries.c.facts.op("&")(literal_column(str(bits))) != 0,
            or_(*(events.c.fact == literal_column(str(int(fact))) for fact in facts)),
        )
        .group_by(_addresses.c.contact_id),
        "account", "ids",
    )  # fmt: skip


_OPENED, _CLICKED = _latest(OPENED), _latest(CLICKED)


def opened(connection: Connection, account_id: int, contact_ids: Sequence[int]) -> dict[int, Instant]:
    """Return when each of these people last opened something; who never did is not in it. Machines do not count."""
    return dict(rows(connection, _OPENED, (account_id, packed(connection, list(contact_ids)))))


def clicked(connection: Connection, account_id: int, contact_ids: Sequence[int]) -> dict[int, Instant]:
    """Return when each of these people last followed a link; who never did is not in it. Machines do not count."""
    return dict(rows(connection, _CLICKED, (account_id, packed(connection, list(contact_ids)))))
