"""The process is killed again and again while mail flows: what was acknowledged arrives, and the ledger stays true."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ledger_proofs import (
    claimed_by,
    counts,
    interrupted,
    prove_conservation,
    prove_rebuild_changes_nothing,
    rows_by_message,
    under_way,
    unexplained,
)
from load import Load, recipient
from name_server import NameServer
from node_process import NodeProcess
from receiver import Receiver

from aftersend.ledger.facts import Fact

SETTLE_S = 120.0
IS_FULL = os.environ.get("AFTERSEND_ENDURANCE") == "full"
LEASE_AND_LOOK_S = 30.0 + 5.0 + 10.0
"""A node is taken for dead when its lease has ended (30 s); the others look every 5 s; the rest is patience."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where all mail goes."""
    server = Receiver().start()
    yield server
    server.stop()


@pytest.fixture
def ways(receiver: Receiver) -> Iterator[dict[str, dict[str, object]]]:
    """Settings for the two ways out: through a smart host, and to the servers that the DNS names."""
    names = NameServer()
    yield {
        "smart host": {"delivery__routes": f"*=127.0.0.1:{receiver.port}"},
        "mx": {"delivery__port": receiver.port, "dns__server": names.address},
    }
    names.stop()


@pytest.fixture
def nodes() -> Iterator[list[NodeProcess]]:
    """The nodes of a test; whatever still runs at the end is ended."""
    started: list[NodeProcess] = []
    yield started
    for node in started:
        node.end()


def settle(url: str, receiver: Receiver, load: Load) -> None:
    """Wait until nothing is left to be tried."""
    end = time.monotonic() + SETTLE_S
    while True:
        missing = [n for n in load.acknowledged if recipient(n) not in receiver.copies]
        if not missing and not under_way(url):
            return
        assert time.monotonic() < end, f"{len(missing)} missing, {under_way(url)} still to be tried: {missing[:5]}"
        time.sleep(0.25)


def prove_all(url: str, receiver: Receiver, load: Load, kills: list[float], handed_over: Fact) -> str:
    """Hold every law against what was sent, what has arrived and what is written; return the figures."""
    arrived = dict(receiver.copies.items())
    lost = [n for n in load.acknowledged if recipient(n) not in arrived]
    assert not lost, f"{len(lost)} acknowledged messages never arrived: {lost[:5]}"
    wrong = unexplained(arrived.items(), kills)
    assert not wrong, f"{len(wrong)} copies too many: {wrong[:5]}"

    rows = rows_by_message(url)
    for number, message_id in load.acknowledged.items():
        told = rows.get(message_id, [])
        assert [row.recipient for row in told] == [recipient(number)], (
            f"{message_id} was acknowledged; the log has {told}"
        )
        assert told[0].facts & handed_over.bit, f"{message_id} has arrived; the log says {told[0]}"
        assert told[0].events >= 2, f"the log says nothing of what became of {message_id}"
    silent = {r for r, moments in arrived.items() if len(moments) > 1} - interrupted(url)
    assert not silent, f"{len(silent)} have two copies, and their history does not say why: {sorted(silent)[:5]}"
    written = {row.recipient for found in rows.values() for row in found}
    not_written = [r for r in arrived if r not in written]
    assert not not_written, f"{len(not_written)} arrived and are not in the log: {not_written[:5]}"
    strangers = written - {recipient(n) for n in load.acknowledged} - {recipient(n) for n in load.unanswered}
    assert not strangers, f"{len(strangers)} were refused and are in the log: {sorted(strangers)[:5]}"
    assert sum(map(len, rows.values())) == counts(url)["messages"], "a message without a delivery"

    sums = prove_conservation(url)
    folded = prove_rebuild_changes_nothing(url)
    assert folded == sums.audience
    again = sum(len(moments) - 1 for moments in arrived.values())
    return (
        f"{len(load.acknowledged)} acknowledged, {len(load.unanswered)} without an answer, {len(arrived)} arrived, "
        f"{again} copies again, {len(kills)} kills"
    )


def kill_while_loading(load: Load, points: list[int], strike: Callable[[], float]) -> list[float]:
    """Strike a moment after so many messages were acknowledged; return when the process died."""
    moments = []
    for point in points:
        load.wait_for(point, SETTLE_S)
        time.sleep(random.random() * 0.05)
        moments.append(strike())
    return moments


def wait_until_holds(url: str, node: NodeProcess) -> None:
    """Wait until a node, or a worker of it, has claimed something."""
    end = time.monotonic() + 90
    while not any(held and name.partition("#")[0] == node.name for name, held in claimed_by(url).items()):
        assert time.monotonic() < end, f"{node.name} claims nothing: {claimed_by(url)}, {under_way(url)} to be tried"
        time.sleep(0.05)


def random_points(messages: int, kills: int, until: float) -> list[int]:
    """Choose random moments, counted in messages; the same in every run."""
    return sorted(random.Random(kills).sample(range(messages // 50, int(messages * until)), kills))


def run_one_node(
    folder: Path,
    nodes: list[NodeProcess],
    receiver: Receiver,
    way: dict[str, object],
    handed_over: Fact,
    *,
    messages: int,
    kills: int,
) -> str:
    """Kill the only node again and again and start it at once; return the figures."""
    node = NodeProcess(folder, **way)
    nodes.append(node)
    node.start()
    load = Load([node.smtp_port], messages).start()
    starts = []

    def strike() -> float:
        moment = time.monotonic()
        node.kill()
        starts.append(node.start())
        return moment

    moments = kill_while_loading(load, random_points(messages, kills, 0.98), strike)
    load.wait(SETTLE_S)
    settle(node.store_url, receiver, load)
    assert not load.refused, load.replies
    took = node.stop()
    figures = prove_all(node.store_url, receiver, load, moments, handed_over)
    assert len(node.events("started")) == kills + 1
    assert "Traceback" not in node.log_text(), node.log_text()[-4000:]
    return f"{figures}; started again in {max(starts):.1f} s at most, stopped in {took:.1f} s"


@pytest.mark.parametrize(("way", "handed_over"), [("smart host", Fact.RELAYED), ("mx", Fact.DELIVERED)])
def test_killed_twice(
    tmp_path: Path, nodes: list[NodeProcess], receiver: Receiver, ways: dict[str, dict[str, object]], way: str, handed_over: Fact
) -> None:  # fmt: skip
    """What was acknowledged before a kill arrives after it, and nothing that is written contradicts it."""
    print(run_one_node(tmp_path, nodes, receiver, ways[way], handed_over, messages=600, kills=2))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_twenty_times_during_twenty_thousand_messages(
    tmp_path: Path, nodes: list[NodeProcess], receiver: Receiver, ways: dict[str, dict[str, object]]
) -> None:
    """However often the process dies, every acknowledged message arrives; only lost answers make further copies."""
    print(run_one_node(tmp_path, nodes, receiver, ways["mx"], Fact.DELIVERED, messages=20_000, kills=20))


def run_two_nodes(
    folder: Path, nodes: list[NodeProcess], receiver: Receiver, way: dict[str, object], url: str, *,
    messages: int, kills: int, patient_kills: int,
) -> str:  # fmt: skip
    """Kill one of two nodes, now this one, now that one. After the last `patient_kills` it stays dead until the other has
    taken over what it held; else it is started again at once."""
    shared = {"store__url": url, "secret": "the same on all nodes, and long enough", **way}
    pair = [NodeProcess(folder, name=name, **shared) for name in ("one", "two")]
    nodes += pair
    for node in pair:
        node.start()
    load = Load([node.smtp_port for node in pair], messages, goes_on=True).start()
    turn = 0
    waited = []

    def strike(*, patiently: bool = False) -> float:
        nonlocal turn
        node, other = pair[turn % 2], pair[(turn + 1) % 2]
        turn += 1
        before = len(other.events("claims_taken_over"))
        if patiently:  # so that the node certainly holds mail when it dies, and mail goes on coming while it is dead
            load.pause_s, receiver.manners.delay_s = 1.0, 3.0
            wait_until_holds(url, node)
        moment = time.monotonic()
        node.kill()
        receiver.manners.delay_s = 0.0
        if patiently:
            while len(other.events("claims_taken_over")) == before:
                assert time.monotonic() - moment < LEASE_AND_LOOK_S, "the other node did not take over"
                time.sleep(0.2)
            waited.append(time.monotonic() - moment)
            load.pause_s = 0.0
        node.start()
        return moment

    moments = kill_while_loading(load, random_points(messages, kills - patient_kills, 0.68), strike)
    late = [int(messages * (0.7 + 0.28 * i / patient_kills)) for i in range(patient_kills)]
    moments += kill_while_loading(load, late, lambda: strike(patiently=True))
    load.goes_on = False
    load.wait(SETTLE_S)
    settle(url, receiver, load)
    assert not load.refused, load.replies
    for node in pair:
        node.stop()
        assert "Traceback" not in node.log_text(), node.log_text()[-4000:]
    figures = prove_all(url, receiver, load, moments, Fact.DELIVERED)
    return f"{figures}; taken over after {', '.join(f'{s:.0f}' for s in waited)} s"


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_of_two_nodes_one_is_killed(
    tmp_path: Path, nodes: list[NodeProcess], receiver: Receiver, ways: dict[str, dict[str, object]], postgres: str
) -> None:
    """When a node dies, the other takes over what it held within the lease, and nothing is lost."""
    print(run_two_nodes(tmp_path, nodes, receiver, ways["mx"], postgres, messages=3000, kills=3, patient_kills=1))


@pytest.mark.postgres
@pytest.mark.slow
@pytest.mark.skipif(not IS_FULL, reason="twenty kills of two nodes take five minutes: set AFTERSEND_ENDURANCE=full")
@pytest.mark.timeout(1800)
def test_of_two_nodes_one_is_killed_twenty_times(
    tmp_path: Path, nodes: list[NodeProcess], receiver: Receiver, ways: dict[str, dict[str, object]], postgres: str
) -> None:
    """However often one of two nodes dies, every acknowledged message arrives and the ledger stays true."""
    print(run_two_nodes(tmp_path, nodes, receiver, ways["mx"], postgres, messages=20_000, kills=20, patient_kills=4))
