"""Own the hits: every request that named a delivery, who made it, and what follows for the delivery."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, literal_column, select

from aftersend.clock import Instant
from aftersend.ledger.facts import Fact
from aftersend.store.engine import Statement, among, insert_rows, many, packed, query, ring, rows, upsert
from aftersend.store.schema import deliveries, events, messages
from aftersend.store.schema.tracking import hits, labels, links, unlabelled

Row = tuple[Any, ...]
BELL = "hits"
HITS_MOST = 400
"""Hits of one delivery that are looked at; a machine that comes more often shows itself in these."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One hit as it is kept."""

    id: int
    kind: str
    number: int
    method: str
    at_us: Instant
    ip: str
    agent: str | None
    said: str | None


@dataclass(frozen=True, slots=True)
class Visited:
    """A delivery that was visited, with all that is known of its visits."""

    account_id: int
    delivery_id: int
    message_id: int
    last_id: int
    stream: str
    folded: str
    domain: str
    facts: int
    delivered_us: Instant | None
    hits: tuple[Kept, ...]
    targets: tuple[int, ...]
    """Numbers of the links of its message."""
    fanout: dict[tuple[str, int], int]
    """By address and moment of a hit: how many other recipients it touched within a minute."""
    known: dict[int, tuple[str, str]]
    """What was thought of each hit: verdict and reasons."""
    created_us: Instant = 0
    exchanger: str = ""
    """The name of the server that took the message; "" if it is not known."""


# ---- keeping -------------------------------------------------------------------------------------------------------

_HIT = insert_rows(hits, if_new=True)


def _due(engine_name: str) -> Any:
    new = upsert(unlabelled, engine_name)
    return new.on_conflict_do_update(
        index_elements=["account_id", "delivery_id"],
        set_={"due_us": new.excluded.due_us, "last_id": new.excluded.last_id},
    )


_DUE = Statement(_due, *[column.name for column in unlabelled.columns])


def keep(connection: Connection, batches: Sequence[Sequence[Row]]) -> list[None]:
    """Keep hits (rows of `hits`), and note that their deliveries are to be looked at; durable when the group commits."""
    taken = [row for batch in batches for row in batch]
    many(connection, _HIT, taken)
    latest: dict[tuple[int, int], tuple[Instant, int]] = {}
    for account_id, delivery_id, hit_id, _, _, _, _, at_us, *_ in taken:
        latest[account_id, delivery_id] = (at_us, hit_id)
    # Sorted, so that two nodes never wait for each other in a circle.
    many(connection, _DUE, [(*place, at_us, hit_id) for place, (at_us, hit_id) in sorted(latest.items())])
    ring(connection, BELL)
    return [None] * len(batches)


# ---- what is to be looked at ---------------------------------------------------------------------------------------

_DELIVERED = frozenset({int(Fact.DELIVERED), int(Fact.RELAYED)})


def waiting(connection: Connection, *, now: Instant, limit: int) -> list[tuple[int, int, int]]:
    """Return (account, delivery, last hit) of what is to be looked at now, the longest due first."""
    c = unlabelled.c
    found = connection.execute(
        select(c.account_id, c.delivery_id, c.last_id).where(c.due_us <= now).order_by(c.due_us).limit(limit)
    )
    return [(row.account_id, row.delivery_id, row.last_id) for row in found]


def next_due(connection: Connection) -> Instant | None:
    """Return when something is to be looked at next."""
    found = connection.execute(select(func.min(unlabelled.c.due_us))).scalar()
    return None if found is None else int(found)


_ABOUT = query(
    lambda engine_name: select(
        deliveries.c.id, deliveries.c.message_id, deliveries.c.stream, deliveries.c.folded, deliveries.c.domain,
        deliveries.c.facts, deliveries.c.created_us,
    ).where(deliveries.c.account_id == bindparam("account"), among(deliveries.c.id, engine_name)),
    "account", "ids",
)  # fmt: skip
_HITS = query(
    select(hits.c.id, hits.c.kind, hits.c.number, hits.c.method, hits.c.at_us, hits.c.ip, hits.c.agent, hits.c.said)
    .where(hits.c.account_id == bindparam("account"), hits.c.delivery_id == bindparam("delivery"))
    .order_by(hits.c.id)
    .limit(literal_column(str(HITS_MOST))),
    "account", "delivery",
)  # fmt: skip
_TAKEN = query(
    select(events.c.occurred_us, events.c.fact, events.c.evidence).where(
        events.c.account_id == bindparam("account"), events.c.delivery_id == bindparam("delivery"),
        events.c.fact.in_([literal_column(str(fact)) for fact in sorted(_DELIVERED)]),
    ).order_by(events.c.occurred_us).limit(literal_column("1")),
    "account", "delivery",
)  # fmt: skip
_NUMBERS = query(
    select(links.c.number).where(links.c.account_id == bindparam("account"), links.c.message_id == bindparam("message")),
    "account", "message",
)  # fmt: skip
FANOUT_READ = 5000
"""So many hits of an address are read to see whom else it touched: whoever comes more often need not be counted to the end."""
_NEAR = (
    select(hits.c.delivery_id)
    .where(
        hits.c.account_id == bindparam("account"), hits.c.message_id == bindparam("message"),
        hits.c.ip == bindparam("address"), hits.c.at_us.between(bindparam("since"), bindparam("until")),
    )
    .limit(literal_column(str(FANOUT_READ)))
    .subquery()
)  # fmt: skip
_FANOUT = query(
    select(func.count(func.distinct(_NEAR.c.delivery_id))), "account", "message", "address", "since", "until"
)
_KNOWN = query(
    select(labels.c.hit_id, labels.c.verdict, labels.c.reasons)
    .where(labels.c.account_id == bindparam("account"), labels.c.delivery_id == bindparam("delivery"))
    .order_by(labels.c.hit_id, labels.c.made_us),
    "account", "delivery",
)  # fmt: skip
FANOUT_ASKED = 40
"""Hits of one delivery for which it is asked whom else their address touched."""


def visited(connection: Connection, places: Sequence[tuple[int, int, int]], *, within_us: int) -> list[Visited]:
    """Return all that is known of the visits to these deliveries; those that are no longer kept are left out."""
    by_account: dict[int, list[int]] = {}
    for account_id, delivery_id, _ in places:
        by_account.setdefault(account_id, []).append(delivery_id)
    about = {
        (account_id, row[0]): row[1:]
        for account_id, ids in by_account.items()
        for row in rows(connection, _ABOUT, (account_id, packed(connection, ids)))
    }
    numbers: dict[tuple[int, int], tuple[int, ...]] = {}
    found = []
    for account_id, delivery_id, last_id in places:
        known = about.get((account_id, delivery_id))
        if known is None:
            continue
        message_id, stream, folded, domain, facts, created_us = known
        place = (account_id, delivery_id)
        message = (account_id, message_id)
        if message not in numbers:
            numbers[message] = tuple(int(number) for (number,) in rows(connection, _NUMBERS, message))
        kept = tuple(Kept(*row) for row in rows(connection, _HITS, place))
        delivered_us, exchanger = _taken(rows(connection, _TAKEN, place))
        thought = {int(hit): (str(verdict), str(why)) for hit, verdict, why in rows(connection, _KNOWN, place)}
        found.append(
            Visited(
                account_id, delivery_id, message_id, last_id, stream, folded, domain, int(facts),
                delivered_us, kept, numbers[message], _fanout(connection, message, kept, within_us), thought, int(created_us), exchanger,
            )
        )  # fmt: skip
    return found


def _taken(found: Sequence[Sequence[Any]]) -> tuple[Instant | None, str]:
    """Return when the recipient's server took the message, and its name; "" where another server stands between."""
    if not found:
        return None, ""
    at_us, fact, evidence = found[0]
    said = msgspec.json.decode(evidence) if evidence and fact == Fact.DELIVERED else {}
    return int(at_us), str(said.get("host") or "")


def _fanout(
    connection: Connection, message: tuple[int, int], kept: Iterable[Kept], within_us: int
) -> dict[tuple[str, int], int]:
    asked: dict[tuple[str, int], int] = {}
    for hit in kept:
        place = (hit.ip, hit.at_us)
        if hit.ip and place not in asked and len(asked) < FANOUT_ASKED:
            span = (hit.at_us - within_us, hit.at_us + within_us)
            asked[place] = int(rows(connection, _FANOUT, (*message, hit.ip, *span))[0][0]) - 1
    return asked


# ---- asking --------------------------------------------------------------------------------------------------------


def targets(connection: Connection, account_id: int, message_id: int) -> dict[int, str]:
    """Return where the links of a message lead, by number; empty if there are none, or they are no longer kept."""
    c = links.c
    found = connection.execute(select(c.number, c.url).where(c.account_id == account_id, c.message_id == message_id))
    return {int(row.number): str(row.url) for row in found}


@dataclass(frozen=True, slots=True)
class Reader:
    """The delivery that a visitor comes from."""

    account_id: int
    delivery_id: int
    message_id: int
    stream: str
    recipient: str
    folded: str
    header_from: str


def reader(connection: Connection, account_id: int, delivery_id: int) -> Reader | None:
    """Return the delivery that a token names; None if it is no longer kept, or its recipient was erased."""
    row = connection.execute(
        select(
            deliveries.c.message_id,
            deliveries.c.stream,
            deliveries.c.recipient,
            deliveries.c.folded,
            messages.c.header_from,
        )
        .join(messages, (messages.c.account_id == deliveries.c.account_id) & (messages.c.id == deliveries.c.message_id))
        .where(deliveries.c.account_id == account_id, deliveries.c.id == delivery_id)
    ).first()
    return None if row is None or not row.folded else Reader(account_id, delivery_id, *row)


def of_delivery(connection: Connection, account_id: int, delivery_id: int) -> list[dict[str, Any]]:
    """Return the hits of a delivery in order, each with what is thought of it, and what was thought before."""
    thought: dict[int, list[dict[str, Any]]] = {}
    c = labels.c
    for row in connection.execute(
        select(c.hit_id, c.made_us, c.verdict, c.reasons, c.rules)
        .where(c.account_id == account_id, c.delivery_id == delivery_id)
        .order_by(c.hit_id, c.made_us)
    ):
        told = {"verdict": row.verdict, "reasons": msgspec.json.decode(row.reasons), "rules": row.rules}
        thought.setdefault(int(row.hit_id), []).append({**told, "made_us": row.made_us})
    h = hits.c
    found = connection.execute(
        select(h.id, h.kind, h.number, h.method, h.at_us, h.ip, h.agent, h.said, links.c.url)
        .select_from(
            hits.outerjoin(
                links,
                (links.c.account_id == h.account_id) & (links.c.message_id == h.message_id) & (links.c.number == h.number)
                & (h.kind == "click"),
            )
        )
        .where(h.account_id == account_id, h.delivery_id == delivery_id)
        .order_by(h.at_us, h.id)
        .limit(HITS_MOST)
    )  # fmt: skip
    return [{**row._mapping, "labels": thought.get(int(row.id), [])} for row in found]


def prune(connection: Connection, *, before: Instant, slice_: int = 500) -> int:
    """Remove a slice of the hits that are over their time, with what was thought of them; return how many.

    What followed from them stays.
    """
    old = connection.execute(
        select(hits.c.account_id, hits.c.delivery_id, hits.c.id).where(hits.c.at_us < before).limit(slice_)
    ).all()
    for account_id, delivery_id, hit_id in old:
        connection.execute(
            delete(hits).where(hits.c.account_id == account_id, hits.c.delivery_id == delivery_id, hits.c.id == hit_id)
        )
        connection.execute(
            delete(labels).where(
                labels.c.account_id == account_id, labels.c.delivery_id == delivery_id, labels.c.hit_id == hit_id
            )
        )
    return len(old)
