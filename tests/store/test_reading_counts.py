"""How mail was read: numbers that always equal a count of the rows, and stay when these are forgotten."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select

from aftersend.clock import DAY, HOUR
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.store import judged, reading, record, retention
from aftersend.store.reading import BY, Scope
from aftersend.store.schema.tracking import followed, links, read_counts, readings
from given import ACCOUNT, Clock, delivery_ids, step, submission

Do = Callable[..., Any]
VERDICTS = ("none", "machine", "unknown", "privacy_proxy", "human")
DAYS = {"bodies": 7, "evidence": 30, "events": 395, "refusals": 30}


class Read:
    """A delivery of which something is said again and again."""

    def __init__(self, message_id: int, delivery_id: int, created_us: int, chance: random.Random) -> None:
        self.place = (ACCOUNT, message_id, delivery_id, chance.choice(("general", "news")))
        self.domain = chance.choice(("a.example", "b.example", "c.example"))
        self.created_us = created_us
        self.said: tuple[Any, ...] = ()

    def again(self, chance: random.Random) -> judged.Looked:
        """Say something else of it."""
        at = self.created_us + chance.randrange(30) * HOUR
        self.said = (
            chance.choice(VERDICTS), chance.choice(VERDICTS), chance.choice(("yes", "no", "unsupported")),
            chance.choice((None, at)), at,
        )  # fmt: skip
        row = (*self.place, self.domain, *self.said, self.created_us)
        return judged.Looked(
            ACCOUNT, self.place[2], 0, [], row, [(ACCOUNT, self.place[1], 1, self.place[2], "human", at)], None
        )

    def counted(self, by: str | None) -> tuple[Any, str, str, str] | None:
        """Where it is to be counted; None: nowhere."""
        opened, click, was_read, opened_us, clicked_us = self.said
        opened = "human" if click == "human" else opened
        if by == "hour" and opened != "human":
            return None
        hour = (clicked_us if opened_us is None else opened_us) // HOUR % 24
        at = {None: None, "stream": self.place[3], "domain": self.domain, "message": self.place[1], "hour": hour}[by]
        return at, opened, click, was_read


def expected(told: list[Read], by: str | None) -> dict[Any, reading.Counted]:
    """Count one by one."""
    found: dict[Any, Any] = {}
    for (at, opened, click, was_read), number in Counter(filter(None, (each.counted(by) for each in told))).items():
        place = found.setdefault(at, {"open": Counter(), "click": Counter(), "read": Counter()})
        place["open"][opened] += number
        place["click"][click] += number
        place["read"].update({was_read: number} if opened == "human" else {})
    return found


def made(write: Do, clock: Clock, ids: IdSource, chance: random.Random) -> list[Read]:
    """Messages to several people over some hours, all delivered."""
    found = []
    for _ in range(6):
        now = clock.forward(chance.randrange(90) * HOUR // 60)
        sent = submission(ids, now, *"abc")
        (receipt,) = write(record.accepted, [sent])
        places = delivery_ids(receipt)
        write(record.steps, [step(i, now, Fact.DELIVERED, keys=[ids()]) for i in places])
        found += [Read(sent.message_id, place, now, chance) for place in places]
    return found


def test_numbers_equal_a_count_of_the_rows(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Whatever is said, how often and in which order; of all, of a stream, of a period, of one message; by everything."""
    chance = random.Random(5)
    told: list[Read] = []
    everybody = made(write, clock, ids, chance)
    for _ in range(30):
        some = chance.sample(everybody, chance.randrange(1, 6))
        told += [each for each in some if each not in told]
        write(judged.looked, [each.again(chance) for each in some])
        since = chance.choice((None, chance.choice(told).created_us // HOUR * HOUR))
        stream = chance.choice((None, "news"))
        one = chance.choice(told).place[1]
        for by in (None, *BY):
            right = [
                each for each in told
                if stream in (None, each.place[3]) and (since is None or each.created_us >= since)
            ]  # fmt: skip
            assert read(reading.counted, ACCOUNT, Scope(since=since, stream=stream), by) == expected(right, by), by
            right = [each for each in told if each.place[1] == one]
            assert read(reading.counted, ACCOUNT, Scope(message_id=one), by) == expected(right, by), by
    assert read(reading.counted, ACCOUNT + 1, Scope()) == {}
    least = read(lambda c: c.execute(select(func.min(read_counts.c.number))).scalar_one())
    assert least >= 0


def test_the_most_read_were_opened_by_somebody(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Where a person turns out to be a program, a message goes back among those that nobody opened: the latest first."""
    everybody = made(write, clock, ids, random.Random(3))
    first, last = everybody[0], everybody[-1]
    for verdict, order in (("human", [first, last]), ("machine", [last, first])):
        first.said = (verdict, "none", "no", first.created_us, None)
        row = (*first.place, first.domain, *first.said, first.created_us)
        write(judged.looked, [judged.Looked(ACCOUNT, first.place[2], 0, [], row, [], None)])
        found = read(reading.most_read, ACCOUNT, Scope(), limit=10)
        assert len(found) == len(set(found)) == 6
        assert [each for each in found if each in (first.place[1], last.place[1])] == [each.place[1] for each in order]


def test_who_arrived_is_counted_as_the_rows_are(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """The number of all and of a stream comes from counters, that of a message or a domain from rows: they agree."""
    everybody = made(write, clock, ids, random.Random(7))
    since = everybody[8].created_us // HOUR * HOUR
    for scope in (Scope(), Scope(since=since), Scope(since=since, until=since + HOUR)):
        whole = read(reading.delivered, ACCOUNT, scope).get(None, {"delivered": 0})["delivered"]
        right = [
            each for each in everybody
            if each.created_us >= (scope.since or 0) and (scope.until is None or each.created_us < scope.until)
        ]  # fmt: skip
        assert whole == len(right)
        for by in ("stream", "domain", "message"):
            assert sum(each["delivered"] for each in read(reading.delivered, ACCOUNT, scope, by).values()) == whole


def test_what_was_counted_stays_when_the_rows_go(write: Do, read: Do, clock: Clock, ids: IdSource) -> None:
    """Readings, followed links and links go with their message, and what is counted by domain and message; the rest stays."""
    chance = random.Random(11)
    everybody = made(write, clock, ids, chance)
    write(judged.looked, [each.again(chance) for each in everybody])
    before = {by: read(reading.counted, ACCOUNT, Scope(), by) for by in (None, *BY)}
    kept = (links, readings, followed)

    def rows() -> list[int]:
        return [read(lambda c, t=t: c.execute(select(func.count()).select_from(t)).scalar_one()) for t in kept]

    there = rows()
    while any(write(retention.prune, now=clock.forward(0), days=DAYS, idempotency_us=400 * DAY).values()):
        pass
    assert rows() == there
    assert there[1:] == [18, 18]
    now = clock.forward(397 * DAY)
    while any(write(retention.prune, now=now, days=DAYS, idempotency_us=DAY).values()):
        pass
    assert rows() == [0, 0, 0]
    after = {by: read(reading.counted, ACCOUNT, Scope(), by) for by in (None, *BY)}
    assert after == before | {"domain": {}, "message": {}}
    assert read(reading.delivered, ACCOUNT, Scope())[None]["delivered"] == 18
