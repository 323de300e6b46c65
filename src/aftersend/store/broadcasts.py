"""Own the broadcasts: what is to be said to whom, and how far the audience has been written into `deliveries`.

A broadcast is one message. Its place in the audience moves in the transaction that writes the deliveries, and only from
where it was believed to be; so whatever dies in between, and however many nodes work on it, nobody is met twice or missed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select, update

from aftersend import ids
from aftersend.clock import Instant
from aftersend.errors import NotFound
from aftersend.store.engine import among, packed, query, ring, rows
from aftersend.store.queue import Stage
from aftersend.store.schema import audience, deliveries, queue
from aftersend.store.turns import BULK

BELL = "broadcasts"
ROWS, LISTS, DONE = 0, 1, 2
"""The parts of an audience, in the order in which they are written down: recipients handed over, people on lists."""
AT_ONCE = 20
"""So many broadcasts are claimed at once."""
_broadcasts, _rows = audience.broadcasts, audience.broadcast_rows


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A broadcast as it stands. Times in microseconds."""

    account_id: int
    id: int
    name: str
    type: str
    """For which addresses are chosen; '' for those that are for all types."""
    stream: str
    state: str
    content: str
    """The message as it was given, JSON."""
    audience: str
    """JSON: the names of the lists, the condition for people and how many it was true of, and, once it was started, the
    numbers of the lists and the data that everybody has in common."""
    who: str
    message_id: int | None
    part: int
    place: int
    people: int
    """How many have been written down."""
    sweep: int
    holder: int
    look_us: Instant | None
    created_us: Instant
    changed_us: Instant
    scheduled_us: Instant | None
    started_us: Instant | None
    ended_us: Instant | None

    @property
    def lists(self) -> list[str]:
        """The names of the lists."""
        return list(msgspec.json.decode(self.audience)["lists"])

    @property
    def list_ids(self) -> list[int]:
        """The numbers of the lists; of a draft none."""
        return list(msgspec.json.decode(self.audience).get("list_ids", ()))

    @property
    def where(self) -> str:
        """What must be true of people on the lists, or of all people if there are no lists; "" for nothing."""
        return str(msgspec.json.decode(self.audience).get("where", ""))

    @property
    def counted(self) -> int:
        """Of how many people the condition was true when it was last looked at."""
        return int(msgspec.json.decode(self.audience).get("counted", 0))

    @property
    def needs_consent(self) -> bool:
        """Whether only those get it who have agreed to its type."""
        return bool(msgspec.json.decode(self.audience).get("needs_consent"))

    @property
    def common(self) -> dict[str, Any]:
        """The data that is the same for everybody; of a draft none."""
        return dict(msgspec.json.decode(self.audience).get("data", ()))

    def moved(self, part: int, place: int, people: int) -> Broadcast:
        """Return the broadcast as it is further on in its audience."""
        return replace(self, part=part, place=place, people=self.people + people)


def create(connection: Connection, account_id: int, broadcast_id: int, **values: Any) -> None:
    """Write a draft down."""
    connection.execute(
        insert(_broadcasts).values(
            account_id=account_id, id=broadcast_id, state="draft", part=ROWS, place=0, people=0, sweep=0, holder=0,
            **values,
        )
    )  # fmt: skip


def change(connection: Connection, account_id: int, broadcast_id: int, **values: Any) -> None:
    """Change columns of a broadcast that is there; wake whoever works on broadcasts if it is to be looked at."""
    connection.execute(update(_broadcasts).where(*_named(account_id, broadcast_id)).values(**values))
    if values.get("look_us") is not None:
        ring(connection, BELL)


def one(connection: Connection, account_id: int, broadcast_id: int, *, lock: bool = False) -> Broadcast:
    """Return a broadcast; `lock` keeps others from changing it until this transaction ends. Raise NotFound."""
    wanted = select(_broadcasts).where(*_named(account_id, broadcast_id))
    found = connection.execute(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound(f"There is no broadcast {ids.show('brd', broadcast_id)}.")
    return Broadcast(*found)


def page(connection: Connection, account_id: int, *, limit: int, after: int | None = None) -> list[Broadcast]:
    """Return up to `limit` broadcasts, the newest first; `after` is the number of the last one seen."""
    wanted = select(_broadcasts).where(_broadcasts.c.account_id == account_id)
    if after is not None:
        wanted = wanted.where(_broadcasts.c.id < after)
    return [Broadcast(*row) for row in connection.execute(wanted.order_by(_broadcasts.c.id.desc()).limit(limit))]


def remove(connection: Connection, account_id: int, broadcast_id: int) -> None:
    """Take a broadcast away with the recipients that were handed over."""
    clear_rows(connection, account_id, broadcast_id)
    connection.execute(delete(_broadcasts).where(*_named(account_id, broadcast_id)))


# ---- recipients that were handed over --------------------------------------------------------------------------------


def add_rows(
    connection: Connection, account_id: int, broadcast_id: int, given: Sequence[tuple[str, Mapping[str, Any]]]
) -> int:
    """Add recipients, addresses as they were written with their data; return how many there are now."""
    last = how_many_rows(connection, account_id, broadcast_id)
    if given:
        connection.execute(
            insert(_rows),
            [
                {
                    "account_id": account_id, "broadcast_id": broadcast_id, "number": number, "address": address,
                    "data": msgspec.json.encode(data).decode(),
                }
                for number, (address, data) in enumerate(given, last + 1)
            ],
        )  # fmt: skip
    return last + len(given)


def how_many_rows(connection: Connection, account_id: int, broadcast_id: int) -> int:
    """Return how many recipients were handed over: they are numbered without a gap."""
    found = select(func.max(_rows.c.number)).where(
        _rows.c.account_id == account_id, _rows.c.broadcast_id == broadcast_id
    )
    return int(connection.execute(found).scalar() or 0)


def rows_after(
    connection: Connection, account_id: int, broadcast_id: int, number: int, limit: int
) -> list[tuple[int, str, dict[str, Any]]]:
    """Return the recipients that follow a number: (number, address, data)."""
    found = connection.execute(
        select(_rows.c.number, _rows.c.address, _rows.c.data)
        .where(_rows.c.account_id == account_id, _rows.c.broadcast_id == broadcast_id, _rows.c.number > number)
        .order_by(_rows.c.number)
        .limit(limit)
    )
    return [(row.number, row.address, msgspec.json.decode(row.data)) for row in found]


def expected(connection: Connection, found: Broadcast) -> int:
    """Return how many people an audience has, as its lists are now: whoever stands on several is counted once.

    With a condition: as many as it was true of when it was last looked at, since that means to look at everybody.
    """
    if found.where:
        return found.counted + how_many_rows(connection, found.account_id, found.id)
    members = audience.list_members
    named = select(audience.lists.c.id).where(
        audience.lists.c.account_id == found.account_id, audience.lists.c.name.in_(found.lists)
    )
    on_lists = select(func.count(members.c.contact_id.distinct())).where(
        members.c.account_id == found.account_id, members.c.list_id.in_(named)
    )
    people = int(connection.execute(on_lists).scalar_one()) if found.lists else 0
    return people + how_many_rows(connection, found.account_id, found.id)


def clear_rows(connection: Connection, account_id: int, broadcast_id: int) -> None:
    """Forget the recipients that were handed over."""
    connection.execute(delete(_rows).where(_rows.c.account_id == account_id, _rows.c.broadcast_id == broadcast_id))


# ---- working on them -------------------------------------------------------------------------------------------------


def first_look(connection: Connection) -> Instant | None:
    """Return when a broadcast is to be looked at next; None if there is none."""
    found = connection.execute(select(func.min(_broadcasts.c.look_us))).scalar()
    return None if found is None else int(found)


def claim(connection: Connection, *, node: int, now: Instant, until: Instant) -> list[Broadcast]:
    """Take the broadcasts that are to be looked at; until then no other node does, unless they are looked at again before."""
    due = connection.execute(
        select(_broadcasts)
        .where(_broadcasts.c.look_us <= now)
        .order_by(_broadcasts.c.look_us)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for row in due:
        change_quietly(connection, row.account_id, row.id, holder=node, look_us=until)
    return [Broadcast(*row) for row in due]


def change_quietly(connection: Connection, account_id: int, broadcast_id: int, **values: Any) -> None:
    """As `change`, and wake nobody."""
    connection.execute(update(_broadcasts).where(*_named(account_id, broadcast_id)).values(**values))


def rest(connection: Connection, found: Broadcast, *, node: int, until: Instant | None) -> None:
    """Look at a broadcast again then, unless somebody has changed its state meanwhile or works on it."""
    connection.execute(
        update(_broadcasts)
        .where(
            *_named(found.account_id, found.id),
            _broadcasts.c.state == found.state,
            _broadcasts.c.sweep == found.sweep,
            _broadcasts.c.holder == node,
        )
        .values(look_us=until)
    )


def advance(
    connection: Connection, found: Broadcast, *, part: int, place: int, people: int, node: int, until: Instant
) -> bool:
    """Move on in the audience by so many people, if it is still where it was found and in the same state; say whether."""
    moved = connection.execute(
        update(_broadcasts)
        .where(
            *_named(found.account_id, found.id),
            _broadcasts.c.state == found.state,
            _broadcasts.c.part == found.part,
            _broadcasts.c.place == found.place,
        )
        .values(part=part, place=place, people=_broadcasts.c.people + people, holder=node, look_us=until)
    )
    return bool(moved.rowcount)


_MET = query(
    lambda engine_name: select(deliveries.c.folded).where(
        deliveries.c.account_id == bindparam("account"),
        among(deliveries.c.folded, engine_name),
        deliveries.c.id > bindparam("message"),
        (deliveries.c.message_id + literal_column("0")) == bindparam("its_message"),
    ),
    "account", "ids", "message", "its_message",
)  # fmt: skip


def met(connection: Connection, account_id: int, message_id: int, folded: Sequence[str]) -> set[str]:
    """Return those of the addresses to which a message has a delivery already."""
    # Ids grow with time, so only what came after the message is looked at, with a minute's grace. The sum keeps a planner
    # from walking through the whole message, where each address has few deliveries.
    since = max(message_id - (ids.GRACE_MS << 22), 0)
    found = rows(connection, _MET, (account_id, packed(connection, list(folded)), since, message_id))
    return {each[0] for each in found}


def backlog(connection: Connection, account_id: int, *, now: Instant, most: int) -> int:
    """Count the bulk mail of an account that could go out now and that nobody has taken up, up to `most`."""
    number = 0
    for stage in (Stage.DELIVERY, Stage.TREATMENT):
        waits = (
            select(literal_column("1"))
            .where(
                queue.c.stage == int(stage),
                queue.c.holder == 0,
                queue.c.lane == BULK,
                queue.c.account_id == account_id,
                queue.c.due_us <= now,
            )
            .limit(most)
            .subquery()
        )
        number += int(connection.execute(select(func.count()).select_from(waits)).scalar_one())
    return min(number, most)


PAUSED_WITH_IT = "paused"
"""Why a delivery is on hold that was held when its broadcast was paused; others are held by a person."""


def waiting(
    connection: Connection,
    account_id: int,
    message_id: int,
    *,
    stages: Sequence[Stage],
    limit: int,
    free: bool = True,
    waits: str | None = None,
) -> list[int]:
    """Return deliveries of a message that wait at some stages; `free`: only those that nobody works on just now; `waits`: only
    for this reason."""
    found = (
        select(queue.c.delivery_id)
        .join(deliveries, (deliveries.c.account_id == queue.c.account_id) & (deliveries.c.id == queue.c.delivery_id))
        .where(
            queue.c.account_id == account_id,
            queue.c.stage.in_([int(stage) for stage in stages]),
            # The queue is short, a message may be long: see `met`.
            (deliveries.c.message_id + literal_column("0")) == message_id,
        )
    )
    if free:
        found = found.where(queue.c.holder == 0)
    if waits is not None:
        found = found.where(queue.c.waits == waits)
    return [int(each) for each in connection.execute(found.limit(limit)).scalars()]


def _named(account_id: int, broadcast_id: int) -> tuple[Any, Any]:
    return _broadcasts.c.account_id == account_id, _broadcasts.c.id == broadcast_id
