"""Own what is written down: a message taken in, and what then happens to each of its deliveries.

Both take lists, since they stand on the hot path: one statement a table for a whole group. Facts are only ever added;
the cached readings in `deliveries` follow from the facts alone, and may only rise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, literal_column, select, update

from aftersend.clock import HOUR, Instant
from aftersend.errors import Conflict, TryLater
from aftersend.ledger.facts import Fact
from aftersend.ledger.standing import Judge
from aftersend.ledger.vocabularies import delivery_results, life_cycle
from aftersend.store import credits, feed, standings
from aftersend.store.counting import BOUNCE, FACTS
from aftersend.store.engine import (
    Statement,
    among,
    before_commit,
    insert_rows,
    many,
    node_of,
    packed,
    query,
    ring,
    rows,
    run,
    upsert,
)
from aftersend.store.hiding import PLATFORM, hidden
from aftersend.store.queue import BELL, Claim, Stage, keeps_hidden
from aftersend.store.schema import (
    audience,
    bodies,
    counts,
    deliveries,
    events,
    idempotency,
    messages,
    queue,
    refusals,
    suppressions,
    tracking,
)

Row = tuple[Any, ...]

# ---- taking in -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Entry:
    """One recipient of a submission. `passed` says that no gate has anything against it, as far as is known without asking
    the store."""

    id: int
    recipient: str
    folded: str
    domain: str
    notify: str | None
    orcpt: str | None
    passed: bool
    treated_key: int
    """A fresh id for the event "treated", or for the one that ended it."""
    ended: Fact | None = None
    """What ended it before it began; None for all that goes on."""
    evidence: str | None = None
    """Of what ended it, JSON."""


@dataclass(slots=True)
class Submission:
    """A message and its recipients, ready to be written."""

    account_id: int
    message_id: int
    stream: str
    message: Row
    """The row of `messages`, in the order of its columns."""
    body: Row
    """The row of `bodies`."""
    entries: list[Entry]
    received_us: Instant
    expires_us: Instant
    idempotency: tuple[str, bytes] | None = None
    personal: list[Row] | None = None
    """Rows of `personal`, for a message that is made for each recipient."""
    links: list[Row] | None = None
    """Rows of `links`, for a message whose clicks are tracked."""
    lane: int = 0
    """The lane of its deliveries in the queue: a number of `turns.LANES`."""
    broadcast_id: int | None = None
    holder: int = 0
    """The node that takes at once what has passed its gates, as if it had claimed it; 0 if it is to be claimed."""
    taken: list[Entry] = field(default_factory=list)
    """What the holder took when this was written down."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was written for a submission, or what had been written for the same one before."""

    message_id: int
    deliveries: tuple[tuple[int, str, int], ...]
    """Id, recipient and facts of each delivery."""
    replayed: bool = False


_PLACE = {column.name: place for place, column in enumerate(messages.columns)}


def claims(submission: Submission) -> list[Claim]:
    """Return the claims of a submission's holder, once it is durable."""
    row = submission.message
    of = {name: row[_PLACE[name]] for name in _OF_MESSAGE}
    return [
        Claim(
            account_id=submission.account_id, delivery_id=e.id, tries=0, due_us=submission.received_us,
            expires_us=submission.expires_us, site="", faults=0, message_id=submission.message_id,
            stream=submission.stream, recipient=e.recipient, folded=e.folded, domain=e.domain, facts=_TREATED_BITS,
            notify=e.notify, orcpt=e.orcpt, broadcast_id=submission.broadcast_id, created_us=submission.received_us,
            received_us=submission.received_us, reason=None, detail=None, **of,
        )
        for e in submission.taken
    ]  # fmt: skip


def size(submission: Submission) -> int:
    """Return how many bytes a copy of its message has."""
    return int(submission.message[_PLACE["size"]])


_OF_MESSAGE = ("sender", "header_from", "headers", "body", "size", "flags", "envid", "scheduled_us")
_MESSAGE = insert_rows(messages)
_DELIVERY = insert_rows(deliveries)
_QUEUE = insert_rows(queue)
_PERSONAL = insert_rows(audience.personal)
_LINKS = insert_rows(tracking.links)
_IDEMPOTENCY = insert_rows(idempotency, if_new=True)
_REFUSAL = insert_rows(refusals)
DAY_US = 24 * HOUR


def _body(engine_name: str) -> Any:
    new = upsert(bodies, engine_name)
    return new.on_conflict_do_update(
        index_elements=["account_id", "hash"],
        set_={"used_us": new.excluded.used_us},
        where=bodies.c.used_us < new.excluded.used_us - literal_column(str(DAY_US)),
    )


_BODY = Statement(_body, *[column.name for column in bodies.columns])


def accepted(connection: Connection, submissions: Sequence[Submission]) -> list[Receipt | Exception]:
    """Write messages down, each with a row and a first event for every recipient; durable when the group commits.

    What passed its gates goes to delivery at once; what is held, refused or suppressed goes to treatment, which records
    why. A submission with an idempotency key that was used before writes nothing: it gets the first receipt again, or
    Conflict if it is not the same message.
    """
    results: list[Receipt | Exception] = []
    fresh = []
    seen: dict[tuple[int, str], Submission] = {}
    for submission in submissions:
        known = _known(connection, submission, seen) if submission.idempotency else None
        if known is None:
            fresh.append(submission)
            known = Receipt(submission.message_id, _told(submission))
        results.append(known)
    # Sorted, so that two nodes that take the same bodies in never wait for each other in a circle.
    many(connection, _BODY, [body for _, body in sorted({s.body[:2]: s.body for s in fresh}.items())])
    many(connection, _MESSAGE, [s.message for s in fresh])
    write_entries(connection, fresh)
    many(connection, _LINKS, [row for s in fresh if s.links for row in s.links])
    return results


def write_entries(connection: Connection, fresh: Sequence[Submission]) -> None:
    """Write the recipients of messages down, each with a row, a first event and what is personal; and what ended some of
    them at once. All others go on their way.
    """
    suppressed = _suppressed(connection, fresh)
    first: list[Row] = []
    happened: list[Row] = []
    waiting: list[Row] = []
    tally: Counter[Row] = Counter()
    bells: set[str] = set()
    for s in fresh:
        account, now, expires = s.account_id, s.received_us, s.expires_us
        bucket = now - now % HOUR
        s.taken = []
        for e in s.entries:
            i = e.id
            stage = holder = 0
            happened.append((account, i, i, "received", _RECEIVED, now, now, None, None, None, None))
            if e.ended is not None:
                fact = e.ended
                facts = _RECEIVED_BITS | fact.bit
                result, life = delivery_results.rank_of_bits(facts), life_cycle.rank_of_bits(facts)
                happened.append(
                    (account, i, e.treated_key, fact.word, int(fact), now, now, None, None, None, e.evidence)
                )
            elif e.passed and not (
                suppressed and ((account, e.folded) in suppressed or (account, f"@{e.domain}") in suppressed)
            ):
                facts, result, life, stage = _TREATED_BITS, _TREATED_RESULT, _TREATED_LIFE, 2
                holder = s.holder
                if holder:
                    s.taken.append(e)
                happened.append((account, i, e.treated_key, "treated", _TREATED, now, now, None, None, None, None))
            else:
                facts, result, life, stage = _RECEIVED_BITS, _RECEIVED_RESULT, _RECEIVED_LIFE, 1
            tally[account, bucket, s.stream, 0, facts] += 1
            first.append(
                (account, i, s.message_id, s.stream, e.recipient, e.folded, e.domain, facts, result, life,
                 None, None, None, 0, e.notify, e.orcpt, s.broadcast_id, now, now)
            )  # fmt: skip
            if stage:
                waiting.append((account, i, stage, holder, 0, now, expires, "", None, 0, s.lane))
                if not holder:
                    bells.add("delivery" if stage == 2 else "treatment")
    many(connection, _DELIVERY, first)
    feed.append(connection, happened)
    many(connection, _QUEUE, waiting)
    many(connection, _PERSONAL, [row for s in fresh if s.personal for row in s.personal])
    _add(connection, tally, Counter())
    for bell in bells:
        ring(connection, bell)


def _suppressed(connection: Connection, fresh: Sequence[Submission]) -> frozenset[tuple[int, str]]:
    """Which recipients, or domains of recipients, are on any list of their account or of the installation; whether it
    concerns this mail is for treatment to say."""
    if not rows(connection, _ANY_SUPPRESSION):
        return frozenset()
    wanted: dict[int, set[str]] = {}
    for s in fresh:
        theirs = wanted.setdefault(s.account_id, set())
        for e in s.entries:
            theirs.add(e.folded)
            theirs.add(f"@{e.domain}")
    found: set[tuple[int, str]] = set()
    for account_id, names in wanted.items():
        shown = {name: name for name in names}
        if keeps_hidden(connection, account_id):
            shown |= {hidden(account_id, name): name for name in names}
        for owner in (account_id, PLATFORM):
            listed = rows(connection, _LISTED, (owner, packed(connection, sorted(shown))))
            found.update((account_id, shown[folded]) for (folded,) in listed)
    return frozenset(found)


_ANY_SUPPRESSION = query(select(suppressions.c.folded).limit(literal_column("1")))
_LISTED = query(
    lambda engine_name: select(suppressions.c.folded).where(
        suppressions.c.account_id == bindparam("account"), among(suppressions.c.folded, engine_name)
    ),
    "account", "ids",
)  # fmt: skip
_RECEIVED, _TREATED = int(Fact.RECEIVED), int(Fact.TREATED)
_RECEIVED_BITS = Fact.RECEIVED.bit
_TREATED_BITS = _RECEIVED_BITS | Fact.TREATED.bit
_RECEIVED_RESULT, _TREATED_RESULT = map(delivery_results.rank_of_bits, (_RECEIVED_BITS, _TREATED_BITS))
_RECEIVED_LIFE, _TREATED_LIFE = map(life_cycle.rank_of_bits, (_RECEIVED_BITS, _TREATED_BITS))


def _told(submission: Submission) -> tuple[tuple[int, str, int], ...]:
    return tuple((e.id, e.recipient, _RECEIVED_BITS) for e in submission.entries)


def _known(
    connection: Connection, submission: Submission, seen: dict[tuple[int, str], Submission]
) -> Receipt | Exception | None:
    """What is known of a submission's key; it is its own from now on if nobody had it.

    The key is written first and looked up afterwards: another node that writes the same one at this moment is waited for.
    """
    assert submission.idempotency is not None
    key, fingerprint = submission.idempotency
    place = (submission.account_id, key)
    earlier = seen.get(place)
    if earlier is not None:
        assert earlier.idempotency is not None
        message_id, first = earlier.message_id, earlier.idempotency[1]
        told = _told(earlier)
    else:
        if run(connection, _IDEMPOTENCY, (*place, fingerprint, submission.message_id, submission.received_us)):
            seen[place] = submission
            return None
        row = connection.execute(
            select(idempotency.c.message_id, idempotency.c.fingerprint).where(
                idempotency.c.account_id == submission.account_id, idempotency.c.key == key
            )
        ).first()
        if row is None:
            raise TryLater("This idempotency key was forgotten just now; try again.")
        message_id, first = int(row.message_id), bytes(row.fingerprint)
        told = tuple(
            (int(found.id), str(found.recipient), int(found.facts))
            for found in connection.execute(
                select(deliveries.c.id, deliveries.c.recipient, deliveries.c.facts)
                .where(deliveries.c.account_id == submission.account_id, deliveries.c.message_id == message_id)
                .order_by(deliveries.c.id)
            )
        )
    if first != fingerprint:
        return Conflict(
            "This idempotency key was used for another message. Use a new key for a new message.",
            code="idempotency-key-reused",
        )
    return Receipt(message_id, told, replayed=True)


def refused(connection: Connection, items: Sequence[Row]) -> list[None]:
    """Write down submissions that got an error reply, so that the sender can see them (004: Error)."""
    many(connection, _REFUSAL, items)
    return [None] * len(items)


# ---- what happens to a delivery ------------------------------------------------------------------------------------


@dataclass(slots=True)
class Next:
    """What is to be done next about a delivery."""

    stage: Stage
    due_us: Instant
    waits: str | None = None
    tries: int | None = None
    site: str | None = None
    expires_us: Instant | None = None


@dataclass(slots=True)
class Step:
    """What has just happened to one delivery: events to append, and what is to be done next (None: nothing more).

    `holder` is the node that acts under a claim: the queue is touched only if it still holds it, the events are kept in
    any case, since what happened did happen.
    """

    account_id: int
    delivery_id: int
    events: list[Row]
    """Rows of `events`."""
    facts: int
    """The bits of the facts that the events establish."""
    now: Instant
    next: Next | None = None
    holder: int = 0
    reason: str | None = None
    detail: str | None = None
    said: str | None = None
    tries: int = 0
    pairs: list[tuple[str, str]] = field(default_factory=list)
    """The (category, reason) of 002 for each bounce event among the events."""
    judge: Judge | None = None
    """Decides what follows for the address. Asked in the same transaction; of good news only if there was bad before."""
    is_leap: bool = False
    """Whether the judge wants to know if the address took mail before."""
    site: str | None = None
    """Who said it, for the entry that may follow."""
    is_note: bool = False
    """Whether what is to be done next stays as it is."""


def event_row(
    account_id: int,
    delivery_id: int,
    key: int,
    kind: str,
    fact: int | None,
    occurred_us: Instant,
    recorded_us: Instant,
    reason: str | None = None,
    detail: str | None = None,
    status: str | None = None,
    evidence: str | None = None,
) -> Row:
    """A row of `events`, in the order of its columns; `status` is an enhanced status code (RFC 3463)."""
    return (account_id, delivery_id, key, kind, fact, occurred_us, recorded_us, reason, detail, status, evidence)


def _facts(engine_name: str) -> Any:
    found = select(
        deliveries.c.id, deliveries.c.facts, deliveries.c.created_us, deliveries.c.stream, deliveries.c.folded
    ).where(deliveries.c.account_id == bindparam("account"), among(deliveries.c.id, engine_name))
    if engine_name == "sqlite":
        return found
    # Locked, always in this order: were another node to add facts between our reading and our writing, both would count
    # the same gain.
    return found.order_by(deliveries.c.id).with_for_update()


_FACTS = query(_facts, "account", "ids")
_KEYS = query(
    lambda engine_name: select(events.c.delivery_id, events.c.key).where(
        events.c.account_id == bindparam("account"), among(events.c.delivery_id, engine_name)
    ),
    "account", "ids",
)  # fmt: skip

_READING = Statement(
    update(deliveries)
    .where(deliveries.c.account_id == bindparam("account"), deliveries.c.id == bindparam("delivery"))
    .values(
        facts=deliveries.c.facts.op("|")(bindparam("bits")),
        result=case((deliveries.c.result < bindparam("rank"), bindparam("rank")), else_=deliveries.c.result),
        life=case((deliveries.c.life < bindparam("life_rank"), bindparam("life_rank")), else_=deliveries.c.life),
        reason=bindparam("why"),
        detail=bindparam("fine"),
        said=bindparam("words"),
        tries=deliveries.c.tries + bindparam("more"),
        changed_us=bindparam("now"),
    ),
    "bits", "rank", "life_rank", "why", "fine", "words", "more", "now", "account", "delivery",
)  # fmt: skip
_READING_ONLY = Statement(
    update(deliveries)
    .where(deliveries.c.account_id == bindparam("account"), deliveries.c.id == bindparam("delivery"))
    .values(
        facts=deliveries.c.facts.op("|")(bindparam("bits")),
        result=case((deliveries.c.result < bindparam("rank"), bindparam("rank")), else_=deliveries.c.result),
        life=case((deliveries.c.life < bindparam("life_rank"), bindparam("life_rank")), else_=deliveries.c.life),
        tries=deliveries.c.tries + bindparam("more"),
        changed_us=bindparam("now"),
    ),
    "bits", "rank", "life_rank", "more", "now", "account", "delivery",
)  # fmt: skip

_MINE = (
    queue.c.account_id == bindparam("account"),
    queue.c.delivery_id == bindparam("delivery"),
    queue.c.holder == bindparam("node"),
)
_DONE = Statement(delete(queue).where(*_MINE), "account", "delivery", "node")
_GO_ON = Statement(
    update(queue)
    .where(*_MINE)
    .values(
        stage=bindparam("its_stage"),
        holder=literal_column("0"),
        due_us=bindparam("due"),
        waits=bindparam("why"),
        tries=bindparam("tried"),
        site=bindparam("its_site"),
        expires_us=bindparam("ends"),
    ),
    "its_stage", "due", "why", "tried", "its_site", "ends", "account", "delivery", "node",
)  # fmt: skip
_MOVE_ON = Statement(
    update(queue)
    .where(*_MINE)
    .values(stage=bindparam("its_stage"), holder=literal_column("0"), due_us=bindparam("due"), waits=bindparam("why")),
    "its_stage", "due", "why", "account", "delivery", "node",
)  # fmt: skip


def steps(connection: Connection, items: Sequence[Step]) -> list[bool]:
    """Append what happened and put the queue where it says; whether each delivery was known.

    A step whose events are all there already was recorded before, with all that follows from it, and changes nothing.
    Several steps of one delivery in one group are taken in their order.
    """
    before = _before(connection, items)
    known = [(item.account_id, item.delivery_id) in before for item in items]
    items = [item for item, is_known in zip(items, known, strict=True) if is_known]
    items = _not_yet_recorded(connection, items, before)
    items = [*items, *_consequences(connection, items, before)]
    feed.append(connection, [row for item in items for row in item.events])
    tally: Counter[Row] = Counter()
    bounced: Counter[Row] = Counter()
    explained, bare, done, go_on, move_on = [], [], [], [], []
    for item in items:
        place = (item.account_id, item.delivery_id)
        bits, created_us, stream, folded = before[place]
        new = bits | item.facts
        before[place] = (new, created_us, stream, folded)
        bucket = created_us - created_us % HOUR
        if new != bits:
            tally[item.account_id, bucket, stream, bits, new] += 1
        for category, reason in item.pairs:
            bounced[item.account_id, bucket, stream, BOUNCE, f"{category}/{reason}"] += 1
        rank, life = delivery_results.rank_of_bits(new), life_cycle.rank_of_bits(new)
        if item.reason is None and item.said is None:
            bare.append((item.facts, rank, life, item.tries, item.now, *place))
        else:
            explained.append(
                (item.facts, rank, life, item.reason, item.detail, item.said, item.tries, item.now, *place)
            )
        if item.is_note:
            continue
        if item.next is None:
            done.append((*place, item.holder))
            continue
        bell = BELL.get(item.next.stage)
        if bell is not None and item.next.due_us <= item.now:
            ring(connection, bell)
        if item.next.tries is None or item.next.site is None or item.next.expires_us is None:
            move_on.append((int(item.next.stage), item.next.due_us, item.next.waits, *place, item.holder))
        else:
            n = item.next
            go_on.append((int(n.stage), n.due_us, n.waits, n.tries, n.site, n.expires_us, *place, item.holder))
    many(connection, _READING, explained)
    many(connection, _READING_ONLY, bare)
    many(connection, _DONE, done)
    if done:
        ended = [(account_id, delivery_id, before[account_id, delivery_id][0]) for account_id, delivery_id, _ in done]
        credits.settle(connection, ended, now=items[-1].now)
    many(connection, _GO_ON, go_on)
    many(connection, _MOVE_ON, move_on)
    _add(connection, tally, bounced)
    return known


def _consequences(connection: Connection, items: Sequence[Step], before: Before) -> list[Step]:
    """See to what follows for the addresses; return what further facts about the deliveries that makes."""
    good = [item for item in items if item.judge is not None and item.facts & _DELIVERED_BIT]
    judged = [item for item in items if item.judge is not None and not item.facts & _DELIVERED_BIT]
    if good:
        folded_of = {(item.account_id, item.delivery_id): before[item.account_id, item.delivery_id][3] for item in good}
        watched = standings.watched(connection, folded_of)
        judged += [item for item in good if (item.account_id, item.delivery_id) in watched]
    if not judged:
        return []
    heard = [
        standings.Heard(
            item.account_id, before[item.account_id, item.delivery_id][3], item.delivery_id, item.now, item.judge,
            is_leap=item.is_leap, event_key=item.events[-1][2], reason=item.reason, site=item.site, said=item.said,
        )
        for item in judged if item.judge is not None
    ]  # fmt: skip
    further = []
    for item, fact, key, why in standings.follow(connection, heard):
        row = event_row(item.account_id, item.delivery_id, key, fact.word, int(fact), item.now, item.now, evidence=why)
        further.append(Step(item.account_id, item.delivery_id, [row], fact.bit, item.now, is_note=True))
    return further


_DELIVERED_BIT = Fact.DELIVERED.bit
Before = dict[tuple[int, int], tuple[int, Instant, str, str]]


def _before(connection: Connection, items: Sequence[Step]) -> Before:
    """The facts so far of the deliveries concerned, what their counters are filed under, and the address."""
    wanted: dict[int, list[int]] = {}
    for item in items:
        wanted.setdefault(item.account_id, []).append(item.delivery_id)
    return {
        (account_id, delivery_id): (facts, created_us, stream, folded)
        for account_id, ids in sorted(wanted.items())
        for delivery_id, facts, created_us, stream, folded in rows(
            connection, _FACTS, (account_id, packed(connection, ids))
        )
    }


def _not_yet_recorded(connection: Connection, items: Sequence[Step], before: Before) -> Sequence[Step]:
    """Leave out the steps that were recorded before. Only what adds no fact can be one, so mostly nothing is asked."""
    bits = {place: facts for place, (facts, *_) in before.items()}
    doubtful: dict[int, set[int]] = {}
    for item in items:
        place = (item.account_id, item.delivery_id)
        if item.facts | bits[place] != bits[place]:
            bits[place] |= item.facts
        elif item.events:
            doubtful.setdefault(item.account_id, set()).add(item.delivery_id)
    if not doubtful:
        return items
    there = {
        (account_id, delivery_id, key)
        for account_id, ids in doubtful.items()
        for delivery_id, key in rows(connection, _KEYS, (account_id, packed(connection, sorted(ids))))
    }
    fresh = []
    for item in items:
        keys = {row[:3] for row in item.events}
        if not keys or not keys <= there:
            fresh.append(item)
            there |= keys
    return fresh


# ---- counting ------------------------------------------------------------------------------------------------------


def _count_up(engine_name: str) -> Any:
    new = upsert(counts, engine_name)
    return new.on_conflict_do_update(
        index_elements=["account_id", "bucket_us", "stream", "kind", "word", "node"],
        set_={"number": counts.c.number + new.excluded.number},
    )


_COUNT = Statement(_count_up, *[column.name for column in counts.columns])


def _add(connection: Connection, tally: Counter[Row], numbers: Counter[Row]) -> None:
    """Add to the counters: what follows from deliveries whose facts grew, and plain numbers.

    Written once, right before the commit: in one transaction most gains and losses cancel out.
    """
    grown, plain = connection.info.setdefault("counted", (Counter(), Counter()))
    grown.update(tally)
    plain.update(numbers)
    before_commit(connection, "counters", _write_counters)


def _write_counters(connection: Connection) -> None:
    tally, numbers = connection.info.pop("counted")
    for (account_id, bucket, stream, before, after), number in tally.items():
        if before:
            numbers[account_id, bucket, stream, FACTS, str(before)] -= number
        numbers[account_id, bucket, stream, FACTS, str(after)] += number
    node = node_of(connection)
    # Sorted, so that two transactions never take the same rows in different orders.
    many(connection, _COUNT, [(*place, node, number) for place, number in sorted(numbers.items()) if number])
