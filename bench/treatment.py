#!/usr/bin/env python3
"""What do the gates cost? Recipients a second of one core, with every gate at work and no anti-spam engine.

Messages to many recipients wait for treatment: their account pays with credits and is moderated, their stream has hours and a
rate, thousands of addresses and some domains are listed, domains are asked for (the answers are at hand). Printed is the CPU
time of treatment alone, with its transactions, and how many questions it asked the store for each batch.

python3 bench/treatment.py [--recipients 20000] [--url postgresql+psycopg://...]
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE / "tests"), str(HERE / "src")]

from aftersend import app, clock  # noqa: E402
from aftersend.control import credits as purses  # noqa: E402
from aftersend.engines import Panel  # noqa: E402
from aftersend.ids import IdSource  # noqa: E402
from aftersend.policy import pace, throttles, windows  # noqa: E402
from aftersend.policy.moderation import Oversight  # noqa: E402
from aftersend.store import Engine, Store, record, suppressions, upgrade  # noqa: E402
from aftersend.treatment import Examiner, Faults, Rules, Tools, treat_due  # noqa: E402
from given import submission  # noqa: E402

BATCH, LISTED, DOMAINS, TO_EACH = 500, 5_000, 200, 100
RATES = throttles.read(
    [
        (0, "account", "", "1000000000/hour", 0),
        *((1, "domain", f"d{i}.example", "900000000/hour", 0) for i in range(0, DOMAINS, 2)),
        *((0, "site", f"site{i}.example", "900000000/hour", 0) for i in range(10)),
    ]
)
BODY = b"Hello,\r\n\r\nthis is the news of the week.\r\n" * 100


class Names:
    """A DNS whose answers are at hand."""

    async def trouble(self, domain: str) -> tuple[str, str] | None:
        """Every tenth domain takes no mail."""
        return ("null_mx", f"{domain} takes no mail.") if domain.startswith("d0.") else None

    def site(self, domain: str) -> str:
        """Ten domains share their servers."""
        return f"site{domain[1]}.example"


def fill(engine: Engine, ids: IdSource, number: int) -> None:
    """Let so many recipients wait, and list some of them."""
    with engine.writing() as connection:
        purses.top_up(connection, 1, amount=number, why="", who="bench", ids=ids, now=clock.now())
        for i in range(LISTED):
            owner = 1 if i % 2 else suppressions.PLATFORM
            suppressions.put(
                connection,
                owner,
                f"r{i * 10}@d{i % DOMAINS}.example",
                cause="manual",
                origin="configured",
                now=clock.now(),
            )
        suppressions.put(connection, 1, "@d1.example", cause="manual", origin="configured", now=clock.now())
    for first in range(0, number, TO_EACH):
        names = (f"r{first + i}@d{(first + i) % DOMAINS}.example" for i in range(TO_EACH))
        with engine.writing() as connection:
            record.accepted(connection, [submission(ids, clock.now(), *names, body=BODY, passed=False)])


async def treat(engine: Engine, ids: IdSource, *, with_gates: bool) -> tuple[int, float, float, Counter[str]]:
    """Treat all that waits; return how many, CPU seconds, seconds, and what the store was asked for by name."""
    store = Store(engine, node=1)
    asked: Counter[str] = Counter()
    ask = store.ask

    def counted(question: Any, *args: Any, **kwargs: Any) -> Any:
        asked[question.__name__] += 1
        return ask(question, *args, **kwargs)

    store.ask = counted  # type: ignore[method-assign]
    watch = Oversight("watch")
    examiner = Examiner(store, clock.now, lambda account: watch, Panel([], clock.now))
    window, rate = windows.read("mon-sun 00:00-24:00 UTC"), pace.read("1000000000/hour")
    extra: dict[str, Any] = {}
    if with_gates:
        extra = {
            "hours": lambda account, stream: window,
            "rate": lambda account, stream: rate,
            "rules": Rules(frozenset({1}), lambda account: watch, RATES),
            "tools": Tools(examiner.begin, Names(), examiner.settle, Faults()),
        }
    treated, cpu, began = 0, time.process_time(), time.perf_counter()
    while done := await treat_due(store, clock.now, ids, node=1, batch=BATCH, **extra):
        treated += done
        while examiner.is_busy:
            await asyncio.sleep(0.001)
    spent = time.process_time() - cpu, time.perf_counter() - began
    await store.close()
    return treated, *spent, asked


def main() -> None:
    """Measure, and print a line without gates that look anything up and one with all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipients", type=int, default=20_000)
    parser.add_argument("--url")
    chosen = parser.parse_args()
    for with_gates in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            engine = Engine(chosen.url or f"sqlite:///{folder}/treatment.db")
            upgrade.upgrade(engine)
            ids = IdSource(clock.now, 1)
            fill(engine, ids, chosen.recipients)
            with asyncio.Runner(loop_factory=app.loop_factory) as runner:
                treated, cpu, took, asked = runner.run(treat(engine, ids, with_gates=with_gates))
            engine.close()
        questions = sum(asked.values()) / max(treated / BATCH, 1)
        print(
            f"{'all gates' if with_gates else 'lists only':>10}: {chosen.recipients:,} recipients, "
            f"{chosen.recipients / cpu:,.0f} a second of one core, {cpu / chosen.recipients * 1e6:.0f} µs of CPU each; "
            f"{took:.1f} s; {questions:.1f} questions to the store for each batch of {BATCH}"
        )


if __name__ == "__main__":
    main()
