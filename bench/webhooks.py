#!/usr/bin/env python3
"""How many events a second does a healthy webhook get, with everything on one core: mail taken in and delivered, and its events
told?

The receiver runs on another core, checks nothing, and answers 200. Each mail has three events (received, treated, delivered).

python3 bench/webhooks.py [--mails 6000] [--batch 1 --batch 100]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time

from contestants import Aftersend, free_port, python, started
from traffic import Sink, submit

EVENTS_OF_A_MAIL = 3
RECIPIENTS = 10


class OnOneCore(Aftersend):
    """The product on the first core."""

    def command(self) -> list[str]:
        """As an operator starts it, pinned."""
        pinned = [shutil.which("taskset") or "taskset", "-c", "0"]
        return [*pinned, *super().command()]


class Receiver:
    """Takes everything, in a process of its own, and says what it has."""

    def __init__(self) -> None:
        self.port = free_port()
        self.events = 0
        self.requests = 0
        self.last_at = 0.0
        command = ["taskset", "-c", "1", sys.executable, "-u", __file__, "receive", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            events, requests = map(int, line.split())
            if events != self.events:
                self.events, self.requests, self.last_at = events, requests, time.monotonic()

    def wait(self, number: int, within_s: float = 300) -> float:
        """Wait until so many events have come; return when the last did."""
        end = time.monotonic() + within_s
        while self.events < number:
            if time.monotonic() > end:
                raise SystemExit(f"only {self.events} of {number} events came")
            time.sleep(0.02)
        return self.last_at

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


async def receive(port: int) -> None:
    """Serve: count the events of each request, answer 200."""
    counted = [0, 0]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                found = json.loads(await reader.readexactly(length))
                counted[0] += len(found) if isinstance(found, list) else 1
                counted[1] += 1
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1000)
    async with server:
        while True:
            print(*counted, flush=True)
            await asyncio.sleep(0.02)


def main() -> None:
    """Measure each size of a request."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mails", type=int, default=6000)
    parser.add_argument("--batch", type=int, action="append")
    wanted = parser.parse_args()
    for batch in (None, *(wanted.batch or [1, 100])):
        measure(wanted.mails, batch)


def measure(mails: int, batch: int | None) -> None:
    """Take in so many mails, deliver them, and tell their events; without a webhook for comparison."""
    sink, receiver = Sink(), Receiver()
    contestant = OnOneCore(sink_port=sink.port, AFTERSEND_WEBHOOKS_ALLOW_NETWORKS="127.0.0.0/8")
    with started(contestant):
        if batch is not None:
            subprocess.run(
                [python(), "-m", "aftersend", "webhook", "add", f"http://127.0.0.1:{receiver.port}/",
                 "--batch", str(batch), "--local"],
                env=contestant.environment(), cwd=contestant.folder, capture_output=True, check=True,
            )  # fmt: skip
            time.sleep(6)
        before, began = contestant.cpu_s(), time.monotonic()
        submit(contestant.port, messages=mails // RECIPIENTS, connections=20, recipients=RECIPIENTS)
        events = mails * EVENTS_OF_A_MAIL
        if batch is None:
            while not _is_quiet(sink):
                time.sleep(0.05)
            took = sink.last_at - began
        else:
            took = receiver.wait(events) - began
        cpu = contestant.cpu_s() - before
        name = "no webhook" if batch is None else f"{batch} a request"
        print(
            f"{name:>14}: {events / took:7.0f} events a second, {mails / took:6.0f} mails a second, "
            f"{cpu / events * 1e6:5.0f} µs of CPU an event, {receiver.requests} requests"
        )
    receiver.stop()
    sink.stop()


def _is_quiet(sink: Sink) -> bool:
    return sink.last_at > 0 and time.monotonic() - sink.last_at > 1.0


if __name__ == "__main__":
    if sys.argv[1:2] == ["receive"]:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(receive(int(sys.argv[2])))
    else:
        main()
