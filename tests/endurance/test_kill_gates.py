"""Every gate is at work while a broadcast is paused, resumed and its nodes are killed: nobody of the audience is lost, nobody
gets two copies, and what was delivered is what was paid for."""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_proofs import prove_conservation, prove_rebuild_changes_nothing, reading, unexplained
from name_server import NameServer
from node_process import NodeProcess
from receiver import Receiver
from sqlalchemy import select
from test_kill_broadcasts import Customer

from aftersend import ids
from aftersend.ledger.facts import Fact
from aftersend.store.schema import deliveries

SETTLE_S = 300.0
KNOWN_EVERYWHERE_S = 7.0
"""Other nodes read every five seconds what was changed on one."""
PEOPLE = int(os.environ.get("AFTERSEND_PEOPLE", "100000"))
ENDS = (Fact.DELIVERED, Fact.DUPLICATE, Fact.BLOCKLISTED, Fact.INVALID_ADDRESS, Fact.NOT_SELECTED)


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


def audience(people: int) -> tuple[str, dict[Fact, int]]:
    """A file of so many people, and what will become of how many of them."""
    rows, ends = [], Counter[Fact]()
    for i in range(people):
        if i % 50 == 7:
            rows.append(",Nobody")
            ends[Fact.NOT_SELECTED] += 1
        elif i % 50 == 8:
            rows.append(f"no address {i},Odd")
            ends[Fact.INVALID_ADDRESS] += 1
        elif i % 10 == 9:
            rows.append(f"R{i - 7}@D{(i - 7) % 7}.test,Again")
            ends[Fact.DUPLICATE] += 1
        elif i % 100 == 31:
            rows.append(f"r{i}@listed.test,Listed")
            ends[Fact.BLOCKLISTED] += 1
        else:
            rows.append(f"r{i}@d{i % 7}.test,Ann")
            ends[Fact.DELIVERED] += 1
    return "email,name\n" + "\n".join(rows), ends


def begun(customer: Customer, people: int) -> tuple[str, dict[Fact, int]]:
    """Put every gate to work, and start a broadcast with half of the credits that it costs; return its id."""
    content, ends = audience(people)
    customer.done("PUT", "/v1/suppressions/@listed.test", {"everywhere": True})
    customer.done("PUT", "/v1/moderation/policy", {"mode": "all"})
    customer.done("PUT", "/v1/throttles", {"scope": "account", "rate": "20000/second"})
    customer.done("PUT", "/v1/throttles", {"scope": "domain", "name": "d1.test", "rate": "2000/second"})
    customer.done("POST", "/v1/credits", {"amount": ends[Fact.DELIVERED] // 2})
    hours = {"name": "letters", "kind": "broadcast", "hours": "mon-sun 00:00-24:00 UTC", "rate": "50000/second"}
    customer.done("POST", "/v1/streams", hours)
    if len(customer.nodes) > 1:
        time.sleep(KNOWN_EVERYWHERE_S)
    message = {"from": "a@load.test", "subject": "News", "text": "Dear {{ name }}", "stream": "letters"}
    shown = customer.done("POST", "/v1/broadcasts", {"name": "News", "message": message})["id"]
    lines = content.splitlines()
    for begin in range(1, len(lines), 20_000):
        part = "\n".join([lines[0], *lines[begin : begin + 20_000]])
        customer.done("POST", f"/v1/broadcasts/{shown}/recipients", part.encode())
    customer.done("POST", f"/v1/broadcasts/{shown}/start", {})
    return str(shown), ends


def accept(customer: Customer) -> None:
    """Say yes as a moderator, as soon as there is something to decide."""
    end = time.monotonic() + 90
    while not customer.done("POST", "/v1/moderation", {"action": "accept", "state": "pending"})["done"]:
        assert time.monotonic() < end, customer.done("GET", "/v1/moderation")
        time.sleep(0.1)


def prove_outcomes(url: str, shown: str, ends: dict[Fact, int]) -> None:
    """Everybody has one end, as many have each as were to have it, and no address has two copies."""
    d = deliveries.c
    found: Counter[Fact] = Counter()
    copies: Counter[str] = Counter()
    with reading(url) as connection:
        for folded, facts in connection.execute(
            select(d.folded, d.facts).where(d.broadcast_id == ids.read("brd", shown))
        ):
            (end,) = [fact for fact in ENDS if facts & fact.bit]
            found[end] += 1
            copies[folded] += end is Fact.DELIVERED
    assert found == ends
    assert max(copies.values()) == 1


def storm(nodes: list[NodeProcess], receiver: Receiver, *, people: int, kills: int, seed: int) -> str:
    """Pause, resume, top up and kill at random until all has been done; then hold every law."""
    for node in nodes:
        node.start()
    began = time.monotonic()
    customer = Customer(nodes)
    shown, ends = begun(customer, people)
    chance = random.Random(seed)
    moments: list[float] = []
    steps = ["kill"] * kills + ["pause", "resume"] * kills
    chance.shuffle(steps)
    steps.insert(len(steps) // 3, "accept")
    for step in steps:
        time.sleep(chance.random() * 0.5)
        if step == "kill":
            node = chance.choice(nodes)
            moments.append(time.monotonic())
            node.kill()
            node.start()
        elif step == "accept":
            accept(customer)
        else:
            status, told = customer.ask("POST", f"/v1/broadcasts/{shown}/{step}")
            assert status in (200, 409), told
    customer.done("POST", "/v1/credits", {"amount": ends[Fact.DELIVERED]})
    customer.ask("POST", f"/v1/broadcasts/{shown}/resume")
    end = time.monotonic() + SETTLE_S + people / 200
    while (found := customer.done("GET", f"/v1/broadcasts/{shown}"))["state"] != "ended" or not found["ended_at"]:
        assert time.monotonic() < end, found
        time.sleep(0.3)
    took = time.monotonic() - began
    url = nodes[0].store_url
    prove_outcomes(url, shown, ends)
    purse = customer.done("GET", "/v1/credits")
    given = ends[Fact.DELIVERED] // 2 + ends[Fact.DELIVERED]
    assert (purse["charged"], purse["reserved"], purse["available"]) == (
        ends[Fact.DELIVERED], 0, given - ends[Fact.DELIVERED],
    )  # fmt: skip
    wrong = unexplained(receiver.copies.items(), moments)
    assert not wrong, wrong[:5]
    assert len(receiver.copies) == ends[Fact.DELIVERED]
    prove_conservation(url)
    prove_rebuild_changes_nothing(url)
    for node in nodes:
        node.stop()
        assert "Traceback" not in node.log_text(), node.log_text()[-4000:]
    again = sum(len(copies) - 1 for copies in receiver.copies.values())
    return f"{people} people in {took:.0f} s, {kills} kills; {again} copies again, each cut short by a kill; charged {purse['charged']}"


def test_one_node(tmp_path: Path, receiver: Receiver, settings: dict[str, object]) -> None:
    """It dies and is started again at once."""
    nodes = [NodeProcess(tmp_path, **settings)]
    try:
        print(storm(nodes, receiver, people=2000, kills=2, seed=21))
    finally:
        for node in nodes:
            node.end()


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.postgres
def test_two_nodes_and_many_people(
    tmp_path: Path,
    receiver: Receiver,
    settings: dict[str, object],
    postgres: str,
) -> None:
    """As many as AFTERSEND_PEOPLE says; they share the work, and one goes on while the other is dead."""
    shared = {"store__url": postgres, "secret": "the same on all nodes, and long enough", **settings}
    nodes = [NodeProcess(tmp_path, name=name, **shared) for name in ("one", "two")]
    try:
        print(storm(nodes, receiver, people=PEOPLE, kills=4, seed=22))
    finally:
        for node in nodes:
            node.end()
