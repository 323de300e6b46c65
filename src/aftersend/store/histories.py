"""Own questions about many addresses at once: what became of mail to them, and who stands on a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, func, or_, select

from aftersend import ids
from aftersend.clock import Instant
from aftersend.ledger.facts import Fact
from aftersend.store import mailing_lists
from aftersend.store.engine import among, packed, query, rows
from aftersend.store.schema import audience, deliveries, streaks, suppressions

AT_ONCE = 5_000
"""Addresses of one question."""
HUMAN = Fact.OPENED.bit | Fact.READ.bit | Fact.CLICKED.bit | Fact.UNSUBSCRIBED.bit
_addresses, _members = audience.contact_addresses, audience.list_members


def _last(bits: int) -> Any:
    return func.max(case((deliveries.c.facts.op("&")(bits) != 0, deliveries.c.created_us)))


_MAILED = query(
    lambda engine_name: select(
        deliveries.c.folded,
        _last(Fact.DELIVERED.bit),
        _last(Fact.BOUNCED_INVALID.bit),
        _last(HUMAN),
    )
    .where(
        deliveries.c.account_id == bindparam("account"),
        among(deliveries.c.folded, engine_name),
        deliveries.c.created_us < bindparam("before"),
    )
    .group_by(deliveries.c.folded),
    "account", "ids", "before",
)  # fmt: skip
_LISTED = query(
    lambda engine_name: select(suppressions.c.folded).where(
        suppressions.c.account_id == bindparam("account"),
        among(suppressions.c.folded, engine_name),
        suppressions.c.stream == "",
        or_(suppressions.c.expires_us.is_(None), suppressions.c.expires_us > bindparam("now")),
    ),
    "account", "ids", "now",
)  # fmt: skip
_SOFT = query(
    lambda engine_name: select(streaks.c.folded, streaks.c.number).where(
        streaks.c.account_id == bindparam("account"), among(streaks.c.folded, engine_name), streaks.c.counter == "soft"
    ),
    "account", "ids",
)  # fmt: skip


def of(
    connection: Connection, account_id: int, folded: Sequence[str], *, now: Instant, before: Instant | None = None
) -> dict[str, tuple[bool, Instant | None, Instant | None, Instant | None, int]]:
    """Return, of those addresses of which anything is known: is it suppressed, when mail to it was last delivered, last
    came back because the address does not work, was last read by a person; and how many soft bounces stand in a row.

    `before`: only of mail that was taken in before that moment, as things were then.
    """
    found: dict[str, tuple[bool, Instant | None, Instant | None, Instant | None, int]] = {}
    for at in range(0, len(folded), AT_ONCE):
        given = packed(connection, list(folded[at : at + AT_ONCE]))
        for name, delivered, bounced, human in rows(connection, _MAILED, (account_id, given, before or ids.MOST)):
            found[name] = (False, delivered, bounced, human, 0)
        if before is not None:
            continue
        for name, number in rows(connection, _SOFT, (account_id, given)):
            found[name] = (*found.get(name, (False, None, None, None))[:4], number)
        for (name,) in rows(connection, _LISTED, (account_id, given, now)):
            found[name] = (True, *found.get(name, (False, None, None, None, 0))[1:])
    return found


def members(connection: Connection, account_id: int, list_name: str, *, limit: int) -> list[tuple[int, str]]:
    """Return (contact, first address) of up to `limit` people on a list, the oldest first. Raise NotFound."""
    list_id = mailing_lists.named(connection, account_id, list_name)
    found = connection.execute(
        select(_addresses.c.contact_id, _addresses.c.address)
        .join(
            _members,
            (_members.c.account_id == _addresses.c.account_id) & (_members.c.contact_id == _addresses.c.contact_id),
        )
        .where(_members.c.account_id == account_id, _members.c.list_id == list_id, _addresses.c.place == 0)
        .order_by(_addresses.c.contact_id)
        .limit(limit)
    )
    return [(int(contact_id), str(address)) for contact_id, address in found]


def leave(connection: Connection, account_id: int, list_name: str, contact_ids: Sequence[int]) -> int:
    """Take people off a list; they stay contacts. Return how many were on it. Raise NotFound."""
    list_id = mailing_lists.named(connection, account_id, list_name)
    gone = 0
    for at in range(0, len(contact_ids), 500):
        gone += connection.execute(
            delete(_members).where(
                _members.c.account_id == account_id,
                _members.c.list_id == list_id,
                _members.c.contact_id.in_(contact_ids[at : at + 500]),
            )
        ).rowcount
    return gone
