"""Own webhooks: who is told what, how far each has come, what it did not take, and every attempt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, bindparam, delete, func, insert, literal_column, or_, select, update

from aftersend.clock import Instant
from aftersend.errors import NotFound
from aftersend.ledger.wanted import Wanted
from aftersend.store import feed as feeds
from aftersend.store.engine import Statement, insert_rows, many, query, ring, upsert
from aftersend.store.schema import nodes
from aftersend.store.schema.hooks import hook_attempts, hook_waiting, hooks

BELL = "hooks"
WAITING, GIVEN_UP = 0, 1
_ATTEMPT = insert_rows(hook_attempts)


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as it is kept."""

    account_id: int
    id: int
    name: str
    url: str
    wanted: Wanted
    batch: int
    owner: str | None
    secret: bytes
    former_secret: bytes | None
    former_until_us: Instant | None
    state: str
    why: str | None
    position: int
    again_from: int | None
    again_until: int | None
    failures: int
    failing_since_us: Instant | None
    not_before_us: Instant
    good_us: Instant | None
    holder: int
    created_us: Instant
    changed_us: Instant

    @property
    def is_active(self) -> bool:
        """Whether events are sent."""
        return self.state == "active"


def _hook(row: Any) -> Hook:
    values = dict(row._mapping)
    values["wanted"] = msgspec.json.decode(values["wanted"], type=Wanted)
    for name in ("secret", "former_secret"):
        values[name] = None if values[name] is None else bytes(values[name])
    return Hook(**values)


def _place(account_id: int, hook_id: int) -> Any:
    return and_(hooks.c.account_id == account_id, hooks.c.id == hook_id)


# ---- what a person does --------------------------------------------------------------------------------------------


def add(connection: Connection, hook: Hook) -> Hook:
    """Keep a new webhook; it is told what happens from now on."""
    position = feeds.last(connection, hook.account_id)
    values = {column.name: getattr(hook, column.name) for column in hooks.columns}
    values |= {"wanted": msgspec.json.encode(hook.wanted).decode(), "position": position}
    connection.execute(insert(hooks).values(**values))
    ring(connection, BELL)
    return one(connection, hook.account_id, hook.id)


def listed(connection: Connection, account_id: int) -> list[Hook]:
    """List an account's webhooks, the oldest first."""
    found = connection.execute(select(hooks).where(hooks.c.account_id == account_id).order_by(hooks.c.id))
    return [_hook(row) for row in found]


def one(connection: Connection, account_id: int, hook_id: int) -> Hook:
    """Return a webhook. Raise NotFound."""
    row = connection.execute(select(hooks).where(_place(account_id, hook_id))).first()
    if row is None:
        raise NotFound("There is no such webhook.")
    return _hook(row)


def change(connection: Connection, account_id: int, hook_id: int, *, now: Instant, **values: Any) -> Hook:
    """Change a webhook. Raise NotFound."""
    if "wanted" in values:
        values["wanted"] = msgspec.json.encode(values["wanted"]).decode()
    done = connection.execute(update(hooks).where(_place(account_id, hook_id)).values(**values, changed_us=now))
    if not done.rowcount:
        raise NotFound("There is no such webhook.")
    ring(connection, BELL)
    return one(connection, account_id, hook_id)


def remove(connection: Connection, account_id: int, hook_id: int) -> None:
    """Forget a webhook with its attempts. Raise NotFound."""
    done = connection.execute(delete(hooks).where(_place(account_id, hook_id)))
    if not done.rowcount:
        raise NotFound("There is no such webhook.")
    for table in (hook_waiting, hook_attempts):
        connection.execute(delete(table).where(table.c.account_id == account_id, table.c.hook_id == hook_id))
    ring(connection, BELL)


def replay_range(connection: Connection, account_id: int, hook_id: int, *, first: int, until: int) -> None:
    """Send again what stands behind the sequence `first`, up to `until`; a range that is not through yet is widened."""
    hook = one(connection, account_id, hook_id)
    if hook.again_from is not None and hook.again_until is not None:
        first, until = min(first, hook.again_from), max(until, hook.again_until)
    connection.execute(update(hooks).where(_place(account_id, hook_id)).values(again_from=first, again_until=until))
    ring(connection, BELL)


def replay_given_up(connection: Connection, account_id: int, hook_id: int, *, now: Instant) -> int:
    """Try again all that was given up; return how many events that are."""
    one(connection, account_id, hook_id)
    w = hook_waiting.c
    done = connection.execute(
        update(hook_waiting)
        .where(w.account_id == account_id, w.hook_id == hook_id, w.state == GIVEN_UP)
        .values(state=WAITING, tries=0, due_us=now, changed_us=now)
    )
    ring(connection, BELL)
    return int(done.rowcount)


def wake_waiting(connection: Connection, account_id: int, hook_id: int, *, now: Instant) -> None:
    """Let all that waits be due now."""
    w = hook_waiting.c
    where = and_(w.account_id == account_id, w.hook_id == hook_id, w.state == WAITING)
    connection.execute(update(hook_waiting).where(where).values(due_us=now, tries=0))


def forget_waiting(connection: Connection, account_id: int, hook_id: int) -> None:
    """Forget what waits; what was given up stays."""
    w = hook_waiting.c
    where = and_(w.account_id == account_id, w.hook_id == hook_id, w.state == WAITING)
    connection.execute(delete(hook_waiting).where(where))


def waiting_of(
    connection: Connection, account_id: int, hook_id: int, *, state: int, limit: int, after: int = 0
) -> list[dict[str, Any]]:
    """Return events that a webhook did not take, in order, those behind the sequence `after`."""
    w = hook_waiting.c
    found = connection.execute(
        select(hook_waiting)
        .where(w.account_id == account_id, w.hook_id == hook_id, w.state == state, w.sequence > after)
        .order_by(w.sequence)
        .limit(limit)
    )
    return [dict(row._mapping) for row in found]


def how_many_wait(connection: Connection, account_id: int, hook_id: int) -> dict[int, int]:
    """Count the events that a webhook did not take, by state."""
    w = hook_waiting.c
    found = connection.execute(
        select(w.state, func.count()).where(w.account_id == account_id, w.hook_id == hook_id).group_by(w.state)
    )
    return {int(state): int(number) for state, number in found}


def attempts_of(
    connection: Connection,
    account_id: int,
    hook_id: int,
    *,
    limit: int,
    before: int | None = None,
    outcome: str | None = None,
) -> list[dict[str, Any]]:
    """Return attempts, the newest first, those older than the id `before`."""
    a = hook_attempts.c
    wanted = select(hook_attempts).where(a.account_id == account_id, a.hook_id == hook_id)
    if before is not None:
        wanted = wanted.where(a.id < before)
    if outcome is not None:
        wanted = wanted.where(a.outcome == outcome)
    found = connection.execute(wanted.order_by(a.id.desc()).limit(limit))
    return [dict(row._mapping) for row in found]


def note_attempt(connection: Connection, row: tuple[Any, ...]) -> dict[str, Any]:
    """Keep an attempt that belongs to no event of the ledger, and return it by columns."""
    many(connection, _ATTEMPT, [row])
    return dict(zip((column.name for column in hook_attempts.columns), row, strict=True))


# ---- what a node does ----------------------------------------------------------------------------------------------


_FREE = and_(hooks.c.state == "active", or_(hooks.c.holder == 0, hooks.c.holder.not_in(select(nodes.c.number))))


def claim(connection: Connection, node: int) -> None:
    """Take the active webhooks that no living node holds."""
    connection.execute(update(hooks).where(_FREE).values(holder=node))


def to_serve(connection: Connection, node: int) -> tuple[set[tuple[int, int]], bool]:
    """Return account and id of the active webhooks that this node holds, and whether there are some that nobody holds."""
    mine = select(hooks.c.account_id, hooks.c.id).where(hooks.c.holder == node, hooks.c.state == "active")
    held = {(account_id, hook_id) for account_id, hook_id in connection.execute(mine)}
    return held, connection.execute(select(hooks.c.id).where(_FREE).limit(1)).first() is not None


def held(connection: Connection, account_id: int, hook_id: int, node: int) -> Hook | None:
    """Return a webhook as it is now, if it is active and this node holds it."""
    where = and_(_place(account_id, hook_id), hooks.c.holder == node, hooks.c.state == "active")
    row = connection.execute(select(hooks).where(where)).first()
    return None if row is None else _hook(row)


def release(connection: Connection, node: int) -> None:
    """Let go of all that a node holds."""
    connection.execute(update(hooks).where(hooks.c.holder == node).values(holder=0))
    ring(connection, BELL)


def are_there(connection: Connection) -> bool:
    """Whether there is any webhook that wants events."""
    return connection.execute(select(hooks.c.id).where(hooks.c.state == "active").limit(1)).first() is not None


@dataclass(slots=True)
class Kept:
    """An event that a webhook did not take."""

    sequence: int
    delivery_id: int
    key: int
    recipient: str
    state: int
    tries: int
    due_us: Instant
    said: str | None


@dataclass(slots=True)
class Settled:
    """What has become of a webhook's events in one turn."""

    hook: Hook
    """As it was when the turn began."""
    now: Instant
    position: int
    again_from: int | None = None
    kept: list[Kept] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    """Sequences that were kept and have been taken, or are no longer to be had."""
    attempts: list[tuple[Any, ...]] = field(default_factory=list)
    """Rows of `hook_attempts`."""
    health: dict[str, Any] = field(default_factory=dict)
    """Columns of `hooks` that changed."""


def settle(connection: Connection, settled: Settled) -> bool:
    """Write down what has become of events; False when the webhook is held by another node now, or is gone.

    The attempts were made in any case, and are kept. What a person changed meanwhile (a replay, another place to begin
    at) stays as the person wants it.
    """
    s, hook = settled, settled.hook
    many(connection, _ATTEMPT, s.attempts)
    mine = and_(_place(hook.account_id, hook.id), hooks.c.holder == hook.holder)
    if not connection.execute(update(hooks).where(mine).values(**s.health, changed_us=hooks.c.changed_us)).rowcount:
        return False
    if s.position != hook.position:
        connection.execute(update(hooks).where(mine, hooks.c.position == hook.position).values(position=s.position))
    if s.again_from is not None and hook.again_until is not None:
        through = s.again_from >= hook.again_until
        further: dict[str, Any] = {"again_from": None if through else s.again_from}
        further |= {"again_until": None} if through else {}
        unchanged = and_(hooks.c.again_from == hook.again_from, hooks.c.again_until == hook.again_until)
        connection.execute(update(hooks).where(mine, unchanged).values(**further))
    many(connection, _GONE, [(hook.account_id, hook.id, sequence) for sequence in s.gone])
    many(
        connection,
        _KEEP,
        [
            (hook.account_id, hook.id, k.sequence, k.delivery_id, k.key, k.recipient, k.state, k.tries, k.due_us, s.now, k.said)
            for k in s.kept
        ],
    )  # fmt: skip
    return True


_GONE = query(
    delete(hook_waiting).where(
        hook_waiting.c.account_id == bindparam("account"),
        hook_waiting.c.hook_id == bindparam("hook"),
        hook_waiting.c.sequence == bindparam("place"),
    ),
    "account", "hook", "place",
)  # fmt: skip


def _keep(engine_name: str) -> Any:
    new = upsert(hook_waiting, engine_name)
    changed = {name: new.excluded[name] for name in ("state", "tries", "due_us", "changed_us", "said")}
    return new.on_conflict_do_update(index_elements=["account_id", "hook_id", "sequence"], set_=changed)


_KEEP = Statement(_keep, *[column.name for column in hook_waiting.columns])


def states(connection: Connection) -> dict[str, int]:
    """Count the webhooks of all accounts by how they are getting on: good, failing, paused."""
    counted = dict.fromkeys(("good", "failing", "paused"), 0)
    is_failing: Any = literal_column("failures > 0")
    grouped = select(hooks.c.state, is_failing, func.count()).group_by(hooks.c.state, is_failing)
    for state, fails, number in connection.execute(grouped):
        counted["paused" if state != "active" else "failing" if fails else "good"] += int(number)
    return counted


def backlog(connection: Connection) -> dict[str, int]:
    """Count the events that all webhooks are still to get: behind (in the ledger), waiting (tried again), given_up."""
    found = connection.execute(select(hook_waiting.c.state, func.count()).group_by(hook_waiting.c.state))
    kept = {int(state): int(number) for state, number in found}
    places = connection.execute(select(hooks.c.account_id, hooks.c.position).where(hooks.c.state == "active"))
    behind = sum(feeds.behind(connection, account_id, position) for account_id, position in places)
    return {"behind": behind, "waiting": kept.get(WAITING, 0), "given_up": kept.get(GIVEN_UP, 0)}


def prune_given_up(connection: Connection, *, before: Instant, limit: int = 2000) -> int:
    """Forget events that were given up longer ago."""
    w = hook_waiting.c
    chosen = select(w.account_id, w.hook_id, w.sequence).where(w.state == GIVEN_UP, w.changed_us < before).limit(limit)
    old = connection.execute(chosen).all()
    many(connection, _GONE, [tuple(row) for row in old])
    return len(old)


def prune_attempts(connection: Connection, *, before: Instant, limit: int = 2000) -> int:
    """Forget attempts that are older."""
    a = hook_attempts.c
    old = connection.execute(select(a.account_id, a.hook_id, a.id).where(a.at_us < before).limit(limit)).all()
    for account_id, hook_id, number in old:
        connection.execute(
            delete(hook_attempts).where(a.account_id == account_id, a.hook_id == hook_id, a.id == number)
        )
    return len(old)
