"""Own how the rows of a search are found: what a filter asks of a row, which way leads to such rows, how far one looks.

Rows that stand close together are found along the key. Where few rows can be meant, an index that has just these leads to
them: by a set of facts, by a reason, by bounce events, by what waits, by recipient or message. Both go on in stretches, so
that who cannot wait gets what was found until then, and where to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, or_, select, text, union

from aftersend.ids import beyond, least_at
from aftersend.ledger.facts import bits_of
from aftersend.ledger.reasons import DETAILS
from aftersend.ledger.vocabularies import delivery_results, life_cycle
from aftersend.store.engine import among, name_of, packed
from aftersend.store.filters import BounceWanted, Filter
from aftersend.store.messages import said_by_sender
from aftersend.store.schema import (
    BOUNCE_EVENTS,
    COMMON_FACTS,
    RARE_FACTS,
    WITH_REASON,
    audience,
    deliveries,
    events,
    messages,
    queue,
)

JOINED = deliveries.join(
    messages, (messages.c.account_id == deliveries.c.account_id) & (messages.c.id == deliveries.c.message_id)
).outerjoin(queue, (queue.c.account_id == deliveries.c.account_id) & (queue.c.delivery_id == deliveries.c.id))
"""A delivery with its message and its place in the queue, if it has one."""

Rows = list[Any]


def for_ever() -> bool:
    """Say that there is time left."""
    return True


@dataclass(slots=True)
class Found:
    """What a search found, in the order in which it looked."""

    rows: Rows = field(default_factory=list)
    reached: int | None = None
    """The id of the delivery up to which all were looked at, because time was over; None if nothing is left to look at,
    or the rows are as many as were wanted."""


def find(
    connection: Connection,
    account_id: int,
    wanted: Filter,
    columns: Sequence[Any],
    *,
    limit: int,
    before: int | None = None,
    after: int | None = None,
    has_time: Callable[[], bool] = for_ever,
) -> Found:
    """Return the columns (of JOINED) of up to `limit` rows, newest first: those older than the id `before`; or, oldest first,
    the next ones newer than `after`. Where there is no time left, fewer, and how far it came.
    """
    walk = _Walk(connection, account_id, wanted, columns, limit, before, after)
    _go(walk, has_time)
    return Found(walk.rows, None if walk.is_done else walk.place)


NEAR, FAR = 2_000, 12_000
"""So many rows are looked at along the key before it is asked for a shorter way, and before it is asked again."""
FEW, MANY = 20_000, 60_000
"""A way through so many rows is taken at once, and after the key has led to too little."""
STEP, LONGEST_STEP = 1_000, 4_000
"""So many rows of a way are looked at at once, at first and later on."""


def _go(walk: _Walk, has_time: Callable[[], bool]) -> None:
    """Go on with a search until it is done or time is over, from stretch to stretch of some milliseconds each."""
    walk.along_the_key(NEAR)
    if walk.is_done:
        return
    ways = _ways(walk)
    way = walk.shortest(ways, FEW)
    if way is None and has_time():
        walk.along_the_key(FAR)
        way = None if walk.is_done else walk.shortest(ways, MANY)
    step = STEP
    while not walk.is_done and has_time():
        if way is None:
            walk.along_the_key(FAR)
        else:
            walk.along(way, step)
            step = min(4 * step, LONGEST_STEP)


@dataclass(frozen=True, slots=True)
class Way:
    """Deliveries among which all wanted ones are, from an index."""

    query: Select[Any]
    id: ColumnElement[int]
    """The column of the query with the id of the delivery."""
    is_in_order: bool = False
    """Whether the index has all of them in the order of ids. Where it has not, they are sorted: SQLite would rather walk
    through the whole account in the right order."""


class _Walk:
    """A search on its way."""

    def __init__(
        self,
        connection: Connection,
        account_id: int,
        wanted: Filter,
        columns: Sequence[Any],
        limit: int,
        before: int | None,
        after: int | None,
    ) -> None:
        self.connection = connection
        self.account_id = account_id
        self.wanted = wanted
        self.is_upward = after is not None
        self.place = after if after is not None else before
        self.rows: Rows = []
        self.is_done = False
        self._limit = limit
        self._query = select(*columns).select_from(JOINED).where(*conditions(account_id, wanted))

    def along_the_key(self, many: int) -> None:
        """Look at the next `many` deliveries of the account."""
        column = deliveries.c.id
        ahead = self._within(column)
        query = select(column).where(deliveries.c.account_id == self.account_id, *ahead)
        query = query.order_by(column if self.is_upward else column.desc())
        ends = self.connection.execute(query.offset(many - 1).limit(1)).scalar_one_or_none()
        if ends is not None:
            ahead.append(column <= ends if self.is_upward else column >= ends)
        self._take(*ahead)
        self._reach(ends)

    def along(self, way: Way, many: int) -> None:
        """Look at the next `many` deliveries to which a way leads."""
        place = way.id if way.is_in_order else way.id + literal_column("0")
        query = way.query.where(*self._within(way.id)).order_by(place if self.is_upward else place.desc())
        ids = list(self.connection.execute(query.limit(many)).scalars())
        if ids:
            named = among(deliveries.c.id, name_of(self.connection))
            self._take(named, ids=packed(self.connection, ids))
        self._reach(ids[-1] if len(ids) == many else None)

    def shortest(self, ways: Sequence[Way], most: int) -> Way | None:
        """Return the way through the fewest deliveries, if these are fewer than `most`."""
        best = None
        for way in ways:
            listed = way.query.where(*self._within(way.id)).limit(most).subquery()
            number = self.connection.execute(select(func.count()).select_from(listed)).scalar_one()
            if number < most:
                best, most = way, number
        return best

    def _take(self, *which: ColumnElement[bool], **bound: Any) -> None:
        column = deliveries.c.id
        query = self._query.where(*which).order_by(column if self.is_upward else column.desc())
        self.rows += self.connection.execute(query.limit(self._limit - len(self.rows)), bound)

    def _reach(self, place: int | None) -> None:
        self.is_done = place is None or len(self.rows) >= self._limit
        self.place = place

    def _within(self, column: ColumnElement[int]) -> list[ColumnElement[bool]]:
        """The range of ids that is left to look at."""
        found = []
        if self.place is not None:
            found.append(column > self.place if self.is_upward else column < self.place)
        if self.wanted.since is not None:
            found.append(column >= least_at(self.wanted.since))
        if self.wanted.until is not None:
            found.append(column < beyond(self.wanted.until))
        return found


# ---- ways ------------------------------------------------------------------------------------------------------------


def _ways(walk: _Walk) -> list[Way]:
    """Return the ways that lead to all that a filter wants."""
    account_id, wanted, d = walk.account_id, walk.wanted, deliveries.c
    ids = select(d.id).where(d.account_id == account_id)
    found = []
    for column, values in (
        (d.id, wanted.delivery),
        (d.message_id, wanted.message),
        (d.folded, wanted.recipient),
    ):
        if values:
            found.append(Way(ids.where(column.in_(values)), d.id))
    if wanted.broadcast:
        b = audience.broadcasts.c
        theirs = select(b.message_id).where(
            b.account_id == account_id, b.id.in_(wanted.broadcast), b.message_id.is_not(None)
        )
        found.append(Way(ids.where(d.message_id.in_(theirs)), d.id))
    if wanted.reason:
        reasons = {*wanted.reason, *(reason.value for reason, detail in DETAILS if detail in wanted.reason)}
        found.append(Way(ids.where(literal_column(WITH_REASON), d.reason.in_(sorted(reasons))), d.id))
    if wanted.live:
        found.append(_waiting(account_id))
    if wanted.bounces:
        came_back = select(events.c.delivery_id).where(
            events.c.account_id == account_id,
            literal_column(f"({BOUNCE_EVENTS})"),
            or_(*(is_bounce(each) for each in wanted.bounces)),
        )
        found.append(Way(came_back.distinct(), events.c.delivery_id, is_in_order=True))
    if wanted.results or wanted.lives or wanted.having:
        way = _by_facts(walk.connection, account_id, wanted)
        if way is not None:
            found.append(way)
    return found


_SETS = text(
    f"WITH RECURSIVE sets (facts) AS (SELECT min(facts) FROM deliveries WHERE account_id = :account AND {RARE_FACTS} "
    f"UNION ALL SELECT (SELECT min(facts) FROM deliveries WHERE account_id = :account AND {RARE_FACTS} "
    "AND facts > sets.facts) FROM sets WHERE sets.facts IS NOT NULL) SELECT facts FROM sets WHERE facts IS NOT NULL"
)
"""The sets of facts that rows have, each found by one step in the index."""
_COMMON = tuple(
    bits_of(fact for place, fact in enumerate(COMMON_FACTS) if chosen >> place & 1)
    for chosen in range(1 << len(COMMON_FACTS))
)
_WAITING = frozenset(bits_of(facts) for facts in ((0,), (0, 8)))
"""Received, and treated too: what has come no further waits in the queue."""


def _by_facts(connection: Connection, account_id: int, wanted: Filter) -> Way | None:
    """Return the way by the sets of facts that have such words, unless most mail has one of these sets."""
    common = {bits for bits in _COMMON if bits & 1 and has_words(bits, wanted)}
    if not common <= _WAITING:
        return None
    rare = [bits for bits in connection.execute(_SETS, {"account": account_id}).scalars() if has_words(bits, wanted)]
    d = deliveries.c
    query = select(d.id).where(d.account_id == account_id, literal_column(RARE_FACTS), d.facts.in_(rare))
    if not common:
        return Way(query, d.id)
    if not rare:
        return _waiting(account_id)
    both = union(query, _waiting(account_id).query).subquery()
    return Way(select(both.c.id), both.c.id)


def _waiting(account_id: int) -> Way:
    """The way to what has not ended."""
    q = queue.c
    return Way(select(q.delivery_id).where(q.account_id == account_id), q.delivery_id, is_in_order=True)


def has_words(bits: int, wanted: Filter) -> bool:
    """Say whether deliveries with these facts have the words of vocabularies that a filter wants."""
    if wanted.results and delivery_results.rank_of_bits(bits) not in wanted.results:
        return False
    if wanted.lives and life_cycle.rank_of_bits(bits) not in wanted.lives:
        return False
    return not wanted.having or any(bits & yes == yes and not bits & no for yes, no in wanted.having)


# ---- what is asked of a row ------------------------------------------------------------------------------------------


def conditions(account_id: int, wanted: Filter) -> list[ColumnElement[bool]]:
    """Return what a filter asks of a row of JOINED."""
    d, m = deliveries.c, messages.c
    found: list[ColumnElement[bool]] = [d.account_id == account_id]
    for column, values in (
        (d.domain, wanted.domain),
        (d.stream, wanted.stream),
        (d.broadcast_id, wanted.broadcast),
        (d.message_id, wanted.message),
        (d.folded, wanted.recipient),
        (d.id, wanted.delivery),
        (d.result, wanted.results),
        (d.life, wanted.lives),
    ):
        if values:
            found.append(column.in_(values))
    if wanted.provider or wanted.begins:
        begun = (d.domain.startswith(beginning, autoescape=True) for beginning in wanted.begins)
        found.append(or_(d.domain.in_(wanted.provider), *begun))
    if wanted.reason:
        found.append(or_(d.reason.in_(wanted.reason), d.detail.in_(wanted.reason)))
    if wanted.having:
        bits = d.facts
        found.append(or_(*(and_(bits.op("&")(yes) == yes, bits.op("&")(no) == 0) for yes, no in wanted.having)))
    found += said_by_sender(wanted)
    if wanted.text:
        part = wanted.text.lower()
        found.append(
            or_(d.folded.contains(part, autoescape=True), func.lower(m.subject).contains(part, autoescape=True))
        )
    if wanted.since is not None:
        found.append(d.created_us >= wanted.since)
    if wanted.until is not None:
        found.append(d.created_us < wanted.until)
    if wanted.live is not None:
        waits = queue.c.delivery_id  # joined in `JOINED`; NULL for what has ended
        found.append(waits.is_not(None) if wanted.live else waits.is_(None))
    if wanted.bounces:
        came_back = select(events.c.key).where(
            events.c.account_id == d.account_id,
            events.c.delivery_id == d.id,
            or_(*(is_bounce(each) for each in wanted.bounces)),
        )
        found.append(came_back.exists())
    return found


def is_bounce(wanted: BounceWanted) -> ColumnElement[bool]:
    """Return the condition that an event of `events` is such a bounce."""
    e = events.c
    found: list[ColumnElement[bool]] = [e.fact.in_(wanted.facts), e.reason == wanted.reason]
    if wanted.details or wanted.is_other_detail:
        named = e.detail.in_(wanted.details)
        found.append(or_(e.detail.is_(None), ~named) if wanted.is_other_detail else named)
    if wanted.of_mailbox is not None:
        speaks = func.coalesce(e.status, "").like("_.2.%")
        found.append(speaks if wanted.of_mailbox else ~speaks)
    return and_(*found)
