#!/usr/bin/env python3
"""What does a backlog cost? Many recipients whose server says "later": memory, then how long a restart takes.

python3 bench/backlog.py [--recipients 100000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import threading
import time
from collections.abc import Callable

from contestants import Aftersend, Contestant, Postfix, TunedPostfix, present, python
from traffic import Sink, submit

RECIPIENTS_EACH = 100


def waiting(contestant: Contestant) -> int:
    """How many recipients have been deferred."""
    if isinstance(contestant, Aftersend):
        import sqlite3

        with sqlite3.connect(f"file:{contestant.database}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM queue WHERE stage = 2 AND tries > 0").fetchone()[0])
    listed = subprocess.run(
        ["/usr/sbin/postqueue", "-c", str(contestant.folder / "etc"), "-j"], capture_output=True, text=True, check=True
    )
    queued = [json.loads(line) for line in listed.stdout.splitlines()]
    return sum(len(one["recipients"]) for one in queued if one["queue_name"] == "deferred")


def make_due(contestant: Contestant) -> None:
    """Let everything be tried again at once."""
    if isinstance(contestant, Aftersend):
        command = [python(), "-m", "aftersend", "queue", "retry", "--all", "--yes", "--local"]
    else:
        command = ["/usr/sbin/postqueue", "-c", str(contestant.folder / "etc"), "-f"]
    done = subprocess.run(command, env=contestant.environment(), capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode not in (0, 4):  # 4: all but those that are being tried at this moment
        raise SystemExit(done.stderr.decode(errors="replace"))


def until(is_so: Callable[[], bool], timeout_s: float) -> float:
    """Wait, and return for how long."""
    began = time.monotonic()
    while not is_so():
        if time.monotonic() - began > timeout_s:
            raise SystemExit("it takes too long")
        time.sleep(0.01)
    return time.monotonic() - began


def measure(kind: type[Contestant], recipients: int) -> None:
    """Fill the queue, restart, and see."""
    defers = Sink(defers=True)
    contestant = kind(sink_port=defers.port)
    try:
        contestant.prepare()
        contestant.start()
        submit(contestant.port, messages=50, connections=1, size=2048)
        time.sleep(2)
        empty = contestant.memory_mib()
        began = time.monotonic()
        submit(
            contestant.port,
            messages=recipients // RECIPIENTS_EACH,
            connections=10,
            size=2048,
            recipients=RECIPIENTS_EACH,
        )
        while waiting(contestant) < recipients:
            if time.monotonic() - began > 900:
                raise SystemExit(f"{kind.name}: {waiting(contestant)} of {recipients} are deferred")
            time.sleep(1)
        took = time.monotonic() - began
        time.sleep(3)
        print(
            f"  {kind.name:14s} {recipients} deferred in {took:.0f} s, {contestant.memory_mib() - empty:.1f} MiB more than with 50"
        )
        contestant.stop()
        defers.stop()
        sink = Sink(port=defers.port)
        try:
            began = time.monotonic()
            greets = contestant.start()
            settled = contestant.memory_mib()
            submit(contestant.port, messages=1, connections=1, size=2048)
            accepted = time.monotonic() - began
            until(lambda: sink.messages > 0, 120)
            print(
                f"  {'':14s} started again: greets after {greets:.1f} s ({settled:.0f} MiB), has accepted after {accepted:.1f} s, "
                f"has delivered after {sink.first_at - began:.1f} s",
                flush=True,
            )
            before, began = sink.messages, time.monotonic()
            telling = threading.Thread(target=make_due, args=(contestant,))
            telling.start()
            first = until(lambda: sink.messages > before, 120)
            telling.join()
            until(lambda: waiting(contestant) == 0, 900)
            print(
                f"  {'':14s} told to try all again: first delivered after {first:.1f} s, all after {time.monotonic() - began:.0f} s",
                flush=True,
            )
        finally:
            sink.stop()
    finally:
        contestant.stop()
        contestant.remove()


def main() -> None:
    """Measure one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipients", type=int, default=100_000)
    wanted = parser.parse_args()
    print(f"{wanted.recipients} recipients, {RECIPIENTS_EACH} a message of 2 KB, all told to come again later")
    for kind in present(Postfix, TunedPostfix, Aftersend):
        if kind is not Postfix:
            measure(kind, wanted.recipients)


if __name__ == "__main__":
    main()
