"""Own the questions about reading: how many opened and followed, people and others, of a message or a period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Select, case, func, literal_column, select

from aftersend import ids
from aftersend.clock import HOUR, Instant
from aftersend.errors import NotFound
from aftersend.ledger.facts import Fact
from aftersend.store import counting
from aftersend.store.judged import ALL, BY_DOMAIN, BY_HOUR, BY_MESSAGE
from aftersend.store.schema import audience, counts, deliveries, messages
from aftersend.store.schema.tracking import followed, links, read_counts, readings

BY = ("stream", "domain", "hour", "message")
"""By what reading can be counted."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which mail is meant: deliveries made from `since` on and before `until`, of a stream, or of one message. Whole hours."""

    since: Instant | None = None
    until: Instant | None = None
    stream: str | None = None
    message_id: int | None = None

    @property
    def has_period(self) -> bool:
        """Whether only a part of time is meant."""
        return self.since is not None or self.until is not None

    @property
    def hours(self) -> Scope:
        """The scope widened to whole hours, since counters know no finer time."""
        return replace(
            self,
            since=None if self.since is None else self.since // HOUR * HOUR,
            until=None if self.until is None else -(-self.until // HOUR) * HOUR,
        )


def message_of_broadcast(connection: Connection, account_id: int, broadcast_id: int) -> int:
    """Return the message of a broadcast. Raise NotFound."""
    b = audience.broadcasts.c
    row = connection.execute(select(b.message_id).where(b.account_id == account_id, b.id == broadcast_id)).first()
    if row is None:
        raise NotFound("There is no such broadcast.")
    if row.message_id is None:
        raise NotFound("This broadcast has not been started; there is nothing to read yet.")
    return int(row.message_id)


def is_known(connection: Connection, account_id: int, message_id: int) -> bool:
    """Say whether there is such a message."""
    m = messages.c
    return connection.execute(select(m.id).where(m.account_id == account_id, m.id == message_id)).first() is not None


_R = readings.c
_OPEN = case((_R.click == literal_column("'human'"), literal_column("'human'")), else_=_R.open)
"""Who follows a link has opened the message, though no picture was fetched."""
_HOUR = (
    func.coalesce(_R.opened_us, _R.clicked_us, type_=BigInteger)
    // literal_column(str(HOUR), BigInteger)
    % literal_column("24", BigInteger)
)

Counted = dict[str, dict[str, int]]
"""Under `open` and `click` the number of deliveries by verdict; under `read` that of those a person opened, by answer."""


def counted(connection: Connection, account_id: int, scope: Scope, by: str | None = None) -> dict[Any, Counted]:
    """Count visited deliveries; by one of BY, or all under None. An hour is that of the first opening (UTC)."""
    is_of_one_message = scope.message_id is not None and (by is not None or scope.has_period)
    asked = _rows_counted(account_id, scope, by) if is_of_one_message else _numbers_added(account_id, scope, by)
    return _summed(connection, asked, by)


def _summed(connection: Connection, asked: Select[Any], by: str | None) -> dict[Any, Counted]:
    found: dict[Any, Counted] = {}
    for opened, clicked, was_read, number, *of in connection.execute(asked):
        if number <= 0:
            continue
        at = None if not of else int(of[0]) if by in ("hour", "message") else of[0]
        place = found.setdefault(at, {"open": {}, "click": {}, "read": {}})
        # How long a machine kept it says nothing about people.
        read = [("read", was_read)] if opened == "human" else []
        for name, word in (("open", opened), ("click", clicked), *read):
            place[name][word] = place[name].get(word, 0) + int(number)
    return found


def most_read(connection: Connection, account_id: int, scope: Scope, *, limit: int) -> list[int]:
    """Return the messages that most people opened, the ones that arrived last first where they are as many; where fewer than
    `limit` were opened, then the latest others."""
    n, m = read_counts.c, messages.c
    found = connection.execute(
        select(n.place)
        .where(*_within(account_id, scope, BY_MESSAGE), n.open == "human")
        .group_by(n.place)
        .having(func.sum(n.number) > 0)
        .order_by(func.sum(n.number).desc(), n.place.desc())
        .limit(limit)
    ).scalars()
    places = [int(place) for place in found]
    if len(places) < limit:
        wanted = [m.account_id == account_id, m.id.not_in(places), *_meant(scope, m.received_us, m.stream, m.id)]
        latest = select(m.id).where(*wanted).order_by(m.id.desc()).limit(limit - len(places))
        places += [int(number) for number in connection.execute(latest).scalars()]
    return places


def of_messages(
    connection: Connection, account_id: int, message_ids: Sequence[int]
) -> tuple[dict[Any, Counted], dict[Any, dict[str, int]]]:
    """Count the visited and the arrived deliveries of each of a few messages."""
    n, d = read_counts.c, deliveries.c
    hours = {ids.created_us(number) // HOUR * HOUR for number in message_ids}
    visits = select(n.open, n.click, n.read, n.number, n.place).where(
        n.account_id == account_id, n.by == BY_MESSAGE, n.bucket_us.in_(sorted(hours)),
        n.place.in_([str(number) for number in message_ids]),
    )  # fmt: skip
    arrived = (
        select(d.facts, func.count(), d.message_id)
        .where(d.account_id == account_id, d.message_id.in_(message_ids))
        .group_by(d.facts, d.message_id)
    )
    return _summed(connection, visits, "message"), _arrivals(connection, arrived)


def _within(account_id: int, scope: Scope, by: str) -> list[ColumnElement[bool]]:
    """Which counters of a kind are meant, whatever message."""
    n = read_counts.c
    return [n.account_id == account_id, n.by == by, *_meant(scope, n.bucket_us, n.stream)]


def _meant(
    scope: Scope, at: Column[Any], stream: Column[Any], key: Column[Any] | None = None
) -> list[ColumnElement[bool]]:
    """Which rows are of the period and the stream of a scope. `key` is an id that was given at that time, by which the rows lie."""
    wanted: list[ColumnElement[bool]] = []
    if scope.since is not None:
        wanted.append(at >= scope.since)
        wanted += [] if key is None else [key >= ids.least_at(scope.since)]
    if scope.until is not None:
        wanted.append(at < scope.until)
        wanted += [] if key is None else [key < ids.beyond(scope.until)]
    if scope.stream is not None:
        wanted.append(stream == scope.stream)
    return wanted


def _numbers_added(account_id: int, scope: Scope, by: str | None) -> Select[Any]:
    """Ask the counters, which never look at the rows."""
    n = read_counts.c
    group = [] if by is None else [n.stream if by == "stream" else n.place]
    kind = BY_MESSAGE if scope.message_id is not None else by if by in (BY_DOMAIN, BY_HOUR, BY_MESSAGE) else ALL
    wanted = _within(account_id, scope, kind)
    if scope.message_id is not None:
        hour = ids.created_us(scope.message_id) // HOUR * HOUR
        wanted += [n.bucket_us == hour, n.place == str(scope.message_id)]
    return (
        select(n.open, n.click, n.read, func.sum(n.number), *group)
        .where(*wanted)
        .group_by(n.open, n.click, n.read, *group)
    )


def _rows_counted(account_id: int, scope: Scope, by: str | None) -> Select[Any]:
    """Count the rows of one message."""
    by_column = {"stream": _R.stream, "domain": _R.domain, "hour": _HOUR, "message": _R.message_id}
    group = [] if by is None else [by_column[by]]
    wanted = [
        _R.account_id == account_id, _R.message_id == scope.message_id, *_meant(scope, _R.created_us, _R.stream),
    ]  # fmt: skip
    if by == "hour":
        wanted.append(_OPEN == "human")
    return (
        select(_OPEN, _R.click, _R.read, func.count(), *group).where(*wanted).group_by(_OPEN, _R.click, _R.read, *group)
    )


_END = {"delivered": Fact.DELIVERED, "unsubscribed": Fact.UNSUBSCRIBED, "complained": Fact.COMPLAINED}


def delivered(
    connection: Connection, account_id: int, scope: Scope, by: str | None = None
) -> dict[Any, dict[str, int]]:
    """Count deliveries that arrived, and of these the unsubscribed and the complained; by one of BY, or all under None."""
    is_counted = scope.message_id is None and by in (None, "stream")
    asked = (_arrived_added if is_counted else _arrived_counted)(account_id, scope, by)
    return _arrivals(connection, asked)


def _arrivals(connection: Connection, asked: Select[Any]) -> dict[Any, dict[str, int]]:
    found: dict[Any, dict[str, int]] = {}
    for bits, number, *of in connection.execute(asked):
        place = found.setdefault(of[0] if of else None, dict.fromkeys(_END, 0))
        for name, fact in _END.items():
            if int(bits) & fact.bit:
                place[name] += int(number)
    return found


def _arrived_added(account_id: int, scope: Scope, by: str | None) -> Select[Any]:
    c = counts.c
    group = [c.stream] if by == "stream" else []
    wanted = [c.account_id == account_id, c.kind == counting.FACTS, *_meant(scope, c.bucket_us, c.stream)]
    return select(c.word, func.sum(c.number), *group).where(*wanted).group_by(c.word, *group)


def _arrived_counted(account_id: int, scope: Scope, by: str | None) -> Select[Any]:
    """Look at the rows, for what no counter knows."""
    d = deliveries.c
    column = {"stream": d.stream, "domain": d.domain, "message": d.message_id}.get(by or "")
    group = [] if column is None else [column]
    # Only the facts that are told: so there are few groups, and to put rows in order costs most here.
    told = d.facts.op("&")(literal_column(str(sum(fact.bit for fact in _END.values()))))
    wanted = [d.account_id == account_id, *_meant(scope, d.created_us, d.stream, d.id)]
    if scope.message_id is not None:
        wanted.append(d.message_id == scope.message_id)
    return select(told, func.count(), *group).where(*wanted).group_by(*group, told)


def subjects(connection: Connection, account_id: int, message_ids: list[int]) -> Mapping[int, tuple[str, str]]:
    """Return subject and stream of each message that is still kept."""
    m = messages.c
    found = connection.execute(
        select(m.id, m.subject, m.stream).where(m.account_id == account_id, m.id.in_(message_ids))
    )
    return {int(row.id): (str(row.subject), str(row.stream)) for row in found}


def links_of(connection: Connection, account_id: int, message_id: int) -> list[dict[str, Any]]:
    """Return the tracked links of a message in their order, each with how many recipients followed it, by verdict."""
    numbers: dict[int, dict[str, int]] = {}
    f = followed.c
    for number, verdict, count in connection.execute(
        select(f.number, f.verdict, func.count())
        .where(f.account_id == account_id, f.message_id == message_id)
        .group_by(f.number, f.verdict)
    ):
        numbers.setdefault(int(number), {})[str(verdict)] = int(count)
    k = links.c
    found = connection.execute(
        select(k.number, k.url, k.text).where(k.account_id == account_id, k.message_id == message_id).order_by(k.number)
    )
    return [{**row._mapping, "followed": numbers.get(int(row.number), {})} for row in found]
