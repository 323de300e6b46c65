"""Long files of contacts become contacts in one step, or not at all; on both engines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aftersend.broadcasts import files
from aftersend.errors import Conflict, NotFound
from aftersend.ids import IdSource
from aftersend.store import Store, contacts, erasure, imports, mailing_lists
from aftersend.store.contacts import Person, Spot
from aftersend.store.imports import Wanted
from given import ACCOUNT, Clock

Do = Callable[..., Any]
ROWS = 5_300


def file(rows: int = ROWS) -> bytes:
    """Every tenth row is wrong, somebody stands in it twice."""
    lines = [f"p{i}@example.net,P{i},City{i % 7}" if i % 10 else f"nobody{i},N," for i in range(rows)]
    return ("email,name,city\n" + "\n".join([*lines, "P1@example.net,Again,"]) + "\n").encode()


RIGHT, WRONG = ROWS - ROWS // 10, ROWS // 10 + 1


@pytest.fixture
def taker(store: Store, clock: Clock, ids: IdSource) -> files.Taker:
    """What takes files in, on node 1."""
    return files.Taker(store, clock, node=1, new_id=ids)


def add(write: Do, ids: IdSource, clock: Clock, content: bytes, **wanted: Any) -> int:
    number = ids()
    write(imports.add, ACCOUNT, number, content, Wanted(**wanted), who="ann", now=clock())
    return number


def work(runner: asyncio.Runner, taker: files.Taker, *, passes: int = 30) -> None:
    async def run() -> None:
        for _ in range(passes):
            await taker.run_due()

    runner.run(run())


def test_a_long_file_is_kept_with_its_list(
    write: Do, read: Do, clock: Clock, ids: IdSource, runner: asyncio.Runner, taker: files.Taker
) -> None:
    """Whoever is known is changed, with what was known before; wrong rows are named; nothing of it is left lying about."""
    write(mailing_lists.create, ACCOUNT, ids(), name="news", about="", now=clock())
    known = ids()
    before = Person(
        "Old", {"city": "Wien", "vip": True}, [Spot("p3@example.net", "p3@example.net"), Spot("b@c.d", "b@c.d")]
    )
    write(contacts.create, ACCOUNT, known, before, now=clock())
    number = add(write, ids, clock, file(), lists=["news"])
    assert read(imports.one, ACCOUNT, number).total == ROWS + 1
    work(runner, taker)
    found = read(imports.one, ACCOUNT, number)
    assert (found.state, found.rows, found.wrong, found.created, found.changed) == (
        "done", ROWS + 1, WRONG, RIGHT - 1, 1,
    )  # fmt: skip
    assert found.ended_us is not None
    person = read(contacts.one, ACCOUNT, known)
    assert (person["name"], person["attributes"], len(person["addresses"]), person["lists"]) == (
        "P3", {"city": "City3", "vip": True}, 2, ["news"],
    )  # fmt: skip
    assert [each["members"] for each in read(mailing_lists.every, ACCOUNT)] == [RIGHT]
    wrong = read(imports.faults, ACCOUNT, number, limit=1000)
    assert (len(wrong), wrong[0]["line"], "line 3 already" in wrong[-1]["why"]) == (WRONG, 2, True)
    again = add(write, ids, clock, file(), lists=["news"])
    work(runner, taker)
    assert read(imports.one, ACCOUNT, again).changed == RIGHT
    assert [each["members"] for each in read(mailing_lists.every, ACCOUNT)] == [RIGHT]
    for another in (imports.one, imports.go_on, imports.remove):
        with pytest.raises(NotFound):
            write(another, 2, number, **({"now": clock()} if another is imports.go_on else {}))


def test_what_is_only_looked_at_waits_to_be_told(
    write: Do, read: Do, clock: Clock, ids: IdSource, runner: asyncio.Runner, taker: files.Taker
) -> None:
    """Then it is kept, or forgotten with all that was read of it."""
    kept, gone = (add(write, ids, clock, file(), preview=True) for _ in range(2))
    with pytest.raises(Conflict):
        write(imports.go_on, ACCOUNT, kept, now=clock())
    work(runner, taker)
    assert {read(imports.one, ACCOUNT, each).state for each in (kept, gone)} == {"ready"}
    assert read(contacts.page, ACCOUNT, limit=1) == []
    write(imports.remove, ACCOUNT, gone)
    write(imports.go_on, ACCOUNT, kept, now=clock())
    work(runner, taker)
    assert read(imports.one, ACCOUNT, kept).created == RIGHT
    assert [each.id for each in read(imports.page, ACCOUNT, limit=9)] == [kept]


@pytest.mark.parametrize(
    ("content", "wanted", "why"),
    [
        (file(30), {"strict": True}, "4 rows are wrong"),
        (b"name,city\nAnn,Wien\n", {}, "email"),
        (b"email\nann@example.net\n\xff\n", {}, "UTF-8"),
    ],
)
def test_a_file_that_is_not_to_be_used_keeps_nobody(
    write: Do, read: Do, clock: Clock, ids: IdSource, runner: asyncio.Runner, taker: files.Taker,
    content: bytes, wanted: dict[str, Any], why: str,
) -> None:  # fmt: skip
    """And says why."""
    number = add(write, ids, clock, content, **wanted)
    work(runner, taker)
    found = read(imports.one, ACCOUNT, number)
    assert (found.state, why in str(found.why), read(contacts.page, ACCOUNT, limit=1)) == ("failed", True, [])


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_reader_that_dies_is_followed_by_another(
    write: Do, read: Do, store: Store, clock: Clock, ids: IdSource, runner: asyncio.Runner, steps: int
) -> None:
    """From the beginning of the file, after its lease; nobody is there twice, and until the end nobody is there at all."""
    number = add(write, ids, clock, file())

    class Died(BaseException):
        pass

    class Dying:
        def __init__(self) -> None:
            self.left = steps

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def run(self, function: Any, *args: Any, **kwargs: Any) -> Any:
            if self.left == 0:
                raise Died
            self.left -= 1
            return await store.run(function, *args, **kwargs)

    first: Any = files.Taker(Dying(), clock, node=1, new_id=ids)  # type: ignore[arg-type]
    with pytest.raises(Died):
        work(runner, first)
    assert read(contacts.page, ACCOUNT, limit=1) == []
    second = files.Taker(store, clock, node=2, new_id=ids)
    work(runner, second)
    assert read(contacts.page, ACCOUNT, limit=1) == []
    clock.forward(files.LEASE + 1)
    work(runner, second)
    found = read(imports.one, ACCOUNT, number)
    assert (found.state, found.created, found.wrong) == ("done", RIGHT, WRONG)


def test_what_is_old_is_forgotten(
    write: Do, read: Do, clock: Clock, ids: IdSource, runner: asyncio.Runner, taker: files.Taker
) -> None:
    """With the rows that were left out; what still waits to be read is not."""
    add(write, ids, clock, file(30))
    work(runner, taker)
    waits = add(write, ids, clock, file(30))
    assert write(imports.prune, before=clock() + 1) == 1
    assert [each.id for each in read(imports.page, ACCOUNT, limit=9)] == [waits]


def test_whoever_is_erased_is_not_brought_back_by_a_file_that_waits(
    write: Do, read: Do, clock: Clock, ids: IdSource, runner: asyncio.Runner, taker: files.Taker
) -> None:
    """Neither among those who are to be kept, nor among the rows that were left out."""
    content = b"email,name\nann@example.net,Ann\nbob@example.net,Bob\nAnn@example.net,Again\n"
    number = add(write, ids, clock, content, preview=True)
    work(runner, taker)
    write(erasure.from_the_rest, ACCOUNT, ["ann@example.net"])
    write(imports.go_on, ACCOUNT, number, now=clock())
    work(runner, taker)
    people = read(contacts.page, ACCOUNT, limit=9)
    assert [person["addresses"][0]["address"] for person in people] == ["bob@example.net"]
    assert "ann" not in str(read(imports.faults, ACCOUNT, number, limit=9)).lower()
