#!/usr/bin/env python3
"""How long does it take to score a message (without engines and DNS), and a list of 100,000 addresses with warm DNS?

python3 bench/score.py [--addresses 100000]

Must: under 50 ms a message, the largest (75 KB) too; under 10 s a list. Exits with 1 if not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from contestants import python

if Path(python()).absolute() != Path(sys.executable).absolute() and "AFTERSEND_BENCH" not in os.environ:
    os.execve(python(), [python(), *sys.argv], {**os.environ, "AFTERSEND_BENCH": "1"})

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "policy"))
from letters import clean, written

from aftersend.clock import now
from aftersend.control.forecasting import Forecaster, known_of
from aftersend.policy.score.facts import Surroundings
from aftersend.policy.score.message import score
from aftersend.store import Engine, upgrade

MESSAGE_MS, LIST_S = 50.0, 10.0


class _Servers:
    hosts = ()
    trouble = None
    asked = "MX"


class Warm:
    """A DNS that knows everything already."""

    async def servers(self, domain: str) -> _Servers:
        """Return what is remembered."""
        return _Servers()


def messages() -> tuple[float, float, int]:
    """Return (median of all, median of the largest) in milliseconds, and its size."""
    raws = [written(letter) for letter in clean()]
    took: dict[bytes, list[float]] = {raw: [] for raw in raws}
    for raw in raws * 20:
        began = time.perf_counter()
        score(raw, Surroundings())
        took[raw].append((time.perf_counter() - began) * 1000)
    largest = max(raws, key=len)
    every = [each for found in took.values() for each in found]
    return statistics.median(every), statistics.median(took[largest]), len(largest)


def a_list(size: int) -> float:
    """Return the seconds for a list, with history asked of a store."""
    domains = ["gmail.com", "gmial.com", "yahoo.com", *(f"company{n}.example" for n in range(5000))]
    addresses = [f"person{n}@{domains[n % len(domains)]}" for n in range(size)]
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(f"sqlite:///{folder}/score.db")
        upgrade.upgrade(engine)
        began = time.perf_counter()
        with engine.reading() as connection:
            known = known_of(connection, 1, addresses, now())
        found = asyncio.run(Forecaster(Warm(), now).forecast(addresses, known))
        took = time.perf_counter() - began
        engine.close()
    assert found.addresses == size
    return took


def main() -> int:
    """Measure, print, judge."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--addresses", type=int, default=100_000)
    size = asked.parse_args().addresses
    median, late, largest = messages()
    print(f"message: median {median:.1f} ms; the largest ({largest // 1024} KB): {late:.1f} ms")
    took = a_list(size)
    print(f"list of {size:,}: {took:.1f} s")
    return 0 if late < MESSAGE_MS and took < LIST_S * size / 100_000 + 1 else 1


if __name__ == "__main__":
    sys.exit(main())
