"""The disk fills up: new mail is refused in words that a sender understands, nothing is lost, and all goes on afterwards."""

from __future__ import annotations

import http.client
import json
import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ledger_proofs import prove_conservation, prove_rebuild_changes_nothing, rows_by_message, under_way
from load import Load, recipient
from node_process import NodeProcess
from receiver import Receiver

from aftersend import clock
from aftersend.control import keys
from aftersend.ledger.facts import Fact
from aftersend.store import Engine, accounts

MIB = 1024 * 1024
ROOM = 96 * MIB
LEFT = 12 * MIB
"""What is left to the database while the disk is "full" but for this."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A place to keep data in, that can be made small and large again."""

    folder: Path
    fill: Callable[[NodeProcess], None]
    free: Callable[[NodeProcess], None]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Disk]:
    """A file system of its own, with a file on it that takes the space."""
    if os.geteuid() != 0:
        pytest.skip("a small file system: only root may mount one")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small file system: mount says {mounted.stderr.decode(errors='replace').strip()}")
    ballast = folder / "ballast"

    def fill(node: NodeProcess) -> None:
        state = os.statvfs(folder)
        ballast.write_bytes(bytes(state.f_bavail * state.f_frsize - LEFT))

    def free(node: NodeProcess) -> None:
        ballast.unlink()

    try:
        yield Disk(folder, fill, free)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.fixture
def small_files(tmp_path: Path) -> Iterator[Disk]:
    """A limit on the size of the process's files, as an operator or a quota may set it."""
    if not hasattr(resource, "prlimit"):
        pytest.skip("a limit on another process's files: only Linux has prlimit")
    limits: dict[int, tuple[int, int]] = {}

    def fill(node: NodeProcess) -> None:
        assert node.process is not None
        pid = node.process.pid
        limits[pid] = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (LEFT, limits[pid][1]))

    def free(node: NodeProcess) -> None:
        assert node.process is not None
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, limits[node.process.pid])

    yield Disk(tmp_path, fill, free)


@pytest.fixture(params=["small_disk", "small_files"])
def disk(request: pytest.FixtureRequest) -> Disk:
    """Both ways of having no space."""
    found: Disk = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Where all mail goes."""
    server = Receiver().start()
    yield server
    server.stop()


def wait_until(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def make_key(node: NodeProcess) -> str:
    """Make an API key that may send."""
    engine = Engine(node.store_url)
    with engine.writing() as connection:
        made = keys.create(connection, accounts.FIRST_ACCOUNT, 4711, name="http", scopes=["send"], now=clock.now())
    engine.close()
    return made


def post(node: NodeProcess, key: str) -> tuple[int, dict[str, Any]]:
    """Submit a large message over HTTP."""
    content = {
        "from": "a@load.test",
        "to": ["http@d0.test"],
        "subject": "Large",
        "text": "x" * 70 + "\n" + "y" * 500_000,
    }
    connection = http.client.HTTPConnection("127.0.0.1", node.web_port, timeout=30)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/messages", json.dumps(content), headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


@pytest.mark.timeout(240)
def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path, disk: Disk, receiver: Receiver) -> None:
    """With no space left a message is refused with 452 and the remedy; when there is space again, all goes on by itself."""
    node = NodeProcess(tmp_path, data_dir=disk.folder / "data", delivery__routes=f"*=127.0.0.1:{receiver.port}")
    try:
        node.start()
        key = make_key(node)
        disk.fill(node)
        load = Load([node.smtp_port], 10_000, connections=4, size=100_000).start()
        wait_until(lambda: len(load.refused) >= 20, 60, "the disk did not fill up")
        status, problem = post(node, key)
        assert status == 507, problem
        assert "disk" in problem["detail"]
        load.stop()
        load.wait(60)
        assert {reply.split()[0] for reply in load.refused.values()} == {"452"}, load.replies
        assert all("4.3.1" in reply and "disk" in reply for reply in load.refused.values())
        assert not load.unanswered
        assert node.process is not None
        assert node.process.poll() is None, "the process died of a full disk"

        disk.free(node)
        status, answer = post(node, key)
        assert status == 202, answer
        later = Load([node.smtp_port], 50, connections=2, size=1000, first=1_000_000).start()
        later.wait(60)
        assert len(later.acknowledged) >= 50
        acknowledged = load.acknowledged | later.acknowledged
        wait_until(
            lambda: all(recipient(n) in receiver.copies for n in acknowledged) and not under_way(node.store_url),
            90,
            "not everything went on when there was space again",
        )
        node.stop()
    finally:
        node.end()
    again = [r for r, moments in receiver.copies.items() if len(moments) > 1]
    assert not again, f"{len(again)} were sent twice, though no answer was lost"
    rows = rows_by_message(node.store_url)
    assert set(acknowledged.values()) <= rows.keys()
    refused = {recipient(n) for n in load.refused}
    assert not refused & {row.recipient for found in rows.values() for row in found}, "refused, and half stored"
    assert all(row.facts & Fact.RELAYED.bit for found in rows.values() for row in found)
    prove_conservation(node.store_url)
    prove_rebuild_changes_nothing(node.store_url)


@pytest.mark.timeout(240)
def test_killed_while_the_disk_is_full(tmp_path: Path, small_disk: Disk, receiver: Receiver) -> None:
    """A process that is killed with no space left has lost nothing that it acknowledged."""
    node = NodeProcess(tmp_path, data_dir=small_disk.folder / "data", delivery__routes=f"*=127.0.0.1:{receiver.port}")
    try:
        node.start()
        small_disk.fill(node)
        load = Load([node.smtp_port], 10_000, connections=4, size=100_000).start()
        wait_until(lambda: len(load.refused) >= 20, 60, "the disk did not fill up")
        load.stop()
        node.kill()
        load.wait(60)
        small_disk.free(node)
        node.start()
        wait_until(
            lambda: all(recipient(n) in receiver.copies for n in load.acknowledged) and not under_way(node.store_url),
            90,
            "not everything went on when there was space again",
        )
        node.stop()
    finally:
        node.end()
    assert set(load.acknowledged.values()) <= rows_by_message(node.store_url).keys()
    prove_conservation(node.store_url)
    prove_rebuild_changes_nothing(node.store_url)
