"""Two broadcasts are paused, resumed and crashed at random: nobody of their audiences is missed, nobody is written down twice."""

from __future__ import annotations

import http.client
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledger_proofs import prove_conservation, prove_rebuild_changes_nothing, reading, unexplained
from name_server import NameServer
from node_process import NodeProcess
from receiver import Receiver
from sqlalchemy import select

from aftersend import clock, ids
from aftersend.control import keys
from aftersend.ledger.facts import Fact
from aftersend.store import Engine, accounts
from aftersend.store.schema import deliveries

SETTLE_S = 150.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where all mail goes."""
    server = Receiver().start()
    yield server
    server.stop()


@pytest.fixture
def settings(receiver: Receiver) -> Iterator[dict[str, object]]:
    """The servers that the DNS names are all the receiver."""
    names = NameServer()
    yield {"delivery__port": receiver.port, "dns__server": names.address}
    names.stop()


class Customer:
    """Sends broadcasts over HTTP, to nodes that may be dead at any moment."""

    def __init__(self, nodes: list[NodeProcess]) -> None:
        self.nodes = nodes
        engine = Engine(nodes[0].store_url)
        with engine.writing() as connection:
            self.key = keys.create(
                connection, accounts.FIRST_ACCOUNT, 4711, name="http", scopes=["*"], networks=[], now=clock.now()
            )
        engine.close()

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask a node; again while none answers."""
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.key}"}
        if content:
            headers["Content-Type"] = "text/csv" if isinstance(body, bytes) else "application/json"
        end = time.monotonic() + 90
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", random.choice(self.nodes).web_port, timeout=30)
            try:
                connection.request(method, path, content, headers)
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read() or b"null")
            except (OSError, http.client.HTTPException):
                assert time.monotonic() < end, "no node answers"
                time.sleep(0.1)
            finally:
                connection.close()

    def done(self, method: str, path: str, body: Any = None) -> Any:
        """Ask for what must succeed."""
        status, told = self.ask(method, path, body)
        assert status < 300, told
        return told


def begun(customer: Customer, people: int) -> dict[str, Counter[str]]:
    """Start two broadcasts, to a list and to a file in which some stand twice; return their audiences by their ids."""
    listed = [f"list{i}@d{i % 7}.test" for i in range(people)]
    customer.done("POST", "/v1/lists", {"name": "all"})
    customer.done("POST", "/v1/contacts/import?list=all", ("email\n" + "\n".join(listed)).encode())
    filed = [f"file{i}@d{i % 7}.test" for i in range(people)]
    filed += [f"FILE{i}@D{i % 7}.test" for i in range(0, people, 10)]
    audiences = {}
    for name, lists, rows in (("list", ["all"], []), ("file", [], filed)):
        draft = {"name": name, "lists": lists, "message": {"from": "a@load.test", "subject": name, "text": "Hello"}}
        shown = customer.done("POST", "/v1/broadcasts", draft)["id"]
        if rows:
            customer.done("POST", f"/v1/broadcasts/{shown}/recipients", ("email\n" + "\n".join(rows)).encode())
        customer.done("POST", f"/v1/broadcasts/{shown}/start", {})
        audiences[shown] = Counter(address.lower() for address in (rows or listed))
    return audiences


def prove_audience(url: str, shown: str, audience: Counter[str]) -> None:
    """Each has as many rows as he stands in the audience, and all but the first say duplicate; whoever has a copy has one."""
    d = deliveries.c
    found = select(d.folded, d.facts).where(d.broadcast_id == ids.read("brd", shown))
    rows: Counter[str] = Counter()
    copies: Counter[str] = Counter()
    with reading(url) as connection:
        for folded, facts in connection.execute(found):
            rows[folded] += 1
            copies[folded] += bool(facts & Fact.DELIVERED.bit)
            assert bool(facts & Fact.DELIVERED.bit) != bool(facts & Fact.DUPLICATE.bit), (folded, facts)
    assert rows == audience
    assert set(copies.values()) == {1}


def storm(nodes: list[NodeProcess], receiver: Receiver, *, people: int, kills: int, seed: int) -> str:
    """Pause, resume and kill at random until all has been done; then hold every law."""
    for node in nodes:
        node.start()
    customer = Customer(nodes)
    audiences = begun(customer, people)
    chance = random.Random(seed)
    moments: list[float] = []
    steps = ["kill"] * kills + ["pause"] * 2 * kills + ["resume"] * 2 * kills
    chance.shuffle(steps)
    for step in steps:
        time.sleep(chance.random() * 0.4)
        if step == "kill":
            node = chance.choice(nodes)
            moments.append(time.monotonic())
            node.kill()
            node.start()
        else:
            status, told = customer.ask("POST", f"/v1/broadcasts/{chance.choice(list(audiences))}/{step}")
            assert status in (200, 409), told
    end = time.monotonic() + SETTLE_S
    for shown in audiences:
        customer.ask("POST", f"/v1/broadcasts/{shown}/resume")
        while (found := customer.done("GET", f"/v1/broadcasts/{shown}"))["state"] != "ended":
            assert time.monotonic() < end, found
            time.sleep(0.2)
    url = nodes[0].store_url
    for shown, audience in audiences.items():
        prove_audience(url, shown, audience)
    wrong = unexplained(receiver.copies.items(), moments)
    assert not wrong, wrong[:5]
    prove_conservation(url)
    prove_rebuild_changes_nothing(url)
    for node in nodes:
        node.stop()
        assert "Traceback" not in node.log_text(), node.log_text()[-4000:]
    again = sum(len(copies) - 1 for copies in receiver.copies.values())
    return f"{2 * people} people, {kills} kills, {len(steps) - kills} pauses and resumes; {again} copies again"


def test_one_node(tmp_path: Path, receiver: Receiver, settings: dict[str, object]) -> None:
    """It dies and is started again at once."""
    nodes = [NodeProcess(tmp_path, **settings)]
    try:
        print(storm(nodes, receiver, people=3000, kills=3, seed=11))
    finally:
        for node in nodes:
            node.end()


@pytest.mark.postgres
def test_two_nodes(tmp_path: Path, receiver: Receiver, settings: dict[str, object], postgres: str) -> None:
    """They share the work, and one goes on while the other is dead."""
    shared = {"store__url": postgres, "secret": "the same on all nodes, and long enough", **settings}
    nodes = [NodeProcess(tmp_path, name=name, **shared) for name in ("one", "two")]
    try:
        print(storm(nodes, receiver, people=3000, kills=4, seed=12))
    finally:
        for node in nodes:
            node.end()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(2))
def test_one_node_and_many_people(tmp_path: Path, receiver: Receiver, settings: dict[str, object], seed: int) -> None:
    """At other moments each time."""
    nodes = [NodeProcess(tmp_path, **settings)]
    try:
        print(storm(nodes, receiver, people=20_000, kills=8, seed=100 + seed))
    finally:
        for node in nodes:
            node.end()
