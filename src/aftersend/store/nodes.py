"""Own who is working: each running process is a node with a number and a lease that it renews.

A claim on work names its node. When a node's lease has ended, whoever notices takes its number away and frees its claims;
the node, if it was only slow, sees that its number is gone and stops touching what it held.
"""

from __future__ import annotations

import json

from sqlalchemy import Connection, delete, func, insert, select, update

from aftersend.clock import SECOND, Instant
from aftersend.errors import Conflict
from aftersend.ids import NODES
from aftersend.ledger.events import key_of
from aftersend.store import feed
from aftersend.store.engine import alone
from aftersend.store.queue import Stage
from aftersend.store.record import event_row
from aftersend.store.schema import nodes, queue

LEASE_US = 30 * SECOND


def enter(
    connection: Connection, name: str, incarnation: str, *, now: Instant, take_over: bool, delivers: bool = True
) -> tuple[int, int]:
    """Begin to work under a name; return the node's number and how many claims of its former life were freed.

    `take_over` says that the caller knows the former process of this name to be dead (it holds the lock on the data
    directory). Without it, a name whose lease still runs is refused.
    """
    alone(connection)
    known = connection.execute(select(nodes).where(nodes.c.name == name)).first()
    freed = 0
    if known is not None:
        if known.lease_ends_us > now and not take_over and known.incarnation != incarnation:
            raise Conflict(
                f"A node named {name!r} is at work. Give this one another name (setting `node`), or wait "
                f"{(known.lease_ends_us - now) // SECOND + 1} s if that one has died."
            )
        freed = _free_after_death(connection, known.number, known.name, known.incarnation, now=now)
        connection.execute(delete(nodes).where(nodes.c.number == known.number))
    taken = set(connection.execute(select(nodes.c.number)).scalars())
    number = next((n for n in range(1, NODES) if n not in taken), None)
    if number is None:
        raise Conflict(f"There are {NODES - 1} nodes at work; no more can join.")
    connection.execute(
        insert(nodes).values(
            number=number,
            name=name,
            incarnation=incarnation,
            started_us=now,
            lease_ends_us=now + LEASE_US,
            delivers=int(delivers),
        )
    )
    return number, freed


def incarnation_of(connection: Connection, name: str) -> str | None:
    """Return which process works, or worked last, under a name; None if none does."""
    found = connection.execute(select(nodes.c.incarnation).where(nodes.c.name == name)).scalar()
    return None if found is None else str(found)


def renew(connection: Connection, number: int, incarnation: str, *, now: Instant) -> bool:
    """Prolong the lease; False when another node has taken this one for dead and freed its claims."""
    done = connection.execute(
        update(nodes)
        .where(nodes.c.number == number, nodes.c.incarnation == incarnation)
        .values(lease_ends_us=now + LEASE_US)
    )
    return done.rowcount == 1


def free_dead(connection: Connection, *, now: Instant) -> int:
    """Free the claims of every node whose lease has ended; return how many claims there were.

    A lease that ends later than any can was made before the clock was put back: it ends soon, unless its node renews it.
    """
    freed = 0
    connection.execute(
        update(nodes).where(nodes.c.lease_ends_us > now + 2 * LEASE_US).values(lease_ends_us=now + LEASE_US)
    )
    for dead in connection.execute(select(nodes).where(nodes.c.lease_ends_us < now)).all():
        freed += _free_after_death(connection, dead.number, dead.name, dead.incarnation, now=now)
        connection.execute(delete(nodes).where(nodes.c.number == dead.number))
    return freed


def _free_after_death(connection: Connection, number: int, name: str, incarnation: str, *, now: Instant) -> int:
    """Free what a node held when it died, and write into the history of each that its attempt was cut short.

    Nobody knows how far such an attempt had come: the message may have arrived, and the next try may be a second copy.
    """
    held = connection.execute(
        select(queue.c.account_id, queue.c.delivery_id).where(
            queue.c.holder == number, queue.c.stage == int(Stage.DELIVERY)
        )
    ).all()
    evidence = json.dumps({"kind": "node_died", "node": name})
    kind = "attempt_interrupted"
    cut_short = [
        event_row(
            account_id, delivery_id, key_of(kind, incarnation, delivery_id), kind, None, now, now, evidence=evidence
        )
        for account_id, delivery_id in held
    ]
    feed.append(connection, cut_short)
    return release_claims(connection, number)


def leave(connection: Connection, number: int, incarnation: str) -> int:
    """Stop working in good order: free what is held and give the number back."""
    freed = release_claims(connection, number)
    connection.execute(delete(nodes).where(nodes.c.number == number, nodes.c.incarnation == incarnation))
    return freed


def release_claims(connection: Connection, number: int) -> int:
    """Free what a node holds; it is due as it was."""
    freed = connection.execute(update(queue).where(queue.c.holder == number).values(holder=0))
    return int(freed.rowcount)


def delivering(connection: Connection) -> int:
    """Say how many nodes deliver, and so share what a receiving site bears."""
    return int(connection.execute(select(func.count()).select_from(nodes).where(nodes.c.delivers == 1)).scalar_one())


def listed(connection: Connection) -> list[tuple[int, str, Instant, Instant]]:
    """List the nodes: number, name, since when, until when its lease runs."""
    columns = (nodes.c.number, nodes.c.name, nodes.c.started_us, nodes.c.lease_ends_us)
    return [tuple(row) for row in connection.execute(select(*columns).order_by(nodes.c.number))]
