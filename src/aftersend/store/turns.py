"""Own whose turn it is: which accounts wait in a lane of the queue, and since when.

Both questions jump along the index from account to account; what they cost goes with how many accounts wait, not with how
much waits of each.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select

from aftersend.clock import Instant
from aftersend.store.engine import query, rows
from aftersend.store.schema import queue

TRANSACTIONAL, BULK = LANES = (0, 1)
BULK_SHARE = 4
"""When both wait, one in so many of what is claimed is bulk, so that it never stands still, save for a claim of a single one."""
ACCOUNTS_AT_ONCE = 64
"""So many accounts are looked at for one claim; when there are more, they take turns."""


def line(connection: Connection, stage: int, lane: int) -> list[int]:
    """Accounts of which something waits in a lane, those first whose turn it is; at most `ACCOUNTS_AT_ONCE`.

    Some of it may not be due yet.
    """
    after = _turns(connection).get((stage, lane), 0)
    found = [row[0] for row in rows(connection, _LINE, (int(stage), lane, after))]
    if after and len(found) < ACCOUNTS_AT_ONCE:
        found += [row[0] for row in rows(connection, _LINE, (int(stage), lane, 0)) if row[0] <= after]
    return found[:ACCOUNTS_AT_ONCE]


def had(connection: Connection, stage: int, lane: int, account_id: int) -> None:
    """Say that an account had its turn: the next line begins behind it.

    Kept with the connection only: it makes claims fair over time, and nothing is wrong when it is lost.
    """
    _turns(connection)[stage, lane] = account_id


def _turns(connection: Connection) -> dict[tuple[int, int], int]:
    kept: dict[tuple[int, int], int] = connection.info.setdefault("turns", {})
    return kept


def first_due(connection: Connection, stage: int) -> Instant | None:
    """Return when the first unclaimed item of a stage is due, or None when there is none."""
    found = rows(connection, _FIRST_DUE, (int(stage),))
    return None if not found or found[0][0] is None else int(found[0][0])


def _following(lane: Any, account: Any) -> Any:
    """The next account of which something waits in a lane: one jump along the index."""
    further = queue.alias()
    return (
        select(further.c.account_id)
        .where(
            further.c.stage == bindparam("stage"),
            further.c.holder == literal_column("0"),
            further.c.lane == lane,
            further.c.account_id > account,
        )
        .order_by(further.c.account_id)
        .limit(literal_column("1"))
        .scalar_subquery()
    )


def _line() -> Any:
    """The accounts of which something waits in a lane, from one on."""
    lane: Any = bindparam("its_lane")
    one: Any = literal_column("1")
    waiting = select(_following(lane, bindparam("after")).label("account"), one.label("place")).cte(
        "waiting", recursive=True
    )
    waiting = waiting.union_all(
        select(_following(lane, waiting.c.account), waiting.c.place + one).where(
            waiting.c.account.is_not(None), waiting.c.place < literal_column(str(ACCOUNTS_AT_ONCE))
        )
    )
    return select(waiting.c.account).where(waiting.c.account.is_not(None))


def _first_due() -> Any:
    """When the first item is due of all accounts and lanes."""
    firsts = []
    for number in LANES:
        lane: Any = literal_column(str(number))
        waiting = select(_following(lane, literal_column("0")).label("account")).cte(
            f"waiting_{number}", recursive=True
        )
        waiting = waiting.union_all(select(_following(lane, waiting.c.account)).where(waiting.c.account.is_not(None)))
        first = (
            select(queue.c.due_us)
            .where(
                queue.c.stage == bindparam("stage"),
                queue.c.holder == literal_column("0"),
                queue.c.lane == lane,
                queue.c.account_id == waiting.c.account,
            )
            .order_by(queue.c.due_us)
            .limit(literal_column("1"))
            .scalar_subquery()
        )
        firsts.append(select(first.label("due_us")).where(waiting.c.account.is_not(None)))
    together = firsts[0].union_all(*firsts[1:]).subquery()
    return select(func.min(together.c.due_us))


_LINE = query(_line(), "stage", "its_lane", "after")
_FIRST_DUE = query(_first_due(), "stage")
