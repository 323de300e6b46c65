"""Own what is to be done next: claim it, give it back, put it off, set it aside.

A row stands for one delivery that has not ended. `due_us` is when somebody looks at it next, whatever it waits for, so
nothing can wait without an end. A claim belongs to a node for as long as that node's lease runs (`nodes`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, func, literal_column, select, update

from aftersend.clock import Instant
from aftersend.ledger.facts import Fact
from aftersend.store import turns
from aftersend.store.engine import Statement, among, many, packed, query, rows, run
from aftersend.store.hiding import HIDDEN, PLATFORM, hidden
from aftersend.store.schema import deliveries, messages, queue, suppressions


class Stage(IntEnum):
    """Which loop looks at it next."""

    TREATMENT = 1
    """The gates between received and treated; a hold waits here for its time."""
    DELIVERY = 2
    """Trying to hand it to the recipient's server."""
    HELD = 3
    """A person holds it; at its due time it ends."""
    RELAYED = 4
    """A smart host has it; we wait for news until its due time."""
    SET_ASIDE = 5
    """Our own fault met it three times; an operator looks at it."""
    DEPLETED = 6
    """Its account has no credits; at its due time it ends."""
    MODERATION = 7
    """A moderator has not decided yet, or said no; at its due time it ends."""


BELL = {Stage.TREATMENT: "treatment", Stage.DELIVERY: "delivery"}


@dataclass(slots=True)
class Claim:
    """One delivery that this node holds, with all that treatment and delivery need to know about it."""

    account_id: int
    delivery_id: int
    tries: int
    due_us: Instant
    expires_us: Instant
    site: str
    faults: int
    message_id: int
    stream: str
    recipient: str
    folded: str
    domain: str
    facts: int
    notify: str | None
    orcpt: str | None
    broadcast_id: int | None
    created_us: Instant
    sender: str
    header_from: str
    headers: bytes
    body: bytes
    size: int
    flags: int
    envid: str | None
    scheduled_us: Instant | None
    received_us: Instant
    reason: str | None
    """What the last failed attempt was about."""
    detail: str | None
    suppressed: str | None = None
    suppression_origin: str | None = None
    suppressed_until: Instant | None = None
    window: Any = None
    """The hours of its stream, which treatment fills in."""
    pace: Any = None
    """How the rate of its stream stands; treatment fills it in."""
    known: Any = None
    """What else treatment found out before it asked the gates."""

    @property
    def is_anew(self) -> bool:
        """Whether the rate or the hours that held it back have changed (`verbs.look_anew`)."""
        return self.due_us < self.created_us

    @property
    def has_waited(self) -> bool:
        """Whether a rate held it back before, and gave it its place in line."""
        return bool(self.facts & Fact.THROTTLED.bit) and not self.is_anew


_CLAIMED = (
    queue.c.account_id, queue.c.delivery_id, queue.c.tries, queue.c.due_us, queue.c.expires_us, queue.c.site, queue.c.faults,
    deliveries.c.message_id, deliveries.c.stream, deliveries.c.recipient, deliveries.c.folded, deliveries.c.domain,
    deliveries.c.facts, deliveries.c.notify, deliveries.c.orcpt, deliveries.c.broadcast_id, deliveries.c.created_us,
    messages.c.sender, messages.c.header_from, messages.c.headers, messages.c.body, messages.c.size, messages.c.flags,
    messages.c.envid, messages.c.scheduled_us, messages.c.received_us, deliveries.c.reason, deliveries.c.detail,
)  # fmt: skip

_DUE = (
    select(*_CLAIMED)
    .select_from(
        queue.join(
            deliveries, (deliveries.c.account_id == queue.c.account_id) & (deliveries.c.id == queue.c.delivery_id)
        ).join(
            messages, (messages.c.account_id == deliveries.c.account_id) & (messages.c.id == deliveries.c.message_id)
        )
    )
    .where(
        queue.c.stage == bindparam("stage"),
        queue.c.holder == literal_column("0"),
        queue.c.lane == bindparam("its_lane"),
        queue.c.account_id == bindparam("account"),
        queue.c.due_us <= bindparam("now"),
    )
    .order_by(queue.c.due_us)
    .with_for_update(of=queue, skip_locked=True)
)
_SIZES = (500, 300, 225, 150, 110, 75, 55, 40, 30, 20, 15, 10, 7, 5, 4, 3, 2, 1)


@lru_cache(maxsize=len(_SIZES))
def _find_due(limit: int) -> Statement:
    """The limit stands in the statement: SQLite would plan anew at every call for one that is bound."""
    return query(_DUE.limit(literal_column(str(limit))), "stage", "its_lane", "account", "now")


_HOLD = Statement(
    update(queue)
    .where(queue.c.account_id == bindparam("account"), queue.c.delivery_id == bindparam("delivery"))
    .values(holder=bindparam("node")),
    "node", "account", "delivery",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What a loop asks for."""

    stage: Stage
    now: Instant
    node: int
    limit: int


def claim(connection: Connection, requests: Sequence[ClaimRequest]) -> list[list[Claim]]:
    """Take some of what is due, never more than `limit`, for each request; no two nodes hold one item until the holder's
    lease ends.

    Transactional mail comes before bulk, which gets a quarter all the same, and accounts take turns: however much waits
    of one, another's single message comes with the next claim. Of one account, what has been due for longest comes first.
    """
    return [_claimed(connection, request) for request in requests]


def _claimed(connection: Connection, request: ClaimRequest) -> list[Claim]:
    """Look at who waits, a group of accounts at a time, until something is due or everybody has been seen."""
    seen: set[tuple[int, int]] = set()
    while True:
        lines = []
        for lane in turns.LANES:
            line = turns.line(connection, request.stage, lane)
            lines.append([account for account in line if (lane, account) not in seen])
            seen.update((lane, account) for account in line)
        if not any(lines):
            return []
        found = _shared(connection, request, *lines)
        if found:
            return found


def _shared(connection: Connection, request: ClaimRequest, urgent: list[int], bulk: list[int]) -> list[Claim]:
    """Share the room of a request between the lanes; what bulk leaves of its part goes to transactional mail."""
    room = max(request.limit, 1)
    kept = max(room // turns.BULK_SHARE, 1) if urgent and bulk and room > 1 else 0
    found = _taken(connection, request, turns.TRANSACTIONAL, urgent, room - kept)
    is_short = len(found) < room - kept
    found += _taken(connection, request, turns.BULK, bulk, room - len(found))
    if kept and not is_short:
        found += _taken(connection, request, turns.TRANSACTIONAL, urgent, room - len(found))
    return found


def _taken(connection: Connection, request: ClaimRequest, lane: int, line: list[int], room: int) -> list[Claim]:
    """Take a fair share of each account in line, and then of those that have more what the others left over."""
    found: list[Claim] = []
    while line and len(found) < room:
        more = []
        for number, account in enumerate(line):
            left = room - len(found)
            if left <= 0:
                break
            share = next(size for size in _SIZES if size <= max(left // (len(line) - number), 1))
            taken = _held(connection, request, lane, account, share)
            turns.had(connection, request.stage, lane, account)
            found += taken
            if len(taken) == share:
                more.append(account)
        line = more
    return found


def _held(connection: Connection, request: ClaimRequest, lane: int, account: int, limit: int) -> list[Claim]:
    found = rows(connection, _find_due(limit), (int(request.stage), lane, account, request.now))
    items = [Claim(*row) for row in found]
    many(connection, _HOLD, [(request.node, item.account_id, item.delivery_id) for item in items])
    return items


_LISTED = query(
    lambda engine_name: select(
        suppressions.c.account_id, suppressions.c.folded, suppressions.c.stream, suppressions.c.cause,
        suppressions.c.origin, suppressions.c.expires_us, suppressions.c.probe_id, suppressions.c.probe_until_us,
    ).where(
        suppressions.c.account_id == bindparam("account"), among(suppressions.c.folded, engine_name)
    ),
    "account", "ids",
)  # fmt: skip
_PROBE = Statement(
    update(suppressions)
    .where(
        suppressions.c.account_id == bindparam("account"),
        suppressions.c.folded == bindparam("folded"),
        suppressions.c.stream == bindparam("its_stream"),
        func.coalesce(suppressions.c.probe_until_us, literal_column("0")) <= bindparam("now"),
    )
    .values(probe_id=bindparam("delivery"), probe_until_us=bindparam("until")),
    "delivery", "until", "account", "folded", "its_stream", "now",
)  # fmt: skip
PROBE_LASTS_US = 7 * 24 * 3600 * 1_000_000
"""For so long the fate of the one message that is let through after an entry has ended is awaited, before another is."""
_ANY_SUPPRESSION = query(select(suppressions.c.folded).limit(literal_column("1")))


_ANY_HIDDEN = query(
    select(suppressions.c.folded)
    .where(
        suppressions.c.account_id == bindparam("account"),
        suppressions.c.folded >= bindparam("first"),
        suppressions.c.folded < bindparam("beyond"),
    )
    .limit(literal_column("1")),
    "account", "first", "beyond",
)  # fmt: skip


def keeps_hidden(connection: Connection, account_id: int) -> bool:
    """Whether an account has suppressions of addresses that were erased, which are known by their hashes."""
    return bool(rows(connection, _ANY_HIDDEN, (account_id, HIDDEN, HIDDEN + "g")))


def claim_for_treatment(connection: Connection, requests: Sequence[ClaimRequest]) -> list[list[Claim]]:
    """As `claim`, and each item knows whether its recipient is suppressed at this moment: by the account's lists or by the
    installation's, as an address or by its domain. One question for each account, however many items.

    When a learned entry has ended, one delivery is let through, and the others wait for what becomes of it.
    """
    taken = claim(connection, requests)
    if not any(taken) or not rows(connection, _ANY_SUPPRESSION):
        return taken
    is_hidden: dict[int, bool] = {}
    for request, found in zip(requests, taken, strict=True):
        listed = _listed(connection, found, is_hidden)
        for item in found if listed else ():
            for owner in (item.account_id, PLATFORM):
                for key in _keys(item, is_hidden):
                    for entry in listed.get((owner, key), ()):
                        _mark(connection, item, owner, key, entry, request.now)
    return taken


def _keys(item: Claim, is_hidden: Mapping[int, bool]) -> tuple[str, ...]:
    """Under what an item's recipient may stand on a list: the address, its domain, and what stands for it if it was erased."""
    keys = item.folded, f"@{item.domain}"
    return (*keys, hidden(item.account_id, item.folded)) if is_hidden[item.account_id] else keys


def _listed(
    connection: Connection, found: Sequence[Claim], is_hidden: dict[int, bool]
) -> dict[tuple[int, str], list[Any]]:
    wanted: dict[int, set[str]] = {}
    for item in found:
        account = item.account_id
        if account not in is_hidden:
            is_hidden[account] = keeps_hidden(connection, account)
        wanted.setdefault(account, set()).update(_keys(item, is_hidden))
    if wanted:
        wanted[PLATFORM] = set().union(*wanted.values())
    listed: dict[tuple[int, str], list[Any]] = {}
    for account, keys in sorted(wanted.items()):
        for owner, key, *entry in rows(connection, _LISTED, (account, packed(connection, sorted(keys)))):
            listed.setdefault((owner, key), []).append(entry)
    return listed


def _mark(connection: Connection, item: Claim, owner: int, key: str, entry: Any, now: Instant) -> None:
    """Note the entry that stops an item for longest."""
    stream, cause, origin, until, *probe = entry
    if stream not in ("", item.stream):
        return
    if owner == PLATFORM:
        origin = "platform"
    elif origin == "learned" and until is not None and until <= now:
        until = _probed(connection, item, key, stream, probe, now)
    if _outlasts(until, now, item):
        item.suppressed, item.suppression_origin, item.suppressed_until = cause, origin, until


def _probed(
    connection: Connection, item: Claim, folded: str, stream: str, probe: list[int | None], now: Instant
) -> Instant:
    """Let this delivery through if it is the one to see how things are (0), or say until when it is stopped."""
    probe_id, until = probe
    if probe_id == item.delivery_id:
        return 0
    if until is not None and until > now:
        return until
    ends = now + PROBE_LASTS_US
    is_first = run(connection, _PROBE, (item.delivery_id, ends, item.account_id, folded, stream, now))
    return 0 if is_first else ends


def _outlasts(until: Instant | None, now: Instant, item: Claim) -> bool:
    """Whether an entry on a list still stands, and stands for longer than the one that is known already."""
    if until is not None and until <= now:
        return False
    known = item.suppressed_until
    return item.suppressed is None or (known is not None and (until is None or until > known))


def next_due(connection: Connection, stage: Stage) -> Instant | None:
    """Return when the next unclaimed item of a stage is due, or None when there is none."""
    return turns.first_due(connection, stage)


_PUT_OFF = Statement(
    update(queue)
    .where(
        queue.c.account_id == bindparam("account"),
        queue.c.delivery_id == bindparam("delivery"),
        queue.c.holder == bindparam("node"),
    )
    .values(holder=literal_column("0"), due_us=bindparam("due"), site=bindparam("its_site"), waits=bindparam("why")),
    "due", "its_site", "why", "account", "delivery", "node",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PutOff:
    """Give an item back untried: look at it again at `due`, because of `why`."""

    account_id: int
    delivery_id: int
    node: int
    due_us: Instant
    site: str
    why: str | None


def put_off(connection: Connection, items: Sequence[PutOff]) -> list[None]:
    """Give back claimed items that could not be tried now; nothing about them is recorded in the ledger."""
    many(connection, _PUT_OFF, [(i.due_us, i.site, i.why, i.account_id, i.delivery_id, i.node) for i in items])
    return [None] * len(items)


_FAULT = Statement(
    update(queue)
    .where(queue.c.account_id == bindparam("account"), queue.c.delivery_id == bindparam("delivery"))
    .values(
        holder=literal_column("0"), due_us=bindparam("due"), stage=bindparam("its_stage"), waits=bindparam("why"),
        faults=queue.c.faults + literal_column("1"),
    ),
    "due", "its_stage", "why", "account", "delivery",
)  # fmt: skip
FAULTS_ALLOWED = 3


def set_aside(connection: Connection, item: Claim, stage: Stage, *, now: Instant, traceback: str) -> bool:
    """Give back an item that met a bug of ours; after three times it is set aside for an operator, mail kept.

    Return whether it was set aside.
    """
    aside = item.faults + 1 >= FAULTS_ALLOWED
    due = item.expires_us if aside else now + 60_000_000 * 5 ** (item.faults + 1)
    values = (due, int(Stage.SET_ASIDE if aside else stage), traceback[-4000:], item.account_id, item.delivery_id)
    many(connection, _FAULT, [values])
    return aside


def summary(connection: Connection) -> list[dict[str, Any]]:
    """Count what waits by stage, with the oldest and the next due time; one scan of a small index."""
    grouped = connection.execute(
        select(
            queue.c.stage,
            func.count(),
            func.min(queue.c.due_us),
            func.max(queue.c.due_us),
            func.count().filter(queue.c.holder != 0),
        )
        .group_by(queue.c.stage)
        .order_by(queue.c.stage)
    )
    return [
        {
            "stage": Stage(stage).name.lower(),
            "deliveries": n,
            "first_due_us": first,
            "last_due_us": last,
            "claimed": int(held or 0),
        }
        for stage, n, first, last, held in grouped
    ]
