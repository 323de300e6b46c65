"""Own what was judged of messages and what moderators decided, and wake the deliveries that waited for it.

A judgement is about a message; its deliveries follow. They are woken a page at a time, so that a decision about a hundred
thousand recipients is made at once and carried out in small steps, on whichever node comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, delete, func, insert, literal_column, select, update

from aftersend.clock import DAY, Instant
from aftersend.ids import beyond
from aftersend.ledger.facts import Fact
from aftersend.ledger.vocabularies.email_activity import Box
from aftersend.store import counting
from aftersend.store.engine import Statement, among, insert_rows, packed, query, ring, rows, run
from aftersend.store.queue import Stage
from aftersend.store.schema import deliveries, messages, queue
from aftersend.store.schema.treatment import moderation, oversight

PASSED, PENDING, ACCEPTED, QUARANTINED = STATES = ("passed", "pending", "accepted", "quarantined")
KEPT_US = 7 * DAY
"""So long mail waits for a moderator, and so long what one said no to is kept."""
PAGE = 2000
LOOK_BACK_US = 90 * DAY


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of a message before the moderator."""

    state: str
    why: str
    created_us: Instant
    decided_us: Instant | None
    decided_by: str | None
    reason: str | None


_CASES = query(
    lambda engine_name: select(
        moderation.c.message_id, moderation.c.state, moderation.c.why, moderation.c.created_us, moderation.c.decided_us,
        moderation.c.decided_by, moderation.c.reason,
    ).where(moderation.c.account_id == bindparam("account"), among(moderation.c.message_id, engine_name)),
    "account", "ids",
)  # fmt: skip
_JUDGED = insert_rows(moderation, if_new=True)
_MOVE = Statement(
    update(moderation)
    .where(moderation.c.account_id == bindparam("account"), moderation.c.message_id == bindparam("message"))
    .values(moving=bindparam("flag")),
    "flag", "account", "message",
)  # fmt: skip


def cases(connection: Connection, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Case]:
    """Return what is known of messages (account, message); those not judged yet are not in it."""
    wanted: dict[int, list[int]] = {}
    for account_id, message_id in places:
        wanted.setdefault(account_id, []).append(message_id)
    return {
        (account_id, row[0]): Case(*row[1:])
        for account_id, ids in wanted.items()
        for row in rows(connection, _CASES, (account_id, packed(connection, ids)))
    }


def judged(
    connection: Connection,
    account_id: int,
    message_id: int,
    *,
    is_pending: bool,
    why: str,
    findings: dict[str, Any],
    recipients: int,
    now: Instant,
) -> bool:
    """Write a judgement down, if it is the first, and wake what waits for it; whether it was the first."""
    state = PENDING if is_pending else PASSED
    said = msgspec.json.encode(findings).decode()
    row = (account_id, message_id, state, why, said, recipients, now, None, None, None, 1, 0)
    is_first = bool(run(connection, _JUDGED, row))
    if not is_first:
        run(connection, _MOVE, (1, account_id, message_id))
    ring(connection, "treatment")
    return is_first


def decide(
    connection: Connection,
    account_id: int,
    message_ids: Sequence[int],
    *,
    accept: bool,
    by: str,
    reason: str,
    teach: bool,
    now: Instant,
) -> list[int]:
    """Write a moderator's decision down for those of the messages that are pending, or that one said no to before and are
    accepted now; return them. What has been accepted is not taken back: it may be under way.
    """
    states = (PENDING, QUARANTINED) if accept else (PENDING,)
    found = connection.execute(
        select(moderation.c.message_id)
        .where(
            moderation.c.account_id == account_id,
            moderation.c.message_id.in_(message_ids),
            moderation.c.state.in_(states),
        )
        .order_by(moderation.c.message_id)
        .with_for_update()
    )
    chosen = [int(one) for one in found.scalars()]
    if chosen:
        connection.execute(
            update(moderation)
            .where(moderation.c.account_id == account_id, moderation.c.message_id.in_(chosen))
            .values(
                state=ACCEPTED if accept else QUARANTINED,
                decided_us=now,
                decided_by=by,
                reason=reason,
                moving=1,
                teach=int(teach),
            )
        )
        ring(connection, "treatment")
    return chosen


# ---- waking --------------------------------------------------------------------------------------------------------

CHECKING_WHY = "It is being checked against the anti-spam rules."
"""What a delivery waits for whose message is being judged."""
_MOVING = query(
    select(moderation.c.account_id, moderation.c.message_id, moderation.c.state)
    .where(moderation.c.moving == literal_column("1"))
    .limit(literal_column("20"))
)


def wake(connection: Connection, *, now: Instant) -> int:
    """Bring what waits for a judgement or a decision that was made back to treatment, a page at a time; return how much.

    A message is done with when nothing of it waits, and nothing of it is being treated by what was known before.
    """
    woken = 0
    for account_id, message_id, state in rows(connection, _MOVING):
        theirs = queue.join(
            deliveries, (deliveries.c.account_id == queue.c.account_id) & (deliveries.c.id == queue.c.delivery_id)
        )
        mine = (deliveries.c.account_id == account_id, deliveries.c.message_id == message_id)
        waiting = (
            select(queue.c.delivery_id)
            .select_from(theirs)
            .where(*mine, queue.c.holder == 0, queue.c.due_us > now, _waits_for(state))
            .limit(PAGE)
        )
        done = connection.execute(
            update(queue)
            .where(queue.c.account_id == account_id, queue.c.delivery_id.in_(waiting), queue.c.holder == 0)
            .values(stage=int(Stage.TREATMENT), due_us=now, waits=None)
        )
        woken += int(done.rowcount)
        if done.rowcount == 0:
            busy = connection.execute(
                select(queue.c.delivery_id)
                .select_from(theirs)
                .where(*mine, queue.c.holder != 0, queue.c.stage == int(Stage.TREATMENT))
                .limit(1)
            ).first()
            if busy is None:
                run(connection, _MOVE, (0, account_id, message_id))
        if woken >= PAGE:
            break
    return woken


def _waits_for(state: str) -> Any:
    """What a state lets go on, or on to a wait of another kind; what would only wait as before is left alone."""
    is_checked = (queue.c.stage == int(Stage.TREATMENT)) & (queue.c.waits == CHECKING_WHY)
    if state == PENDING:
        return is_checked
    is_before_moderator = queue.c.stage == int(Stage.MODERATION)
    if state == QUARANTINED:
        is_before_moderator &= deliveries.c.facts.op("&")(Fact.QUARANTINED.bit) == 0
    return is_checked | is_before_moderator


def are_moving(connection: Connection) -> bool:
    """Say whether something was decided whose deliveries still wait."""
    return bool(rows(connection, _MOVING))


# ---- how mail is moderated -----------------------------------------------------------------------------------------

PLATFORM = 0
"""In place of an account: all that have no rule of their own."""


def overseen(connection: Connection) -> dict[int, tuple[str, int]]:
    """Return by account how its mail is moderated: the mode, and how many of the first messages."""
    return {row.account_id: (row.mode, row.first) for row in connection.execute(select(oversight))}


def oversee(connection: Connection, account_id: int, *, mode: str, first: int, now: Instant) -> None:
    """Say how mail is moderated from now on. Where it is not any more, what waits for a moderator goes on."""
    connection.execute(delete(oversight).where(oversight.c.account_id == account_id))
    connection.execute(insert(oversight).values(account_id=account_id, mode=mode, first=first, changed_us=now))
    if mode == "off":
        own = select(oversight.c.account_id)
        whose = moderation.c.account_id.not_in(own) if account_id == PLATFORM else moderation.c.account_id == account_id
        connection.execute(
            update(moderation).where(whose, moderation.c.state == PENDING).values(state=PASSED, moving=1)
        )
    ring(connection, "treatment")


# ---- teaching ------------------------------------------------------------------------------------------------------


def to_teach(connection: Connection, *, limit: int) -> list[tuple[int, int, bool]]:
    """Return messages that the engines are to learn from: account, message, and whether it is spam."""
    found = connection.execute(
        select(moderation.c.account_id, moderation.c.message_id, moderation.c.state)
        .where(moderation.c.teach == 1)
        .limit(limit)
    )
    return [(row.account_id, row.message_id, row.state == QUARANTINED) for row in found]


def taught(connection: Connection, account_id: int, message_id: int) -> None:
    """The engines have learnt from a message, or never will."""
    connection.execute(
        update(moderation)
        .where(moderation.c.account_id == account_id, moderation.c.message_id == message_id)
        .values(teach=0)
    )


def prune(connection: Connection, *, before: Instant, limit: int = 500) -> int:
    """Forget what was judged of messages that came in before; return of how many. All zero means done."""
    old = connection.execute(
        select(moderation.c.account_id, moderation.c.message_id)
        .where(moderation.c.message_id < beyond(before))
        .order_by(moderation.c.message_id)
        .limit(limit)
    ).all()
    for account_id, message_id in old:
        connection.execute(
            delete(moderation).where(moderation.c.account_id == account_id, moderation.c.message_id == message_id)
        )
    return len(old)


# ---- questions -----------------------------------------------------------------------------------------------------


def recipients_of(
    connection: Connection, account_id: int, message_id: int, *, at_most: int = 50
) -> tuple[int, list[str]]:
    """Return how many recipients a message has, and the first of them."""
    mine = (deliveries.c.account_id == account_id, deliveries.c.message_id == message_id)
    number = connection.execute(select(func.count()).select_from(deliveries).where(*mine)).scalar_one()
    first = connection.execute(select(deliveries.c.recipient).where(*mine).order_by(deliveries.c.id).limit(at_most))
    return int(number), [str(one) for one in first.scalars()]


def standing(connection: Connection, account_id: int, *, now: Instant) -> tuple[int, int, int]:
    """Return what is known of a sender: messages accepted, messages refused of late, recipients on a usual day."""
    decided: dict[str, int] = dict(
        connection.execute(
            select(moderation.c.state, func.count())
            .where(
                moderation.c.account_id == account_id,
                moderation.c.state.in_((ACCEPTED, QUARANTINED)),
                (moderation.c.state == ACCEPTED) | (moderation.c.decided_us > now - LOOK_BACK_US),
            )
            .group_by(moderation.c.state)
        ).all()
    )
    today = now - now % DAY
    sent = counting.counted_over_time(
        connection, account_id, kind="activity", since=today - 30 * DAY, until=today, step=DAY
    )
    by_day = [number for _, word, number in sent if word == Box.REQUESTS.word]
    usual = sum(by_day) // max(len(by_day), 1)
    return int(decided.get(ACCEPTED, 0)), int(decided.get(QUARANTINED, 0)), usual


def page(
    connection: Connection,
    *,
    account_id: int | None,
    states: Sequence[str] = (),
    text: str | None = None,
    rule: str | None = None,
    limit: int,
    before: int | None = None,
) -> list[dict[str, Any]]:
    """List messages that were judged, newest first: of one account, or of all for a moderator."""
    m = messages.c
    shown = select(moderation, m.subject, m.header_from, m.sender, m.stream, m.via)
    wanted = _wanted(shown, account_id=account_id, states=states, text=text, rule=rule, before=before)
    found = [
        dict(row._mapping) for row in connection.execute(wanted.order_by(moderation.c.message_id.desc()).limit(limit))
    ]
    for row in found:
        row["findings"] = msgspec.json.decode(row["findings"])
    return found


def numbers(
    connection: Connection,
    *,
    account_id: int | None,
    states: Sequence[str],
    text: str | None,
    rule: str | None,
    limit: int,
    before: int | None = None,
) -> list[int]:
    """Return the ids of what `page` lists, for decisions about many."""
    ids = select(moderation.c.message_id)
    wanted = _wanted(ids, account_id=account_id, states=states, text=text, rule=rule, before=before)
    return list(connection.execute(wanted.order_by(moderation.c.message_id.desc()).limit(limit)).scalars())


def how_many(
    connection: Connection,
    *,
    account_id: int | None,
    states: Sequence[str],
    text: str | None,
    rule: str | None,
    at_most: int = 100_000,
) -> int:
    """Count what `page` lists, stopping at `at_most`."""
    ids = select(moderation.c.message_id)
    inner = _wanted(ids, account_id=account_id, states=states, text=text, rule=rule, before=None).limit(at_most)
    return int(connection.execute(select(func.count()).select_from(inner.subquery())).scalar_one())


def _wanted(
    wanted: Any,
    *,
    account_id: int | None,
    states: Sequence[str],
    text: str | None,
    rule: str | None,
    before: int | None,
) -> Any:
    wanted = wanted.join(
        messages, (messages.c.account_id == moderation.c.account_id) & (messages.c.id == moderation.c.message_id)
    )
    if account_id is not None:
        wanted = wanted.where(moderation.c.account_id == account_id)
    if states:
        wanted = wanted.where(moderation.c.state.in_(states))
    if text:
        part = text.lower()
        wanted = wanted.where(
            func.lower(messages.c.subject).contains(part, autoescape=True)
            | func.lower(messages.c.header_from).contains(part, autoescape=True)
        )
    if rule:
        wanted = wanted.where(moderation.c.findings.contains(f'"rule":"{rule}"', autoescape=True))
    if before is not None:
        wanted = wanted.where(moderation.c.message_id < before)
    return wanted


def owners(connection: Connection, message_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return the messages by the account that they belong to; those that were not judged are not in it."""
    found: dict[int, list[int]] = {}
    for account, message in connection.execute(
        select(moderation.c.account_id, moderation.c.message_id).where(moderation.c.message_id.in_(message_ids))
    ):
        found.setdefault(account, []).append(message)
    return found


def one(connection: Connection, account_id: int, message_id: int) -> dict[str, Any] | None:
    """Return what is known of one message before the moderator, or None when it was not judged."""
    row = connection.execute(
        select(moderation).where(moderation.c.account_id == account_id, moderation.c.message_id == message_id)
    ).first()
    if row is None:
        return None
    found = dict(row._mapping)
    found["findings"] = msgspec.json.decode(found["findings"])
    return found


def waiting(connection: Connection, account_id: int | None = None) -> int:
    """Count the messages that await a moderator."""
    wanted = select(func.count()).select_from(moderation).where(moderation.c.state == PENDING)
    if account_id is not None:
        wanted = wanted.where(moderation.c.account_id == account_id)
    return int(connection.execute(wanted).scalar_one())
