#!/usr/bin/env python3
"""What does it cost to find whose turn it is, by how much waits? And how soon comes the single message of another account?

Many deliveries of one account wait in the queue, then one transactional message of another comes in. Printed is the time of
a claim of 20 and of the question when something is due next. Another database is named by its URL; its tables are filled.

python3 bench/claims.py [--waiting 0 100000] [--url postgresql+psycopg://...]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE / "tests"), str(HERE / "src")]

from aftersend import clock  # noqa: E402
from aftersend.ids import IdSource  # noqa: E402
from aftersend.store import Engine, queue, record, turns, upgrade  # noqa: E402
from aftersend.store.queue import ClaimRequest, Stage  # noqa: E402
from given import submission  # noqa: E402

CLAIM, TIMES = 20, 50


def fill(engine: Engine, ids: IdSource, number: int) -> None:
    """Let so many deliveries of account 1 wait."""
    for first in range(0, number, 1000):
        names = (f"{first + i}@example.net" for i in range(min(1000, number - first)))
        given = submission(ids, clock.now(), *names, account=1)
        given.lane = turns.BULK
        with engine.writing() as connection:
            record.accepted(connection, [given])


def timed(engine: Engine, ask: Callable[..., Any], *args: Any) -> tuple[float, Any]:
    """Ask in a transaction of its own; return the milliseconds of the question itself, and the answer."""
    with engine.writing() as connection:
        start = time.perf_counter()
        found = ask(connection, *args)
        return (time.perf_counter() - start) * 1000, found


def main() -> None:
    """Measure, and print a line for each number that waits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, nargs="+", default=[0, 10_000, 100_000])
    parser.add_argument("--url")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(chosen.url or f"sqlite:///{folder}/claims.db")
        upgrade.upgrade(engine)
        ids, waiting = IdSource(clock.now, 1), 0
        for number in chosen.waiting:
            fill(engine, ids, number - waiting)
            waiting = number
            took, dues, places = [], [], []
            for _ in range(TIMES):
                with engine.writing() as connection:
                    record.accepted(connection, [submission(ids, clock.now(), account=2)])
                ms, (found,) = timed(engine, queue.claim, [ClaimRequest(Stage.DELIVERY, clock.now(), 1, CLAIM)])
                took.append(ms)
                places.append([item.account_id for item in found].index(2))
                dues.append(timed(engine, queue.next_due, Stage.DELIVERY)[0])
            print(
                f"{number:>9,} waiting: claim of {CLAIM} {statistics.median(took):.2f} ms, next due "
                f"{statistics.median(dues):.2f} ms, the other's message is number {max(places) + 1} of its first claim"
            )
        engine.close()


if __name__ == "__main__":
    main()
