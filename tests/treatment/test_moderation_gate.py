"""Moderation, from the first look to the decision: who waits, what is written down, and that engines delay nobody."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from aftersend import ids as identities
from aftersend.clock import DAY
from aftersend.control import moderation as moderating
from aftersend.engines import Absent, Learned, Opinion, Panel
from aftersend.errors import BadField
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.policy.moderation import Oversight
from aftersend.store import Store, deliveries, moderation, record
from aftersend.store.deliveries import Filter
from aftersend.store.queue import Stage
from aftersend.treatment import Examiner, Rules, Tools, end_overdue, treat_due
from given import ACCOUNT, NODE, Clock, submission

Do = Callable[..., Any]


class Engine:
    """An engine that says what it is told to."""

    name = "filter"

    def __init__(self, score: float = 0.0, *, delay_s: float = 0.0, absent: str = "") -> None:
        self.score, self.delay_s, self.absent = score, delay_s, absent
        self.asked = 0
        self.taught: list[bool] = []

    async def ask(self, message: bytes, *, sender: str, recipients: Any, time_limit_s: float = 10) -> Opinion | Absent:
        """Answer, or do not within the time."""
        self.asked += 1
        await asyncio.sleep(min(self.delay_s, time_limit_s))
        if self.absent or self.delay_s > time_limit_s:
            return Absent(self.name, self.absent or "It did not answer in time.")
        return Opinion(self.name, self.score, 10.0, "reject" if self.score >= 10 else "no action")

    async def teach(self, message: bytes, spam: bool) -> Learned:
        """Learn."""
        self.taught.append(spam)
        return Learned(self.name, True)

    async def close(self) -> None:
        """Nothing to close."""


class Desk:
    """Treatment with a moderator."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource, write: Do, read_: Do) -> None:
        self.store, self.clock, self.ids, self.write, self.read = store, clock, ids, write, read_
        self.mode = "watch"
        self.filter = Engine()
        self.examiner = self._examiner()

    def _examiner(self, limit_s: float = 0.2) -> Examiner:
        return Examiner(self.store, self.clock, self.overseen, Panel([self.filter], self.clock), limit_s=limit_s)

    def with_filter(self, filter_: Engine) -> None:
        """Ask another engine."""
        self.filter = filter_
        self.examiner = self._examiner()

    def overseen(self, account_id: int) -> Oversight:
        """How mail is moderated."""
        return Oversight(self.mode, 1)

    def send(self, *recipients: str, **more: Any) -> None:
        """Take a message in."""
        self.write(record.accepted, [submission(self.ids, self.clock(), *recipients, passed=False, **more)])

    async def treat(self) -> None:
        """Treat all that can be, and wait for judgements under way."""
        rules = Rules(overseen=self.overseen)
        for _ in range(40):
            await treat_due(
                self.store, self.clock, self.ids, node=NODE, batch=500, rules=rules, tools=Tools(self.examiner.begin)
            )
            if not self.examiner.is_busy and not self.read(moderation.are_moving):
                return
            await asyncio.sleep(0.01)
        pytest.fail("treatment does not come to rest")

    def decide(self, action: str, *rows: dict[str, Any], reason: str = "", **more: Any) -> dict[str, Any]:
        """Decide as a moderator does."""
        told: dict[str, Any] = self.write(
            moderating.decide, action, [row["message_id"] for row in rows], account_id=None, reason=reason,
            teach=more.get("teach", False), who="console ann", ids=self.ids, now=self.clock(),
        )  # fmt: skip
        return told

    def rows(self) -> list[dict[str, Any]]:
        """The log."""
        found: list[dict[str, Any]] = self.read(deliveries.page, ACCOUNT, Filter(), limit=1000)
        return found

    def kinds(self) -> list[list[str]]:
        """What happened, by delivery."""
        return [[e["kind"] for e in self.read(deliveries.events_of, ACCOUNT, row["id"])] for row in self.rows()]


@pytest.fixture
def desk(store: Store, clock: Clock, ids: IdSource, write: Do, read: Do) -> Desk:
    """Treatment with a moderator."""
    return Desk(store, clock, ids, write, read)


async def test_what_nothing_speaks_against_goes(desk: Desk) -> None:
    """The engine is asked once for a message, however many recipients; the history says nothing of it."""
    desk.send("a@example.net", "b@example.net")
    await desk.treat()
    assert desk.kinds() == [["received", "treated"]] * 2
    assert desk.filter.asked == 1


async def test_what_looks_like_spam_waits_for_a_yes(desk: Desk) -> None:
    """Pending, with the engine's words; accepted by name, and on its way."""
    desk.with_filter(Engine(12.0))
    desk.send("a@example.net", "b@example.net")
    await desk.treat()
    assert desk.kinds() == [["received", "moderation_pending"]] * 2
    row = desk.rows()[0]
    assert (row["stage"], row["due_us"]) == (Stage.MODERATION, desk.clock() + 7 * DAY)
    assert row["waits"] == "filter takes it for spam (12 of 10 points)."
    desk.clock.forward(DAY)
    assert desk.decide("accept", row)["done"] == 1
    await desk.treat()
    assert desk.kinds() == [["received", "moderation_pending", "moderation_accepted", "treated"]] * 2
    assert desk.decide("quarantine", row, reason="Too late.") == {"done": 0, "skipped": {"accepted": 1}}


async def test_a_no_keeps_it_and_can_become_a_yes(desk: Desk) -> None:
    """Quarantined, with the reason to the sender; forward only."""
    desk.with_filter(Engine(12.0))
    desk.send("a@example.net")
    await desk.treat()
    (row,) = desk.rows()
    with pytest.raises(BadField):
        desk.decide("quarantine", row)
    desk.decide("quarantine", row, reason="Name the list that people joined.")
    await desk.treat()
    assert desk.kinds() == [["received", "moderation_pending", "quarantined"]]
    (row,) = desk.rows()
    assert "Name the list" in row["waits"]
    desk.decide("accept", row)
    await desk.treat()
    assert desk.kinds() == [["received", "moderation_pending", "quarantined", "moderation_accepted", "treated"]]


async def test_what_nobody_decides_about_ends(desk: Desk) -> None:
    """After a week, with its reason."""
    desk.mode = "all"
    desk.send("a@example.net")
    await desk.treat()
    desk.clock.forward(7 * DAY)
    await end_overdue(desk.store, desk.clock, desk.ids, node=NODE)
    assert desk.kinds() == [["received", "moderation_pending", "expired"]]
    assert "moderator" in desk.rows()[0]["said"]


async def test_the_first_messages_of_a_sender(desk: Desk) -> None:
    """Looked at until enough was accepted."""
    desk.mode = "new"
    desk.send("a@example.net")
    await desk.treat()
    (row,) = desk.rows()
    assert row["facts"] & Fact.MODERATION_PENDING.bit
    desk.decide("accept", row)
    desk.send("b@example.net")
    await desk.treat()
    assert desk.kinds()[0] == ["received", "treated"]


async def test_a_slow_engine_delays_nothing_else(desk: Desk) -> None:
    """Other mail goes at once; what waits for it goes on when the time limit is over, and the judgement says why."""
    slow = desk.filter = Engine(delay_s=30.0)
    examiner = desk.examiner = desk._examiner(limit_s=0.5)
    desk.send("slow@example.net")
    desk.send("own@example.net", account=2)
    rules = Rules(overseen=lambda account: Oversight("watch", 0) if account == ACCOUNT else None)
    began = time.monotonic()
    await treat_due(desk.store, desk.clock, desk.ids, node=NODE, batch=9, rules=rules, tools=Tools(examiner.begin))
    assert time.monotonic() - began < 0.4
    (other,) = desk.read(deliveries.page, 2, Filter(), limit=9)
    assert other["facts"] & Fact.TREATED.bit
    while examiner.is_busy:
        await asyncio.sleep(0.02)
    assert time.monotonic() - began < 2.0
    await desk.treat()
    (case,) = desk.read(moderating.listed, account_id=None, limit=9)
    assert case["state"] == "pending"
    assert case["engines"] == [{"name": "filter", "absent": "It did not answer in time"}]
    assert slow.asked == 1


async def test_many_are_decided_about_at_once(desk: Desk) -> None:
    """By what was found; each with a note in the audit; the engines learn from it."""
    desk.with_filter(Engine(12.0))
    for number in range(5):
        desk.send(f"{number}@example.net", subject=f"Offer {number}")
    await desk.treat()
    found = desk.read(moderating.listed, account_id=ACCOUNT, state="pending", rule="engine", text="offer", limit=3)
    assert [row["subject"] for row in found] == ["Offer 4", "Offer 3", "Offer 2"]
    wanted = [{"message_id": identities.read("msg", row["id"])} for row in found]
    assert desk.decide("quarantine", *wanted, reason="No.", teach=True)["done"] == 3
    assert await desk.examiner.teach() == 3
    assert desk.filter.taught == [True] * 3
    assert await desk.examiner.teach() == 0
    whole = desk.read(moderating.whole, None, wanted[0]["message_id"])
    assert (whole["state"], whole["reason"], whole["first_recipients"]) == ("quarantined", "No.", ["4@example.net"])
    assert desk.decide("accept", {"message_id": 12345})["skipped"] == {"unknown": 1}
    with pytest.raises(BadField):
        desk.decide("burn", *wanted)
    assert identities.show("msg", wanted[0]["message_id"]) == found[0]["id"]


async def test_off_lets_go_what_waits(desk: Desk) -> None:
    """Who stops moderating leaves nothing behind."""
    desk.mode = "all"
    desk.send("a@example.net")
    await desk.treat()
    desk.write(moderating.oversee, ACCOUNT, mode="off", first=3, now=desk.clock())
    await treat_due(desk.store, desk.clock, desk.ids, node=NODE, batch=9, rules=Rules(overseen=lambda account: None))
    assert desk.kinds() == [["received", "moderation_pending", "treated"]]


async def test_what_was_judged_is_forgotten_with_the_message(desk: Desk) -> None:
    """Once its time is over, and not before."""
    desk.send("a@example.net")
    await desk.treat()
    assert desk.write(moderation.prune, before=desk.clock() - DAY) == 0
    assert desk.write(moderation.prune, before=desk.clock() + DAY) == 1
    assert desk.read(moderating.listed, account_id=ACCOUNT, limit=9) == []


async def test_without_engines_a_judgement_needs_no_second_look(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes milliseconds, so the pass waits for it; with an engine, nothing does."""
    # However busy the machine is, the pass that waits sees the judgement.
    monkeypatch.setattr("aftersend.treatment.examining.SETTLED_WITHIN_S", 30)
    plain = Examiner(desk.store, desk.clock, desk.overseen, Panel([], desk.clock))
    rules = Rules(overseen=desk.overseen)
    desk.send("a@example.net")
    await treat_due(
        desk.store, desk.clock, desk.ids, node=NODE, batch=9, rules=rules, tools=Tools(plain.begin, settle=plain.settle)
    )
    assert desk.kinds() == [["received", "treated"]]
    desk.send("b@example.net")
    tools = Tools(desk.examiner.begin, settle=desk.examiner.settle)
    await treat_due(desk.store, desk.clock, desk.ids, node=NODE, batch=9, rules=rules, tools=tools)
    assert ["received"] in desk.kinds()
    await desk.treat()
