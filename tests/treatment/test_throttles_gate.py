"""Rates of accounts and domains hold mail back, each account by itself, and transactional mail never."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aftersend.clock import DAY, HOUR, MINUTE
from aftersend.control import limiting
from aftersend.ids import IdSource
from aftersend.ledger.facts import Fact
from aftersend.policy import pace
from aftersend.policy.throttles import read as throttles
from aftersend.store import Store, deliveries, record
from aftersend.store.deliveries import Filter
from aftersend.treatment import Rules, Tools, treat_due
from given import ACCOUNT, NODE, Clock, submission

Do = Callable[..., Any]
KEPT = throttles([(0, "domain", "example.net", "60/hour", 0), (ACCOUNT, "account", "", "120/hour", 0)])
RULES = Rules(throttles=KEPT, urgent=lambda account, stream: stream == "transactional")


def gone(read: Do, account: int = ACCOUNT) -> set[str]:
    """Who was let go."""
    rows = read(deliveries.page, account, Filter(), limit=999)
    return {row["recipient"] for row in rows if row["facts"] & Fact.TREATED.bit}


async def test_the_slowest_rate_counts(store: Store, clock: Clock, ids: IdSource, write: Do, read: Do) -> None:
    """A minute between two to the domain, in the order in which they came; others go at the pace of the account."""
    names = [*(f"{i}@example.net" for i in range(4)), *(f"{i}@example.org" for i in range(2))]
    for name in names:
        write(record.accepted, [submission(ids, clock(), name, stream="news", passed=False)])
    write(record.accepted, [submission(ids, clock(), "a@example.net", account=2, stream="news", passed=False)])
    await treat_due(store, clock, ids, node=NODE, batch=99, rules=RULES)
    assert gone(read, 2) == {"a@example.net"}
    assert "0@example.net" in gone(read)
    waiting = [row for row in read(deliveries.page, ACCOUNT, Filter(), limit=9) if row["waits"]]
    assert {row["waits"] for row in waiting} == {
        "No more than 60 an hour go out to example.net.", "No more than 120 an hour go out of the account.",
    }  # fmt: skip
    for _ in range(60):
        clock.forward(MINUTE // 2)
        await treat_due(store, clock, ids, node=NODE, batch=99, rules=RULES)
        if len(gone(read)) == len(names):
            break
    assert gone(read) == set(names)
    assert clock() < 1_764_547_200_000_000 + HOUR


async def test_transactional_mail_never_waits(store: Store, clock: Clock, ids: IdSource, write: Do, read: Do) -> None:
    """It counts all the same: what comes after it waits the longer."""
    for number in range(5):
        write(record.accepted, [submission(ids, clock(), f"{number}@example.net", passed=False)])
    write(record.accepted, [submission(ids, clock(), "bulk@example.net", stream="news", passed=False)])
    await treat_due(store, clock, ids, node=NODE, batch=99, rules=RULES)
    assert gone(read) == {f"{number}@example.net" for number in range(5)}
    (row,) = [
        row for row in read(deliveries.page, ACCOUNT, Filter(), limit=9) if row["recipient"] == "bulk@example.net"
    ]
    assert row["due_us"] >= clock() + 4 * MINUTE


class Names:
    """All domains but one have the same servers."""

    async def trouble(self, domain: str) -> tuple[str, str] | None:
        """All take mail."""
        return None

    def site(self, domain: str) -> str:
        """Two of three are at one site, and of one nothing is known."""
        return {"a.example": "big.example", "b.example": "big.example"}.get(domain, "")


async def test_a_site_is_all_domains_on_its_servers(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """They count together; a domain of which nothing is known passes."""
    for domain in ("a.example", "b.example", "c.example", "c.example"):
        write(record.accepted, [submission(ids, clock(), f"{ids()}@{domain}", stream="news", passed=False)])
    rules = Rules(throttles=throttles([(ACCOUNT, "site", "big.example", "60/hour", 0)]))
    await treat_due(store, clock, ids, node=NODE, batch=99, rules=rules, tools=Tools(names=Names()))
    assert sorted(name.partition("@")[2] for name in gone(read)) == ["a.example", "c.example", "c.example"]
    (waiting,) = [row for row in read(deliveries.page, ACCOUNT, Filter(), limit=9) if row["waits"]]
    assert waiting["waits"] == "No more than 60 an hour go out to the servers of big.example."


async def test_a_warm_up_keeps_nobody_beyond_its_day(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """What would wait for longer is looked at anew when more may go."""
    names = [f"{number}@example.org" for number in range(400)]
    write(record.accepted, [submission(ids, clock(), *names, stream="news", passed=False)])
    rules = Rules(throttles=throttles([(ACCOUNT, "account", "", "warm-up", clock())]))
    await treat_due(store, clock, ids, node=NODE, batch=999, rules=rules)
    assert len(gone(read)) == 10
    last = max(row["due_us"] for row in read(deliveries.page, ACCOUNT, Filter(), limit=999))
    assert last == clock() + DAY


async def test_a_changed_rate_moves_what_waits(store: Store, clock: Clock, ids: IdSource, write: Do, read: Do) -> None:
    """In its order, at the new pace, however many batches it takes; what waits for another reason keeps its moment."""
    names = [f"{number:02}@example.org" for number in range(40)]
    for name in names:
        clock.forward(1)
        write(record.accepted, [submission(ids, clock(), name, stream="news", passed=False)])
    planned = clock() + DAY
    write(record.accepted, [submission(ids, clock(), "x@example.org", stream="news", passed=False, scheduled=planned)])

    async def pass_at(rate: str, batch: int) -> None:
        while await treat_due(store, clock, ids, node=NODE, batch=batch, rate=lambda account, stream: pace.read(rate)):
            pass

    await pass_at("1/day", 7)
    for page in limiting.pages(limiting.of_stream(ACCOUNT, "news"), [ACCOUNT], now=clock()):
        write(page)
    await pass_at("60/hour", 7)
    rows = {row["recipient"]: row["due_us"] for row in read(deliveries.page, ACCOUNT, Filter(), limit=99)}
    assert rows.pop("x@example.org") == planned
    waiting = sorted((name for name in rows if name not in gone(read)), key=lambda name: rows[name])
    assert waiting == sorted(waiting)
    assert [round((rows[name] - clock()) / MINUTE) for name in waiting] == list(range(1, len(waiting) + 1))


async def test_a_flood_of_what_waited_is_told_moments_of_its_own(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """After hours in which nothing ran, all of it is due: each gets the next moment that nobody else has."""
    names = [f"{number}@example.org" for number in range(900)]
    write(record.accepted, [submission(ids, clock(), *names, stream="news", passed=False)])
    tools, rate = Tools(floods={}), pace.read("60/hour")

    async def all_due(batch: int) -> None:
        while (
            await treat_due(store, clock, ids, node=NODE, batch=batch, rate=lambda account, stream: rate, tools=tools)
            == batch
        ):
            pass

    await all_due(300)
    clock.forward(2 * DAY)
    await all_due(300)
    dues = [row["due_us"] for row in read(deliveries.page, ACCOUNT, Filter(), limit=999) if row["waits"]]
    assert len(dues) == 898
    assert len(set(dues)) == len(dues)
    assert max(dues) == clock() + 898 * MINUTE


async def test_a_site_s_rate_for_all_is_shared_and_accounts_take_turns(
    store: Store, clock: Clock, ids: IdSource, write: Do, read: Do
) -> None:
    """One a minute from all accounts and nodes together; behind a long line of one account, another waits its turn only."""
    mine, theirs = [f"{number}@a.example" for number in range(30)], [f"{number}@b.example" for number in range(3)]
    third = [f"{number}@a.example" for number in range(2)]
    rules = Rules(
        throttles=throttles([(0, "site", "big.example", "60/hour", 0), (2, "site", "big.example", "9/second", 0)])
    )
    other = NODE + 1

    async def all_nodes() -> None:
        for node in (NODE, other):
            while await treat_due(store, clock, ids, node=node, batch=7, rules=rules, tools=Tools(names=Names())):
                pass

    for name in mine:
        write(record.accepted, [submission(ids, clock(), name, stream="news", passed=False)])
    await all_nodes()
    for name in theirs:
        write(record.accepted, [submission(ids, clock(), name, account=2, stream="news", passed=False)])
    for name in third:
        write(record.accepted, [submission(ids, clock(), name, account=3, stream="news", passed=False)])
    await all_nodes()
    assert [len(gone(read, account)) for account in (1, 2, 3)] == [1, 0, 0]
    first = min(row["due_us"] for row in read(deliveries.page, 2, Filter(), limit=9))
    assert first - clock() <= 2 * MINUTE
    for minute in range(1, 12):
        clock.forward(MINUTE)
        await all_nodes()
        assert sum(len(gone(read, account)) for account in (1, 2, 3)) == 1 + minute
    assert (gone(read, 2), gone(read, 3)) == (set(theirs), set(third))
