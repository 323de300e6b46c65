"""Own what is kept of quality: forecasts of broadcasts, outcomes of signals, and what became of a domain's mail by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, case, func, insert, select, update
from sqlalchemy.engine import Row

from aftersend.clock import DAY, HOUR, Instant
from aftersend.ids import beyond, least_at
from aftersend.ledger.facts import Fact
from aftersend.mail import headers
from aftersend.store.engine import name_of, upsert
from aftersend.store.schema import audience, deliveries, messages, quality

FINAL_AFTER = 7 * DAY
"""So long after a day its numbers are kept as they are; complaints come in within that time."""
FRESH_FOR = HOUR // 4
SILENT = ("gmail.com", "googlemail.com")
"""Providers that tell nobody who complains."""
_ENDS = Fact.DELIVERED.bit | Fact.BOUNCED.bit | Fact.BOUNCED_INVALID.bit | Fact.REJECTED_AS_SPAM.bit | Fact.GAVE_UP.bit
_HUMAN = Fact.OPENED.bit | Fact.READ.bit | Fact.CLICKED.bit
_TRACKED = _HUMAN | Fact.OPENED_BY_MACHINE.bit | Fact.CLICKED_BY_MACHINE.bit
_scores, _days, _outcomes = quality.broadcast_scores, quality.score_days, quality.score_outcomes


class Counted(msgspec.Struct):
    """What became of mail, as it is kept."""

    mailed: int = 0
    delivered: int = 0
    hard: int = 0
    refused: int = 0
    complained: int = 0
    told: int = 0
    read: int = 0
    tracked: int = 0
    unsubscribed: int = 0
    senders: list[str] = []

    def add(self, facts: int, number: int, *, is_silent: bool) -> None:
        """Count so many deliveries with these facts."""
        if not facts & _ENDS:
            return
        is_delivered = bool(facts & Fact.DELIVERED.bit)
        self.mailed += number
        self.delivered += number * is_delivered
        self.told += number * (is_delivered and not is_silent)
        self.hard += number * bool(facts & Fact.BOUNCED_INVALID.bit)
        self.refused += number * bool(facts & Fact.REJECTED_AS_SPAM.bit)
        self.complained += number * bool(facts & Fact.COMPLAINED.bit and not is_silent)
        self.read += number * bool(facts & _HUMAN)
        self.tracked += number * bool(facts & _TRACKED)
        self.unsubscribed += number * bool(facts & Fact.UNSUBSCRIBED.bit)


# ---- forecasts -------------------------------------------------------------------------------------------------------


def keep(
    connection: Connection, account_id: int, broadcast_id: int, *, score: int, message_score: int, list_score: int,
    mailed: int, expected: float, told: Mapping[str, Any], now: Instant,
) -> None:  # fmt: skip
    """Keep what was forecast of a broadcast; a later forecast takes the place of an earlier one."""
    values = {
        "score": score, "message_score": message_score, "list_score": list_score, "mailed": mailed,
        "expected_milli": round(expected * 1000), "told": msgspec.json.encode(told).decode(), "made_us": now,
    }  # fmt: skip
    new = upsert(_scores, name_of(connection)).values(
        account_id=account_id, broadcast_id=broadcast_id, learned_us=None, **values
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["account_id", "broadcast_id"], set_={name: getattr(new.excluded, name) for name in values}
        )
    )


def forecast_of(connection: Connection, account_id: int, broadcast_id: int) -> Row[Any] | None:
    """Return what was forecast of a broadcast, if anything."""
    found = select(_scores).where(_scores.c.account_id == account_id, _scores.c.broadcast_id == broadcast_id)
    return connection.execute(found).first()


def forecasts(connection: Connection, account_id: int, *, limit: int) -> Sequence[Row[Any]]:
    """Return the latest forecasts of broadcasts that have begun, the newest first."""
    b = audience.broadcasts.c
    found = (
        select(_scores)
        .join(audience.broadcasts, (b.account_id == _scores.c.account_id) & (b.id == _scores.c.broadcast_id))
        .where(_scores.c.account_id == account_id, b.started_us.is_not(None))
        .order_by(_scores.c.made_us.desc())
        .limit(limit)
    )
    return connection.execute(found).all()


# ---- outcomes of signals ---------------------------------------------------------------------------------------------


def outcomes(connection: Connection, account_id: int) -> dict[str, tuple[int, int]]:
    """Return, by signal, how many were mailed and how many bounced for good."""
    found = select(_outcomes.c.signal, _outcomes.c.mailed, _outcomes.c.bounced).where(
        _outcomes.c.account_id == account_id
    )
    return {signal: (mailed, bounced) for signal, mailed, bounced in connection.execute(found)}


def learn(
    connection: Connection, account_id: int, broadcast_id: int, counted: Mapping[str, tuple[int, int]], *, now: Instant
) -> bool:
    """Add the outcomes of one broadcast, once; return whether they were new."""
    marked = connection.execute(
        update(_scores)
        .where(
            _scores.c.account_id == account_id, _scores.c.broadcast_id == broadcast_id, _scores.c.learned_us.is_(None)
        )
        .values(learned_us=now)
    )
    if not marked.rowcount:
        return False
    known = outcomes(connection, account_id)
    for signal, (mailed, bounced) in counted.items():
        values = {"account_id": account_id, "signal": signal}
        if signal in known:
            connection.execute(
                update(_outcomes)
                .where(*(_outcomes.c[name] == value for name, value in values.items()))
                .values(mailed=_outcomes.c.mailed + mailed, bounced=_outcomes.c.bounced + bounced)
            )
        else:
            connection.execute(insert(_outcomes).values(**values, mailed=mailed, bounced=bounced))
    return True


def to_learn(connection: Connection, *, begun_before: Instant, limit: int) -> list[tuple[int, int]]:
    """Return (account, broadcast) of broadcasts that were scored before they began, long enough ago, and were not learned."""
    b = audience.broadcasts.c
    found = connection.execute(
        select(_scores.c.account_id, _scores.c.broadcast_id)
        .join(audience.broadcasts, (b.account_id == _scores.c.account_id) & (b.id == _scores.c.broadcast_id))
        .where(_scores.c.learned_us.is_(None), b.started_us <= begun_before)
        .order_by(b.started_us)
        .limit(limit)
    )
    return [(int(account_id), int(broadcast_id)) for account_id, broadcast_id in found]


def ends_of(
    connection: Connection, account_id: int, message_id: int, *, after: int, limit: int
) -> list[tuple[int, str, str, bool]]:
    """Return (delivery, address, folded, bounced for good) of up to `limit` deliveries that were tried and have an end."""
    d = deliveries.c
    found = connection.execute(
        select(d.id, d.recipient, d.folded, d.facts)
        .where(d.account_id == account_id, d.message_id == message_id, d.id > after)
        .where(d.facts.op("&")(_ENDS) != 0)
        .order_by(d.id)
        .limit(limit)
    )
    return [(each.id, each.recipient, each.folded, bool(each.facts & Fact.BOUNCED_INVALID.bit)) for each in found]


# ---- what became of mail ---------------------------------------------------------------------------------------------

_SILENT = case((deliveries.c.domain.in_(SILENT), 1), else_=0)


def of_message(connection: Connection, account_id: int, message_id: int) -> Counted:
    """Return what became of one message."""
    d = deliveries.c
    counted = Counted()
    for is_silent, facts, number in connection.execute(
        select(_SILENT, d.facts, func.count())
        .where(d.account_id == account_id, d.message_id == message_id)
        .group_by(_SILENT, d.facts)
    ):
        counted.add(facts, number, is_silent=bool(is_silent))
    sender = connection.execute(
        select(messages.c.header_from).where(messages.c.account_id == account_id, messages.c.id == message_id)
    ).scalar()
    counted.senders = [sender] if sender else []
    return counted


def days_of_domain(
    connection: Connection, account_id: int, domain: str, *, since: Instant, until: Instant, now: Instant
) -> tuple[dict[Instant, Counted], list[tuple[Instant, Counted]]]:
    """Return what became of a domain's mail by the day (UTC) on which it was taken in, and what of that is to be kept
    with `keep_days`. Days long past are read, the last ones are counted."""
    first = since // DAY * DAY
    kept = {
        row.day_us: row
        for row in connection.execute(
            select(_days).where(
                _days.c.account_id == account_id, _days.c.domain == domain, _days.c.day_us >= first,
                _days.c.day_us < until,
            )
        )
    }  # fmt: skip
    found: dict[Instant, Counted] = {}
    missing = []
    for day in range(first, until, DAY):
        row = kept.get(day)
        is_final = row is not None and row.made_us >= day + DAY + FINAL_AFTER
        if row is not None and (is_final or now - row.made_us < FRESH_FOR):
            found[day] = msgspec.json.decode(row.numbers, type=Counted)
        else:
            missing.append(day)
    fresh: list[tuple[Instant, Counted]] = []
    if missing:
        counted = _count(connection, account_id, domain, missing[0], missing[-1] + DAY)
        fresh = [(day, counted.get(day, Counted())) for day in missing]
        found.update(fresh)
    return dict(sorted(found.items())), fresh


def keep_days(
    connection: Connection, account_id: int, domain: str, fresh: Sequence[tuple[Instant, Counted]], *, now: Instant
) -> None:
    """Keep what was counted."""
    if not fresh:
        return
    new = upsert(_days, name_of(connection))
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["account_id", "domain", "day_us"],
            set_={"numbers": new.excluded.numbers, "made_us": new.excluded.made_us},
        ),
        [
            {
                "account_id": account_id, "domain": domain, "day_us": day,
                "numbers": msgspec.json.encode(counted).decode(), "made_us": now,
            }
            for day, counted in fresh
        ],
    )  # fmt: skip


def _count(
    connection: Connection, account_id: int, domain: str, since: Instant, until: Instant
) -> dict[Instant, Counted]:
    d, m = deliveries.c, messages.c
    day = (d.created_us // DAY).label("day")
    found = connection.execute(
        select(day, m.header_from, _SILENT, d.facts, func.count())
        .select_from(deliveries.join(messages, (m.account_id == d.account_id) & (m.id == d.message_id)))
        .where(d.account_id == account_id, d.id >= least_at(since), d.id < beyond(until))
        .where(d.created_us >= since, d.created_us < until)
        .where(func.lower(m.header_from).contains(f"@{domain}", autoescape=True))
        .group_by(day, m.header_from, _SILENT, d.facts)
    )
    counted: dict[Instant, Counted] = {}
    for number, sender, is_silent, facts, many in found:
        if headers.domain_of(sender) != domain:
            continue
        one = counted.setdefault(int(number) * DAY, Counted())
        one.add(facts, many, is_silent=bool(is_silent))
        if sender not in one.senders:
            one.senders.append(sender)
    return counted
