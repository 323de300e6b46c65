"""The records of keys that wait are looked for without anybody asking."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from test_domains import NOW, PLACE, added, published, wanted

from aftersend.clock import DAY, HOUR, MINUTE
from aftersend.control import awaiting
from aftersend.store import Engine, Store, accounts
from aftersend.store.domain_keys import Waiting


@pytest.mark.parametrize(
    ("age", "since", "due"),
    [
        (0, None, True), (2 * MINUTE, MINUTE, True), (2 * MINUTE, MINUTE // 2, False), (HOUR // 2, 4 * MINUTE, False),
        (HOUR // 2, 5 * MINUTE, True), (DAY, HOUR - 1, False), (DAY, HOUR, True), (9 * DAY, DAY - 1, False), (9 * DAY, DAY, True),
        (2 * HOUR, -9 * DAY, True), (-9 * DAY, MINUTE, True),
    ],
)  # fmt: skip
def test_looks_are_often_at_first(age: int, since: int | None, due: bool) -> None:
    """Every minute, every five, every hour, once a day; a clock that jumped is no reason to wait."""
    waiting = Waiting(1, "example.com", NOW - age, None if since is None else NOW - since)
    assert due is awaiting.is_due(waiting, NOW)


def test_keys_sign_once_a_look_has_seen_their_records(engine: Engine) -> None:
    """Nobody pressed anything; what is not due is not asked again."""
    now = [NOW]
    added(engine)
    names = [published(wanted(engine), txt={r.host: [] for r in wanted(engine) if r.purpose == "dkim"})]

    async def looks() -> list[int]:
        store = Store(engine)
        try:
            made = [await awaiting.look(store, names[0], PLACE, lambda: now[0]) for _ in range(2)]
            names[0], now[0] = published(wanted(engine)), NOW + MINUTE
            return [*made, *[await awaiting.look(store, names[0], PLACE, lambda: now[0]) for _ in range(2)]]
        finally:
            await store.close()

    assert asyncio.run(looks()) == [1, 0, 1, 0]
    with engine.reading() as connection:
        assert all(key.active_us == NOW + MINUTE for key in accounts.dkim_keys_of(connection, 1, "example.com"))


@pytest.mark.parametrize(
    "text", ["v=spf1 exp=why.example.com -all", "sp=reject", "=p=", "p", "v=DKIM1; x=p=", "\x00;=;p"]
)
def test_no_record_of_a_stranger_ends_the_look(engine: Engine, text: str) -> None:
    """Whatever is published at the name of a key: it is another record or none, and the domain counts as checked."""
    added(engine)
    names = published(wanted(engine), txt={r.host: [text] for r in wanted(engine) if r.purpose == "dkim"})

    async def look() -> int:
        store = Store(engine)
        try:
            return await awaiting.look(store, names, PLACE, lambda: NOW)
        finally:
            await store.close()

    assert asyncio.run(look()) == 1
    with engine.reading() as connection:
        (domain,) = accounts.domains_of(connection, 1)
    assert (domain["checked_us"], domain["verified_us"], domain["signs"]) == (NOW, None, False)


def test_a_fault_at_one_domain_keeps_no_other_waiting(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are looked at in the same pass."""
    for name in ("example.com", "example.org"):
        added(engine, name)
    check, asked = awaiting.domains.check, []

    async def breaks(names: Any, domain: str, *rest: Any) -> Any:
        asked.append(domain)
        if len(asked) == 1:
            raise LookupError(domain)
        return await check(names, domain, *rest)

    monkeypatch.setattr(awaiting.domains, "check", breaks)

    async def look() -> int:
        store = Store(engine)
        try:
            return await awaiting.look(store, published(wanted(engine)), PLACE, lambda: NOW)
        finally:
            await store.close()

    assert asyncio.run(look()) == 2
    assert sorted(asked) == ["example.com", "example.org"]
