"""Processes that deliver beside the service: they may die, and so may the service under them."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_proofs import interrupted, prove_conservation, prove_rebuild_changes_nothing, under_way
from load import Load, recipient
from node_process import NodeProcess
from receiver import Receiver

PATIENCE_S = 90.0


@pytest.fixture
def one_receiver() -> Iterator[Receiver]:
    """Where all mail goes."""
    server = Receiver().start()
    yield server
    server.stop()


@pytest.fixture(params=[0, 2])
def node(request: pytest.FixtureRequest, tmp_path: Path, one_receiver: Receiver) -> Iterator[NodeProcess]:
    """A node that delivers itself, and one with two workers."""
    made = NodeProcess(
        tmp_path, workers=request.param, web__metrics_token="a-word-for-scrapers",
        delivery__routes=f"*=127.0.0.1:{one_receiver.port}",
    )  # fmt: skip
    made.start()
    yield made
    made.end()


def wait_for(what: object, told: str) -> None:
    """Wait until a function is true."""
    assert callable(what)
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, told
        time.sleep(0.1)


def attempts_counted(node: NodeProcess) -> float:
    """How many deliveries its metrics have counted."""
    asked = urllib.request.Request(
        f"http://127.0.0.1:{node.web_port}/metrics", headers={"Authorization": "Bearer a-word-for-scrapers"}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("aftersend_delivery_attempts_total{") and "relayed" in line
    )


def test_workers_come_again_and_nothing_is_lost(node: NodeProcess, one_receiver: Receiver) -> None:
    """Workers are killed while mail flows: others take their place, all mail arrives, second copies are explained."""
    load = Load([node.smtp_port], 400).start()
    load.wait_for(100, PATIENCE_S)
    before = node.worker_ids()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    load.wait(PATIENCE_S)
    assert not load.refused, load.replies
    wait_for(lambda: not under_way(node.store_url), "mail is still under way")
    arrived = dict(one_receiver.copies.items())
    assert {recipient(n) for n in load.acknowledged} == set(arrived)
    twice = {who for who, moments in arrived.items() if len(moments) > 1}
    assert twice <= interrupted(node.store_url)
    assert len(node.events("worker_died")) == len(before)
    if before:
        wait_for(lambda: len(node.worker_ids()) == len(before), "no other worker was started")
        assert not set(node.worker_ids()) & set(before)
    else:
        wait_for(lambda: attempts_counted(node) == len(load.acknowledged), "metrics count something else")
    prove_conservation(node.store_url)
    prove_rebuild_changes_nothing(node.store_url)
    node.stop()
    assert "Traceback" not in node.log_text(), node.log_text()[-4000:]


def test_a_worker_does_not_outlive_its_service(node: NodeProcess, one_receiver: Receiver) -> None:
    """Who could write nothing down delivers nothing; a service that starts again delivers what was left, and counts it."""
    load = Load([node.smtp_port], 200).start()
    load.wait_for(60, PATIENCE_S)
    workers = node.worker_ids()
    node.kill()
    wait_for(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in workers), "a worker goes on alone")
    node.start()
    load.wait(PATIENCE_S)
    wait_for(lambda: not under_way(node.store_url), "mail is still under way")
    arrived = dict(one_receiver.copies.items())
    assert {recipient(n) for n in load.acknowledged} <= set(arrived)
    wait_for(lambda: attempts_counted(node) > 0, "metrics count nothing")
    prove_conservation(node.store_url)
    node.stop()
