"""Tell events to programs, in the order in which they became durable: one form for the API, the stream, webhooks and files.

The words of the vocabularies are those of the moment: what was so when the event was written down, by it and all that was
written down before. So an event that is told again, days later, says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aftersend import ids
from aftersend.clock import Instant, iso
from aftersend.errors import BadField
from aftersend.ledger.conservation import is_ended
from aftersend.ledger.events import Event, fold_bits
from aftersend.ledger.explain import Explanation, explain
from aftersend.ledger.facts import Facts, Phase
from aftersend.ledger.wanted import Wanted, types
from aftersend.reports.log import leases_of
from aftersend.reports.search import instant
from aftersend.reports.telling import Row, event, parsed, waiting
from aftersend.store import feed, occurrences
from aftersend.store.connection import Connection
from aftersend.store.feed import Noted

MOST = 1000
"""So many events are given at once."""

PARTS_AT_ONCE = 10
"""So many parts are looked through at once for events that are wanted."""

Wants = Callable[[str, str, Sequence[str]], bool]
"""Says by an event's type, its stream and its tags whether it is wanted; `ledger.wanted` makes these."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event, told."""

    sequence: int
    delivery_id: int
    key: int
    folded: str
    """The recipient's address as it is compared; events of one recipient are told in order."""
    as_dict: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the stream."""

    events: list[Told]
    read_to: int
    """The sequence up to which it was read; events that were not wanted lie in between."""
    has_more: bool


def read(
    connection: Connection, account_id: int, after: int, *, limit: int, wants: Wants | None = None, until: int | None = None
) -> Part:  # fmt: skip
    """Return the events behind a sequence, in order. Looks at `limit` events, so that it always ends soon."""
    noted = feed.beyond(connection, account_id, after, limit=limit, until=until)
    events = tell(connection, account_id, noted, wants)
    return Part(events, noted[-1].sequence if noted else after, len(noted) == limit)


def search(connection: Connection, account_id: int, after: int, *, limit: int, wants: Wants | None = None) -> Part:
    """Return up to `limit` wanted events behind a sequence, in order. Of rare ones there may be more behind a part that has
    none: `has_more` says so, and `read_to` is where to read on."""
    found: list[Told] = []
    for _ in range(PARTS_AT_ONCE):
        part = read(connection, account_id, after, limit=limit if wants is None else MOST, wants=wants)
        found += part.events
        if len(found) >= limit:
            has_more = part.has_more or len(found) > limit
            return Part(found[:limit], found[limit - 1].sequence if len(found) > limit else part.read_to, has_more)
        after = part.read_to
        if not part.has_more:
            return Part(found, after, False)
    return Part(found, after, True)


def tell(connection: Connection, account_id: int, noted: Sequence[Noted], wants: Wants | None = None) -> list[Told]:
    """Tell these events, those that are wanted and still kept, in the given order."""
    if not noted:
        return []
    wanted = list(dict.fromkeys(each.delivery_id for each in noted))
    rows = occurrences.deliveries_of(connection, account_id, wanted)
    happened = occurrences.events_of(connection, account_id, wanted)
    leases = leases_of(connection)
    stories: dict[int, _Story] = {}
    told = []
    for each in noted:
        row = rows.get(each.delivery_id)
        if row is None:
            continue
        story = stories.get(each.delivery_id)
        if story is None:
            story = stories[each.delivery_id] = _Story(row, happened[each.delivery_id])
        one = story.tell(each, leases, wants)
        if one is not None:
            told.append(one)
    return told


class _Story:
    """One delivery with all that happened to it, in the order in which it was written down."""

    def __init__(self, row: Row, happened: Sequence[Row]) -> None:
        self.row = row
        self.events: list[Event] = sorted(map(event, happened), key=_arrival)
        self.place = {each.key: number for number, each in enumerate(self.events)}
        self.tags = parsed(row["tags"]) or []
        self.metadata = parsed(row["metadata"]) or {}

    def tell(self, noted: Noted, leases: Any, wants: Wants | None) -> Told | None:
        number = self.place.get(noted.key)
        if number is None:
            return None
        now = self.events[number]
        row = self.row
        kind = f"delivery.{now.kind}"
        if wants is not None and not wants(kind, row["stream"], self.tags):
            return None
        so_far = self.events[: number + 1]
        is_latest = number == len(self.events) - 1
        explanation = explain(Facts(fold_bits(so_far)), so_far, waiting(row, leases) if is_latest else None)
        told = self._as_dict(noted.sequence, kind, now, explanation, is_late=self._is_late(number), is_latest=is_latest)
        return Told(noted.sequence, noted.delivery_id, noted.key, row["folded"], told)

    def _is_late(self, number: int) -> bool:
        now = self.events[number]
        if now.fact is None or now.fact.phase is Phase.READ:
            return False
        before = [each for each in self.events[:number] if each.recorded_us < now.recorded_us]
        return is_ended(Facts(fold_bits(before)))

    def _as_dict(
        self, sequence: int, kind: str, now: Event, explanation: Explanation, *, is_late: bool, is_latest: bool
    ) -> dict[str, Any]:  # fmt: skip
        row, says = self.row, explanation.as_dict()
        return {
            "id": ids.show("evt", now.key),
            "sequence": sequence,
            "type": kind,
            "fact": None if now.fact is None else now.fact.word,
            "sentence": now.sentence,
            "occurred_at": iso(now.occurred_us),
            "recorded_at": iso(now.recorded_us),
            "message_id": ids.show("msg", row["message_id"]),
            "delivery_id": ids.show("dlv", row["id"]),
            "recipient": row["recipient"],
            "rfc_message_id": row["rfc_message_id"],
            "subject": row["subject"],
            "stream": row["stream"],
            "broadcast_id": None if row["broadcast_id"] is None else ids.show("brd", row["broadcast_id"]),
            "tags": self.tags,
            "metadata": self.metadata,
            "late": is_late,
            "ended": explanation.is_ended,
            "headline": says["headline"],
            "status": says["status"],
            "why": says["why"],
            "who_must_act": says["who_must_act"],
            "advice": says["advice"],
            "later": says["later"],
            "next": {name: says["next"][name] for name in ("sentence", "at")} if is_latest else None,
            "reason": None if now.reason is None else now.reason.value,
            "detail": now.detail,
            "enhanced_status": now.status or None,
            "evidence": dict(now.evidence) or None,
        }


def _arrival(each: Event) -> tuple[int, int, int, int]:
    return each.recorded_us, each.occurred_us, 99 if each.fact is None else each.fact, each.key


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the stream: behind which sequence (None: from a time, or from the beginning), and which events."""

    after: int | None
    since: Instant | None
    wanted: Wanted
    limit: int | None

    @property
    def wants(self) -> Wants | None:
        """The filter, or None where everything is wanted."""
        return None if self.wanted.is_all else self.wanted


def asked(words: Iterable[tuple[str, Any]], *, now: Instant) -> Asked:
    """Read what is asked of the stream, the same words in the API and on the command line. Raise BadField."""
    many: dict[str, list[str]] = {"type": [], "stream": [], "tag": []}
    single: dict[str, str] = {}
    for name, value in words:
        if name not in many and name not in _ONCE:
            there = ", ".join((*_ONCE, *many))
            detail = f"{name[:60]!r} is not known here; there are {there}."
            raise BadField(f"#/{name[:60].replace('~', '~0').replace('/', '~1')}", detail, code="unknown-field")
        if not value or "\0" in value or len(value) > LONGEST:
            raise BadField(f"#/{name}", f"Give {name} a value of 1 to {LONGEST} characters, or leave it out.")
        if name in single:
            raise BadField(f"#/{name}", f"Give {name} once.")
        if name in many:
            many[name].append(value)
        else:
            single[name] = value
    if "after" in single and "since" in single:
        raise BadField("#/since", "Give after or since, not both.", code="invalid-cursor")
    return Asked(
        sequence(single["after"], "#/after") if "after" in single else None,
        instant(single["since"], "since", now=now) if "since" in single else None,
        Wanted(types(many["type"], "#/type"), tuple(many["stream"]), tuple(many["tag"])),
        _limit(single["limit"]) if "limit" in single else None,
    )


_ONCE = ("after", "since", "limit")
LONGEST = 1000


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MOST:
        detail = f"limit is a whole number from 1 to {MOST}, not {text[:40]!r}."
        raise BadField("#/limit", detail, code="invalid-limit")
    return int(text)


def sequence(text: str, pointer: str) -> int:
    """Read a sequence. Raise BadField."""
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) > ids.MOST:
        detail = f"{text[:40]!r} is no sequence of an event; take the cursor of a page."
        raise BadField(pointer, detail, code="invalid-cursor")
    return int(text)


def begin(connection: Connection, account_id: int, *, since: Instant | None, is_from_now: bool = False) -> int:
    """Return the sequence from which to read on: from an instant, from now on, or from the oldest event that is kept."""
    if since is not None:
        return feed.first_at(connection, account_id, since)
    return feed.last(connection, account_id) if is_from_now else feed.oldest(connection, account_id)
