"""Own the questions about reading: how many opened and followed, people and others, of a message or a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, func, literal_column, select

from aftersend import ids
from aftersend.clock import HOUR, Instant
from aftersend.errors import NotFound
from aftersend.ledger.facts import Fact
from aftersend.store.schema import audience, deliveries, messages
from aftersend.store.schema.tracking import followed, links, readings

BY = ("stream", "domain", "hour", "message")
"""By what reading can be counted."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Which mail is meant: taken in from `since` on and before `until`, of a stream, or one message."""

    since: Instant | None = None
    until: Instant | None = None
    stream: str | None = None
    message_id: int | None = None


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


def _within(table: Any, account_id: int, scope: Scope) -> ColumnElement[bool]:
    c = table.c
    found = [c.account_id == account_id]
    if scope.message_id is not None:
        found.append(c.message_id == scope.message_id)
    # Ids grow with time, so a period is a range of the key.
    if scope.since is not None:
        found.append(c.message_id >= ids.least_at(scope.since))
    if scope.until is not None:
        found.append(c.message_id < ids.least_at(scope.until))
    if scope.stream is not None:
        found.append(c.stream == scope.stream)
    return and_(*found)


_R = readings.c
_OPEN = case((_R.click == literal_column("'human'"), literal_column("'human'")), else_=_R.open)
"""Who follows a link has opened the message, though no picture was fetched."""
_HOUR = (
    func.coalesce(_R.opened_us, _R.clicked_us, type_=BigInteger)
    // literal_column(str(HOUR), BigInteger)
    % literal_column("24", BigInteger)
)


def _group(by: str) -> Any:
    return {"stream": _R.stream, "domain": _R.domain, "hour": _HOUR, "message": _R.message_id}[by]


Counted = dict[str, dict[str, int]]
"""Under `open` and `click` the number of deliveries by verdict; under `read` that of those a person opened, by answer."""


def counted(connection: Connection, account_id: int, scope: Scope, by: str | None = None) -> dict[Any, Counted]:
    """Count visited deliveries; by one of BY, or all under None. An hour is that of the first opening (UTC)."""
    group = [] if by is None else [_group(by)]
    query = (
        select(_OPEN, _R.click, _R.read, func.count(), *group)
        .where(_within(readings, account_id, scope))
        .group_by(_OPEN, _R.click, _R.read, *group)
    )
    if by == "hour":
        query = query.where(_OPEN == "human")
    found: dict[Any, Counted] = {}
    for opened, clicked, was_read, number, *of in connection.execute(query):
        place = found.setdefault(of[0] if of else None, {"open": {}, "click": {}, "read": {}})
        # How long a machine kept it says nothing about people.
        read = [("read", was_read)] if opened == "human" else []
        for name, word in (("open", opened), ("click", clicked), *read):
            place[name][word] = place[name].get(word, 0) + int(number)
    return found


def delivered(
    connection: Connection, account_id: int, scope: Scope, by: str | None = None
) -> dict[Any, dict[str, int]]:
    """Count deliveries that arrived, and of these the unsubscribed and the complained; by one of BY, or all under None."""
    d = deliveries.c
    column = {"stream": d.stream, "domain": d.domain, "message": d.message_id}.get(by or "")
    group = [] if column is None else [column]

    def having(fact: Fact) -> Any:
        return func.sum(case((d.facts.op("&")(literal_column(str(fact.bit))) != 0, 1), else_=0))

    query = select(having(Fact.DELIVERED), having(Fact.UNSUBSCRIBED), having(Fact.COMPLAINED), *group).where(
        _within(deliveries, account_id, scope)
    )
    rows = connection.execute(query.group_by(*group) if group else query)
    return {
        (of[0] if of else None): {"delivered": int(a or 0), "unsubscribed": int(u or 0), "complained": int(c or 0)}
        for a, u, c, *of in rows
    }


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
