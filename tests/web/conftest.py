"""A real HTTP server over a real SQLite store, on loopback, for two accounts that must never see each other."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import msgspec
import pytest

from aftersend import clock, ids, web
from aftersend.app.shown import shown
from aftersend.config import load
from aftersend.control import keys as api_keys
from aftersend.control.domains import Place
from aftersend.control.keys import Keys
from aftersend.control.scoring import Scorer
from aftersend.control.secret import Secret
from aftersend.delivery.meter import Meter
from aftersend.engines import Panel
from aftersend.intake import Intake
from aftersend.ledger.facts import Fact
from aftersend.ledger.reasons import Reason, pair
from aftersend.store import Engine, Store, accounts, record
from aftersend.store.queue import Stage
from aftersend.webhooks.guard import Allowance, Guard

HELLO = {"from": "Shop <shop@example.com>", "to": ["Ann <ann@example.net>"], "subject": "Hello", "text": "Hi"}


class NoNames:
    """A DNS in which there is nothing."""

    async def texts(self, name: str) -> list[str]:
        """No TXT record."""
        return []

    async def servers(self, domain: str) -> SimpleNamespace:
        """No server."""
        return SimpleNamespace(hosts=[], trouble="no_such_domain", asked="MX")

    async def addresses(self, host: str) -> SimpleNamespace:
        """No address."""
        return SimpleNamespace(name=host, addresses=())


async def some_names(host: str) -> list[str]:
    """A DNS with two names for webhooks: one on the public internet, one that leads inside."""
    return {"hooks.example.com": ["93.184.216.34"], "inside.example.com": ["10.0.0.1"]}.get(host, [])


class House:
    """The service's parts that stand behind the HTTP face, on a loop of its own, and keys to come in with."""

    def __init__(self, url: str, *, max_size: int = 10_000_000, **rules: Any) -> None:
        self._url = url
        self._max_size = max_size
        self._rules = rules
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._clients: list[httpx2.Client] = []
        self.now = clock.now
        self.call(self._start())

    def call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on the house's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Write to the store."""
        return self.call(self.store.run(function, *args, **kwargs))

    def ask(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Read from the store."""
        return self.call(self.store.ask(function, *args, **kwargs))

    async def _start(self) -> None:
        self.engine = Engine(self._url)
        with self.engine.writing() as connection:
            if accounts.ensure_first(connection, now=clock.now()):
                accounts.create(connection, 2, "other", now=clock.now())
        self.store = Store(self.engine, node=1)
        self.ids = ids.IdSource(lambda: self.now(), 1)
        self.intake = Intake(
            self.store, lambda: self.now(), self.ids, hostname="mx.example.org", max_size=self._max_size
        )
        self.keys = Keys(self.store, lambda: self.now())
        self.attempts, self.told = Meter(), dict[str, int]()
        self.desk = web.Desk(
            rules=web.Rules("mx.example.org", "mx.example.org", **self._rules),
            store=self.store,
            engine=self.engine,
            clock=lambda: self.now(),
            ids=self.ids,
            intake=self.intake,
            keys=self.keys,
            version="0.0.0",
            refresh=self._refresh,
            secret=Secret("a secret of the tests"),
            resolver=NoNames(),
            scorer=Scorer(
                NoNames(), Panel([], self.now), Place("mx.example.org", "mx.example.org"), lambda: self.now()
            ),
            attempts=self.attempts,
            told=self.told,
            guard=Guard(some_names, Allowance.of(["127.0.0.0/8"])),
            settings=shown(
                load(
                    environment={"AFTERSEND_WEB_METRICS_TOKEN": "seen by nobody", "AFTERSEND_RETENTION_EVENTS": "100"}
                ),
                {"AFTERSEND_WEB_METRICS_TOKEN", "AFTERSEND_RETENTION_EVENTS"},
            ),
        )
        await self._refresh()
        self.server = await web.serve(web.application(self.desk), [("127.0.0.1", 0)])

    async def _refresh(self) -> None:
        await self.intake.refresh()

    @property
    def url(self) -> str:
        """Where it answers."""
        return "http://{}:{}".format(*self.server.address)

    def key(self, *scopes: str, account_id: int = 1, networks: tuple[str, ...] = ()) -> str:
        """Make a key."""
        return self.run(
            api_keys.create,
            account_id,
            self.ids(),
            name="test",
            scopes=scopes or ("*",),
            networks=networks,
            now=clock.now(),
        )

    def client(self, *scopes: str, account_id: int = 1, key: str | None = None) -> httpx2.Client:
        """Return a client that comes with a key; `key=""` for none."""
        key = self.key(*scopes, account_id=account_id) if key is None else key
        headers = {"authorization": f"Bearer {key}"} if key else {}
        client = httpx2.Client(base_url=self.url, headers=headers, timeout=30)
        self._clients.append(client)
        return client

    def happen(
        self, delivery: str, fact: Fact, *, reason: Reason | None = None, evidence: Any = None, account_id: int = 1,
        next_stage: Stage | None = None, status: str = "",
    ) -> None:  # fmt: skip
        """Let something happen to a delivery."""
        now, number = self.now(), ids.read("dlv", delivery)
        event = record.event_row(
            account_id, number, self.ids(), fact.word, int(fact), now, now, reason, None, status or None,
            None if evidence is None else msgspec.json.encode(evidence).decode(),
        )  # fmt: skip
        pairs = [pair(reason, status=status).words] if reason and fact.phase.value == "delivered, ended" else []
        onward = (
            None if next_stage is None else record.Next(next_stage, now + clock.HOUR, "retry", 1, "", now + clock.DAY)
        )
        step = record.Step(account_id, number, [event], fact.bit, now, onward, reason=reason, tries=1, pairs=pairs)
        self.run(record.steps, [step])

    def close(self) -> None:
        """Stop everything."""
        for client in self._clients:
            client.close()
        self.call(self.server.stop())
        self.call(self.store.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@pytest.fixture
def make_house(tmp_path: Path, _sqlite_made: Path) -> Iterator[Callable[..., House]]:
    """Build a house with rules of one's own; it is closed at the end."""
    made: list[House] = []

    def build(**rules: Any) -> House:
        database = tmp_path / f"{len(made)}.db"
        shutil.copyfile(_sqlite_made, database)
        made.append(House(f"sqlite:///{database}", **rules))
        return made[-1]

    yield build
    for house in made:
        house.close()


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """A house with the usual rules."""
    return make_house()


@pytest.fixture
def house_on_each_engine(store_url: str) -> Iterator[House]:
    """A house with the usual rules, on SQLite and on PostgreSQL."""
    made = House(store_url)
    yield made
    made.close()
