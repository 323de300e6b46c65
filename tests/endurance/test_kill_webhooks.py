"""The process is killed again and again while it tells events: the endpoint gets each at least once, in order for each recipient."""

from __future__ import annotations

import http.server
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from load import Load
from node_process import NodeProcess
from receiver import Receiver

MESSAGES, KILLS = 600, 5
SETTLE_S = 60.0


class Endpoint:
    """Takes events on a thread; answers 500 to one of eight requests, to none of them twice, since the second wait is long."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        chance, taken, refused = random.Random(8), self.events, set[str]()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                found = json.loads(self.rfile.read(int(self.headers["content-length"])))
                events = [each["data"] for each in (found if isinstance(found, list) else [found])]
                ids = {event["id"] for event in events}
                is_good = chance.random() > 0.125 or bool(ids & refused)
                if is_good:
                    taken.extend(events)
                else:
                    refused.update(ids)
                self.send_response(200 if is_good else 500)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/hook"

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """Where events go."""
    made = Endpoint()
    yield made
    made.stop()


def verb(node: NodeProcess, *arguments: str) -> list[dict[str, Any]]:
    """Run a verb on the node's store, and return what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "aftersend", *arguments, "--json", "--local"],
        env=node.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 25])
def test_no_event_is_lost_when_the_process_is_killed(tmp_path: Path, endpoint: Endpoint, batch: int) -> None:
    """SIGKILL in the middle of mail and of requests; what is told twice has the same id."""
    receiver = Receiver().start()
    node = NodeProcess(
        tmp_path, delivery__routes=f"*=127.0.0.1:{receiver.port}", webhooks__allow_networks="127.0.0.0/8"
    )
    try:
        node.start()
        (hook,) = verb(node, "webhook", "add", endpoint.url, "--batch", str(batch))
        load = Load([node.smtp_port], MESSAGES, pause_s=0.05).start()
        for strike in range(KILLS):
            load.wait_for(MESSAGES * (strike + 1) // (KILLS + 1), SETTLE_S)
            time.sleep(random.random() * 0.3)
            node.kill()
            node.start()
        load.wait(SETTLE_S)
        end = time.monotonic() + SETTLE_S
        while True:
            every = verb(node, "events", "tail", "--no-follow")
            missing = {event["sequence"] for event in every} - {event["sequence"] for event in endpoint.events}
            gone_out = {event["delivery_id"] for event in every if event["fact"] == "relayed"}
            if not missing and len(gone_out) >= MESSAGES:
                break
            if time.monotonic() > end:
                waits = verb(node, "webhook", "failed", hook["id"], "--waiting")
                raise AssertionError(f"{len(missing)} of {len(every)} events were not told; {waits}")
            time.sleep(0.5)
    finally:
        node.end()
        receiver.stop()
    first: dict[str, list[int]] = {}
    for event in endpoint.events:
        known = first.setdefault(event["recipient"], [])
        if event["sequence"] not in known:
            known.append(event["sequence"])
    assert [who for who, sequences in first.items() if sequences != sorted(sequences)] == []
    by_sequence = {event["sequence"]: event["id"] for event in every}
    assert all(by_sequence[event["sequence"]] == event["id"] for event in endpoint.events)
    print(f"{len(every)} events, {len(endpoint.events) - len(by_sequence)} told again, {KILLS} kills")
